/* A forest gives the same answers, bit for bit, with codes and without, whatever the items.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_pairs.h"

#include "core/topk.h"

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

/* ---- Values ---- */

static void compare_values(size_t i, size_t q, size_t dim)
{
    char what[64];
    draw_values(i, q, dim);
    snprintf(what, sizeof what, "items of kind %zu, queries of kind %zu", i, q);
    for (size_t kind = 0; kind < KINDS; kind++) {
        forest_file file = file_of(kind, dim);
        compare_file(&file, kind, dim, what);
        free(file.bytes);
    }
}

static void every_kind_against_every_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < VALUES; i++)
        for (size_t q = 0; q < VALUES; q++)
            compare_values(i, q, dims[(i * VALUES + q) % DIMS]);
}

static void every_dimension(void **state)
{
    (void)state;
    for (size_t dim = 1; dim <= DIM_MAX; dim += 3)
        compare_values(0, 0, dim);
}

/* Denormals become zero in programs with a library that was linked with -ffast-math; in their own threads.
 */
static void where_denormals_are_flushed(void **state)
{
    (void)state;
#if defined(__SSE__)
    unsigned mode = _mm_getcsr();
    coded_threads = 1;
    _mm_setcsr(mode | 0x8040); /* as results and as operands */
    for (size_t i = 0; i < VALUES; i++)
        compare_values(i, i, dims[i % DIMS]);
    _mm_setcsr(mode);
    coded_threads = 3;
#else
    skip();
#endif
}

/* ---- Bounds ---- */

/* Every item against the limit that its own distance sets: the closest that a bound can be asked. And who
 * is far behind the tenth is dropped. */
static void check_floors(vrec_indexer *indexer, const float *query, size_t *dropped)
{
    static int64_t ids[ROWS];
    static float distances[ROWS], sums[ROWS];
    static int8_t digits[DIM_MAX + 64];
    vr_annoy *forest = forest_of(indexer);
    const vr_records *codes = codes_of(indexer);
    vr_annoy_coded coded;
    uint32_t rows[ROWS];
    float norm;
    int64_t found;
    ask_forest(indexer, query, 1, ROWS, INT32_MAX, 1, ids, distances, &found);
    size_t count = (size_t)found;
    codes->simd->dot_rows(query, query, 1, forest->layout.dim, &norm);
    assert_true(vr_annoy_encode(forest, codes, query, norm, digits, &coded));
    for (size_t i = 0; i < count; i++)
        rows[i] = (uint32_t)ids[i];
    vr_records_bounds(codes, &coded.query, rows, count, sums);
    for (size_t i = 0; i < count; i++) {
        float d = distances[i], smaller = forest->layout.metric == VR_ANNOY_DOT ? -d : d * d;
        /* The root that is reported may be of a slightly smaller square: give way to the next larger. */
        for (int up = 0; forest->layout.metric != VR_ANNOY_DOT && up < 4; up++)
            smaller = nextafterf(smaller, INFINITY);
        assert_false(sums[i] < vr_annoy_floor(forest, &coded, vr_topk_key(smaller, rows[i])));
        if (i > 10) {
            d = distances[9];
            smaller = forest->layout.metric == VR_ANNOY_DOT ? -d : d * d;
            *dropped += sums[i] < vr_annoy_floor(forest, &coded, vr_topk_key(smaller, rows[9]));
        }
    }
}

static void bounds_are_close(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t d = 2; d < DIMS; d++) {
            size_t dropped = 0;
            draw_values(0, 0, dims[d]);
            vrec_indexer *indexer = build_forest(kinds[kind].options, items, ROWS, dims[d]);
            warm(indexer);
            for (size_t q = 0; q < QUERIES; q++)
                check_floors(indexer, queries + q * dims[d], &dropped);
            assert_true(dropped > QUERIES * ROWS * 4 / 5);
            vrec_indexer_free(indexer);
        }
}

/* Items whose codes leave out as much as they can, and all of it along the query: there the bound is an
 * equality. */
static void what_codes_leave_out(void **state)
{
    (void)state;
    static const float steps[] = { 1.0f / 63, 1.0f / 127 };
    for (size_t i = 0; i < 60; i++) {
        size_t dim = dims[1 + i % (DIMS - 1)];
        float value = steps[i % 2] * ((float)(draw() % 60) + 0.5f);
        memset(items, 0, sizeof items);
        memset(queries, 0, sizeof queries);
        for (size_t r = 0; r < ROWS; r++) {
            items[r * dim] = 1.0f;
            items[r * dim + 1] = value * (1.0f + ((float)(draw() % 9) - 4.0f) * 0x1p-23f);
        }
        for (size_t q = 0; q < QUERIES; q++)
            queries[q * dim + 1] = q % 2 ? draw_real() : 1.0f;
        for (size_t kind = 0; kind < KINDS; kind++) {
            forest_file file = file_of(kind, dim);
            compare_file(&file, kind, dim, "what codes leave out");
            free(file.bytes);
        }
    }
}

/* ---- When codes are made ---- */

static void codes_are_made_when_they_pay(void **state)
{
    (void)state;
    int64_t ids[TOP_K_MAX];
    float distances[TOP_K_MAX];
    draw_values(0, 0, 48);
    vrec_indexer *indexer = build_forest("n_trees=3", items, ROWS, 48);
    ask_forest(indexer, queries, 1, 10, ROWS, 1, ids, distances, NULL);
    assert_null(codes_of(indexer));
    for (size_t i = 0; i < 10; i++) /* few of whose candidates could be dropped */
        ask_forest(indexer, queries, 1, TOP_K_MAX, ROWS, 1, ids, distances, NULL);
    assert_null(codes_of(indexer));
    ask_forest(indexer, queries, 1, 10, ROWS, 1, ids, distances, NULL);
    assert_non_null(codes_of(indexer));
    vrec_indexer_free(indexer);

    static float wide[20 * (VR_CODES_DIM_MAX + 1)];
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        wide[i] = draw_real();
    indexer = build_forest("n_trees=3", wide, 20, VR_CODES_DIM_MAX + 1); /* too wide */
    for (size_t i = 0; i < 20; i++) {
        ask_forest(indexer, wide + i * (VR_CODES_DIM_MAX + 1), 1, 1, 1000, 1, ids, distances, NULL);
        assert_int_equal(ids[0], i);
    }
    assert_null(codes_of(indexer));
    vrec_indexer_free(indexer);
}

/* The nearest items are those that a user has seen. */
static void exclusions(void **state)
{
    (void)state;
    enum { SEEN = 300, TOP_K = 10 };
    static int64_t all[ROWS], excluded[SEEN], some[TOP_K];
    static float distances[ROWS], fewer[TOP_K];
    for (size_t kind = 0; kind < KINDS; kind++) {
        draw_values(0, 0, 48);
        vrec_error err;
        vrec_indexer *indexer = build_forest(kinds[kind].options, items, ROWS, 48);
        warm(indexer);
        ask_forest(indexer, queries, 1, ROWS, INT32_MAX, 1, all, distances, NULL);
        bool seen[ROWS] = { false };
        for (size_t i = 0; i < SEEN; i++)
            seen[all[i]] = true;
        for (size_t i = 0, n = 0; i < ROWS; i++)
            if (seen[i])
                excluded[n++] = (int64_t)i;
        int64_t offsets[] = { 0, SEEN };
        vrec_matrix query = vrec_matrix_f32(queries, 1, 48);
        vrec_query_options options = { .struct_size = sizeof options,
                                       .exclude_offsets = offsets,
                                       .exclude_ids = excluded,
                                       .exclude_count = (size_t)offsets[1],
                                       .overrides = "searchk=100000" };
        if (vrec_query(indexer, &query, TOP_K, &options,
                       &(vrec_results){ sizeof(vrec_results), some, fewer, NULL }, &err) != VREC_OK)
            fail_msg("%s", err.message);
        assert_memory_equal(some, all + SEEN, sizeof some);
        assert_memory_equal(fewer, distances + SEEN, sizeof fewer);
        vrec_indexer_free(indexer);
    }
}

static int stop_at_once(void *context, const vrec_progress_report *at)
{
    (void)at->phase, (void)at->total;
    *(bool *)context = at->done == 0;
    return 1;
}

/* The first call would make them, reports, and is stopped; the second makes them. */
static void making_codes_can_be_stopped(void **state)
{
    (void)state;
    static int64_t ids[QUERIES][10];
    static float distances[QUERIES][10];
    bool had_found_nothing = false;
    vrec_error err;
    draw_values(0, 0, 48);
    vrec_indexer *indexer = build_forest(kinds[0].options, items, ROWS, 48);
    vrec_matrix all = vrec_matrix_f32(queries, QUERIES, 48);
    vrec_progress progress = { .struct_size = sizeof progress,
                               .report = stop_at_once,
                               .context = &had_found_nothing };
    vrec_query_options options = {
        .struct_size = sizeof options, .threads = 1, .progress = &progress, .overrides = "searchk=100000"
    };
    assert_failed(vrec_query(indexer, &all, 10, &options,
                             &(vrec_results){ sizeof(vrec_results), ids[0], distances[0], NULL }, &err),
                  &err, VREC_CANCELLED, "stopped by the caller");
    assert_true(had_found_nothing && ids[0][0] == -1);
    assert_null(codes_of(indexer));
    options.progress = NULL;
    assert_int_equal(vrec_query(indexer, &all, 10, &options,
                                &(vrec_results){ sizeof(vrec_results), ids[0], distances[0], NULL }, &err),
                     VREC_OK);
    assert_true(ids[0][0] >= 0);
    assert_non_null(codes_of(indexer));
    vrec_indexer_free(indexer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_against_every_kind), cmocka_unit_test(every_dimension),
        cmocka_unit_test(where_denormals_are_flushed),   cmocka_unit_test(bounds_are_close),
        cmocka_unit_test(what_codes_leave_out),          cmocka_unit_test(codes_are_made_when_they_pay),
        cmocka_unit_test(making_codes_can_be_stopped),   cmocka_unit_test(exclusions),
    };
    print_message("annoy's codes on %s\n", vrec_cpu());
    return cmocka_run_group_tests_name("annoy_codes", tests, enter_folder, leave_folder);
}
