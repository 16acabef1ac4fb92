/* The exact index: its rows as they stand in a file, and after a while a second, smaller copy of them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FLAT_H
#define VR_FAISS_FLAT_H

#include "core/indexer.h"
#include "core/lazy.h"
#include "faiss/faiss.h"

typedef struct vr_flat {
    vr_faiss_index index;
    float *items; /* rows x dim, packed */

    bool wants_codes;
    vr_lazy codes; /* vr_blocks of the items, when queries have made them */
} vr_flat;

/* An indexer with room for rows x dim values, to be filled. */
vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, vr_flat **out, vrec_error *err);
void vr_flat_free(vrec_indexer *indexer);

/* What the option codes asks of an exact index. VREC_INVALID if it names the codes of another kind. */
vrec_status vr_flat_wants_codes(const vr_options *options, bool *wants, vrec_error *err);

/* Adds the facts that are the same however it was made. */
void vr_flat_describe(vr_flat *flat);

vrec_status vr_flat_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err);

#endif
