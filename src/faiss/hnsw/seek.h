/* Searching a graph for those that new nodes could be linked to. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_SEEK_H
#define VR_FAISS_HNSW_SEEK_H

#include "faiss/hnsw/building.h"

/* For every node, which isn't of the building's old graph, finds the nearest ones on the same level of that
 * graph, and puts them into count places of its candidates, from first on. points: what is near, the
 * building's points or its products. */
vrec_status vr_hnsw_seek(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const vr_hnsw_points *points,
                         vr_hnsw_candidates *candidates, size_t first, size_t count, vrec_error *err);

#endif
