/* Who may be returned, against the plainest reading of the lists and bitmaps; and where results go.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/filter.h"
#include "core/results.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 101, QUERIES = 5 };

/* ---- Lists ---- */

static void no_filter_lets_everybody_pass(void **state)
{
    (void)state;
    vr_filter filter = { 0 };
    for (size_t row = 0; row < ROWS; row++)
        assert_true(vr_filter_passes(&filter, row % QUERIES, row));
    assert_false(vr_filter_excludes(&filter, 0, 7));
}

static bool is_among(const int64_t *ids, int64_t first, int64_t end, int64_t id)
{
    for (int64_t i = first; i < end; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static void lists_of_every_query(void **state)
{
    (void)state;
    static const int64_t offsets[QUERIES + 1] = { 0, 0, 1, 4, 4, 9 };
    static const int64_t ids[9] = { 100, 0, 0, 7, -5, 3, 50, 51, 1000 };
    vr_filter filter = { .exclude_offsets = offsets, .exclude_ids = ids, .exclude_count = 9 };
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t row = 0; row < ROWS; row++)
            assert_int_equal(vr_filter_passes(&filter, q, row),
                             !is_among(ids, offsets[q], offsets[q + 1], (int64_t)row));
    assert_true(vr_filter_excludes(&filter, 4, -5));
    assert_true(vr_filter_excludes(&filter, 4, 1000));
    assert_false(vr_filter_excludes(&filter, 4, 999));
}

static void one_list_for_all(void **state)
{
    (void)state;
    static const int64_t ids[] = { 2, 3, 5, 100 };
    vr_filter filter = { .exclude_ids = ids, .exclude_count = 4 };
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t row = 0; row < ROWS; row++)
            assert_int_equal(vr_filter_passes(&filter, q, row), !is_among(ids, 0, 4, (int64_t)row));
    assert_true(vr_filter_is_set(&filter));
    assert_int_equal(vr_filter_excluded(&filter, 3), 4);
    filter.exclude_count = 0;
    assert_true(vr_filter_passes(&filter, 0, 2));
    assert_false(vr_filter_is_set(&filter));
}

static void how_many_a_query_may_get(void **state)
{
    (void)state;
    static const int64_t offsets[] = { 0, 3, 3 };
    static const uint8_t bitmaps[2 * 26] = {
        [0] = 0x81, [7] = 0xff, [8] = 3, [25] = 0xff, [26] = 1, [51] = 0x10
    };
    vr_filter filter = { .allow = bitmaps, .allow_rows = 204, .allow_stride = 26 };
    assert_int_equal(vr_filter_allowed(&filter, 0, 204), 2 + 8 + 2 + 4); /* the last byte has 4 rows */
    assert_int_equal(vr_filter_allowed(&filter, 0, 63), 2 + 7);
    assert_int_equal(vr_filter_allowed(&filter, 0, 1000), 2 + 8 + 2 + 4);
    assert_int_equal(vr_filter_allowed(&filter, 1, 204), 1);
    filter.allow_stride = 0;
    assert_int_equal(vr_filter_allowed(&filter, 1, 204), 2 + 8 + 2 + 4);
    assert_true(vr_filter_is_set(&filter));
    assert_int_equal(vr_filter_excluded(&filter, 0), 0);
    vr_filter lists = { .exclude_offsets = offsets, .exclude_ids = offsets, .exclude_count = 3 };
    assert_int_equal(vr_filter_excluded(&lists, 0), 3);
    assert_int_equal(vr_filter_excluded(&lists, 1), 0);
    assert_int_equal(vr_filter_allowed(&lists, 0, 77), 77);
}

/* Every user's bitmap is counted, whoever shares it; more than one portion of them. */
static void counts_of_all_queries(void **state)
{
    enum { USERS = 60, STRIDE = 26, BITS = 204 };
    static uint8_t bitmaps[USERS * STRIDE];
    (void)state;
    for (size_t i = 0; i < sizeof bitmaps; i++)
        bitmaps[i] = (uint8_t)(i * i >> 3 ^ i);
    vr_filter filters[] = {
        { .allow = NULL },
        { .allow = bitmaps, .allow_rows = BITS },
        { .allow = bitmaps, .allow_rows = BITS, .allow_stride = STRIDE },
        { .allow = bitmaps, .allow_rows = BITS, .allow_stride = STRIDE, .interests = 3 }
    };
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++)
        for (size_t queries = 0; queries <= USERS; queries += queries < 2 ? 1 : USERS - 2) {
            vr_filter_counts counts;
            assert_int_equal(vr_filter_count(&filters[i], queries, BITS, 3, &counts, NULL), VREC_OK);
            for (size_t q = 0; q < queries; q++)
                assert_int_equal(vr_filter_counted(&filters[i], &counts, q),
                                 vr_filter_allowed(&filters[i], q, BITS));
            vr_filter_counts_free(&counts);
        }
}

/* ---- Bitmaps ---- */

static bool bit_of(size_t q, size_t row)
{
    return (row * 7 + q) % 3 == 0;
}

static void fill_bitmap(uint8_t *bitmap, size_t q)
{
    for (size_t row = 0; row < ROWS; row++)
        if (bit_of(q, row))
            bitmap[row / 8] |= (uint8_t)(1u << row % 8);
}

static void bitmaps(void **state)
{
    (void)state;
    enum { STRIDE = 17 };
    uint8_t *one = calloc(1, (ROWS + 7) / 8), *each = calloc(QUERIES, STRIDE);
    assert_true(one && each);
    fill_bitmap(one, 1);
    for (size_t q = 0; q < QUERIES; q++)
        fill_bitmap(each + q * STRIDE, q);
    vr_filter all = { .allow = one, .allow_rows = ROWS };
    vr_filter own = { .allow = each, .allow_rows = ROWS, .allow_stride = STRIDE };
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t row = 0; row < ROWS; row++) {
            assert_int_equal(vr_filter_passes(&all, q, row), bit_of(1, row));
            assert_int_equal(vr_filter_passes(&own, q, row), bit_of(q, row));
        }
    assert_false(vr_filter_passes(&all, 0, ROWS)); /* and nothing is read there */
    assert_false(vr_filter_passes(&all, 0, (size_t)1 << 40));
    free(one);
    free(each);
}

/* Bitmaps speak of rows, lists of ids; both have to agree. */
static void rows_with_ids(void **state)
{
    (void)state;
    static const int64_t ids[] = { 1000, 1007 };
    int64_t row_ids[ROWS];
    uint8_t bitmap[(ROWS + 7) / 8] = { 0 };
    fill_bitmap(bitmap, 0);
    for (size_t row = 0; row < ROWS; row++)
        row_ids[row] = 1000 + (int64_t)row;
    vr_filter filter = {
        .exclude_ids = ids, .exclude_count = 2, .allow = bitmap, .allow_rows = ROWS, .row_ids = row_ids
    };
    for (size_t row = 0; row < ROWS; row++)
        assert_int_equal(vr_filter_passes(&filter, 0, row), bit_of(0, row) && row != 0 && row != 7);
}

/* ---- Results ---- */

static float doubled(float smaller)
{
    return 2.0f * smaller;
}

static void results_go_where_they_belong(void **state)
{
    (void)state;
    int64_t ids[6] = { -1, -1, -1, -1, -1, -1 };
    float distances[6] = { 0 };
    int64_t counts[2] = { 9, 9 };
    uint64_t keys[64];
    vr_topk top;
    vr_query query = { .top_k = 3, .ids = ids, .distances = distances, .counts = counts };
    vr_topk_init(&top, keys, 3);
    vr_topk_push(&top, vr_topk_key(2.0f, 5));
    vr_topk_push(&top, vr_topk_key(-1.0f, 4));
    vr_topk_finish(&top);
    vr_put_topk(&query, 1, &top, doubled);
    assert_int_equal(ids[2], -1);
    assert_int_equal(ids[3], 4);
    assert_int_equal(ids[4], 5);
    assert_int_equal(ids[5], -1);
    assert_true(distances[3] == -2.0f && distances[4] == 4.0f && distances[5] == 0.0f);
    assert_int_equal(counts[0], 9);
    assert_int_equal(counts[1], 2);
    const int64_t names[6] = { 0, 0, 0, 0, INT64_MAX, -7 };
    query.counts = NULL;
    query.names = names;
    vr_put_topk(&query, 0, &top, vr_negated);
    assert_int_equal(ids[0], INT64_MAX);
    assert_int_equal(ids[1], -7);
    assert_true(distances[0] == 1.0f && distances[1] == -2.0f);
    assert_false(signbit(vr_negated(0.0f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_filter_lets_everybody_pass),
        cmocka_unit_test(lists_of_every_query),
        cmocka_unit_test(one_list_for_all),
        cmocka_unit_test(how_many_a_query_may_get),
        cmocka_unit_test(counts_of_all_queries),
        cmocka_unit_test(bitmaps),
        cmocka_unit_test(rows_with_ids),
        cmocka_unit_test(results_go_where_they_belong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
