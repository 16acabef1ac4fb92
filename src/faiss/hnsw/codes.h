/* Items as small integers, from which a search of the graph estimates distances: a record of one or two
 * cache lines in place of a vector of many. What the search finds by estimates is then compared by the
 * vectors.
 *
 * An item x, less the mean of all, is y = scale * c + rest, with c of integers (digits); so is the query,
 * which for L2 has the mean taken off, too. Then
 *
 *     L2: |q - x|^2 = |p|^2 + |y|^2 - 2 <p, y>     with p = q - mean
 *     IP: <q, x>    = <q, mean> + <q, y>
 *
 * A record has the digits, and in its tail the scale and a bias: -|y|^2 / 2 for L2, 0 for IP. The sum that
 * the kernels give, scale(q) * scale * <c(q), c> + bias, orders the items of a query. Digits have the same
 * range on every processor and sums of them are exact, so estimates have the same bits everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_CODES_H
#define VR_FAISS_HNSW_CODES_H

#include "faiss/faiss.h"
#include "simd/simd.h"

#include <stdbool.h>

enum { VR_HNSW_CODES_DIM_MAX = 8192 };

typedef enum vr_hnsw_code_kind {
    VR_HNSW_SQ4, /* 4 bits a digit: one cache line up to 112 dimensions */
    VR_HNSW_SQ8  /* 7 bits in 8: two cache lines up to 112 dimensions */
} vr_hnsw_code_kind;

typedef struct vr_hnsw_codes {
    const vr_simd *simd;
    vr_hnsw_code_kind kind;
    vr_metric metric;
    size_t rows, dim;
    size_t lines;     /* cache lines of a record */
    float *mean;      /* dim values */
    uint8_t *records; /* of rows */
} vr_hnsw_codes;

/* Makes codes of rows x dim items with so many threads. *out is NULL without an error where there can't be
 * any: more dimensions than VR_HNSW_CODES_DIM_MAX, or items so large that their squares overflow. An item
 * with a NaN or Inf is estimated to be infinitely far. */
vrec_status vr_hnsw_codes_make(vr_hnsw_code_kind kind, vr_metric metric, const float *items, size_t rows,
                               size_t dim, size_t threads, const vrec_progress *progress,
                               vr_hnsw_codes **out, vrec_error *err);
void vr_hnsw_codes_free(vr_hnsw_codes *codes); /* NULL is fine */

/* How many digits a query has. */
static inline size_t vr_hnsw_codes_digits(const vr_hnsw_codes *codes)
{
    return codes->lines * 64 * (codes->kind == VR_HNSW_SQ4 ? 2 : 1);
}

/* Encodes a finite query. space: dim values; digits: room that vr_hnsw_codes_digits() measures. False if it
 * is too large for estimates to be finite. */
bool vr_hnsw_codes_query(const vr_hnsw_codes *codes, const float *query, float *space, int8_t *digits,
                         vr_code_queries *coded);

static inline const uint8_t *vr_hnsw_record(const vr_hnsw_codes *codes, uint32_t row)
{
    return codes->records + (size_t)row * codes->lines * 64;
}

/* sums[i] of the items ids[i]: the larger, the nearer. */
static inline void vr_hnsw_codes_sums(const vr_hnsw_codes *codes, const vr_code_queries *coded,
                                      const uint32_t *ids, size_t count, float *sums)
{
    if (codes->kind == VR_HNSW_SQ4)
        codes->simd->nibble_ids(coded, codes->records, codes->lines, ids, count, sums);
    else
        codes->simd->code_ids(coded, codes->records, codes->lines, ids, count, sums);
}

#endif
