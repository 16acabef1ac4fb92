/* The exact scan against the simplest one: every distance, one at a time, and a sort. By rows, by panels
 * and by blocks; with filters, with rows that are called otherwise, with NaN and Inf, and a part at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/scan.h"

#include "base/memory.h"
#include "scan/search.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 700, QUERIES = 37, DIM = 19 };

static float values[ROWS * DIM], vectors[QUERIES * DIM];
static uint32_t numbers[ROWS];
static uint8_t bitmaps[QUERIES * (ROWS / 8 + 1)];
static int64_t offsets[QUERIES + 1], excluded[QUERIES * 3];

static uint32_t draw(void)
{
    static uint32_t state = 11;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static float draw_value(void)
{
    return (float)(draw() % 41) - 20.0f; /* few values: many ties */
}

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS * DIM; i++)
        values[i] = draw_value();
    for (size_t i = 0; i < QUERIES * DIM; i++)
        vectors[i] = draw_value();
    memcpy(values + 50 * DIM, values + 40 * DIM, DIM * sizeof *values); /* equal rows */
    values[60 * DIM + 3] = NAN;
    values[61 * DIM] = INFINITY;
    for (size_t j = 0; j < DIM; j++)
        values[62 * DIM + j] = 3e19f; /* whose squares overflow */
    vectors[5 * DIM + 1] = NAN;
    vectors[36 * DIM] = -INFINITY;
    memset(vectors + 7 * DIM, 0, DIM * sizeof *vectors);
    for (uint32_t i = 0; i < ROWS; i++)
        numbers[i] = (i * 3 + 11) % ROWS;
    for (size_t i = 0; i < sizeof bitmaps; i++)
        bitmaps[i] = (uint8_t)draw();
    for (size_t q = 0; q < QUERIES; q++) {
        offsets[q + 1] = offsets[q] + (int64_t)(q % 4);
        for (int64_t i = offsets[q]; i < offsets[q + 1]; i++)
            excluded[i] = (i - offsets[q]) * 200 + (int64_t)q;
    }
    return 0;
}

/* ---- The oracle ---- */

static float distance_of(vr_metric metric, const float *query, const vr_stored_f32 *row)
{
    float out;
    const vr_simd *simd = vr_simd_get();
    (metric == VR_METRIC_L2 ? simd->l2_rows : simd->dot_rows)(query, row, 1, DIM, &out);
    return out;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool is_allowed(const vr_filter *filter, size_t q, uint32_t number)
{
    if (!filter)
        return true;
    for (int64_t i = offsets[q]; filter->exclude_offsets && i < offsets[q + 1]; i++)
        if (excluded[i] == number)
            return false;
    return !filter->allow || (filter->allow[q * filter->allow_stride + number / 8] >> number % 8 & 1) != 0;
}

/* All keys in order; returns how many. */
static size_t expect(const vr_rows *rows, const vr_filter *filter, size_t q, uint64_t *keys)
{
    size_t count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        float distance = distance_of(rows->metric, vectors + q * DIM, rows->values + i * DIM);
        uint32_t number = rows->numbers ? rows->numbers[i] : (uint32_t)i;
        if (isfinite(distance) && is_allowed(filter, q, number))
            keys[count++] = vr_topk_key(rows->metric == VR_METRIC_IP ? -distance : distance, number);
    }
    qsort(keys, count, sizeof *keys, compare_keys);
    return count;
}

/* ---- Searching all rows ---- */

typedef struct answers {
    uint64_t keys[QUERIES][ROWS];
    int64_t counts[QUERIES];
    atomic_int calls[QUERIES];
} answers;

static void keep(void *context, size_t query, const vr_topk *top)
{
    answers *a = context;
    memcpy(a->keys[query], top->keys, top->count * sizeof *top->keys);
    a->counts[query] = top->count;
    atomic_fetch_add(&a->calls[query], 1);
}

static void assert_searched(const vr_rows *rows, const vr_filter *filter, size_t queries, size_t k,
                            size_t threads)
{
    static vr_scratch_pool scratch;
    static answers a;
    uint64_t keys[ROWS];
    memset(&a, 0, sizeof a);
    vrec_matrix matrix = { .struct_size = sizeof matrix,
                           .data = vectors,
                           .rows = queries,
                           .dim = DIM,
                           .row_stride = DIM * sizeof(float),
                           .col_stride = sizeof(float) };
    vr_search search = { .rows = rows,
                         .queries = &matrix,
                         .filter = filter,
                         .k = k,
                         .threads = threads,
                         .scratch = &scratch,
                         .found = keep,
                         .context = &a };
    assert_int_equal(vr_search_rows(&search, NULL), VREC_OK);
    for (size_t q = 0; q < queries; q++) {
        bool finite = q != 5 && q != 36;
        size_t count = finite ? vr_min(expect(rows, filter, q, keys), k) : 0;
        assert_int_equal(atomic_load(&a.calls[q]), finite);
        assert_int_equal(a.counts[q], count);
        assert_memory_equal(a.keys[q], keys, count * sizeof *keys);
    }
    vr_scratch_clear(&scratch);
}

static vr_blocks *blocks_of(const vr_rows *rows, int digit_max)
{
    const vr_simd *simd = vr_simd_get();
    size_t count = vr_block_count(simd, rows->count);
    vr_blocks *blocks = vr_blocks_create(simd, count, DIM, rows->metric, digit_max);
    assert_non_null(blocks);
    for (size_t i = 0; i < count; i++)
        vr_blocks_put(blocks, i, rows->values + i * simd->tile_rows * DIM,
                      vr_min(simd->tile_rows, rows->count - i * simd->tile_rows));
    return blocks;
}

/* With few queries and many, so that every way is taken. */
static void assert_all(vr_rows rows, const vr_filter *filter)
{
    static const size_t ks[] = { 1, 10, ROWS - 1, ROWS, 5 * ROWS };
    vr_blocks *blocks = blocks_of(&rows, VR_DIGIT_MAX);
    for (size_t coded = 0; coded < 2; coded++) {
        rows.blocks = coded ? blocks : NULL;
        for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++) {
            assert_searched(&rows, filter, 1, ks[k], 1);
            assert_searched(&rows, filter, QUERIES, ks[k], 1);
            assert_searched(&rows, filter, QUERIES, ks[k], 3);
        }
    }
    vr_blocks_free(blocks);
}

static vr_rows rows_of(vr_metric metric)
{
    return (vr_rows){ .values = values, .count = ROWS, .dim = DIM, .metric = metric };
}

static void all_rows(void **state)
{
    (void)state;
    assert_all(rows_of(VR_METRIC_L2), NULL);
    assert_all(rows_of(VR_METRIC_IP), NULL);
}

static void few_rows(void **state)
{
    (void)state;
    for (size_t count = 0; count < 40; count += 13) {
        vr_rows rows = rows_of(VR_METRIC_L2);
        rows.count = count;
        if (count > 0)
            assert_all(rows, NULL);
        else
            assert_searched(&rows, NULL, 0, 5, 2); /* nobody is asked about */
    }
}

static void rows_called_otherwise(void **state)
{
    (void)state;
    vr_rows rows = rows_of(VR_METRIC_L2);
    rows.numbers = numbers;
    assert_all(rows, NULL);
    rows.metric = VR_METRIC_IP;
    assert_all(rows, &(vr_filter){ .exclude_offsets = offsets,
                                   .exclude_ids = excluded,
                                   .exclude_count = (size_t)offsets[QUERIES] });
}

static void filtered_rows(void **state)
{
    (void)state;
    vr_filter lists = { .exclude_offsets = offsets,
                        .exclude_ids = excluded,
                        .exclude_count = (size_t)offsets[QUERIES] };
    vr_filter own = { .allow = bitmaps, .allow_rows = ROWS, .allow_stride = ROWS / 8 + 1 };
    vr_filter one = { .allow = bitmaps, .allow_rows = ROWS };
    vr_filter both = lists;
    both.allow = bitmaps;
    both.allow_rows = ROWS;
    assert_all(rows_of(VR_METRIC_L2), &lists);
    assert_all(rows_of(VR_METRIC_L2), &own);
    assert_all(rows_of(VR_METRIC_IP), &one);
    assert_all(rows_of(VR_METRIC_IP), &both);
}

/* ---- A part at a time ---- */

/* Gives every list a run of blocks of its own, of the same vr_blocks. */
static vr_blocks *blocks_of_lists(vr_rows *lists, size_t count)
{
    const vr_simd *simd = vr_simd_get();
    size_t total = 0, step = simd->tile_rows;
    for (size_t l = 0; l < count; l++)
        total += vr_block_count(simd, lists[l].count);
    vr_blocks *blocks = vr_blocks_create(simd, total, DIM, lists[0].metric, simd->code_max);
    assert_non_null(blocks);
    for (size_t l = 0, block = 0; l < count; l++) {
        lists[l].blocks = blocks;
        lists[l].first_block = block;
        for (size_t i = 0; i < lists[l].count; i += step, block++)
            vr_blocks_put(blocks, block, lists[l].values + i * DIM, vr_min(step, lists[l].count - i));
    }
    return blocks;
}

enum { LISTS = 4 };

/* Returns them together. */
static vr_rows divide(vr_metric metric, vr_rows lists[LISTS])
{
    vr_rows all = rows_of(metric);
    all.numbers = numbers;
    for (size_t l = 0, first = 0; l < LISTS; l++) {
        lists[l] = all;
        lists[l].values = values + first * DIM;
        lists[l].numbers = numbers + first;
        lists[l].count = l < LISTS - 1 ? 50 + 100 * l : ROWS - first;
        first += lists[l].count;
    }
    return all;
}

/* Lists of rows as an index with lists would have them, and limits carried over from one to the next, for
 * some of the queries. */
static void assert_in_lists(vr_metric metric, bool coded, size_t queries)
{
    enum { K = 9 };
    static uint64_t kept[QUERIES][2 * K + 32], expected[ROWS];
    vr_wave wave;
    vr_scanner s = { .wave = &wave };
    vr_topk tops[QUERIES];
    vr_rows lists[LISTS], all = divide(metric, lists);
    vr_blocks *blocks = coded ? blocks_of_lists(lists, LISTS) : NULL;
    vr_wave_plan(&wave, &lists[0], queries, queries);
    size_t bytes = 0, end = 0;
    vr_wave_place(&wave, 0, &bytes);
    vr_scanner_place(&s, &wave, 0, &bytes);
    void *block = vr_alloc(bytes, 1);
    assert_non_null(block);
    vr_wave_place(&wave, (uintptr_t)block, &end);
    vr_scanner_place(&s, &wave, (uintptr_t)block, &end);
    assert_int_equal(bytes, end);
    wave.count = 0;
    for (size_t q = 8; q < 8 + queries; q++) {
        memcpy(vr_wave_next(&wave), vectors + q * DIM, DIM * sizeof(float));
        vr_wave_add(&wave, q);
    }
    vr_wave_lay_out(&wave);
    for (size_t q = 0; q < queries; q++) {
        vr_topk_init(&tops[q], kept[q], K);
        tops[q].limit = vr_no_limit();
    }
    s.tops = tops;
    for (size_t l = 0; l < LISTS; l++) {
        s.rows = &lists[l];
        vr_scanner_start(&s);
        size_t half = vr_min(lists[l].count, 2 * wave.simd->tile_rows);
        vr_scan(&s, half, lists[l].count - half);
        vr_scan(&s, 0, half);
    }
    for (size_t q = 0; q < queries; q++) {
        size_t count = vr_min(expect(&all, NULL, 8 + q, expected), K);
        vr_topk_finish(&tops[q]);
        assert_int_equal(tops[q].count, count);
        assert_memory_equal(tops[q].keys, expected, count * sizeof *expected);
    }
    vr_blocks_free(blocks);
    vr_free(block);
}

/* Which queries look into a list: some, in some order. */
static size_t pick(size_t list, size_t queries, uint32_t *picked)
{
    size_t count = 0;
    for (size_t i = 0; i < queries; i++)
        if ((i + list) % 3 != 0)
            picked[count++] = (uint32_t)((i * 7 + list) % queries);
    return count;
}

/* Waves gathered of queries that have been readied once: for every list another one, of up to so many
 * queries, in a kernel call for width of them and for less. */
static void assert_gathered(vr_metric metric, bool coded, size_t queries, size_t planned)
{
    enum { K = 9, FIRST = 8 };
    static uint64_t kept[QUERIES][2 * K + 32], expected[2 * ROWS], keys[ROWS];
    vr_wave wave;
    vr_queries from;
    vr_scanner s = { .wave = &wave };
    vr_topk tops[QUERIES], picked_tops[QUERIES];
    uint32_t picked[QUERIES];
    vr_rows lists[LISTS];
    divide(metric, lists);
    vr_blocks *blocks = coded ? blocks_of_lists(lists, LISTS) : NULL;
    vr_wave_plan(&wave, &lists[0], planned, queries);
    size_t bytes = 0, end = 0;
    vr_wave_place(&wave, 0, &bytes);
    vr_queries_place(&from, &lists[0], queries, 0, &bytes);
    vr_scanner_place(&s, &wave, 0, &bytes);
    void *block = vr_alloc(bytes, 1);
    assert_non_null(block);
    vr_wave_place(&wave, (uintptr_t)block, &end);
    vr_queries_place(&from, &lists[0], queries, (uintptr_t)block, &end);
    vr_scanner_place(&s, &wave, (uintptr_t)block, &end);
    assert_int_equal(bytes, end);
    from.vectors = vectors + FIRST * DIM;
    for (size_t q = 0; q < queries; q++) {
        vr_queries_ready(&from, q);
        vr_topk_init(&tops[q], kept[q], K);
        tops[q].limit = vr_no_limit();
    }
    s.tops = picked_tops;
    for (size_t l = 0; l < LISTS; l++) {
        size_t count = pick(l, queries, picked);
        vr_wave_gather(&wave, &from, picked, count, FIRST);
        for (size_t i = 0; i < count; i++) {
            picked_tops[i] = tops[picked[i]];
            assert_int_equal(wave.query_of[i], FIRST + picked[i]);
        }
        s.rows = &lists[l];
        vr_scanner_start(&s);
        vr_scan(&s, 0, lists[l].count);
        for (size_t i = 0; i < count; i++)
            tops[picked[i]] = picked_tops[i];
    }
    for (size_t q = 0; q < queries; q++) {
        size_t total = 0;
        for (size_t l = 0; l < LISTS; l++) {
            size_t count = pick(l, queries, picked), looks = 0;
            for (size_t i = 0; i < count; i++)
                looks += picked[i] == q;
            assert_true(looks <= 1);
            size_t found = looks ? expect(&lists[l], NULL, FIRST + q, keys) : 0;
            memcpy(expected + total, keys, found * sizeof *keys);
            total += found;
        }
        qsort(expected, total, sizeof *expected, compare_keys);
        vr_topk_finish(&tops[q]);
        assert_int_equal(tops[q].count, vr_min(total, K));
        assert_memory_equal(tops[q].keys, expected, tops[q].count * sizeof *expected);
    }
    vr_blocks_free(blocks);
    vr_free(block);
}

/* Rows here and there, in any order, for one query of several, and the others' answers left alone. */
static void assert_listed(vr_metric metric, size_t queries)
{
    enum { K = 9, LISTED = 150 };
    static uint64_t kept[QUERIES][2 * K + 32];
    vr_wave wave;
    vr_rows all = rows_of(metric);
    vr_topk tops[QUERIES];
    vr_filter filter = { .allow = bitmaps, .allow_rows = ROWS, .allow_stride = ROWS / 8 + 1 };
    vr_scanner s = { .rows = &all, .filter = &filter, .tops = tops };
    uint64_t expected[LISTED];
    uint32_t listed[LISTED];
    size_t bytes = 0, end = 0, count = 0, asked = queries - 1;
    for (uint32_t i = 0; i < LISTED; i++)
        listed[i] = (i * 53 + 60) % ROWS; /* among them the rows with NaN and Inf */
    vr_wave_plan(&wave, &all, queries, queries);
    vr_wave_place(&wave, 0, &bytes);
    vr_scanner_place(&s, &wave, 0, &bytes);
    void *block = vr_alloc(bytes, 1);
    assert_non_null(block);
    vr_wave_place(&wave, (uintptr_t)block, &end);
    vr_scanner_place(&s, &wave, (uintptr_t)block, &end);
    wave.count = 0;
    for (size_t q = 8; q < 8 + queries; q++) {
        memcpy(vr_wave_next(&wave), vectors + q * DIM, DIM * sizeof(float));
        vr_wave_add(&wave, q);
        vr_topk_init(&tops[q - 8], kept[q - 8], K);
        tops[q - 8].limit = vr_no_limit();
    }
    vr_wave_lay_out(&wave);
    vr_scanner_start(&s);
    vr_scan_listed(&s, asked, listed, LISTED);
    for (size_t i = 0; i < LISTED; i++) {
        float distance = distance_of(metric, vectors + (8 + asked) * DIM, values + listed[i] * DIM);
        if (isfinite(distance) && is_allowed(&filter, 8 + asked, listed[i]))
            expected[count++] = vr_topk_key(metric == VR_METRIC_IP ? -distance : distance, listed[i]);
    }
    qsort(expected, count, sizeof *expected, compare_keys);
    vr_topk_finish(&tops[asked]);
    assert_int_equal(tops[asked].count, K);
    assert_true(count > K);
    assert_memory_equal(tops[asked].keys, expected, K * sizeof *expected);
    for (size_t q = 0; q < asked; q++)
        assert_int_equal(tops[q].count, 0);
    vr_free(block);
}

static void given_rows(void **state)
{
    (void)state;
    for (size_t metric = 0; metric < 2; metric++) {
        assert_listed((vr_metric)metric, 1);
        assert_listed((vr_metric)metric, 25);
    }
}

static void lists_of_rows(void **state)
{
    (void)state;
    for (size_t metric = 0; metric < 2; metric++)
        for (size_t coded = 0; coded < 2; coded++) {
            assert_in_lists((vr_metric)metric, coded, 1);
            assert_in_lists((vr_metric)metric, coded, 25);
        }
}

static void gathered_queries(void **state)
{
    (void)state;
    for (size_t metric = 0; metric < 2; metric++)
        for (size_t coded = 0; coded < 2; coded++)
            for (size_t queries = 1; queries < 28; queries++) {
                if (queries % 7 == 0)
                    continue; /* then pick() takes some twice */
                assert_gathered((vr_metric)metric, coded, queries, 1);
                assert_gathered((vr_metric)metric, coded, queries, queries);
            }
}

/* ---- Stopping ---- */

static int say_stop(void *context, const vrec_progress_report *at)
{
    (void)context;
    assert_string_equal(at->phase, "searching");
    assert_true(at->done <= at->total && at->total == (uint64_t)ROWS * QUERIES);
    return 1;
}

static void the_caller_stops_it(void **state)
{
    (void)state;
    static answers a;
    vr_scratch_pool scratch = { { NULL } };
    vr_rows rows = rows_of(VR_METRIC_L2);
    vrec_progress progress = { .struct_size = sizeof progress, .report = say_stop };
    vrec_matrix matrix = { .struct_size = sizeof matrix,
                           .data = vectors,
                           .rows = QUERIES,
                           .dim = DIM,
                           .row_stride = DIM * sizeof(float),
                           .col_stride = sizeof(float) };
    vr_search search = { .rows = &rows,
                         .queries = &matrix,
                         .k = 3,
                         .threads = 1,
                         .scratch = &scratch,
                         .progress = &progress,
                         .found = keep,
                         .context = &a };
    assert_int_equal(vr_search_rows(&search, NULL), VREC_CANCELLED);
    for (size_t q = 0; q < QUERIES; q++)
        assert_int_equal(atomic_load(&a.calls[q]), 0);
    vr_scratch_clear(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows),      cmocka_unit_test(few_rows),
        cmocka_unit_test(filtered_rows), cmocka_unit_test(rows_called_otherwise),
        cmocka_unit_test(lists_of_rows), cmocka_unit_test(gathered_queries),
        cmocka_unit_test(given_rows),    cmocka_unit_test(the_caller_stops_it),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
