/* SPDX-License-Identifier: Apache-2.0 */
#include "scan/blocks.h"

#include "base/memory.h"
#include "scan/bound.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

enum { SCALE, ERROR, BIAS };

vr_blocks *vr_blocks_create(const vr_simd *simd, size_t count, size_t dim, vr_metric metric, int digit_max)
{
    size_t groups = (dim + 7) / 8 * 2;
    vr_blocks *blocks = dim <= VR_CODES_DIM_MAX ? vr_alloc(1, sizeof *blocks) : NULL;
    if (!blocks)
        return NULL;
    *blocks = (vr_blocks){ .simd = simd,
                           .dim = dim,
                           .groups = groups,
                           .block_bytes = vr_block_bytes(simd, dim),
                           .digit_max = digit_max,
                           .bias_factor = vr_bias_factor(metric, dim),
                           .count = count };
    blocks->bytes = vr_alloc(count, blocks->block_bytes);
    if (blocks->bytes) /* else count may be too large for anything */
        blocks->longest = vr_alloc(count, sizeof *blocks->longest);
    if (blocks->longest)
        return blocks;
    vr_blocks_free(blocks);
    return NULL;
}

void vr_blocks_free(vr_blocks *blocks)
{
    if (!blocks)
        return;
    vr_free(blocks->bytes);
    vr_free(blocks->longest);
    vr_free(blocks);
}

/* digits: groups * 4, of which those past dim are 0. Returns the row's length, 0 if it isn't estimated. */
static float put_row(const vr_blocks *blocks, uint8_t *block, size_t i, const vr_stored_f32 *x,
                     int8_t *digits)
{
    const vr_simd *simd = blocks->simd;
    vr_coded row = { 0 };
    float norm;
    simd->dot_rows(x, x, 1, blocks->dim, &norm);
    bool usual = norm < VR_HUGE_NORM;
    if (usual)
        row = vr_encode(x, blocks->dim, norm, blocks->digit_max, digits);
    else
        memset(digits, 0, blocks->dim);
    float *factors = (float *)(void *)(block + simd->tile_rows * blocks->groups * 4) + i;
    factors[SCALE * simd->tile_rows] = row.scale;
    factors[ERROR * simd->tile_rows] = row.error;
    factors[BIAS * simd->tile_rows] = usual ? blocks->bias_factor * norm : INFINITY;
    for (size_t g = 0; g < blocks->groups; g++)
        for (size_t j = 0; j < 4; j++)
            block[(g * simd->tile_rows + i) * 4 + j] = (uint8_t)(digits[g * 4 + j] + simd->code_bias);
    return row.length;
}

void vr_blocks_put(vr_blocks *blocks, size_t block, const vr_stored_f32 *rows, size_t count)
{
    int8_t digits[VR_CODES_DIM_MAX];
    memset(digits + blocks->dim, 0, blocks->groups * 4 - blocks->dim);
    uint8_t *bytes = blocks->bytes + block * blocks->block_bytes;
    if (count < blocks->simd->tile_rows)
        memset(bytes, 0, blocks->block_bytes);
    blocks->longest[block] = 0.0f;
    for (size_t i = 0; i < count; i++) {
        float length = put_row(blocks, bytes, i, rows + i * blocks->dim, digits);
        blocks->longest[block] = length > blocks->longest[block] ? length : blocks->longest[block];
    }
}

vr_worst vr_blocks_worst(const vr_blocks *blocks, size_t count)
{
    size_t rows = blocks->simd->tile_rows;
    vr_worst worst = { 0 };
    for (size_t i = 0; i < count; i++) {
        const float *factors = vr_blocks_factors(blocks, i / rows) + i % rows;
        float length = factors[BIAS * rows] < INFINITY ? blocks->longest[i / rows] : INFINITY;
        worst.length = length > worst.length ? length : worst.length;
        worst.error = factors[ERROR * rows] > worst.error ? factors[ERROR * rows] : worst.error;
    }
    return worst;
}

void vr_blocks_fill(vr_blocks *blocks, const vr_stored_f32 *rows, size_t count)
{
    size_t step = blocks->simd->tile_rows;
    for (size_t row = 0; row < count; row += step)
        vr_blocks_put(blocks, row / step, rows + row * blocks->dim, vr_min(step, count - row));
}

void vr_blocks_query(const vr_blocks *blocks, const float *query, size_t q, size_t width, int8_t *digits,
                     vr_code_queries *queries)
{
    int8_t plain[VR_CODES_DIM_MAX];
    memset(plain + blocks->dim, 0, blocks->groups * 4 - blocks->dim);
    vr_encode_query(blocks->simd, query, blocks->dim, q, plain, queries);
    vr_put_digits(blocks->simd, plain, blocks->groups, q, width, digits);
    queries->digits = digits;
}
