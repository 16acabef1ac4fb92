/* The kernels, written once over a vector type. An instruction set's file defines the type and its few
 * operations, includes this, and puts what it gets into its table. The operations:
 *
 *     LANES, QUERIES         values in a vec; queries of a tile, whose rows are 2 * LANES
 *     v_load, v_store        a vec from and to memory, at any alignment
 *     v_load_part            the first count values of one, zero for the rest; reads no further
 *     v_all                  one value in every lane
 *     v_sub, v_add, v_fma    a - b, a + b, a * b + c with one rounding
 *     v_sum, v_sum4          the lanes of one vec, of four; adding up in the same order
 *     v_transpose            of LANES vecs
 *     v_passes               bit i: unless lane i is less than the floor's
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>

enum { ROWS = 2 * LANES };

static inline vec add_product(vec sum, vec query, vec row, bool l2)
{
    if (!l2)
        return v_fma(query, row, sum);
    vec difference = v_sub(query, row);
    return v_fma(difference, difference, sum);
}

/* Adds up one row, in two sums that take turns. Rows are read one after the other, not side by side:
 * that is the order in which processors fetch ahead. */
static inline vec sum_row(const float *query, const float *row, size_t dim, bool l2)
{
    vec even = v_all(0.0f), odd = v_all(0.0f);
    size_t j = 0;
    for (; j + 2 * LANES <= dim; j += 2 * LANES) {
        even = add_product(even, v_load(query + j), v_load(row + j), l2);
        odd = add_product(odd, v_load(query + j + LANES), v_load(row + j + LANES), l2);
    }
    if (j + LANES <= dim) {
        even = add_product(even, v_load(query + j), v_load(row + j), l2);
        j += LANES;
    }
    if (j < dim)
        odd = add_product(odd, v_load_part(query + j, dim - j), v_load_part(row + j, dim - j), l2);
    return v_add(even, odd);
}

static inline void all_rows(const float *query, const float *rows, size_t count, size_t dim, bool l2,
                            float *out)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        vec sums[4];
        for (size_t r = 0; r < 4; r++)
            sums[r] = sum_row(query, rows + (i + r) * dim, dim, l2);
        v_sum4(sums, out + i);
    }
    for (; i < count; i++)
        out[i] = v_sum(sum_row(query, rows + i * dim, dim, l2));
}

static void dot_rows(const float *query, const float *rows, size_t count, size_t dim, float *out)
{
    all_rows(query, rows, count, dim, false, out);
}

static void l2_rows(const float *query, const float *rows, size_t count, size_t dim, float *out)
{
    all_rows(query, rows, count, dim, true, out);
}

/* Transposes one block of LANES x LANES values, of which count x width exist. */
static inline void pack_block(const float *rows, size_t count, size_t width, size_t dim, float *panel)
{
    vec v[LANES];
    for (size_t i = 0; i < LANES; i++)
        v[i] = i < count ? v_load_part(rows + i * dim, width) : v_all(0.0f);
    v_transpose(v);
    for (size_t i = 0; i < width; i++)
        v_store(panel + i * ROWS, v[i]);
}

/* The norms are taken first, row by row, because that brings the rows into the cache in the order in
 * which processors fetch ahead; a transpose reads many rows side by side. */
static void pack(const float *rows, size_t count, size_t dim, float *panel, float *norms)
{
    for (size_t half = 0; half < ROWS; half += LANES) {
        size_t here = count < half ? 0 : count - half < LANES ? count - half : LANES;
        for (size_t i = half; i < half + LANES; i++)
            norms[i] = i < count ? v_sum(sum_row(rows + i * dim, rows + i * dim, dim, false)) : 0.0f;
        for (size_t j = 0; j < dim; j += LANES) {
            const float *block = rows + half * dim + j;
            float *to = panel + j * ROWS + half;
            if (here == LANES && dim - j >= LANES)
                pack_block(block, LANES, LANES, dim, to);
            else
                pack_block(block, here, dim - j < LANES ? dim - j : LANES, dim, to);
        }
    }
}

/* QUERIES x 2 sums stay in registers from the first value to the last. */
static uint32_t tile(const float *queries, const float *panel, size_t dim, const float *bias,
                     const float *floors, uint32_t *masks)
{
    vec low[QUERIES], high[QUERIES];
    uint32_t any = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        low[q] = v_load(bias);
        high[q] = v_load(bias + LANES);
    }
    for (size_t j = 0; j < dim; j++) {
        vec x0 = v_load(panel + j * ROWS), x1 = v_load(panel + j * ROWS + LANES);
        for (size_t q = 0; q < QUERIES; q++) {
            vec value = v_all(queries[j * QUERIES + q]);
            low[q] = v_fma(value, x0, low[q]);
            high[q] = v_fma(value, x1, high[q]);
        }
    }
    for (size_t q = 0; q < QUERIES; q++) {
        vec floor = v_all(floors[q]);
        masks[q] = v_passes(low[q], floor) | v_passes(high[q], floor) << LANES;
        any |= masks[q];
    }
    return any;
}
