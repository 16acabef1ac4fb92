/* AVX2 with FMA. SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include <immintrin.h>

enum { LANES = 8, QUERIES = 6, CODE_QUERIES = 4 };
typedef __m256 vec;
typedef __m256i ivec;

static inline vec v_load(const vr_stored_f32 *values)
{
    return _mm256_loadu_ps((const float *)values);
}
static inline void v_store(float *to, vec v)
{
    _mm256_storeu_ps(to, v);
}
static inline vec v_all(float value)
{
    return _mm256_set1_ps(value);
}
static inline vec v_sub(vec a, vec b)
{
    return _mm256_sub_ps(a, b);
}
static inline vec v_add(vec a, vec b)
{
    return _mm256_add_ps(a, b);
}
static inline vec v_mul(vec a, vec b)
{
    return _mm256_mul_ps(a, b);
}
static inline vec v_div(vec a, vec b)
{
    return _mm256_div_ps(a, b);
}

static inline vec v_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec v_load_part(const vr_stored_f32 *values, size_t count)
{
    static const int32_t ones[2 * LANES] = { -1, -1, -1, -1, -1, -1, -1, -1 };
    const __m256i *mask = (const __m256i *)(ones + LANES - count);
    return _mm256_maskload_ps((const float *)values, _mm256_loadu_si256(mask));
}

/* Lane i + lane i+4; v_sum and v_sum4 go on with i + i+2, i + i+1. */
static inline __m128 fold(vec v)
{
    return _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
}

static inline uint32_t v_passes(vec sums, vec floor)
{
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(sums, floor, _CMP_NLT_UQ));
}

/* Transposes 8 vectors of 8. */
static inline void v_transpose(vec v[LANES])
{
    vec a[LANES], b[LANES];
    for (size_t i = 0; i < LANES; i += 2) {
        a[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
        a[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (size_t i = 0; i < LANES; i += 4) {
        b[i] = _mm256_shuffle_ps(a[i], a[i + 2], 0x44);
        b[i + 1] = _mm256_shuffle_ps(a[i], a[i + 2], 0xee);
        b[i + 2] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0x44);
        b[i + 3] = _mm256_shuffle_ps(a[i + 1], a[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        v[i] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x20);
        v[i + 4] = _mm256_permute2f128_ps(b[i], b[i + 4], 0x31);
    }
}

static inline ivec i_load(const uint8_t *bytes)
{
    return _mm256_loadu_si256((const ivec *)bytes);
}

static inline ivec i_all(int32_t value)
{
    return _mm256_set1_epi32(value);
}

static inline ivec i_add(ivec a, ivec b)
{
    return _mm256_add_epi32(a, b);
}

static inline ivec i_sub(ivec a, ivec b)
{
    return _mm256_sub_epi32(a, b);
}

static inline vec i_float(ivec a)
{
    return _mm256_cvtepi32_ps(a);
}

static inline ivec i_low4(ivec a)
{
    return _mm256_and_si256(a, _mm256_set1_epi8(15));
}

static inline ivec i_high4(ivec a)
{
    return _mm256_and_si256(_mm256_srli_epi16(a, 4), _mm256_set1_epi8(15));
}

/* Four products of bytes fit 16 bits, since rows are stored in 1..127 and queries in -63..63, or rows in
 * 0..15 and queries in -127..127. */
static inline ivec i_dot2(ivec sum, ivec a, ivec query_a, ivec b, ivec query_b)
{
    ivec pairs = _mm256_add_epi16(_mm256_maddubs_epi16(a, query_a), _mm256_maddubs_epi16(b, query_b));
    return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

static inline __m128i i_fold(ivec v)
{
    return _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
}

#include "simd/x86.h"

enum { CODE_MAX = 63, CODE_BIAS = 64, DIGIT_MAX = 63 };
#define TABLE      vr_simd_avx2
#define TABLE_NAME "avx2"

#include "simd/kernels.h"
