/* Rows in 8-bit codes: a quarter of the bytes, from which an upper bound of an inner product follows.
 *
 * A vector x is scale * c + e, with c of small integers (digits) and e what rounding leaves. With a query
 * q = scale' * c' + f,
 *
 *     <q, x> = scale' * scale * <c', c> + <scale' c', e> + <f, x>
 *           <= scale' * scale * <c', c> + |scale' c'| |e| + |f| |x|      (Cauchy-Schwarz)
 *
 * <c', c> is an integer and exact. scale, and upper bounds of |e| and |x|, are kept with every row. So a
 * row can be dropped without being read when even the bound isn't near enough; the rest are to be asked
 * of a row kernel. (The idea of the VA-file: Weber, Schek, Blott, VLDB 1998.)
 *
 * Rows stand in blocks of the kernels' tile_rows: the digits, group by group of 4, then the factors of
 * simd.h's code kernels.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_CODES_H
#define VR_CORE_CODES_H

#include "simd/simd.h"

#include <stdbool.h>

enum { VR_CODES_DIM_MAX = 8192 };

typedef struct vr_codes {
    const vr_simd *simd;
    size_t rows, dim;
    size_t groups;      /* of 4 digits, an even number */
    size_t block_bytes; /* a multiple of 64 */
    float bias_factor;
    uint8_t *blocks;
} vr_codes;

/* A vector as scale * digits, with upper bounds of its length and of the length of what is left. */
typedef struct vr_coded {
    float scale, error, length;
} vr_coded;

/* Encodes x, of dim values whose squares add up to norm, a finite number. digits: dim of them, within
 * -max..max. */
vr_coded vr_encode(const float *x, size_t dim, float norm, int max, int8_t *digits);

/* A bound, with room, of the relative rounding error of sums of dim products: 3.2 (dim + 16) 2^-24. */
float vr_slack(size_t dim);

/* An upper bound of a vector's length, given the sum of its dim squares as computed: with room for
 * rounding, and for squares that underflowed. */
float vr_length_bound(float sum, size_t dim);

/* What the bias of a row is, before bias_factor; and from what squared norm on a row always passes. */
#define VR_HUGE_NORM 1e37f

/* NULL if memory is short, or dim above VR_CODES_DIM_MAX. The bias of a row x will be bias_factor * |x|^2,
 * or +Inf if |x|^2 is above VR_HUGE_NORM or NaN. */
vr_codes *vr_codes_create(const vr_simd *simd, size_t rows, size_t dim, float bias_factor);
void vr_codes_free(vr_codes *codes);

/* Encodes the rows from first, a multiple of tile_rows, on. */
void vr_codes_fill(vr_codes *codes, const float *items, size_t first, size_t count);

/* The digits of a block, and its factors. */
static inline const uint8_t *vr_codes_block(const vr_codes *codes, size_t block)
{
    return codes->blocks + block * codes->block_bytes;
}

static inline const float *vr_codes_factors(const vr_codes *codes, size_t block)
{
    return (const float *)(vr_codes_block(codes, block) + codes->simd->tile_rows * codes->groups * 4);
}

/* Encodes one finite query as dim plain digits, and puts what else the kernels know of it at position q.
 * The rest term leaves room for rounding by slack * |query|. */
void vr_encode_query(const vr_simd *simd, const float *query, size_t dim, size_t q, int8_t *digits,
                     vr_code_queries *queries);

/* Puts one finite query at position q of width in queries, whose digits are given room here: groups *
 * width * 4 of them. */
void vr_codes_query(const vr_codes *codes, const float *query, size_t q, size_t width, int8_t *digits,
                    vr_code_queries *queries);

#endif
