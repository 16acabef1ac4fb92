/* Codes of a graph's items are the same whenever they are made, and by whomever.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "core/lanes.h"
#include "faiss/hnsw/codes.h"

#include "support/failed.h"
#include "support/random.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

enum { ROWS = 20000, DIM = 40, NONFINITE = 7, CALLERS = 4 };

static float items[ROWS * DIM];

static vr_hnsw_codes *codes_of(vr_hnsw_code_kind kind, vr_metric metric, size_t rows, size_t dim)
{
    vr_faiss_index index = { .base = { .rows = rows, .dim = dim }, .metric = metric };
    vr_hnsw_codes *codes;
    vrec_error err;
    for (size_t i = 0; i < rows; i++)
        if (i != NONFINITE)
            index.largest = fmaxf(index.largest, vr_squares(items + i * dim, dim));
    if (vr_hnsw_codes_create(kind, &index, items, &codes, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_non_null(codes);
    return codes;
}

static void fill_items(void)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = draw_real() + (i % DIM == 3 ? 2.0f : 0.0f);
}

/* Estimates of every item, by records as far as they are made, and by those that a query makes for itself.
 */
static void assert_same_estimates(const vr_hnsw_codes *codes)
{
    static float query[ROWS * DIM], space[ROWS * DIM], sums[ROWS], tried[ROWS];
    static uint32_t ids[ROWS];
    int8_t *digits = vr_alloc(1, vr_hnsw_codes_digits(codes));
    vr_code_queries coded;
    float offset;
    assert_non_null(digits);
    for (size_t j = 0; j < codes->dim; j++)
        query[j] = draw_real();
    for (uint32_t i = 0; i < codes->rows; i++)
        ids[i] = i;
    assert_true(vr_hnsw_codes_query(codes, query, space, digits, &coded, &offset));
    vr_hnsw_codes_sums(codes, &coded, ids, codes->rows, sums);
    vr_hnsw_codes_try(codes, &coded, ids, codes->rows, tried);
    assert_memory_equal(sums, tried, codes->rows * sizeof *sums);
    vr_free(digits);
}

static void estimates_are_the_same_before_and_after(void **state)
{
    static const size_t dims[] = { 1, 39, DIM, ROWS * DIM / 100 };
    (void)state;
    fill_items();
    for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
        for (int metric = 0; metric < 2; metric++)
            for (vr_hnsw_code_kind kind = VR_HNSW_SQ4; kind <= VR_HNSW_SQ8; kind++) {
                vr_hnsw_codes *codes = codes_of(kind, metric ? VR_METRIC_IP : VR_METRIC_L2, 100, dims[d]);
                assert_false(vr_hnsw_codes_complete(codes));
                assert_int_equal(vr_hnsw_codes_go_on(codes, 100, 3, NULL, NULL), VREC_OK);
                assert_true(vr_hnsw_codes_complete(codes));
                assert_same_estimates(codes);
                vr_hnsw_codes_free(codes);
            }
}

static void a_query_makes_some(void **state)
{
    (void)state;
    fill_items();
    vr_hnsw_codes *codes = codes_of(VR_HNSW_SQ8, VR_METRIC_L2, ROWS, DIM);
    vr_hnsw_codes_go_on(codes, 0, 1, NULL, NULL);
    assert_int_equal(codes->made, 0);
    size_t calls = 0;
    for (; !vr_hnsw_codes_complete(codes) && calls < ROWS; calls++) {
        size_t before = codes->made;
        assert_int_equal(vr_hnsw_codes_go_on(codes, 1, 1, NULL, NULL), VREC_OK);
        assert_true(codes->made > before);
    }
    assert_in_range(calls, 2, 20);
    assert_int_equal(vr_hnsw_codes_go_on(codes, 1, 1, NULL, NULL), VREC_OK);
    assert_int_equal(codes->made, ROWS);
    assert_same_estimates(codes);
    vr_hnsw_codes_free(codes);
}

static void *call(void *context)
{
    vr_hnsw_codes *codes = context;
    for (size_t i = 0; i < 20; i++)
        vr_hnsw_codes_go_on(codes, 1, 1 + i % 3, NULL, NULL);
    return NULL;
}

static void callers_share_the_work(void **state)
{
    pthread_t callers[CALLERS];
    (void)state;
    fill_items();
    vr_hnsw_codes *codes = codes_of(VR_HNSW_SQ4, VR_METRIC_IP, ROWS, DIM);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call, codes), 0);
    for (size_t i = 0; i < CALLERS; i++)
        pthread_join(callers[i], NULL);
    assert_true(vr_hnsw_codes_complete(codes));
    assert_same_estimates(codes);
    vr_hnsw_codes_free(codes);
}

static void items_that_are_no_numbers(void **state)
{
    (void)state;
    fill_items();
    items[NONFINITE * DIM + 2] = NAN;
    vr_hnsw_codes *codes = codes_of(VR_HNSW_SQ8, VR_METRIC_L2, 100, DIM);
    vr_hnsw_codes_go_on(codes, 1, 1, NULL, NULL);
    assert_same_estimates(codes);
    vr_hnsw_codes_free(codes);
    vr_faiss_index index = { .base = { .rows = 100, .dim = DIM }, .largest = INFINITY };
    assert_int_equal(vr_hnsw_codes_create(VR_HNSW_SQ8, &index, items, &codes, NULL), VREC_OK);
    assert_null(codes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(estimates_are_the_same_before_and_after),
        cmocka_unit_test(a_query_makes_some),
        cmocka_unit_test(callers_share_the_work),
        cmocka_unit_test(items_that_are_no_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
