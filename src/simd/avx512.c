/* AVX-512 (F, DQ, BW, VL, VNNI). SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include <immintrin.h>

enum { LANES = 16, QUERIES = 12, CODE_QUERIES = 12 };
typedef __m512 vec;
typedef __m512i ivec;

static inline vec v_load(const vr_stored_f32 *values)
{
    return _mm512_loadu_ps((const float *)values);
}
static inline void v_store(float *to, vec v)
{
    _mm512_storeu_ps(to, v);
}
static inline vec v_all(float value)
{
    return _mm512_set1_ps(value);
}
static inline vec v_sub(vec a, vec b)
{
    return _mm512_sub_ps(a, b);
}
static inline vec v_add(vec a, vec b)
{
    return _mm512_add_ps(a, b);
}
static inline vec v_mul(vec a, vec b)
{
    return _mm512_mul_ps(a, b);
}
static inline vec v_div(vec a, vec b)
{
    return _mm512_div_ps(a, b);
}

static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec v_load_part(const vr_stored_f32 *values, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), (const float *)values);
}

/* Lane i + lane i+8, then i + i+4; v_sum and v_sum4 go on with i + i+2, i + i+1. */
static inline __m128 fold(vec v)
{
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    return _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
}

static inline uint32_t v_passes(vec sums, vec floor)
{
    return _mm512_cmp_ps_mask(sums, floor, _CMP_NLT_UQ);
}

/* Transposes 16 vectors of 16: within quarters of 4 x 4 first, then the quarters. */
static inline void v_transpose(vec v[LANES])
{
    vec a[LANES], b[LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        a[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (size_t i = 0; i < LANES; i += 4) {
        b[i] = _mm512_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm512_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm512_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        a[i] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0x88);
        a[i + 4] = _mm512_shuffle_f32x4(b[i], b[i + 4], 0xdd);
        a[i + 8] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0x88);
        a[i + 12] = _mm512_shuffle_f32x4(b[i + 8], b[i + 12], 0xdd);
    }
    for (size_t i = 0; i < 8; i++) {
        v[i] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0x88);
        v[i + 8] = _mm512_shuffle_f32x4(a[i], a[i + 8], 0xdd);
    }
}

static inline ivec i_load(const uint8_t *bytes)
{
    return _mm512_loadu_si512(bytes);
}

static inline ivec i_all(int32_t value)
{
    return _mm512_set1_epi32(value);
}

static inline ivec i_add(ivec a, ivec b)
{
    return _mm512_add_epi32(a, b);
}

static inline ivec i_sub(ivec a, ivec b)
{
    return _mm512_sub_epi32(a, b);
}

static inline vec i_float(ivec a)
{
    return _mm512_cvtepi32_ps(a);
}

static inline ivec i_low4(ivec a)
{
    return _mm512_and_si512(a, _mm512_set1_epi8(15));
}

static inline ivec i_high4(ivec a)
{
    return _mm512_and_si512(_mm512_srli_epi16(a, 4), _mm512_set1_epi8(15));
}

/* The instruction by name: given the intrinsic, gcc 12 copies every sum to memory and back. */
static inline ivec dot(ivec sum, ivec rows, ivec query)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(rows), "v"(query));
    return sum;
}

static inline ivec i_dot2(ivec sum, ivec a, ivec query_a, ivec b, ivec query_b)
{
    return dot(dot(sum, a, query_a), b, query_b);
}

static inline __m128i i_fold(ivec v)
{
    __m256i eight = _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(eight), _mm256_extracti128_si256(eight, 1));
}

#include "simd/x86.h"

enum { CODE_MAX = 127, CODE_BIAS = 128, DIGIT_MAX = 127 };
#define TABLE      vr_simd_avx512
#define TABLE_NAME "avx512"

#include "simd/kernels.h"

#if defined(VR_AMX)
#include "simd/amx.h"
#endif
