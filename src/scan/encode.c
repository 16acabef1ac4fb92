/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/encode.h"

#include "scan/bound.h"

#include <math.h>

enum { LANES = 8 /* values at a time, for the compiler's vectors */ };

static float largest_of(const vr_stored_f32 *x, size_t dim)
{
    float most[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t l = 0; l < LANES; l++)
            most[l] = fabsf(x[j + l]) > most[l] ? fabsf(x[j + l]) : most[l];
    for (; j < dim; j++)
        most[0] = fabsf(x[j]) > most[0] ? fabsf(x[j]) : most[0];
    for (size_t l = 1; l < LANES; l++)
        most[0] = most[l] > most[0] ? most[l] : most[0];
    return most[0];
}

/* Puts one value's digit; returns the square of what is left of it. */
static inline float put_digit(float value, float scale, float inverse, int8_t *digit)
{
    float scaled = value * inverse;
    int32_t nearest = (int32_t)(scaled + copysignf(0.5f, scaled));
    *digit = (int8_t)nearest;
    float left = value - scale * (float)nearest;
    return left * left;
}

vr_coded vr_encode(const vr_stored_f32 *x, size_t dim, float norm, int max, int8_t *digits)
{
    float largest = largest_of(x, dim), left[LANES] = { 0 };
    float scale = largest / (float)max, inverse = (float)max / largest;
    if (!isfinite(inverse)) /* zero, or so small that a digit can't tell */
        scale = inverse = 0.0f;
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t l = 0; l < LANES; l++)
            left[l] += put_digit(x[j + l], scale, inverse, digits + j + l);
    for (; j < dim; j++)
        left[0] += put_digit(x[j], scale, inverse, digits + j);
    for (size_t l = 1; l < LANES; l++)
        left[0] += left[l];
    float length = vr_length_bound(norm, dim);
    return (vr_coded){ .scale = scale,
                       .error = vr_length_bound(left[0], dim) + 0x1p-22f * length, /* each is rounded */
                       .length = length };
}

void vr_encode_query(const vr_simd *simd, const float *query, size_t dim, size_t q, int8_t *digits,
                     vr_code_queries *queries)
{
    int32_t sum = 0;
    float norm;
    simd->dot_rows(query, query, 1, dim, &norm);
    vr_coded c = vr_encode(query, dim, norm, simd->digit_max, digits);
    for (size_t j = 0; j < dim; j++)
        sum += digits[j];
    queries->offset[q] = sum * simd->code_bias;
    queries->scale[q] = c.scale;
    queries->length[q] = c.length + c.error; /* |scale * digits| is at most that */
    queries->rest[q] = c.error + vr_slack(dim) * c.length;
}
