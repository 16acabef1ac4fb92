/* Rows as digits (scan/encode.h), each in a record of its own, for rows that are looked at here and there:
 * an index picks the candidates, and most of them are dropped without their vectors being read.
 *
 * A record is whole cache lines: the digits plus the kernel's code_bias from the start, zeros, and the four
 * factors of simd.h's code_ids() in the last 16 bytes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_RECORDS_H
#define VR_SCAN_RECORDS_H

#include "scan/encode.h"

typedef struct vr_records {
    const vr_simd *simd;
    size_t dim;
    size_t lines; /* of 64 bytes, of a record */
    int digit_max;
    uint8_t *bytes;
} vr_records;

/* Bytes of a record, whole cache lines: digits, and four factors. */
static inline size_t vr_record_bytes(size_t dim)
{
    return (dim + 4 * sizeof(float) + 63) / 64 * 64;
}

/* Room for so many records, not initialised. NULL if memory is short, or dim above VR_CODES_DIM_MAX.
 * digit_max: at most simd->code_max. */
vr_records *vr_records_create(const vr_simd *simd, size_t count, size_t dim, int digit_max);
void vr_records_free(vr_records *records); /* NULL is fine */

/* Puts row x, whose squares add up to norm, below VR_HUGE_NORM. Its products with queries are multiplied by
 * weight before bias is added; what rounding the weighted factors can lose is in the error. */
void vr_records_put(vr_records *records, size_t row, const float *x, float norm, float weight, float bias);

/* Puts a row of which nothing is known but its bias: with +Inf it always passes, with -Inf never, and with
 * 0 it stands for a vector of zeros. */
void vr_records_put_bias(vr_records *records, size_t row, float bias);

/* Encodes a finite query, digits: lines * 64 of them. */
void vr_records_query(const vr_records *records, const float *query, int8_t *digits,
                      vr_code_queries *coded);

/* An upper bound of weight * <query, row> + bias for every row of ids. */
static inline void vr_records_bounds(const vr_records *records, const vr_code_queries *coded,
                                     const uint32_t *ids, size_t count, float *out)
{
    records->simd->code_ids(coded, records->bytes, records->lines, ids, count, out);
}

#endif
