/* Adding items: the index is then the one that has all of them, or what it was before.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/meanwhile.h"
#include "support/random.h"
#include "support/same.h"

#include "base/memory.h"

#include <math.h>
#include <stdbool.h>

enum { ROWS = 700, HALF = 400, DIM = 9, ASKED = 40, TOP_K = 10, STEPS = 60 };

static float items[ROWS * DIM];
static int64_t own[ROWS];

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = (float)draw_real();
    for (size_t i = 0; i < ROWS; i++)
        own[i] = (int64_t)(ROWS - i) * 1000 - 77000;
    return enter_folder(state);
}

static vrec_indexer *build(const char *backend, const char *options, size_t rows, const int64_t *ids)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, rows, DIM);
    const vrec_build how = { .struct_size = sizeof how, .ids = ids };
    return must_build_index(backend, options, &matrix, &how);
}

/* Until the next call. */
static const vrec_build *ids_of(const int64_t *ids)
{
    static vrec_build how;
    how = (vrec_build){ .struct_size = sizeof how, .ids = ids };
    return &how;
}

static vrec_status add(vrec_indexer *indexer, size_t first, size_t count, const int64_t *ids,
                       vrec_error *err)
{
    vrec_matrix matrix = vrec_matrix_f32(items + first * DIM, count, DIM);
    const vrec_build how = { .struct_size = sizeof how, .ids = ids ? ids + first : NULL };
    return vrec_add(indexer, &matrix, &how, err);
}

static bool ask(const vrec_indexer *indexer, int64_t *ids)
{
    vrec_matrix queries = vrec_matrix_f32(items, ASKED, DIM);
    return find_ids(indexer, &queries, TOP_K, ids);
}

static void equals_a_build_at_once(void **state)
{
    static const char *const options[] = { "metric=L2", "metric=IP,codes=off,threads=3" };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const int64_t *ids = i % 2 ? own : NULL;
        vrec_indexer *whole = build("faiss", options[i / 2], ROWS, ids);
        vrec_indexer *grown = build("faiss", options[i / 2], HALF, ids);
        int64_t expected[ASKED * TOP_K], got[ASKED * TOP_K];
        for (size_t j = 0; j < 5; j++) /* until there are codes */
            assert_true(ask(grown, got));
        assert_int_equal(add(grown, HALF, 1, ids, NULL), VREC_OK);
        assert_int_equal(add(grown, HALF + 1, 0, ids, NULL), VREC_OK);
        assert_int_equal(add(grown, HALF + 1, ROWS - HALF - 1, ids, NULL), VREC_OK);
        assert_same(whole, grown);
        assert_true(ask(whole, expected) && ask(grown, got));
        assert_memory_equal(expected, got, sizeof got);
        vrec_indexer_free(whole);
        vrec_indexer_free(grown);
    }
}

/* Facts that somebody was given stay as they were. */
static void earlier_facts_stay(void **state)
{
    vrec_indexer *indexer = build("faiss", NULL, HALF, NULL);
    const vrec_fact *before = vrec_info(indexer, 3);
    (void)state;
    assert_string_equal(before->key, "rows");
    assert_int_equal(add(indexer, HALF, 5, NULL, NULL), VREC_OK);
    assert_int_equal(add(indexer, HALF, 5, NULL, NULL), VREC_OK);
    assert_int_equal(before->integer, HALF);
    assert_int_equal(vrec_info(indexer, 3)->integer, HALF + 10);
    vrec_indexer_free(indexer);
}

static int stop(void *context, const vrec_progress_report *report)
{
    (void)context, (void)report;
    return 1;
}

static void failures_change_nothing(void **state)
{
    vrec_error err;
    vrec_indexer *plain = build("faiss", NULL, HALF, NULL), *same = build("faiss", NULL, HALF, NULL);
    vrec_indexer *named = build("faiss", NULL, HALF, own), *alike = build("faiss", NULL, HALF, own);
    (void)state;
    vrec_matrix matrix = vrec_matrix_f32(items, 3, DIM - 1), fine = vrec_matrix_f32(items, 3, DIM);
    assert_failed(vrec_add(plain, &matrix, NULL, &err), &err, VREC_INVALID,
                  "8 values each, the index has 9");
    assert_failed(add(NULL, 0, 3, NULL, &err), &err, VREC_INVALID, "NULL");
    assert_failed(vrec_add(plain, NULL, NULL, &err), &err, VREC_INVALID, "items");
    assert_failed(add(plain, HALF, 3, own, &err), &err, VREC_INVALID, "leave ids out");
    assert_failed(add(named, HALF, 3, NULL, &err), &err, VREC_INVALID, "give the new ones theirs");
    static const int64_t twice[] = { 5, 6, 5 }, none[] = { 5, -1, 6 };
    int64_t known[] = { 5, own[HALF - 1], own[0] };
    assert_failed(vrec_add(named, &fine, ids_of(twice), &err), &err, VREC_INVALID, "rows 0 and 2 both");
    assert_failed(vrec_add(named, &fine, ids_of(none), &err), &err, VREC_INVALID, "row 1 is -1");
    assert_failed(vrec_add(named, &fine, ids_of(known), &err), &err, VREC_INVALID, "already, which row 1");
    assert_int_equal(err.row, 1);
    assert_string_equal(err.subject, "ids");
    vrec_progress stopping = { .struct_size = sizeof stopping, .report = stop };
    const vrec_build stopped = { .struct_size = sizeof stopped, .progress = &stopping };
    assert_failed(vrec_add(plain, &fine, &stopped, &err), &err, VREC_CANCELLED, "stopped");
    float kept = items[DIM + 2];
    items[DIM + 2] = NAN;
    assert_failed(vrec_add(plain, &fine, NULL, &err), &err, VREC_INVALID, "row 1, column 2");
    items[DIM + 2] = kept;
    assert_same(plain, same);
    assert_same(named, alike);
    vrec_indexer_free(plain);
    vrec_indexer_free(same);
    vrec_indexer_free(named);
    vrec_indexer_free(alike);
}

static void others_say_why_not(void **state)
{
    vrec_error err;
    vrec_indexer *indexer = build("annoy", "metric=euclidean", HALF, NULL);
    (void)state;
    assert_failed(add(indexer, HALF, 3, NULL, &err), &err, VREC_UNSUPPORTED,
                  "build it anew with all items");
    assert_int_equal(vrec_rows(indexer), HALF);
    vrec_indexer_free(indexer);
}

/* Graphs and lists aren't those of a build at once, but they are the same for any number of threads, are
 * saved and opened as they are, and have every item. */
static void graphs_and_lists(void **state)
{
    static const char *const options[] = { "index_type=HNSW,m=8", "index_type=HNSW,m=4,metric=IP",
                                           "index_type=IVF,nlists=5,nprobe=5",
                                           "index_type=IVF,nlists=7,nprobe=7,metric=IP" };
    (void)state;
    for (size_t i = 0; i < 8; i++) {
        const int64_t *ids = i % 2 ? own : NULL;
        vrec_indexer *grown[2];
        for (size_t j = 0; j < 2; j++) {
            char all[96];
            snprintf(all, sizeof all, "%s,threads=%d", options[i / 2], j ? 3 : 1);
            grown[j] = build("faiss", all, HALF, ids);
            assert_int_equal(add(grown[j], HALF, 1, ids, NULL), VREC_OK);
            assert_int_equal(add(grown[j], HALF + 1, ROWS - HALF - 1, ids, NULL), VREC_OK);
        }
        assert_same(grown[0], grown[1]);
        float vectors[ROWS * DIM];
        int64_t all[ROWS];
        for (size_t row = 0; row < ROWS; row++)
            all[row] = ids ? ids[row] : (int64_t)row;
        assert_int_equal(vrec_vectors(grown[0], all, ROWS, vectors, NULL), VREC_OK);
        assert_memory_equal(vectors, items, sizeof vectors);

        vrec_indexer *opened = open_file("a.index", NULL);
        int64_t expected[ASKED * TOP_K], got[ASKED * TOP_K];
        assert_true(ask(grown[0], expected) && ask(opened, got));
        assert_memory_equal(expected, got, sizeof got);
        vrec_indexer_free(opened);
        vrec_indexer_free(grown[0]);
        vrec_indexer_free(grown[1]);
    }
}

static vrec_status add_named(vrec_indexer *indexer, size_t count, const char *names, vrec_error *err)
{
    vrec_matrix matrix = vrec_matrix_f32(items, count, DIM);
    const vrec_build how = { .struct_size = sizeof how, .names = names, .names_size = strlen(names) };
    return vrec_add(indexer, &matrix, &how, err);
}

static vrec_indexer *build_named(const char *options)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, 5, DIM);
    const vrec_build how = { .struct_size = sizeof how, .names = "a\nb\nc\nd\ne", .names_size = 9 };
    assert_int_equal(vrec_builder_factory("faiss", options, &builder, NULL), VREC_OK);
    assert_int_equal(vrec_from_embeddings(builder, &matrix, &how, &indexer, NULL), VREC_OK);
    vrec_builder_free(builder);
    return indexer;
}

/* A name that somebody was given stays where it is. */
static void names_grow(void **state)
{
    static const char *const options[] = { "index_type=Flat", "index_type=HNSW",
                                           "index_type=IVF,nlists=2" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        vrec_error err;
        vrec_indexer *indexer = build_named(options[i]), *opened;
        const char *before = vrec_name(indexer, 1);
        assert_int_equal(add_named(indexer, 2, "f\nlonger\n", NULL), VREC_OK);
        assert_int_equal(add_named(indexer, 1, "h", NULL), VREC_OK);
        assert_failed(add_named(indexer, 2, "i\nb\n", &err), &err, VREC_INVALID,
                      "line 2 is \"b\", as item 1 is called already");
        assert_int_equal(err.row, 1);
        assert_failed(add_named(indexer, 2, "i\ni\n", &err), &err, VREC_INVALID, "as is line 1; each may");
        assert_failed(add_named(indexer, 2, "i\n", &err), &err, VREC_INVALID,
                      "there are 1 lines, but 2 items");
        assert_failed(add(indexer, 0, 2, NULL, &err), &err, VREC_INVALID,
                      "have names; give the new ones theirs");
        assert_failed(add(indexer, 0, 2, own, &err), &err, VREC_INVALID,
                      "have names; give the new ones theirs");
        assert_ptr_equal(vrec_name(indexer, 1), before);
        assert_string_equal(before, "b");
        assert_string_equal(vrec_name(indexer, 6), "longer");
        assert_null(vrec_name(indexer, 8));
        assert_int_equal(vrec_find(indexer, "h"), 7);
        assert_int_equal(vrec_find(indexer, "i"), -1);
        if (i == 1) {
            assert_int_equal(vrec_optimize(indexer, NULL, NULL, NULL), VREC_OK);
            assert_int_equal(vrec_find(indexer, "h"), 7);
            assert_int_equal(add_named(indexer, 1, "i", NULL), VREC_OK);
        }
        assert_int_equal(vrec_save(indexer, "named.index", NULL, NULL), VREC_OK);
        opened = open_file("named.index", NULL);
        assert_string_equal(vrec_name(opened, 6), "longer");
        assert_int_equal(vrec_rows(opened), vrec_rows(indexer));
        vrec_indexer_free(opened);
        vrec_indexer_free(indexer);
    }
}

static void names_where_there_are_none(void **state)
{
    vrec_error err;
    vrec_indexer *plain = build("faiss", NULL, HALF, NULL);
    (void)state;
    assert_failed(add_named(plain, 1, "a", &err), &err, VREC_INVALID, "have no names; leave names out");
    vrec_matrix fine = vrec_matrix_f32(items, 3, DIM);
    const vrec_build sample = { .struct_size = sizeof sample, .queries = &fine };
    assert_failed(vrec_add(plain, &fine, &sample, &err), &err, VREC_UNSUPPORTED,
                  "a sample of queries counts");
    vrec_indexer_free(plain);
}

/* What is made of a mapped file needs that file no longer. */
static void mapped_files_are_added_to(void **state)
{
    static const char *const options[] = { "index_type=Flat", "index_type=HNSW,m=8",
                                           "index_type=IVF,nlists=5,nprobe=5" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        vrec_indexer *half = build("faiss", options[i], HALF, own);
        assert_int_equal(vrec_save(half, "half.index", NULL, NULL), VREC_OK);
        vrec_indexer *read = open_file("half.index", NULL), *mapped = open_file("half.index", "load=map");
        assert_int_equal(add(read, HALF, ROWS - HALF, own, NULL), VREC_OK);
        assert_int_equal(add(mapped, HALF, ROWS - HALF, own, NULL), VREC_OK);
        assert_int_equal(vrec_save(half, "half.index", NULL, NULL), VREC_OK);
        assert_same(read, mapped);
        int64_t expected[ASKED * TOP_K], got[ASKED * TOP_K];
        assert_true(ask(read, expected) && ask(mapped, got));
        assert_memory_equal(expected, got, sizeof got);
        vrec_indexer_free(half);
        vrec_indexer_free(read);
        vrec_indexer_free(mapped);
    }
}

static void failed_additions_to_graphs_and_lists(void **state)
{
    static const char *const options[] = { "index_type=HNSW,m=8", "index_type=IVF,nlists=5" };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vrec_error err;
        vrec_indexer *plain = build("faiss", options[i], HALF, NULL), *same;
        same = build("faiss", options[i], HALF, NULL);
        vrec_progress stopping = { .struct_size = sizeof stopping, .report = stop };
        const vrec_build stopped = { .struct_size = sizeof stopped, .progress = &stopping };
        vrec_matrix fine = vrec_matrix_f32(items, 3, DIM);
        int64_t known[] = { 5, own[HALF - 1], own[0] };
        assert_failed(add(plain, HALF, 3, own, &err), &err, VREC_INVALID, "leave ids out");
        assert_failed(vrec_add(plain, &fine, &stopped, &err), &err, VREC_CANCELLED, "stopped");
        float kept = items[DIM + 2];
        items[DIM + 2] = INFINITY;
        assert_failed(vrec_add(plain, &fine, NULL, &err), &err, VREC_INVALID, "row 1, column 2");
        items[DIM + 2] = kept;
        assert_same(plain, same);
        vrec_indexer *named = build("faiss", options[i], HALF, own);
        assert_failed(add(named, HALF, 3, NULL, &err), &err, VREC_INVALID, "give the new ones theirs");
        assert_failed(vrec_add(named, &fine, ids_of(known), &err), &err, VREC_INVALID,
                      "already, which row 1");
        vrec_indexer_free(named);
        vrec_indexer_free(plain);
        vrec_indexer_free(same);
    }
}

/* ---- Meanwhile ---- */

static vrec_indexer *shared;

/* What an index of the first rows would answer is known by its size: each item finds itself first. */
static bool look(size_t onlooker)
{
    char path[32];
    int64_t ids[ASKED * TOP_K];
    size_t rows = vrec_rows(shared);
    bool fine = ask(shared, ids) && rows >= HALF && rows <= ROWS;
    for (size_t q = 0; q < ASKED; q++)
        fine &= ids[q * TOP_K] == (int64_t)q;
    fine &= vrec_info(shared, 3)->integer >= (int64_t)rows;
    snprintf(path, sizeof path, "%zu.index", onlooker);
    return vrec_save(shared, path, NULL, NULL) == VREC_OK && fine;
}

static void add_bit_by_bit(void)
{
    for (size_t i = 0; i < STEPS; i++)
        assert_int_equal(add(shared, HALF + i * 5, 5, NULL, NULL), VREC_OK);
}

static void go_on(const char *options)
{
    shared = build("faiss", options, HALF, NULL);
    change_meanwhile(add_bit_by_bit, look);
}

static void others_go_on(void **state)
{
    (void)state;
    go_on(NULL);
    vrec_indexer *whole = build("faiss", NULL, ROWS, NULL);
    assert_same(shared, whole);
    vrec_indexer_free(whole);
    vrec_indexer_free(shared);
    go_on("index_type=IVF,nlists=6,nprobe=6");
    vrec_indexer_free(shared);
    go_on("index_type=HNSW,m=8,efSearch=64,threads=2");
    vrec_indexer_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_build_at_once),
        cmocka_unit_test(earlier_facts_stay),
        cmocka_unit_test(failures_change_nothing),
        cmocka_unit_test(others_say_why_not),
        cmocka_unit_test(graphs_and_lists),
        cmocka_unit_test(mapped_files_are_added_to),
        cmocka_unit_test(names_grow),
        cmocka_unit_test(names_where_there_are_none),
        cmocka_unit_test(failed_additions_to_graphs_and_lists),
        cmocka_unit_test(others_go_on),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
