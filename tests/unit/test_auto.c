/* index_type=auto: what is chosen reaches the recall, is an ordinary file, and can be repeated.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"
#include "support/facts.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/random.h"
#include "vrec/vrec.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000, DIM = 16, QUERIES = 300, TOP_K = 10 };
enum { WIDE = 48, APART = 400, ASKERS = 1000 };

static float *items, *queries;

static int make_vectors(void **state)
{
    items = malloc(ROWS * DIM * sizeof *items);
    queries = malloc(QUERIES * DIM * sizeof *queries);
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = draw_real();
    for (size_t i = 0; i < QUERIES * DIM; i++)
        queries[i] = draw_real();
    return enter_folder(state);
}

static int free_vectors(void **state)
{
    free(items);
    free(queries);
    return leave_folder(state);
}

static vrec_status build(const char *options, size_t rows, vrec_build how, vrec_indexer **out,
                         vrec_error *err)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, rows, DIM);
    how.struct_size = sizeof how;
    return build_index("faiss", options, &matrix, &how, out, err);
}

static vrec_indexer *must_build(const char *options, size_t rows)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, rows, DIM);
    return must_build_index("faiss", options, &matrix, NULL);
}

static void ask(const vrec_indexer *indexer, int64_t *ids)
{
    static float distances[QUERIES * TOP_K];
    vrec_error err;
    const vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    const vrec_results results = { sizeof results, ids, distances, NULL };
    if (vrec_query(indexer, &matrix, TOP_K, NULL, &results, &err) != VREC_OK)
        fail_msg("%s", err.message);
}

static double recall_of(const vrec_indexer *indexer)
{
    static int64_t found[QUERIES * TOP_K], truth[QUERIES * TOP_K];
    size_t hits = 0;
    vrec_indexer *exact = must_build("", vrec_rows(indexer));
    ask(exact, truth);
    ask(indexer, found);
    vrec_indexer_free(exact);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0; i < TOP_K; i++)
            for (size_t j = 0; j < TOP_K; j++)
                hits += found[q * TOP_K + i] == truth[q * TOP_K + j];
    return (double)hits / (QUERIES * TOP_K);
}

static size_t read_whole(const char *path, uint8_t **bytes)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    *bytes = malloc(size);
    assert_int_equal(fread(*bytes, 1, size, file), size);
    fclose(file);
    return size;
}

/* The file that the option string gives is the same, setting included. */
static void assert_repeats(const vrec_indexer *indexer)
{
    uint8_t *once, *again;
    vrec_indexer *other = must_build(fact_text(indexer, "chosen"), vrec_rows(indexer));
    assert_int_equal(vrec_save(indexer, "once.index", NULL, NULL), VREC_OK);
    assert_int_equal(vrec_save(other, "again.index", NULL, NULL), VREC_OK);
    size_t size = read_whole("once.index", &once);
    assert_int_equal(read_whole("again.index", &again), size);
    assert_memory_equal(once, again, size);
    free(once);
    free(again);
    vrec_indexer_free(other);
}

static void it_reaches_the_recall_and_can_be_repeated(void **state)
{
    static const char *const asked[] = { "batch", "one" };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char options[100];
        snprintf(options, sizeof options, "index_type=auto,target_recall=0.9,queries=%s", asked[i]);
        vrec_indexer *indexer = must_build(options, ROWS);
        assert_true(recall_of(indexer) > 0.87); /* tuned on some, asked for others */
        assert_non_null(strstr(fact_text(indexer, "because"), asked[i]));
        assert_non_null(strstr(fact_text(indexer, "chosen"), fact_text(indexer, "index_type")));
        assert_repeats(indexer);
        vrec_indexer_free(indexer);
    }
}

static void examples_of_queries_are_tuned_to(void **state)
{
    vrec_error err;
    vrec_indexer *indexer;
    const vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    (void)state;
    if (build("index_type=auto,target_recall=0.95,metric=IP", ROWS, (vrec_build){ .queries = &matrix },
              &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_string_equal(fact_text(indexer, "metric"), "IP");
    assert_non_null(strstr(fact_text(indexer, "chosen"), "metric=IP"));
    vrec_indexer_free(indexer);
}

static void few_items_are_compared_with(void **state)
{
    (void)state;
    vrec_indexer *indexer = must_build("index_type=auto,target_recall=0.9", 1000);
    assert_string_equal(fact_text(indexer, "index_type"), "Flat");
    assert_repeats(indexer);
    vrec_indexer_free(indexer);
}

static void ids_stay(void **state)
{
    static int64_t ids[ROWS], back[ROWS];
    vrec_error err;
    vrec_indexer *indexer;
    (void)state;
    for (int64_t i = 0; i < ROWS; i++)
        ids[i] = i * 3 + 1;
    if (build("index_type=auto,target_recall=0.9", ROWS, (vrec_build){ .ids = ids }, &indexer, &err) !=
        VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(vrec_ids(indexer, 0, ROWS, back, &err), VREC_OK);
    assert_memory_equal(back, ids, sizeof ids);
    vrec_indexer_free(indexer);
}

static void refuse(const char *options, size_t rows, const char *says)
{
    vrec_error err = { .message = "" };
    vrec_indexer *indexer;
    assert_failed(build(options, rows, (vrec_build){ 0 }, &indexer, &err), &err, VREC_INVALID, says);
    assert_null(indexer);
}

static void what_cant_be_is_refused(void **state)
{
    (void)state;
    refuse("index_type=auto", ROWS, "give target_recall");
    refuse("index_type=auto,target_recall=1", ROWS, "target_recall is 1; a build takes");
    refuse("index_type=auto,target_recall=0.9,m=8", ROWS, "m is for index_type=HNSW");
    refuse("index_type=HNSW,memory=100", ROWS, "memory is for index_type=auto");
    refuse("index_type=auto,target_recall=0.9,memory=1", ROWS, "fits into memory=1 MB");
}

/* A graph takes more than vectors and lists. */
static void memory_rules_out_what_doesnt_fit(void **state)
{
    (void)state;
    vrec_indexer *indexer = must_build("index_type=auto,target_recall=0.9,queries=one,memory=2", ROWS);
    assert_string_not_equal(fact_text(indexer, "index_type"), "HNSW");
    assert_null(strstr(fact_text(indexer, "because"), "HNSW"));
    vrec_indexer_free(indexer);
}

/* Items on a sphere, and a few close together a bit further in, which are in every trial. */
static float *make_sphere(void)
{
    float *sphere = malloc(ROWS * WIDE * sizeof *sphere);
    assert_non_null(sphere);
    for (size_t i = 0; i < ROWS; i++) {
        float *item = sphere + i * WIDE, square = 0.0f;
        for (size_t j = 0; j < WIDE; j++) {
            item[j] = draw_real();
            square += item[j] * item[j];
        }
        for (size_t j = 0; j < WIDE; j++)
            item[j] = i % APART > 0 ? item[j] / sqrtf(square) : 0.001f * item[j] + (j == 0 ? 0.9f : 0.0f);
    }
    return sphere;
}

/* A trial asks every tenth, which is among the few. The others are in the middle of the sphere, to which
 * the few are the nearest, too; but all other lists have their means nearer by, so that in many more lists
 * nothing more is found. */
static float *make_askers(void)
{
    float *askers = malloc(ASKERS * WIDE * sizeof *askers);
    assert_non_null(askers);
    for (size_t i = 0; i < ASKERS * WIDE; i++)
        askers[i] = 0.001f * draw_real() + (i % WIDE == 0 && i / WIDE % 10 == 0 ? 0.9f : 0.0f);
    return askers;
}

/* Lists, chosen by a trial, fall short of the recall. Graphs wouldn't; memory rules them out. As times
 * choose, a busy machine may need several trials. */
static void where_its_choice_falls_short_it_goes_on(void **state)
{
    float *sphere = make_sphere(), *askers = make_askers();
    const vrec_matrix matrix = vrec_matrix_f32(sphere, ROWS, WIDE);
    const vrec_matrix asked = vrec_matrix_f32(askers, ASKERS, WIDE);
    const vrec_build how = { .struct_size = sizeof how, .queries = &asked };
    bool lists_were_chosen = false;
    (void)state;
    for (int i = 0; i < 5 && !lists_were_chosen; i++) {
        vrec_indexer *indexer = must_build_index(
            "faiss", "index_type=auto,target_recall=0.9,queries=one,memory=7", &matrix, &how);
        lists_were_chosen = strstr(fact_text(indexer, "because"), "; of all items IVF finds 0.1");
        assert_string_equal(fact_text(indexer, "index_type"), "Flat");
        assert_string_equal(fact_text(indexer, "chosen"), "index_type=Flat,metric=L2");
        assert_null(fact_text(indexer, "shortfall"));
        vrec_indexer_free(indexer);
    }
    assert_true(lists_were_chosen);
    free(askers);
    free(sphere);
}

typedef struct work {
    bool learns;        /* lists or a graph: these are tried after exact search */
    bool copied_before; /* all items, before that */
} work;

static int note_work(void *context, const vrec_progress_report *report)
{
    work *w = context;
    w->learns |= strcmp(report->phase, "training") == 0 || strcmp(report->phase, "building") == 0;
    w->copied_before |= !w->learns && strcmp(report->phase, "copying") == 0 && report->total == ROWS;
    return 0;
}

static void exact_search_is_tried_with_all_items(void **state)
{
    work w = { 0 };
    vrec_error err;
    vrec_indexer *indexer;
    const vrec_progress progress = { .struct_size = sizeof progress, .report = note_work, .context = &w };
    (void)state;
    if (build("index_type=auto,target_recall=0.9", ROWS, (vrec_build){ .progress = &progress }, &indexer,
              &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_true(w.learns && w.copied_before);
    vrec_indexer_free(indexer);
}

static int stop(void *context, const vrec_progress_report *report)
{
    (void)report;
    return --*(int *)context <= 0;
}

static void it_stops_anywhere(void **state)
{
    vrec_error err;
    vrec_indexer *indexer;
    (void)state;
    for (int after = 1; after <= 40; after += 13) {
        int left = after;
        const vrec_progress progress = { .struct_size = sizeof progress, .report = stop, .context = &left };
        vrec_status status = build("index_type=auto,target_recall=0.9", ROWS,
                                   (vrec_build){ .progress = &progress }, &indexer, &err);
        assert_int_equal(status, VREC_CANCELLED);
        assert_null(indexer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_reaches_the_recall_and_can_be_repeated),
        cmocka_unit_test(examples_of_queries_are_tuned_to),
        cmocka_unit_test(few_items_are_compared_with),
        cmocka_unit_test(ids_stay),
        cmocka_unit_test(what_cant_be_is_refused),
        cmocka_unit_test(memory_rules_out_what_doesnt_fit),
        cmocka_unit_test(where_its_choice_falls_short_it_goes_on),
        cmocka_unit_test(exact_search_is_tried_with_all_items),
        cmocka_unit_test(it_stops_anywhere),
    };
    return cmocka_run_group_tests(tests, make_vectors, free_vectors);
}
