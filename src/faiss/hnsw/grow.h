/* Making room in a graph for more nodes. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_GROW_H
#define VR_FAISS_HNSW_GROW_H

#include "faiss/hnsw/graph.h"

/* A copy of a graph, in memory, with rows nodes, at least as many as it has: the new ones, which follow the
 * old ones, have the levels that a build of all would draw with this seed, and no links yet. The entry
 * stays, unless a new node is on a higher level. Free what is made, whatever comes back. */
vrec_status vr_hnsw_grow(const vr_hnsw_graph *old, size_t rows, uint64_t seed, vr_hnsw_graph *graph,
                         vrec_error *err);

#endif
