/* Vectors as small integers, from which an upper bound of an inner product follows.
 *
 * A vector x is scale * c + e, with c of small integers (digits) and e what rounding leaves. With a query
 * q = scale' * c' + f,
 *
 *     <q, x> = scale' * scale * <c', c> + <scale' c', e> + <f, x>
 *           <= scale' * scale * <c', c> + |scale' c'| |e| + |f| |x|      (Cauchy-Schwarz)
 *
 * <c', c> is an integer and exact. scale, and upper bounds of |e| and |x| (blocks: of the largest |x|), are
 * kept with every row. So a row can be dropped without being read when even the bound isn't near enough;
 * the rest are to be asked of a row kernel. (The idea of the VA-file: Weber, Schek, Blott, VLDB 1998.)
 *
 * Kernels differ in how large a digit they take (simd.h's code_max and digit_max): what a bound is used for
 * comes out the same whatever the digits, since it only drops. Where digits decide something, they must be
 * within -VR_DIGIT_MAX..VR_DIGIT_MAX, which every kernel takes.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_ENCODE_H
#define VR_SCAN_ENCODE_H

#include "simd/simd.h"

enum {
    VR_CODES_DIM_MAX = 8192, /* above that, sums of digits' products could overflow what the kernels have */
    VR_DIGIT_MAX = 63
};

/* A vector as scale * digits, with upper bounds of its length and of the length of what is left. */
typedef struct vr_coded {
    float scale, error, length;
} vr_coded;

/* Encodes x, of dim values whose squares add up to norm, which is below VR_HUGE_NORM. digits: dim of them,
 * within -max..max. */
vr_coded vr_encode(const vr_stored_f32 *x, size_t dim, float norm, int max, int8_t *digits);

/* Encodes one finite query as dim plain digits, and puts what else the code kernels have to know of it at
 * place q of queries. What it says of the rest leaves room for rounding by slack * |query|. */
void vr_encode_query(const vr_simd *simd, const float *query, size_t dim, size_t q, int8_t *digits,
                     vr_code_queries *queries);

#endif
