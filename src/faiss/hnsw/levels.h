/* Drawing on how many levels nodes are. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_LEVELS_H
#define VR_FAISS_HNSW_LEVELS_H

#include "faiss/hnsw/graph.h"

/* Draws the levels of all nodes by the graph's chances, and sets those of the nodes from first on: with a
 * seed below 2^32 the very ones that FAISS's generator draws with it, FAISS's own being 12345. */
void vr_hnsw_draw_levels(vr_hnsw_graph *graph, size_t first, uint64_t seed);

/* How many slots for links nodes have on the levels above 0, if so many draw theirs. Of more than 2^24 only
 * that many are drawn, and stand for all. */
uint64_t vr_hnsw_upper_slots(const vr_hnsw_graph *graph, size_t rows, uint64_t seed);

#endif
