/* What a graph looks like, for who wants to know whether it is a good one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_SHAPE_H
#define VR_FAISS_HNSW_SHAPE_H

#include "faiss/hnsw/graph.h"

/* Of level 0. */
typedef struct vr_hnsw_shape {
    uint32_t degree_min, degree_max; /* links of a node */
    double degree_mean;
    size_t from_entry; /* nodes that links lead to from the entry, which counts, too; */
    size_t from_upper; /* from any node of a higher level: these are where a search comes down */
} vr_hnsw_shape;

/* Looks at every link of level 0, in a random order: .1 s for a million nodes of 32. Of a graph without
 * nodes all is 0. */
vrec_status vr_hnsw_shape_of(const vr_hnsw_graph *graph, vr_hnsw_shape *out, vrec_error *err);

#endif
