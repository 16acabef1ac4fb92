/* The kernels, written once over a vector type. An instruction set's file defines the type and its few
 * operations, includes this, and gets its table from the end of it (simd/table.h). The operations:
 *
 *     LANES, QUERIES         values in a vec; queries of a tile, whose rows are 2 * LANES
 *     v_load, v_store        a vec from and to memory, at any alignment
 *     v_load_part            the first count values of one, zero for the rest; reads no further
 *     v_all                  one value in every lane
 *     v_sub, v_add, v_mul    a - b, a + b, a * b; v_div: a / b
 *     v_fma                  a * b + c with one rounding
 *     v_sum, v_sum4          the lanes of one vec, of four; adding up in the same order
 *     v_transpose            of LANES vecs
 *     v_passes               bit i: unless lane i is less than the floor's
 *
 * For codes, CODE_QUERIES and a second type, ivec, of LANES int32 or 4 * LANES bytes:
 *
 *     i_load, i_all          from memory; the same 4 bytes, or one int32, in every lane
 *     i_add, i_sub, i_float  a + b, a - b of int32; int32 to float
 *     i_low4, i_high4        the lower and the upper 4 bits of every byte
 *     i_sum4                 the lanes of four, added up
 *     i_dot2                 adds to every lane the products of its 4 bytes in a, and in b, with those
 *                            of the query; the bytes of a row are biased by CODE_BIAS, see simd.h
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdbool.h>
#include <string.h>

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
static inline vec sum_row(const vr_stored_f32 *query, const vr_stored_f32 *row, size_t dim, bool l2)
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

/* The row that is id strides of bytes past rows. */
static inline const vr_stored_f32 *row_at(const void *rows, size_t stride, uint32_t id)
{
    return (const vr_stored_f32 *)(const void *)((const char *)rows + id * stride);
}

static inline void all_rows(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                            bool l2, float *out)
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

static void dot_rows(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                     float *out)
{
    all_rows(query, rows, count, dim, false, out);
}

static void l2_rows(const vr_stored_f32 *query, const vr_stored_f32 *rows, size_t count, size_t dim,
                    float *out)
{
    all_rows(query, rows, count, dim, true, out);
}

static inline void all_ids(const float *query, const void *rows, size_t stride, const uint32_t *ids,
                           size_t count, size_t dim, bool l2, float *out)
{
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        vec sums[4];
        for (size_t r = 0; r < 4; r++)
            sums[r] = sum_row(query, row_at(rows, stride, ids[i + r]), dim, l2);
        v_sum4(sums, out + i);
    }
    for (; i < count; i++)
        out[i] = v_sum(sum_row(query, row_at(rows, stride, ids[i]), dim, l2));
}

static void dot_ids(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                    size_t dim, float *out)
{
    all_ids(query, rows, stride, ids, count, dim, false, out);
}

static void l2_ids(const float *query, const void *rows, size_t stride, const uint32_t *ids, size_t count,
                   size_t dim, float *out)
{
    all_ids(query, rows, stride, ids, count, dim, true, out);
}

static void mix(float *values, const float *row, size_t dim, float keep, float take)
{
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        v_store(values + j, v_fma(v_load(values + j), v_all(keep), v_mul(v_load(row + j), v_all(take))));
    for (; j < dim; j++)
        values[j] = values[j] * keep + row[j] * take;
}

static float add_to_mean(float *values, const float *row, size_t dim, float count, float length)
{
    vec squares = v_all(0.0f);
    float more = count + 1.0f, rest = 0.0f;
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES) {
        vec part = v_div(v_load(row + j), v_all(length));
        vec mean = v_div(v_add(v_mul(v_load(values + j), v_all(count)), part), v_all(more));
        squares = v_fma(mean, mean, squares);
        v_store(values + j, mean);
    }
    for (; j < dim; j++) {
        values[j] = (values[j] * count + row[j] / length) / more;
        rest += values[j] * values[j];
    }
    return v_sum(squares) + rest;
}

/* Transposes one block of LANES x LANES values, of which count x width exist. */
static inline void pack_block(const vr_stored_f32 *rows, size_t count, size_t width, size_t dim,
                              float *panel)
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
static void pack(const vr_stored_f32 *rows, size_t count, size_t dim, float *panel, float *norms)
{
    for (size_t half = 0; half < ROWS; half += LANES) {
        size_t here = count < half ? 0 : count - half < LANES ? count - half : LANES;
        for (size_t i = half; i < half + LANES; i++)
            norms[i] = i < count ? v_sum(sum_row(rows + i * dim, rows + i * dim, dim, false)) : 0.0f;
        for (size_t j = 0; j < dim; j += LANES) {
            const vr_stored_f32 *block = rows + half * dim + j;
            float *to = panel + j * ROWS + half;
            if (here == LANES && dim - j >= LANES)
                pack_block(block, LANES, LANES, dim, to);
            else
                pack_block(block, here, dim - j < LANES ? dim - j : LANES, dim, to);
        }
    }
}

/* QUERIES x 2 sums stay in registers from the first value to the last. */
static inline void tile_products(const float *queries, const float *panel, size_t dim, const float *bias,
                                 vec low[QUERIES], vec high[QUERIES])
{
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
}

static uint32_t tile(const float *queries, const float *panel, size_t dim, const float *bias,
                     const float *floors, uint32_t *masks)
{
    vec low[QUERIES], high[QUERIES];
    uint32_t any = 0;
    tile_products(queries, panel, dim, bias, low, high);
    for (size_t q = 0; q < QUERIES; q++) {
        vec floor = v_all(floors[q]);
        masks[q] = v_passes(low[q], floor) | v_passes(high[q], floor) << LANES;
        any |= masks[q];
    }
    return any;
}

static void tile_sums(const float *queries, const float *panel, size_t dim, const float *bias, float *sums,
                      size_t stride)
{
    vec low[QUERIES], high[QUERIES];
    tile_products(queries, panel, dim, bias, low, high);
    for (size_t q = 0; q < QUERIES; q++) {
        v_store(sums + q * stride, low[q]);
        v_store(sums + q * stride + LANES, high[q]);
    }
}

static size_t passing(const float *values, size_t count, float floor, uint32_t *bits)
{
    vec least = v_all(floor);
    size_t found = 0;
    for (size_t i = 0; i < count; i += 32) {
        uint32_t word = 0;
        for (size_t j = 0; j < 32 && i + j < count; j += LANES) {
            size_t left = count - i - j;
            if (left >= LANES)
                word |= v_passes(v_load(values + i + j), least) << j;
            else
                word |= (v_passes(v_load_part(values + i + j, left), least) & ((1u << left) - 1)) << j;
        }
        bits[i / 32] = word;
        found += (size_t)__builtin_popcount(word);
    }
    return found;
}

/* From LANES sums of digits' products, of query q, to upper bounds. factors: where the rows' begin. */
static inline vec code_bounds(const vr_code_queries *queries, size_t q, ivec dots, const float *factors)
{
    ivec plain = i_sub(dots, i_all(queries->offset[q]));
    vec dot = v_mul(v_load(factors), i_float(plain)); /* scale by scale could underflow */
    vec sum = v_fma(v_all(queries->scale[q]), dot, v_load(factors + 2 * ROWS));
    return v_fma(v_all(queries->length[q]), v_load(factors + ROWS), sum);
}

/* CODE_QUERIES x 2 sums stay in registers. */
static inline void code_products(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                                 ivec low[CODE_QUERIES], ivec high[CODE_QUERIES])
{
    for (size_t q = 0; q < CODE_QUERIES; q++)
        low[q] = high[q] = i_all(0);
    for (size_t g = 0; g < groups; g += 2) {
        const uint8_t *rows = codes + g * ROWS * 4;
        const int8_t *digits = queries->digits + g * CODE_QUERIES * 4;
        ivec a0 = i_load(rows), a1 = i_load(rows + LANES * 4);
        ivec b0 = i_load(rows + ROWS * 4), b1 = i_load(rows + ROWS * 4 + LANES * 4);
        for (size_t q = 0; q < CODE_QUERIES; q++) {
            int32_t word[2];
            memcpy(&word[0], digits + q * 4, sizeof word[0]);
            memcpy(&word[1], digits + (CODE_QUERIES + q) * 4, sizeof word[1]);
            ivec a = i_all(word[0]), b = i_all(word[1]);
            low[q] = i_dot2(low[q], a0, a, b0, b);
            high[q] = i_dot2(high[q], a1, a, b1, b);
        }
    }
}

/* The mask of query q, given the sums of its products with a block's two halves. */
static inline uint32_t code_mask(const vr_code_queries *queries, size_t q, ivec low, ivec high,
                                 const float *factors, float floor)
{
    vec least = v_all(floor);
    return v_passes(code_bounds(queries, q, low, factors), least) |
           v_passes(code_bounds(queries, q, high, factors + LANES), least) << LANES;
}

static inline void add_products(const vr_code_queries *query, const uint8_t *codes, size_t g, ivec *low,
                                ivec *high)
{
    const uint8_t *rows = codes + g * ROWS * 4;
    int32_t word[2];
    memcpy(word, query->digits + g * 4, sizeof word);
    ivec a = i_all(word[0]), b = i_all(word[1]);
    *low = i_dot2(*low, i_load(rows), a, i_load(rows + ROWS * 4), b);
    *high = i_dot2(*high, i_load(rows + LANES * 4), a, i_load(rows + ROWS * 4 + LANES * 4), b);
}

/* Two halves of a block's bounds for one query. A sum waits for the one before it, so there are two of
 * each. */
static inline void bounds_of_one(const vr_code_queries *query, const uint8_t *codes, size_t groups,
                                 const float *factors, vec *low, vec *high)
{
    ivec low0 = i_all(0), low1 = low0, high0 = low0, high1 = low0;
    size_t g = 0;
    for (; g + 4 <= groups; g += 4) {
        add_products(query, codes, g, &low0, &high0);
        add_products(query, codes, g + 2, &low1, &high1);
    }
    if (g < groups)
        add_products(query, codes, g, &low0, &high0);
    *low = code_bounds(query, 0, i_add(low0, low1), factors);
    *high = code_bounds(query, 0, i_add(high0, high1), factors + LANES);
}

static uint32_t code_one(const vr_code_queries *queries, const uint8_t *codes, size_t groups,
                         const float *factors, const float *floors, uint32_t *masks)
{
    vec low, high, floor = v_all(floors[0]);
    bounds_of_one(queries, codes, groups, factors, &low, &high);
    masks[0] = v_passes(low, floor) | v_passes(high, floor) << LANES;
    return masks[0];
}

static void code_sums(const vr_code_queries *query, const uint8_t *codes, size_t groups,
                      const float *factors, float *sums)
{
    vec low, high;
    bounds_of_one(query, codes, groups, factors, &low, &high);
    v_store(sums, low);
    v_store(sums + LANES, high);
}

static uint32_t code_tile(const vr_code_queries *queries, size_t count, const uint8_t *codes, size_t groups,
                          const float *factors, const float *floors, uint32_t *masks)
{
    ivec low[CODE_QUERIES], high[CODE_QUERIES];
    uint32_t any = 0;
    (void)count; /* a count that the compiler doesn't know would keep the sums out of the registers */
    code_products(queries, codes, groups, low, high);
    for (size_t q = 0; q < CODE_QUERIES; q++) {
        masks[q] = code_mask(queries, q, low[q], high[q], factors, floors[q]);
        any |= masks[q];
    }
    return any;
}

static void code_tile_sums(const vr_code_queries *queries, size_t count, const uint8_t *codes,
                           size_t groups, const float *factors, float *sums, size_t stride)
{
    ivec low[CODE_QUERIES], high[CODE_QUERIES];
    (void)count;
    code_products(queries, codes, groups, low, high);
    for (size_t q = 0; q < CODE_QUERIES; q++) {
        v_store(sums + q * stride, code_bounds(queries, q, low[q], factors));
        v_store(sums + q * stride + LANES, code_bounds(queries, q, high[q], factors + LANES));
    }
}

/* The records of four rows. They are read side by side: nobody can fetch them ahead by their order. */
static inline void code_four(const vr_code_queries *query, const uint8_t *const rows[4], size_t bytes,
                             float out[4])
{
    enum { STEP = 4 * LANES };
    const uint8_t *digits = (const uint8_t *)query->digits;
    ivec sums[4] = { i_all(0), i_all(0), i_all(0), i_all(0) };
    int32_t dots[4];
    size_t j = 0;
    for (; j + 2 * STEP <= bytes; j += 2 * STEP)
        for (size_t r = 0; r < 4; r++)
            sums[r] = i_dot2(sums[r], i_load(rows[r] + j), i_load(digits + j), i_load(rows[r] + j + STEP),
                             i_load(digits + j + STEP));
    for (size_t r = 0; j < bytes && r < 4; r++)
        sums[r] = i_dot2(sums[r], i_load(rows[r] + j), i_load(digits + j), i_all(0), i_all(0));
    i_sum4(sums, dots);
    for (size_t r = 0; r < 4; r++) {
        float f[4];
        memcpy(f, rows[r] + bytes - sizeof f, sizeof f);
        out[r] = query->scale[0] * (f[0] * (float)(dots[r] - query->offset[0])) + query->length[0] * f[1] +
                 query->rest[0] * f[2] + f[3];
    }
}

static void code_ids(const vr_code_queries *query, const uint8_t *records, size_t lines,
                     const uint32_t *ids, size_t count, float *out)
{
    enum { LINE = 64, AHEAD = 24 };
    size_t bytes = lines * LINE;
    for (size_t i = 0; i < count; i += 4) {
        const uint8_t *rows[4];
        float four[4];
        size_t here = count - i < 4 ? count - i : 4;
        for (size_t r = 0; r < 4; r++)
            rows[r] = records + ids[r < here ? i + r : i] * bytes;
        for (size_t r = i + AHEAD; r < i + AHEAD + 4 && r < count; r++)
            for (size_t j = 0; j < bytes; j += LINE)
                __builtin_prefetch(records + ids[r] * bytes + j);
        code_four(query, rows, bytes, four);
        memcpy(out + i, four, here * sizeof *four);
    }
}

/* The records of four rows, as in code_four(). */
static inline void nibble_four(const vr_code_queries *query, const uint8_t *const rows[4], size_t bytes,
                               float out[4])
{
    enum { STEP = 4 * LANES };
    const uint8_t *low = (const uint8_t *)query->digits, *high = low + bytes;
    ivec sums[4] = { i_all(0), i_all(0), i_all(0), i_all(0) };
    int32_t dots[4];
    for (size_t j = 0; j < bytes; j += STEP)
        for (size_t r = 0; r < 4; r++) {
            ivec two = i_load(rows[r] + j);
            sums[r] = i_dot2(sums[r], i_low4(two), i_load(low + j), i_high4(two), i_load(high + j));
        }
    i_sum4(sums, dots);
    for (size_t r = 0; r < 4; r++) {
        float f[2];
        memcpy(f, rows[r] + bytes - sizeof f, sizeof f);
        out[r] = query->scale[0] * (f[0] * (float)(dots[r] - query->offset[0])) + f[1];
    }
}

/* Without fetching ahead: who asks for a few rows at a time has done that before. */
static void nibble_ids(const vr_code_queries *query, const uint8_t *records, size_t lines,
                       const uint32_t *ids, size_t count, float *out)
{
    size_t bytes = lines * 64;
    for (size_t i = 0; i < count; i += 4) {
        const uint8_t *rows[4];
        float four[4];
        size_t here = count - i < 4 ? count - i : 4;
        for (size_t r = 0; r < 4; r++)
            rows[r] = records + ids[r < here ? i + r : i] * bytes;
        nibble_four(query, rows, bytes, four);
        memcpy(out + i, four, here * sizeof *four);
    }
}

#include "simd/table.h"
