/* The nearest row of each vector, against every distance. SPDX-License-Identifier: Apache-2.0 */
#include "scan/nearest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 70, VECTORS = 500, DIM = 11 };

static float values[ROWS * DIM], vectors[VECTORS * DIM];

static int set_up(void **state)
{
    uint32_t draw = 5;
    (void)state;
    for (size_t i = 0; i < ROWS * DIM + VECTORS * DIM; i++) {
        draw = draw * 1664525u + 1013904223u;
        float value = (float)((draw >> 8) % 15) - 7.0f; /* few values: many ties */
        *(i < ROWS * DIM ? &values[i] : &vectors[i - ROWS * DIM]) = value;
    }
    values[7 * DIM + 2] = NAN;
    for (size_t j = 0; j < DIM; j++)
        vectors[9 * DIM + j] = 3e38f; /* whose squared distances overflow */
    vectors[20 * DIM] = INFINITY;
    vectors[VECTORS * DIM - 1] = NAN;
    return 0;
}

static uint32_t expect(vr_metric metric, size_t rows, size_t v, float *distance)
{
    const vr_simd *simd = vr_simd_get();
    uint32_t best = VR_NO_ROW;
    float least = INFINITY;
    for (size_t j = 0; j < DIM; j++)
        if (!isfinite(vectors[v * DIM + j]))
            return VR_NO_ROW;
    for (size_t i = 0; i < rows; i++) {
        float found;
        (metric == VR_METRIC_L2 ? simd->l2_rows : simd->dot_rows)(vectors + v * DIM, values + i * DIM, 1,
                                                                  DIM, &found);
        float smaller = vr_smaller_of(metric, found);
        if (isfinite(found) && smaller < least) {
            least = smaller;
            best = (uint32_t)i;
            *distance = found;
        }
    }
    return best;
}

/* guess: what is there before. */
static void assert_nearest(vr_metric metric, size_t row_count, size_t count, bool coded, size_t threads,
                           const vr_queries *queries, uint32_t guess)
{
    static vr_scratch_pool scratch;
    const vr_simd *simd = vr_simd_get();
    uint32_t best[VECTORS];
    float distances[VECTORS];
    vr_rows rows = { .values = values, .count = row_count, .dim = DIM, .metric = metric };
    vr_blocks *blocks =
        coded ? vr_blocks_create(simd, vr_block_count(simd, row_count), DIM, metric, simd->code_max) : NULL;
    if (coded)
        vr_blocks_fill(blocks, values, row_count);
    rows.blocks = blocks;
    vrec_matrix matrix = { .struct_size = sizeof matrix,
                           .data = vectors,
                           .rows = count,
                           .dim = DIM,
                           .row_stride = DIM * sizeof(float),
                           .col_stride = sizeof(float) };
    vr_nearest nearest = { .rows = &rows,
                           .vectors = &matrix,
                           .queries = queries,
                           .best = best,
                           .distances = distances,
                           .threads = threads,
                           .scratch = &scratch };
    for (size_t v = 0; v < count; v++)
        best[v] = guess == VR_NO_ROW ? guess : (guess + (uint32_t)v) % (uint32_t)row_count;
    assert_int_equal(vr_find_nearest(&nearest, NULL), VREC_OK);
    for (size_t v = 0; v < count; v++) {
        float distance = 0.0f;
        uint32_t expected = expect(metric, row_count, v, &distance);
        assert_int_equal(best[v], expected);
        assert_true(expected == VR_NO_ROW || distances[v] == distance);
    }
    vr_blocks_free(blocks);
    vr_scratch_clear(&scratch);
}

static void of_a_matrix(void **state)
{
    static const size_t counts[] = { 1, 3, 191, 192, 193, VECTORS }, row_counts[] = { 1, 31, 33, ROWS };
    (void)state;
    for (size_t metric = 0; metric < 2; metric++)
        for (size_t coded = 0; coded < 2; coded++)
            for (size_t i = 0; i < 6; i++)
                for (size_t j = 0; j < 4; j++)
                    for (size_t threads = 1; threads < 4; threads += 2) {
                        assert_nearest((vr_metric)metric, row_counts[j], counts[i], coded, threads, NULL,
                                       VR_NO_ROW);
                        assert_nearest((vr_metric)metric, row_counts[j], counts[i], coded, threads, NULL,
                                       5);
                    }
}

static void of_queries_that_are_ready(void **state)
{
    enum { FINITE = 20 };
    (void)state;
    for (size_t metric = 0; metric < 2; metric++) {
        const vr_simd *simd = vr_simd_get();
        vr_blocks *blocks =
            vr_blocks_create(simd, vr_block_count(simd, ROWS), DIM, (vr_metric)metric, simd->code_max);
        vr_rows rows = {
            .values = values, .count = ROWS, .dim = DIM, .metric = (vr_metric)metric, .blocks = blocks
        };
        vr_queries queries;
        size_t bytes = 0, end = 0;
        vr_queries_place(&queries, &rows, FINITE, 0, &bytes);
        void *space = vr_scratch_take(&(vr_scratch_pool){ { NULL } }, bytes);
        assert_non_null(space);
        vr_queries_place(&queries, &rows, FINITE, (uintptr_t)space, &end);
        queries.vectors = vectors;
        for (size_t v = 0; v < FINITE; v++)
            vr_queries_ready(&queries, v);
        assert_nearest((vr_metric)metric, ROWS, FINITE, true, 2, &queries, 3);
        vr_blocks_free(blocks);
        vr_scratch_pool pool = { { NULL } };
        vr_scratch_give(&pool, space);
        vr_scratch_clear(&pool);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_a_matrix),
        cmocka_unit_test(of_queries_that_are_ready),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
