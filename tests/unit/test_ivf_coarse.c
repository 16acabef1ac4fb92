/* The lists that are chosen by sums of digits, or of panels, are those whose centroids are nearest by the
 * row kernel, to the last one: also where centroids are equal, zero, huge or of all scales, for any number
 * of queries and lists. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/coarse.h"

#include "base/memory.h"
#include "core/scratch.h"
#include "support/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { LISTS_MAX = 700, DIM_MAX = 130, QUERIES = 40 };
enum { USUAL, CROWDED, EQUAL, ZERO, ALL_SCALES, TINY, HUGE_ONE, INFINITE, KINDS };

static float centroids[LISTS_MAX * DIM_MAX], vectors[QUERIES * DIM_MAX];

static float value_of(size_t kind, size_t row)
{
    float value = draw_real();
    switch (kind) {
    case CROWDED: return 1.0f + 0.01f * value;
    case EQUAL: return (float)(row % 3) + 0.5f;
    case ZERO: return row % 2 == 0 ? 0.0f : value;
    case ALL_SCALES: return value * powf(10.0f, (float)(row % 24) - 12.0f);
    case TINY: return value * 1e-30f;
    case HUGE_ONE: return row == 5 ? value * 1e18f : value;
    case INFINITE: return row == 5 ? 3e38f : value;
    default: return value;
    }
}

static void fill(size_t kind, size_t lists, size_t dim)
{
    for (size_t i = 0; i < lists; i++)
        for (size_t j = 0; j < dim; j++)
            centroids[i * dim + j] = value_of(kind, i);
    for (size_t i = 0; i < QUERIES; i++)
        for (size_t j = 0; j < dim; j++)
            vectors[i * dim + j] = value_of(kind == INFINITE || kind == HUGE_ONE ? USUAL : kind, i + 1);
}

/* One index, and what is asked of it. */
typedef struct asked {
    vr_ivf ivf;
    vr_faiss_index quantizer;
    vr_ivf_codes codes;
    size_t probes, count;
    bool by_digits, in_order;
} asked;

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static void assert_same_lists(asked *a, const uint32_t *got, const uint32_t *expected)
{
    uint32_t ours[LISTS_MAX], theirs[LISTS_MAX];
    for (size_t i = 0; i < a->probes; i++) {
        if (a->in_order)
            assert_int_equal(got[i], expected[i]);
        ours[i] = got[i];
        theirs[i] = expected[i];
    }
    qsort(ours, a->probes, sizeof *ours, by_number);
    qsort(theirs, a->probes, sizeof *theirs, by_number);
    assert_memory_equal(ours, theirs, a->probes * sizeof *ours);
}

static void *place(asked *a, vr_ivf_chooser *chooser, vr_queries *queries)
{
    void *block = NULL;
    for (size_t pass = 0, end = 0; pass < 2; pass++, end = 0) {
        vr_ivf_chooser_plan(chooser, &a->ivf, a->by_digits ? &a->codes : NULL, a->probes, a->count,
                            a->in_order);
        vr_ivf_chooser_place(chooser, (uintptr_t)block, &end);
        vr_queries_place(queries, &chooser->rows, QUERIES, (uintptr_t)block, &end);
        if (pass == 0)
            assert_non_null(block = vr_alloc(end, 1));
    }
    queries->vectors = vectors;
    return block;
}

static void check(asked *a)
{
    static float distances[LISTS_MAX];
    static uint64_t keys[2 * LISTS_MAX + 32]; /* vr_topk_capacity(LISTS_MAX) */
    static uint32_t got[QUERIES * LISTS_MAX], expected[LISTS_MAX];
    uint32_t picked[QUERIES];
    vr_ivf_chooser chooser;
    vr_queries queries;
    void *block = place(a, &chooser, &queries);
    for (size_t q = 0; q < a->count; q++) {
        picked[q] = (uint32_t)(QUERIES - 1 - q);
        vr_queries_ready(&queries, picked[q]);
    }
    for (size_t q = 0; q < a->count; q += chooser.room)
        vr_ivf_choose(&chooser, &queries, picked + q, vr_min(chooser.room, a->count - q), got);
    for (size_t q = 0; q < a->count; q++) {
        vr_ivf_nearest_lists(&a->ivf, vectors + picked[q] * a->ivf.index.base.dim, a->probes, distances,
                             keys, expected);
        assert_same_lists(a, got + picked[q] * a->probes, expected);
    }
    vr_free(block);
}

static void check_all_ways(asked *a)
{
    static const size_t counts[] = { 1, 2, 7, 9, 13, 17, QUERIES }; /* whole tiles, and what is left over */
    size_t probes[] = { 1, 2, a->ivf.lists / 3 + 1, a->ivf.lists };
    for (size_t p = 0; p < sizeof probes / sizeof probes[0]; p++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (size_t way = 0; way < 4; way++) {
                a->probes = vr_min(probes[p], a->ivf.lists);
                a->count = counts[c];
                a->by_digits = way % 2 == 0;
                a->in_order = way / 2 == 1;
                check(a);
            }
}

static void test_lists(void **unused)
{
    static const size_t lists[] = { 1, 3, 33, LISTS_MAX }, dims[] = { 1, 20, DIM_MAX };
    (void)unused;
    for (size_t l = 0; l < sizeof lists / sizeof lists[0]; l++)
        for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++)
            for (size_t kind = 0; kind < KINDS; kind++)
                for (int metric = VR_METRIC_IP; metric <= VR_METRIC_L2; metric++) {
                    const vr_simd *simd = vr_simd_get();
                    asked a = { .ivf = { .centroids = (const vr_stored_f32 *)centroids,
                                         .lists = lists[l] } };
                    fill(kind, lists[l], dims[d]);
                    a.ivf.index.base.dim = dims[d];
                    a.ivf.quantizer = &a.quantizer;
                    a.quantizer.metric = (vr_metric)metric;
                    a.codes.centroids = vr_blocks_create(simd, vr_block_count(simd, lists[l]), dims[d],
                                                         (vr_metric)metric, simd->code_max);
                    assert_non_null(a.codes.centroids);
                    vr_blocks_fill(a.codes.centroids, a.ivf.centroids, lists[l]);
                    a.codes.worst = vr_blocks_worst(a.codes.centroids, lists[l]);
                    check_all_ways(&a);
                    vr_blocks_free(a.codes.centroids);
                }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lists) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
