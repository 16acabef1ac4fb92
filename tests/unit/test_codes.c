/* Codes never drop a pair whose inner product reaches the floor, on any instruction set, at any scale; and
 * they do drop what is clearly below it. SPDX-License-Identifier: Apache-2.0 */
#include "core/codes.h"

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
static size_t passes(const vr_codes *codes, size_t width, size_t target, double margin)
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
        /* As flat_scan.c leaves room for rounding, and for what underflows. */
        double slack = (double)vr_slack(dim) * (norm + dot(query, query, dim)) + 1e-35 * (double)dim;
        floors[q] = (float)(at - slack + margin * sqrt(norm * dot(query, query, dim)));
        vr_codes_query(codes, query, q, width, digits, &coded);
    }
    const uint8_t *block = vr_codes_block(codes, target / step);
    const float *factors = vr_codes_factors(codes, target / step);
    if (width == 1)
        codes->simd->code_one(&coded, block, codes->groups, factors, floors, masks);
    else
        codes->simd->code_tile(&coded, block, codes->groups, factors, floors, masks);
    for (size_t q = 0; q < width; q++)
        passed += masks[q] >> (target % step) & 1;
    return passed;
}

static void check(const vr_simd *simd, size_t dim, size_t kind, float bias_factor)
{
    vr_codes *codes = vr_codes_create(simd, ROWS, dim, bias_factor);
    assert_non_null(codes);
    fill(kind, dim);
    vr_codes_fill(codes, items, 0, ROWS);
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
    vr_codes_free(codes);
}

static void test_bounds(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
            for (size_t kind = 0; kind < KINDS; kind++) {
                check(simd, dims[d], kind, 0.0f);
                check(simd, dims[d], kind, vr_slack(dims[d]) - 0.5f);
            }
}

static void test_odd_rows_pass(void **unused)
{
    const vr_simd *simd;
    (void)unused;
    for (size_t tier = 0; (simd = vr_simd_at(tier)); tier++) {
        vr_codes *codes = vr_codes_create(simd, 3, 2, -0.5f);
        const float rows[] = { NAN, 1, 1e19f, 1, INFINITY, 0 };
        assert_non_null(codes);
        vr_codes_fill(codes, rows, 0, 3);
        int8_t digits[8];
        vr_code_queries coded;
        uint32_t mask;
        memset(&coded, 0, sizeof coded);
        vr_codes_query(codes, (const float[]){ 1, 2 }, 0, 1, digits, &coded);
        codes->simd->code_one(&coded, vr_codes_block(codes, 0), codes->groups, vr_codes_factors(codes, 0),
                              (const float[]){ 1e30f }, &mask);
        assert_int_equal(mask & 7, 7);
        vr_codes_free(codes);
    }
}

static void test_limits(void **unused)
{
    (void)unused;
    assert_null(vr_codes_create(vr_simd_get(), 1, VR_CODES_DIM_MAX + 1, 0));
    assert_null(vr_codes_create(vr_simd_get(), SIZE_MAX / 64, 64, 0));
    vr_codes_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_bounds), cmocka_unit_test(test_odd_rows_pass),
                                        cmocka_unit_test(test_limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
