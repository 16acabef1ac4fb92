/* The HNSW index: items, and a graph over them. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_H
#define VR_FAISS_HNSW_H

#include "faiss/faiss.h"
#include "faiss/hnsw/codes.h"
#include "faiss/hnsw/graph.h"

typedef struct vr_hnsw {
    vr_faiss_index index;
    float *items; /* rows x dim, packed */
    vr_hnsw_graph graph;
    vr_hnsw_codes *codes;  /* NULL: the items themselves lead the way */
    vr_scratch_pool marks; /* of walks: which nodes they have seen (walk.h) */
} vr_hnsw;

/* An index without items, graph and codes. */
vrec_status vr_hnsw_create(vr_metric metric, size_t rows, size_t dim, vr_hnsw **out, vrec_error *err);
void vr_hnsw_free(vrec_indexer *indexer);

/* Makes the codes that the options ask for, and adds the facts. The last step of making an index. */
vrec_status vr_hnsw_finish(vr_hnsw *hnsw, const vr_options *options, size_t threads,
                           const vrec_progress *progress, vrec_error *err);

#endif
