/* Rows as digits (scan/encode.h) in blocks, for the kernels that compare many rows with one or more
 * queries.
 *
 * A block holds the kernels' tile_rows rows: their digits, group by group of 4, then the factors of
 * simd.h's code kernels. What the query's digits leave may add rest * length to a product: of the lengths
 * one for each block is kept, and the floor sinks by rest times that. Places of a block that no row has are
 * zero, and what kernels say of them is to be ignored. So any run of whole blocks is a thing of its own:
 * rows that belong together start at a block.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_BLOCKS_H
#define VR_SCAN_BLOCKS_H

#include "core/metric.h"
#include "scan/encode.h"

typedef struct vr_blocks {
    const vr_simd *simd;
    size_t dim;
    size_t groups; /* of 4 digits, an even number */
    size_t block_bytes;
    int digit_max;
    float bias_factor; /* the bias of a row is that times its squared length, +Inf if that is huge or NaN */
    size_t count;      /* blocks */
    uint8_t *bytes;
    float *longest; /* of each block, at least the largest length of a row, but for those of bias +Inf */
} vr_blocks;

/* How many blocks so many rows take. */
static inline size_t vr_block_count(const vr_simd *simd, size_t rows)
{
    return rows / simd->tile_rows + (rows % simd->tile_rows > 0);
}

/* Bytes of a block of such rows. */
static inline size_t vr_block_bytes(const vr_simd *simd, size_t dim)
{
    return simd->tile_rows * ((dim + 7) / 8 * 8 + 3 * sizeof(float));
}

/* Room for so many blocks, not initialised. NULL if memory is short, or dim above VR_CODES_DIM_MAX.
 * digit_max: at most simd->code_max. */
vr_blocks *vr_blocks_create(const vr_simd *simd, size_t count, size_t dim, vr_metric metric, int digit_max);
void vr_blocks_free(vr_blocks *blocks); /* NULL is fine */

/* Puts count rows, packed, at most tile_rows of them, into a block. */
void vr_blocks_put(vr_blocks *blocks, size_t block, const vr_stored_f32 *rows, size_t count);

/* The digits of a block, and its factors. */
static inline const uint8_t *vr_blocks_digits(const vr_blocks *blocks, size_t block)
{
    return blocks->bytes + block * blocks->block_bytes;
}

static inline const float *vr_blocks_factors(const vr_blocks *blocks, size_t block)
{
    const uint8_t *digits = vr_blocks_digits(blocks, block);
    return (const float *)(const void *)(digits + blocks->simd->tile_rows * blocks->groups * 4);
}

/* Of some rows, at least the largest length, and the largest length of what a row's digits leave: sums of
 * digits can't be off by more than these allow. The length is +Inf if a row isn't estimated. */
typedef struct vr_worst {
    float length, error;
} vr_worst;

/* Of the first count rows of all blocks. */
vr_worst vr_blocks_worst(const vr_blocks *blocks, size_t count);

/* Puts count rows, packed, into blocks from the first on. */
void vr_blocks_fill(vr_blocks *blocks, const vr_stored_f32 *rows, size_t count);

/* Puts one finite query at place q of width in queries, whose digits are given room here: groups * width *
 * 4 of them. */
void vr_blocks_query(const vr_blocks *blocks, const float *query, size_t q, size_t width, int8_t *digits,
                     vr_code_queries *queries);

#endif
