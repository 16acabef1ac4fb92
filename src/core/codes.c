/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codes.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LANES = 8 /* values at a time, for the compiler's vectors */ };
enum { FACTORS = 4, SCALE = 0, ERROR, LENGTH, BIAS };

float vr_slack(size_t dim)
{
    return 3.2f * ((float)dim + 16.0f) * 0x1p-24f;
}

float vr_length_bound(float sum, size_t dim)
{
    return sqrtf(sum * (1.0f + vr_slack(dim)) + (float)dim * 2.0f * FLT_MIN) * (1.0f + 0x1p-20f);
}

static float largest_of(const float *x, size_t dim)
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

vr_coded vr_encode(const float *x, size_t dim, float norm, int max, int8_t *digits)
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

vr_codes *vr_codes_create(const vr_simd *simd, size_t rows, size_t dim, float bias_factor)
{
    size_t groups = (dim + 7) / 8 * 2;
    vr_codes *codes = dim <= VR_CODES_DIM_MAX ? vr_alloc(1, sizeof *codes) : NULL;
    if (!codes)
        return NULL;
    *codes = (vr_codes){ .simd = simd,
                         .rows = rows,
                         .dim = dim,
                         .groups = groups,
                         .block_bytes = simd->tile_rows * (groups * 4 + FACTORS * sizeof(float)),
                         .bias_factor = bias_factor };
    codes->blocks = vr_alloc((rows + simd->tile_rows - 1) / simd->tile_rows, codes->block_bytes);
    if (!codes->blocks) {
        vr_free(codes);
        return NULL;
    }
    return codes;
}

void vr_codes_free(vr_codes *codes)
{
    if (codes)
        vr_free(codes->blocks);
    vr_free(codes);
}

/* Row i of a block. digits: groups * 4, of which those past dim are 0. */
static void fill_row(vr_codes *codes, const float *x, uint8_t *block, size_t i, int8_t *digits)
{
    const vr_simd *simd = codes->simd;
    vr_coded row = { 0 };
    float norm;
    simd->dot_rows(x, x, 1, codes->dim, &norm);
    bool usual = norm < VR_HUGE_NORM;
    if (usual)
        row = vr_encode(x, codes->dim, norm, simd->code_max, digits);
    else
        memset(digits, 0, codes->dim);
    float *factors = (float *)(block + simd->tile_rows * codes->groups * 4) + i;
    factors[SCALE * simd->tile_rows] = row.scale;
    factors[ERROR * simd->tile_rows] = row.error;
    factors[LENGTH * simd->tile_rows] = row.length;
    factors[BIAS * simd->tile_rows] = usual ? codes->bias_factor * norm : INFINITY;
    for (size_t g = 0; g < codes->groups; g++)
        for (size_t j = 0; j < 4; j++)
            block[(g * simd->tile_rows + i) * 4 + j] = (uint8_t)(digits[g * 4 + j] + simd->code_bias);
}

void vr_codes_fill(vr_codes *codes, const float *items, size_t first, size_t count)
{
    int8_t digits[VR_CODES_DIM_MAX] = { 0 };
    size_t step = codes->simd->tile_rows;
    for (size_t row = first; row < first + count; row++) {
        uint8_t *block = codes->blocks + row / step * codes->block_bytes;
        if (row == codes->rows / step * step)
            memset(block, 0, codes->block_bytes); /* the last block may lack rows */
        fill_row(codes, items + row * codes->dim, block, row % step, digits);
    }
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

void vr_codes_query(const vr_codes *codes, const float *query, size_t q, size_t width, int8_t *digits,
                    vr_code_queries *queries)
{
    int8_t plain[VR_CODES_DIM_MAX] = { 0 };
    vr_encode_query(codes->simd, query, codes->dim, q, plain, queries);
    for (size_t j = 0; j < codes->groups * 4; j++)
        digits[(j / 4 * width + q) * 4 + j % 4] = plain[j];
    queries->digits = digits;
}
