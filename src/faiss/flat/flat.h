/* The exact index: its rows as they stand in a file, and after a while a second, smaller copy of them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FLAT_H
#define VR_FAISS_FLAT_H

#include "core/index.h"
#include "core/lazy.h"
#include "faiss/faiss.h"

typedef struct vr_flat {
    vr_faiss_index index;
    const vr_stored_f32 *items; /* rows x dim, packed: its own, or in a mapped file */
    float *own;                 /* NULL: mapped */

    bool wants_codes;
    vr_lazy codes; /* vr_blocks of the items, when queries have made them */
} vr_flat;

/* An index over mapped items; without, with room of its own for rows x dim values, to be filled. */
vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, const vr_stored_f32 *mapped,
                           vr_flat **out, vrec_error *err);
void vr_flat_free(vr_index *indexer);

/* The same items in memory of their own, without facts. */
vrec_status vr_flat_copy(const vr_faiss_index *from, vr_faiss_index **out, vrec_error *err);

/* What the option codes asks of an exact index. VREC_INVALID if it names the codes of another kind. */
vrec_status vr_flat_wants_codes(const vr_options *options, bool *wants, vrec_error *err);

/* Adds the facts that are the same however it was made. */
void vr_flat_describe(vr_flat *flat);

vrec_status vr_flat_query(vr_index *indexer, const vr_query *query, vrec_error *err);

#endif
