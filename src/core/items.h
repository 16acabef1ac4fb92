/* Copying a caller's items: with several threads, since most of the time goes to memory that the system
 * has yet to clear. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_ITEMS_H
#define VR_CORE_ITEMS_H

#include "base/bytes.h"

#include "vrec/vrec.h"

/* Copies all rows of items as float32, row i to i * stride bytes past out; of NaN and Inf the first is an
 * error that names its place. */
vrec_status vr_copy_items(const vrec_matrix *items, size_t threads, const vrec_progress *progress,
                          void *out, size_t stride, vrec_error *err);

/* Only looks for NaN and Inf, and for rows whose values' squares don't add up to less than that. */
vrec_status vr_check_items(const vrec_matrix *items, float squares, size_t threads,
                           const vrec_progress *progress, vrec_error *err);

/* Copies rows of packed items, one after the other. */
void vr_pick_items(const vr_stored_f32 *items, size_t dim, const size_t *rows, size_t count, float *out);

#endif
