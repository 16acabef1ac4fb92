/* The exact index. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FLAT_H
#define VR_FAISS_FLAT_H

#include "core/codes.h"
#include "core/indexer.h"
#include "faiss/faiss.h"

#include "core/lazy.h"

typedef struct vr_flat {
    vr_faiss_index index;
    float *items; /* rows x dim, packed */

    bool wants_codes;
    vr_lazy codes; /* vr_codes, when queries have made them */
} vr_flat;

/* An indexer with room for rows x dim values, to be filled. */
vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, vr_flat **out, vrec_error *err);
void vr_flat_free(vrec_indexer *indexer);

/* Adds the facts that are the same however it was made. */
void vr_flat_describe(vr_flat *flat);

/* By what a row's squared norm is multiplied where sums start: -1/2 for L2 and 0 for IP, and slack. */
float vr_flat_bias(const vr_flat *flat);

/* *out is the codes for a call; NULL if there are none yet. Makes them when they pay. Fails only if the
 * caller stops it. */
vrec_status vr_flat_codes(vr_flat *flat, const vr_query *query, size_t threads, const vr_codes **out,
                          vrec_error *err);

vrec_status vr_flat_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err);

#endif
