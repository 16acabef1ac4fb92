/* Ids of a caller's own: which can be, and an index that has them. SPDX-License-Identifier: Apache-2.0 */
#include "core/ids.h"

#include "support/facts.h"
#include "support/failed.h"
#include "support/faiss_sample.h"
#include "support/folder.h"
#include "support/random.h"

#include <stdlib.h>

enum { MANY = 2000 };

static void sorted_as_by_comparing(void **state)
{
    (void)state;
    static int64_t ids[MANY];
    static vr_id_entry room[2 * MANY];
    for (size_t c = 0; c < 30; c++) {
        size_t count = c < 3 ? c : 1 + draw_below(MANY);
        for (size_t i = 0; i < count; i++)
            ids[i] = c % 3 == 0   ? (int64_t)draw_below(50) - 25
                     : c % 3 == 1 ? (int64_t)(draw_below(SIZE_MAX) * 2 + draw_below(2))
                                  : (int64_t)(draw_below(3) << 40);
        const vr_id_entry *sorted = vr_ids_sort(ids, count, room);
        for (size_t i = 1; i < count; i++) {
            int64_t before = ids[sorted[i - 1].place], id = ids[sorted[i].place];
            assert_true(before < id || (before == id && sorted[i - 1].place < sorted[i].place));
        }
    }
}

static void ids_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t ids[6];
        int64_t row;
        const char *says;
    } cases[] = {
        { { -1, 1, 2, 3, 4, 5 }, 0, "that of row 0 is -1, which is no id" },
        { { 0, 1, 2, 3, 4, -1 }, 5, "that of row 5 is -1" },
        { { 7, -1, 7, -1, 4, 7 }, 1, "that of row 1 is -1" },
        { { 7, 7, -1, 3, 4, 5 }, 1, "rows 0 and 1 both have the id 7; each may be given once" },
        { { 9, 5, 4, 4, 5, 9 }, 3, "rows 2 and 3 both have the id 4" },
        { { 9, 5, 3, 5, 3, 9 }, 3, "rows 1 and 3 both have the id 5" },
        { { 1, 2, 3, 4, 5, INT64_MIN }, -1, NULL },
        { { -7, -2, 0, 4, 5, INT64_MAX }, -1, NULL },
        { { 5, 4, 3, 2, 1, 0 }, -1, NULL },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err;
        vrec_status status = vr_ids_check(cases[i].ids, 6, &err);
        if (!cases[i].says) {
            assert_int_equal(status, VREC_OK);
            continue;
        }
        assert_failed(status, &err, VREC_INVALID, cases[i].says);
        assert_string_equal(err.subject, "ids");
        assert_int_equal(err.row, cases[i].row);
    }
    assert_int_equal(vr_ids_check(NULL, 0, NULL), VREC_OK);
}

/* ---- An exact index ---- */

static const int64_t own[ROWS] = { 70, -5, 30 };

static void assert_answers(const vrec_indexer *indexer, const vrec_query_options *options,
                           const int64_t expected[ROWS])
{
    static const float query[DIM] = { 1, 1 };
    int64_t ids[ROWS], count;
    float distances[ROWS];
    vrec_matrix queries = vrec_matrix_f32(query, 1, DIM);
    vrec_results results = { sizeof results, ids, distances, &count };
    assert_int_equal(vrec_query(indexer, &queries, ROWS, options, &results, NULL), VREC_OK);
    assert_memory_equal(ids, expected, sizeof ids);
}

/* Answers and exclusions are by id, a bitmap is by row. */
static void assert_own_ids(const vrec_indexer *indexer)
{
    static const int64_t excluded[] = { -5, 0, 1, 2 };
    static const uint8_t rows_0_and_1 = 3;
    vrec_query_options without = { .struct_size = sizeof without,
                                   .exclude_ids = excluded,
                                   .exclude_count = 4 };
    vrec_query_options allowed = { .struct_size = sizeof allowed,
                                   .allow = &rows_0_and_1,
                                   .allow_rows = ROWS };
    assert_answers(indexer, NULL, (int64_t[]){ 30, -5, 70 });
    assert_answers(indexer, &without, (int64_t[]){ 30, 70, -1 });
    assert_answers(indexer, &allowed, (int64_t[]){ -5, 70, -1 });
    assert_true(has_fact(indexer, "ids", "own, in an IDMap"));
}

static void an_index_with_ids_of_its_own(void **state)
{
    (void)state;
    static const char id_map[] =
        "IxMp\2\0\0\0\3\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x10\0\0\0\0\0\1\1\0\0\0";
    vrec_builder *builder = new_builder(NULL);
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    vrec_build build = { .struct_size = sizeof build, .ids = own };
    vrec_indexer *indexer;
    vrec_error err;
    assert_int_equal(vrec_from_embeddings(builder, &items, &build, &indexer, NULL), VREC_OK);
    assert_own_ids(indexer);
    assert_int_equal(vrec_save(indexer, "own.index", NULL, NULL), VREC_OK);
    vrec_indexer_free(indexer);
    char expected[sizeof id_map - 1 + SIZE + 8 + sizeof own] = { 0 }, *at = expected;
    memcpy(at, id_map, sizeof id_map - 1);
    memcpy(at += sizeof id_map - 1, l2_file, SIZE);
    *(at += SIZE) = ROWS; /* the first of eight bytes */
    memcpy(at + 8, own, sizeof own);
    assert_file("own.index", expected, sizeof expected);
    indexer = open_good("own.index");
    assert_own_ids(indexer);
    vrec_indexer_free(indexer);
    static const int64_t twice[ROWS] = { 4, 4, 5 };
    build.ids = twice;
    assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_INVALID,
                  "rows 0 and 1 both have the id 4");
    assert_null(indexer);
    vrec_builder_free(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_as_by_comparing),
        cmocka_unit_test(ids_that_are_refused),
        cmocka_unit_test(an_index_with_ids_of_its_own),
    };
    return cmocka_run_group_tests_name("ids", tests, enter_folder, leave_folder);
}
