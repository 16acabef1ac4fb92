/* NEON, as every aarch64 has it. SPDX-License-Identifier: Apache-2.0 */
#include "simd/simd.h"

#include <arm_neon.h>

enum { LANES = 4, QUERIES = 8, CODE_QUERIES = 8 };
typedef float32x4_t vec;
typedef int32x4_t ivec;

static inline vec v_load(const vr_stored_f32 *values)
{
    return vld1q_f32((const float *)values);
}
static inline void v_store(float *to, vec v)
{
    vst1q_f32(to, v);
}
static inline vec v_all(float value)
{
    return vdupq_n_f32(value);
}
static inline vec v_sub(vec a, vec b)
{
    return vsubq_f32(a, b);
}
static inline vec v_add(vec a, vec b)
{
    return vaddq_f32(a, b);
}
static inline vec v_mul(vec a, vec b)
{
    return vmulq_f32(a, b);
}
static inline vec v_div(vec a, vec b)
{
    return vdivq_f32(a, b);
}

static inline vec v_fma(vec a, vec b, vec c)
{
    return vfmaq_f32(c, a, b);
}
static inline float v_sum(vec v)
{
    return vaddvq_f32(v);
}

static inline void v_sum4(const vec v[4], float out[4])
{
    for (size_t i = 0; i < 4; i++)
        out[i] = v_sum(v[i]);
}

static inline vec v_load_part(const vr_stored_f32 *values, size_t count)
{
    float part[LANES] = { 0 };
    for (size_t i = 0; i < count; i++)
        part[i] = values[i];
    return vld1q_f32(part);
}

static inline uint32_t v_passes(vec sums, vec floor)
{
    static const uint32_t bits[LANES] = { 1, 2, 4, 8 };
    return vaddvq_u32(vbicq_u32(vld1q_u32(bits), vcltq_f32(sums, floor)));
}

/* Of the low and of the high halves of a and b. */
static inline vec low_halves(vec a, vec b)
{
    return vcombine_f32(vget_low_f32(a), vget_low_f32(b));
}
static inline vec high_halves(vec a, vec b)
{
    return vcombine_f32(vget_high_f32(a), vget_high_f32(b));
}

/* Transposes 4 vectors of 4. */
static inline void v_transpose(vec v[LANES])
{
    vec a = vtrn1q_f32(v[0], v[1]), b = vtrn2q_f32(v[0], v[1]);
    vec c = vtrn1q_f32(v[2], v[3]), d = vtrn2q_f32(v[2], v[3]);
    v[0] = low_halves(a, c);
    v[1] = low_halves(b, d);
    v[2] = high_halves(a, c);
    v[3] = high_halves(b, d);
}

static inline ivec i_load(const uint8_t *bytes)
{
    return vreinterpretq_s32_u8(vld1q_u8(bytes));
}

static inline ivec i_all(int32_t value)
{
    return vdupq_n_s32(value);
}

static inline ivec i_add(ivec a, ivec b)
{
    return vaddq_s32(a, b);
}

static inline ivec i_sub(ivec a, ivec b)
{
    return vsubq_s32(a, b);
}

static inline vec i_float(ivec a)
{
    return vcvtq_f32_s32(a);
}

static inline ivec i_low4(ivec a)
{
    return vreinterpretq_s32_u8(vandq_u8(vreinterpretq_u8_s32(a), vdupq_n_u8(15)));
}

static inline ivec i_high4(ivec a)
{
    return vreinterpretq_s32_u8(vshrq_n_u8(vreinterpretq_u8_s32(a), 4));
}

static inline void i_sum4(const ivec v[4], int32_t out[4])
{
    for (size_t i = 0; i < 4; i++)
        out[i] = vaddvq_s32(v[i]);
}

static inline ivec dot(ivec sum, ivec rows, ivec query)
{
    int8x16_t a = vreinterpretq_s8_s32(rows), b = vreinterpretq_s8_s32(query);
    int32x4_t low = vpaddlq_s16(vmull_s8(vget_low_s8(a), vget_low_s8(b)));
    int32x4_t high = vpaddlq_s16(vmull_high_s8(a, b));
    return vaddq_s32(sum, vpaddq_s32(low, high));
}

static inline ivec i_dot2(ivec sum, ivec a, ivec query_a, ivec b, ivec query_b)
{
    return dot(dot(sum, a, query_a), b, query_b);
}

enum { CODE_MAX = 127, CODE_BIAS = 0, DIGIT_MAX = 127 };
#define TABLE      vr_simd_neon
#define TABLE_NAME "neon"

#include "simd/kernels.h"
