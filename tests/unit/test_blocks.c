/* Digits never drop a pair whose inner product reaches the floor, on any instruction set, at any scale, in
 * blocks and in records; and they do drop what is clearly below it. SPDX-License-Identifier: Apache-2.0 */
#include "scan/blocks.h"
#include "scan/bound.h"
#include "scan/records.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 77, DIM_MAX = 300 };

static const size_t dims[] = { 1, 2, 3, 7, 8, 9, 16, 31, 64, 100, 128, DIM_MAX };

static float items[ROWS * DIM_MAX], queries[VR_TILE_QUERIES_MAX * DIM_MAX];

static double draw(void)
{
    static uint32_t state = 7;
    state = state * 1664525u + 1013904223u;
    return (double)(state >> 8) / 16777216.0 * 2 - 1;
}

/* Kinds of values: usual, all positive, one that dominates, tiny, denormal, large, rows of all scales. */
enum { USUAL, POSITIVE, DOMINATED, TINY, DENORMAL, LARGE, MIXED, KINDS };

static float value(size_t kind, size_t row, size_t j)
{
    double v = draw();
    switch (kind) {
    case POSITIVE: return (float)(fabs(v) + 1);
    case DOMINATED: return (float)(j == row % 5 ? 1000 * v : v);
    case TINY: return (float)(v * 1e-20);
    case DENORMAL: return (float)(v * 1e-40);
    case LARGE: return (float)(v * 1e17);
    case MIXED: return (float)(v * pow(10, (double)(row % 30) - 15));
    default: return (float)v;
    }
}

static void fill(size_t kind, size_t dim)
{
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < dim; j++)
            items[i * dim + j] = i % 19 == 3 ? 0.0f : value(kind, i, j);
    for (size_t q = 0; q < VR_TILE_QUERIES_MAX; q++)
        for (size_t j = 0; j < dim; j++)
            queries[q * dim + j] = q == 4 ? 0.0f : value(kind, q + 7, j);
}

static double dot(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t j = 0; j < dim; j++)
        sum += (double)a[j] * (double)b[j];
    return sum;
}

/* The first width queries against all rows, with the floor of each where the row at target stands, plus
 * margin times |q||x|. Returns how many targets passed. */
static size_t passes(const vr_blocks *codes, size_t width, size_t target, double margin)
{
    static int8_t digits[VR_TILE_QUERIES_MAX * (DIM_MAX + 8)];
    vr_code_queries coded;
    float floors[VR_TILE_QUERIES_MAX];
    uint32_t masks[VR_TILE_QUERIES_MAX];
    size_t step = codes->simd->tile_rows, dim = codes->dim, passed = 0;
    const float *row = items + target * dim;
    memset(&coded, 0, sizeof coded);
    for (size_t q = 0; q < width; q++) {
        const float *query = queries + q * dim;
        double norm = dot(row, row, dim), at = dot(query, row, dim) + (double)codes->bias_factor * norm;
        /* As bound.c leaves room for rounding, and for what underflows. */
        double slack = (double)vr_slack(dim) * (norm + dot(query, query, dim)) + 1e-35 * (double)dim;
        floors[q] = (float)(at - slack + margin * sqrt(norm * dot(query, query, dim)));
        vr_blocks_query(codes, query, q, width, digits, &coded);
        floors[q] -= coded.rest[q] * codes->longest[target / step];
    }
    const uint8_t *block = vr_blocks_digits(codes, target / step);
    const float *factors = vr_blocks_factors(codes, target / step);
    if (width == 1) {
        codes->simd->code_one(&coded, block, codes->groups, factors, floors, masks);
    } else {
        codes->simd->begin(codes->groups);
        codes->simd->code_tile(&coded, width, block, codes->groups, factors, floors, masks);
        codes->simd->end();
    }
    for (size_t q = 0; q < width; q++)
        passed += masks[q] >> (target % step) & 1;
    return passed;
}

/* Rows from the start of a block on, as an index would put them. */
static void put_rows(vr_blocks *blocks, const float *rows, size_t count)
{
    size_t step = blocks->simd->tile_rows;
    for (size_t first = 0; first < count; first += step)
        vr_blocks_put(blocks, first / step, rows + first * blocks->dim,
                      step < count - first ? step : count - first);
}

static void check(const vr_simd *simd, size_t dim, size_t kind, vr_metric metric, int digit_max)
{
    vr_blocks *codes = vr_blocks_create(simd, vr_block_count(simd, ROWS), dim, metric, digit_max);
    assert_non_null(codes);
    fill(kind, dim);
    put_rows(codes, items, ROWS);
    size_t far = 0, widths[] = { 1, simd->code_queries };
    for (size_t w = 0; w < 2; w++)
        for (size_t target = 0; target < ROWS; target++) {
            assert_int_equal(passes(codes, widths[w], target, 0), widths[w]);
            far += passes(codes, widths[w], target, 0.2);
        }
    /* What is a fifth of |q||x| below the floor is dropped, unless a bound can't be that good: zero
     * vectors, and one value that dominates the others. */
    if (kind == USUAL || kind == POSITIVE || kind == LARGE)
        assert_true(far <= (1 + simd->code_queries) * ROWS / 4);
    vr_blocks_free(codes);
}

static void test_bounds(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
            for (size_t kind = 0; kind < KINDS; kind++) {
                check(simd, dims[d], kind, VR_METRIC_IP, simd->code_max);
                check(simd, dims[d], kind, VR_METRIC_L2, simd->code_max);
                check(simd, dims[d], kind, VR_METRIC_L2, VR_DIGIT_MAX);
            }
}

static void test_odd_rows_pass(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++) {
        vr_blocks *codes = vr_blocks_create(simd, 1, 2, VR_METRIC_L2, simd->code_max);
        const float rows[] = { NAN, 1, 1e19f, 1, INFINITY, 0 };
        assert_non_null(codes);
        put_rows(codes, rows, 3);
        int8_t digits[8];
        vr_code_queries coded;
        uint32_t mask;
        memset(&coded, 0, sizeof coded);
        vr_blocks_query(codes, (const float[]){ 1, 2 }, 0, 1, digits, &coded);
        codes->simd->code_one(&coded, vr_blocks_digits(codes, 0), codes->groups,
                              vr_blocks_factors(codes, 0), (const float[]){ 1e30f }, &mask);
        assert_int_equal(mask & 7, 7);
        vr_blocks_free(codes);
    }
}

/* Places that no row has are zero, whatever stood there. */
static void test_last_block_ends_in_zeros(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++) {
        vr_blocks *blocks = vr_blocks_create(simd, 2, 8, VR_METRIC_L2, simd->code_max);
        assert_non_null(blocks);
        memset(blocks->bytes, 0xff, 2 * blocks->block_bytes);
        fill(USUAL, 8);
        vr_blocks_put(blocks, 0, items, 1);
        const uint8_t *digits = vr_blocks_digits(blocks, 0);
        const float *factors = vr_blocks_factors(blocks, 0);
        for (size_t i = 1; i < simd->tile_rows; i++) {
            for (size_t g = 0; g < blocks->groups; g++)
                for (size_t j = 0; j < 4; j++)
                    assert_int_equal(digits[(g * simd->tile_rows + i) * 4 + j], 0);
            for (size_t f = 0; f < 3; f++)
                assert_true(factors[f * simd->tile_rows + i] == 0.0f);
        }
        assert_true(factors[0] > 0.0f);
        assert_int_equal(vr_blocks_digits(blocks, 1)[0], 0xff); /* and the next block is untouched */
        vr_blocks_free(blocks);
    }
}

/* ---- Records ---- */

static void check_records(const vr_simd *simd, size_t dim, size_t kind, int digit_max)
{
    int8_t digits[DIM_MAX + 128];
    vr_code_queries coded;
    vr_records *records = vr_records_create(simd, ROWS, dim, digit_max);
    assert_non_null(records);
    fill(kind, dim);
    for (size_t row = 0; row < ROWS; row++) {
        float norm;
        simd->dot_rows(items + row * dim, items + row * dim, 1, dim, &norm);
        vr_records_put(records, row, items + row * dim, norm, row % 2 ? 0.25f : 1.0f, (float)row);
        const int8_t *stored = (const int8_t *)records->bytes + row * records->lines * 64;
        for (size_t j = 0; j < dim; j++) {
            int digit = (uint8_t)stored[j] - simd->code_bias;
            assert_true((int8_t)digit >= -digit_max && (int8_t)digit <= digit_max);
        }
    }
    for (size_t q = 0; q < 8; q++) {
        uint32_t ids[ROWS];
        float bounds[ROWS];
        vr_records_query(records, queries + q * dim, digits, &coded);
        for (uint32_t i = 0; i < ROWS; i++)
            ids[i] = ROWS - 1 - i;
        vr_records_bounds(records, &coded, ids, ROWS, bounds);
        for (size_t i = 0; i < ROWS; i++) {
            const float *row = items + ids[i] * dim, *query = queries + q * dim;
            double size = sqrt(dot(row, row, dim) * dot(query, query, dim));
            double weight = ids[i] % 2 ? 0.25 : 1.0, sum = weight * dot(query, row, dim) + ids[i];
            assert_true(bounds[i] >= sum - 1e-6 * ids[i] - 1e-35);
            if (kind == USUAL && dim >= 8) /* even a zero vector's length has a bound above 0 */
                assert_true(bounds[i] <= sum + 1e-6 * ids[i] + 0.1 * size + 1e-15);
        }
    }
    vr_records_free(records);
}

static void test_records(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
            for (size_t kind = 0; kind < KINDS; kind++) {
                check_records(simd, dims[d], kind, simd->code_max);
                check_records(simd, dims[d], kind, VR_DIGIT_MAX);
            }
}

static void test_records_of_biases(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++) {
        vr_records *records = vr_records_create(simd, 3, 5, simd->code_max);
        const float query[] = { 1, -2, 3, -4, 5 };
        const uint32_t ids[] = { 0, 1, 2 };
        int8_t digits[64];
        vr_code_queries coded;
        float bounds[3];
        assert_non_null(records);
        vr_records_put_bias(records, 0, INFINITY);
        vr_records_put_bias(records, 1, -INFINITY);
        vr_records_put_bias(records, 2, 0.0f);
        vr_records_query(records, query, digits, &coded);
        vr_records_bounds(records, &coded, ids, 3, bounds);
        assert_true(bounds[0] == INFINITY && bounds[1] == -INFINITY && bounds[2] == 0.0f);
        vr_records_free(records);
    }
}

static void test_limits(void **unused)
{
    const vr_simd *simd = vr_simd_get();
    (void)unused;
    assert_null(vr_blocks_create(simd, 1, VR_CODES_DIM_MAX + 1, VR_METRIC_L2, VR_DIGIT_MAX));
    assert_null(vr_blocks_create(simd, SIZE_MAX / 64, 64, VR_METRIC_L2, VR_DIGIT_MAX));
    assert_null(vr_records_create(simd, 1, VR_CODES_DIM_MAX + 1, VR_DIGIT_MAX));
    assert_null(vr_records_create(simd, SIZE_MAX / 64, 64, VR_DIGIT_MAX));
    vr_blocks_free(NULL);
    vr_records_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds),
                                        cmocka_unit_test(test_odd_rows_pass),
                                        cmocka_unit_test(test_last_block_ends_in_zeros),
                                        cmocka_unit_test(test_records),
                                        cmocka_unit_test(test_records_of_biases),
                                        cmocka_unit_test(test_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
