/* SPDX-License-Identifier: Apache-2.0 */
#include "core/codes.h"

#include "base/memory.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { FACTORS = 4, SCALE = 0, ERROR, LENGTH, BIAS };

float vr_slack(size_t dim)
{
    return 3.2f * ((float)dim + 16.0f) * 0x1p-24f;
}

/* A vector as scale * digits, with upper bounds of its length and of the length of what is left. */
typedef struct coded {
    float scale, error, length;
} coded;

float vr_length_bound(float sum, size_t dim)
{
    return sqrtf(sum * (1.0f + vr_slack(dim)) + (float)dim * 2.0f * FLT_MIN) * (1.0f + 0x1p-20f);
}

/* digits: dim of them, within -max..max. */
static coded encode(const float *x, size_t dim, float norm, int max, int8_t *digits)
{
    float largest = 0.0f, left = 0.0f;
    for (size_t j = 0; j < dim; j++)
        largest = fabsf(x[j]) > largest ? fabsf(x[j]) : largest;
    float scale = largest / (float)max, inverse = (float)max / largest;
    if (!isfinite(inverse)) /* zero, or so small that a digit can't tell */
        scale = inverse = 0.0f;
    for (size_t j = 0; j < dim; j++) {
        float digit = x[j] * inverse;
        digits[j] = (int8_t)(digit + (digit < 0.0f ? -0.5f : 0.5f));
        float e = x[j] - scale * (float)digits[j];
        left += e * e;
    }
    float length = vr_length_bound(norm, dim);
    return (coded){ .scale = scale,
                    .error = vr_length_bound(left, dim) + 0x1p-22f * length, /* e itself is rounded */
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
                         .bias_factor = bias_factor,
                         .slack = vr_slack(dim) };
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
    coded row = { 0 };
    float norm;
    simd->dot_rows(x, x, 1, codes->dim, &norm);
    bool usual = norm < VR_HUGE_NORM;
    if (usual)
        row = encode(x, codes->dim, norm, simd->code_max, digits);
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

void vr_codes_query(const vr_codes *codes, const float *query, size_t q, size_t width, int8_t *digits,
                    vr_code_queries *queries)
{
    int8_t plain[VR_CODES_DIM_MAX] = { 0 };
    int32_t sum = 0;
    float norm;
    codes->simd->dot_rows(query, query, 1, codes->dim, &norm);
    coded c = encode(query, codes->dim, norm, codes->simd->digit_max, plain);
    for (size_t j = 0; j < codes->groups * 4; j++) {
        digits[(j / 4 * width + q) * 4 + j % 4] = plain[j];
        sum += plain[j];
    }
    queries->digits = digits;
    queries->offset[q] = sum * codes->simd->code_bias;
    queries->scale[q] = c.scale;
    queries->length[q] = c.length + c.error; /* |scale * digits| is at most that */
    queries->rest[q] = c.error + codes->slack * c.length;
}
