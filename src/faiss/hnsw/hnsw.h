/* The HNSW index: items, and a graph over them. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_H
#define VR_FAISS_HNSW_H

#include "faiss/faiss.h"
#include "faiss/hnsw/codes.h"
#include "faiss/hnsw/graph.h"

typedef struct vr_hnsw {
    vr_faiss_index index;
    const vr_stored_f32 *items; /* rows x dim, packed: its own, or in a mapped file */
    float *own;                 /* NULL: mapped */
    vr_hnsw_graph graph;
    vr_hnsw_codes *codes;      /* NULL: the items themselves lead the way; */
    const char *without_codes; /* why, and what to do for a query that wants codes */
    vr_scratch_pool marks;     /* of walks: which nodes they have seen (walk.h) */
    vr_scratch_pool excluded;  /* of walks: which nodes may not be returned; core/marks.h */
} vr_hnsw;

/* An index without graph and codes over mapped items; without, with room of its own for them. */
vrec_status vr_hnsw_create(vr_metric metric, size_t rows, size_t dim, const vr_stored_f32 *mapped,
                           vr_hnsw **out, vrec_error *err);
void vr_hnsw_free(vr_index *indexer);

/* The same graph and items in memory of their own, as if opened without options. */
vrec_status vr_hnsw_copy(const vr_faiss_index *from, vr_faiss_index **out, vrec_error *err);

/* Degrees and reach, for vrec_info(). */
bool vr_hnsw_look_up(const vr_index *indexer, vr_facts *facts);

/* Readies the codes that the options ask for, and adds the facts. The last step of making an index, whose
 * items are known, the largest among them, too. */
vrec_status vr_hnsw_finish(vr_hnsw *hnsw, const vr_options *options, vrec_error *err);

#endif
