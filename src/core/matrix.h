/* Reading a caller's matrix. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_MATRIX_H
#define VR_CORE_MATRIX_H

#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>

/* Bytes of one value of a vrec_type; 0 for none of them. */
size_t vr_type_size(int32_t type);

/* Checks a matrix that came from outside and writes the strides it means where it says 0. what names it
 * in errors: "items". */
vrec_status vr_matrix_check(const vrec_matrix *matrix, const char *what, vrec_matrix *out, vrec_error *err);

/* The same for a sample of queries, of an index whose items have dim values. */
vrec_status vr_matrix_check_sample(const vrec_matrix *queries, size_t dim, vrec_matrix *out,
                                   vrec_error *err);

/* Copies count rows from first on, as packed float32. The matrix has been checked. */
void vr_matrix_rows(const vrec_matrix *matrix, size_t first, size_t count, float *out);

/* The address of one value; the matrix has been checked. */
const void *vr_matrix_at(const vrec_matrix *matrix, size_t row, size_t col);

/* One value of an integer type. */
int64_t vr_matrix_int(const vrec_matrix *matrix, size_t row, size_t col);

/* The first of count values that is NaN or Inf; count if none is. */
size_t vr_find_nonfinite(const vr_stored_f32 *values, size_t count);

#endif
