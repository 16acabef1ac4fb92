/* A build for a recall: strangers find as much, rows stay where they are, and the file is that of a plain
 * build with the setting in it. A tuning counts until the index changes.
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

enum { ROWS = 3000, DIM = 12, QUERIES = 400, TOP_K = 10 };

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

static vrec_status build(const char *backend, const char *options, vrec_build how, vrec_indexer **out,
                         vrec_error *err)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    how.struct_size = sizeof how;
    return build_index(backend, options, &matrix, &how, out, err);
}

static vrec_indexer *must_build(const char *backend, const char *options, const vrec_matrix *sample)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    const vrec_build how = { .struct_size = sizeof how, .queries = sample };
    return must_build_index(backend, options, &matrix, &how);
}

static vrec_status ask(const vrec_indexer *indexer, const float *vectors, const char *overrides,
                       int64_t *ids, vrec_error *err)
{
    static float distances[QUERIES * TOP_K];
    const vrec_matrix matrix = vrec_matrix_f32(vectors, QUERIES, DIM);
    const vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    const vrec_results results = { sizeof results, ids, distances, NULL };
    return vrec_query(indexer, &matrix, TOP_K, &options, &results, err);
}

static void must_ask(const vrec_indexer *indexer, const float *vectors, const char *overrides, int64_t *ids)
{
    vrec_error err;
    if (ask(indexer, vectors, overrides, ids, &err) != VREC_OK)
        fail_msg("%s", err.message);
}

static double recall_of(const vrec_indexer *indexer, const char *exact_options)
{
    static int64_t found[QUERIES * TOP_K], truth[QUERIES * TOP_K];
    size_t hits = 0;
    vrec_indexer *exact = must_build("faiss", exact_options, NULL);
    must_ask(exact, queries, NULL, truth);
    must_ask(indexer, queries, NULL, found);
    vrec_indexer_free(exact);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0; i < TOP_K; i++)
            for (size_t j = 0; j < TOP_K; j++)
                hits += found[q * TOP_K + i] == truth[q * TOP_K + j];
    return (double)hits / (QUERIES * TOP_K);
}

/* ---- What it finds ---- */

static void strangers_find_as_much(void **state)
{
    static const struct {
        const char *backend, *options, *exact;
        bool tuned;
    } cases[] = { { "faiss", "index_type=HNSW,m=6,target_recall=0.9", "metric=L2", true },
                  { "faiss", "index_type=HNSW,m=6,metric=IP,target_recall=0.95", "metric=IP", true },
                  { "faiss", "index_type=IVF,nlists=30,target_recall=0.9", "metric=L2", true },
                  { "annoy", "metric=euclidean,n_trees=5,target_recall=0.9", "metric=L2", true },
                  { "faiss", "target_recall=0.9", "metric=L2", false } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static int64_t own[QUERIES * TOP_K];
        vrec_indexer *indexer = must_build(cases[i].backend, cases[i].options, NULL);
        double wanted = strstr(cases[i].options, "0.95") ? 0.95 : 0.9;
        assert_true(recall_of(indexer, cases[i].exact) > wanted - 0.01);
        assert_true((fact_text(indexer, "tuned") != NULL) == cases[i].tuned);
        if (strcmp(cases[i].exact, "metric=L2") == 0) {
            size_t at_their_rows = 0;
            must_ask(indexer, items + (ROWS - QUERIES) * DIM, NULL, own); /* the last, too */
            for (size_t q = 0; q < QUERIES; q++)
                at_their_rows += own[q * TOP_K] == (int64_t)(ROWS - QUERIES + q);
            assert_true(at_their_rows > QUERIES * 9 / 10);
        }
        vrec_indexer_free(indexer);
    }
}

/* It isn't more than it has to be. */
static void the_setting_is_no_larger(void **state)
{
    static const char *const graphs[] = { "index_type=HNSW,m=6,target_recall=0.8",
                                          "index_type=HNSW,m=6,target_recall=0.99" };
    int64_t found[2];
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        vrec_indexer *indexer = must_build("faiss", graphs[i], NULL);
        found[i] = atoll(fact_text(indexer, "efSearch"));
        vrec_indexer_free(indexer);
    }
    assert_true(found[0] < found[1]);
}

/* ---- The file ---- */

static size_t save_and_read(const vrec_indexer *indexer, uint8_t **bytes)
{
    assert_int_equal(vrec_save(indexer, "i.index", NULL, NULL), VREC_OK);
    FILE *file = fopen("i.index", "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    *bytes = malloc(size);
    assert_int_equal(fread(*bytes, 1, size, file), size);
    fclose(file);
    return size;
}

static void assert_same_file(const vrec_indexer *one, const vrec_indexer *other)
{
    uint8_t *bytes, *others;
    size_t size = save_and_read(one, &bytes);
    assert_int_equal(save_and_read(other, &others), size);
    assert_memory_equal(bytes, others, size);
    free(bytes);
    free(others);
}

static void the_file_is_a_plain_one_with_the_setting(void **state)
{
    static const char *const kinds[] = { "index_type=HNSW,m=6", "index_type=IVF,nlists=30" };
    static const char *const keys[] = { "efSearch", "nprobe" };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char options[2][96], plain[96];
        for (int j = 0; j < 2; j++)
            snprintf(options[j], sizeof options[j], "%s,target_recall=0.9,threads=%d", kinds[i], 1 + 2 * j);
        vrec_indexer *one = must_build("faiss", options[0], NULL),
                     *more = must_build("faiss", options[1], NULL);
        assert_same_file(one, more);
        snprintf(plain, sizeof plain, "%s,%s=%s", kinds[i], keys[i], fact_text(one, keys[i]));
        vrec_indexer *other = must_build("faiss", plain, NULL);
        assert_same_file(one, other);
        vrec_indexer_free(one);
        vrec_indexer_free(more);
        vrec_indexer_free(other);
    }
}

/* ---- A sample of queries ---- */

static void a_graph_learns_from_what_it_isnt_tuned_on(void **state)
{
    vrec_matrix all = vrec_matrix_f32(queries, QUERIES, DIM), odd = all;
    char plain[64];
    (void)state;
    odd.data = queries + DIM;
    odd.rows = QUERIES / 2;
    odd.row_stride = 2 * DIM * sizeof(float);
    vrec_indexer *tuned = must_build("faiss", "index_type=HNSW,m=6,target_recall=0.9", &all);
    snprintf(plain, sizeof plain, "index_type=HNSW,m=6,efSearch=%s", fact_text(tuned, "efSearch"));
    vrec_indexer *other = must_build("faiss", plain, &odd);
    assert_same_file(tuned, other);
    vrec_indexer_free(tuned);
    vrec_indexer_free(other);
}

static void others_are_tuned_on_it(void **state)
{
    static const struct {
        const char *backend, *options;
    } cases[] = { { "faiss", "index_type=IVF,nlists=30,target_recall=0.9" },
                  { "annoy", "metric=euclidean,n_trees=5,target_recall=0.9" },
                  { "faiss", "target_recall=0.9" } };
    vrec_matrix all = vrec_matrix_f32(queries, QUERIES, DIM), one = vrec_matrix_f32(queries, 1, DIM);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_indexer *indexer = must_build(cases[i].backend, cases[i].options, &all);
        assert_true(recall_of(indexer, "metric=L2") >= 0.9); /* these very queries */
        vrec_indexer_free(indexer);
    }
    vrec_indexer_free(must_build("faiss", "index_type=HNSW,m=6,target_recall=0.9", &one));
}

/* ---- Other settings ---- */

static void a_setting_of_a_query_takes_its_place(void **state)
{
    static int64_t found[QUERIES * TOP_K], wanted[QUERIES * TOP_K];
    static const struct {
        const char *tuned, *plain, *overrides;
    } cases[] = {
        { "index_type=HNSW,m=6,target_recall=0.7", "index_type=HNSW,m=6", "efSearch=200" },
        { "index_type=HNSW,m=6,target_recall=0.7", "index_type=HNSW,m=6", "gamma=0.5" },
        { "index_type=IVF,nlists=200,target_recall=0.5", "index_type=IVF,nlists=200", "nprobe=150" },
        { "index_type=IVF,nlists=200,target_recall=0.5", "index_type=IVF,nlists=200", "budget=2000" }
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_indexer *tuned = must_build("faiss", cases[i].tuned, NULL),
                     *plain = must_build("faiss", cases[i].plain, NULL);
        must_ask(tuned, queries, cases[i].overrides, found);
        must_ask(plain, queries, cases[i].overrides, wanted);
        assert_memory_equal(found, wanted, sizeof found);
        must_ask(tuned, queries, NULL, found);
        must_ask(tuned, queries, strstr(cases[i].tuned, "target_recall"), wanted); /* the build's */
        assert_memory_equal(found, wanted, sizeof found);
        vrec_indexer_free(tuned);
        vrec_indexer_free(plain);
    }
}

static void a_setting_or_a_recall(void **state)
{
    static const struct {
        const char *backend, *options, *key;
    } cases[] = { { "faiss", "index_type=HNSW,efSearch=7,target_recall=0.9", "efSearch" },
                  { "faiss", "index_type=HNSW,gamma=0.1,target_recall=0.9", "gamma" },
                  { "faiss", "index_type=IVF,nprobe=7,target_recall=0.9", "nprobe" },
                  { "annoy", "metric=euclidean,searchk=7,target_recall=0.9", "searchk" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err;
        vrec_indexer *indexer;
        assert_failed(build(cases[i].backend, cases[i].options, (vrec_build){ 0 }, &indexer, &err), &err,
                      VREC_INVALID, "with target_recall a build finds the setting; give one of them");
        assert_string_equal(err.subject, cases[i].key);
        assert_null(indexer);
    }
}

/* ---- What is measured ---- */

static void the_recall_is_the_measured_one(void **state)
{
    double found;
    (void)state;
    vrec_indexer *graph = must_build("faiss", "index_type=HNSW,m=6,target_recall=0.9", NULL);
    assert_null(fact_text(graph, "shortfall"));
    assert_int_equal(sscanf(fact_text(graph, "tuned"), "%*s has recall %lf of 10", &found), 1);
    assert_true(found > 0.9); /* with a margin */
    vrec_indexer_free(graph);
}

/* Items whose distances to each other vanish, though no two are equal, hold a search until it keeps more
 * candidates than they are. */
static void a_heap_is_got_over(void **state)
{
    enum { HEAP = ROWS / 3 };
    (void)state;
    float *own = items, *near = malloc(QUERIES * DIM * sizeof *near);
    items = malloc(ROWS * DIM * sizeof *items);
    memcpy(items, own, ROWS * DIM * sizeof *items);
    for (size_t i = 0; i < ROWS; i += ROWS / HEAP)
        for (size_t j = 0; j < DIM; j++)
            items[i * DIM + j] = draw_real() * 1e-40f;
    for (size_t i = 0; i < QUERIES; i++)
        for (size_t j = 0; j < DIM; j++)
            near[i * DIM + j] = items[(i * 3 + 1) * DIM + j] + draw_real() * .1f;
    const vrec_matrix sample = vrec_matrix_f32(near, QUERIES, DIM);
    vrec_indexer *graph = must_build("faiss", "index_type=HNSW,m=16,target_recall=0.95", &sample);
    assert_null(fact_text(graph, "shortfall"));
    vrec_indexer_free(graph);
    free(items);
    free(near);
    items = own;
}

static void the_row_of_a_nan_is_the_callers(void **state)
{
    static const char *const kinds[] = { "index_type=HNSW,target_recall=0.9",
                                         "index_type=IVF,target_recall=0.9",
                                         "index_type=auto,target_recall=0.9" };
    const vrec_matrix all = vrec_matrix_f32(queries, QUERIES, DIM);
    (void)state;
    for (size_t i = 0; i < 2 * 3; i++) {
        vrec_error err;
        vrec_indexer *indexer;
        size_t row = 300 + i % 2; /* one that is tuned on, and one that a graph learns from */
        float was = queries[row * DIM];
        queries[row * DIM] = NAN;
        vrec_status status = build("faiss", kinds[i / 2], (vrec_build){ .queries = &all }, &indexer, &err);
        queries[row * DIM] = was;
        assert_failed(status, &err, VREC_INVALID, "has a NaN or Inf");
        assert_int_equal(err.row, row);
    }
}

static int stop_at_tuning(void *context, const vrec_progress_report *report)
{
    (void)context;
    return strcmp(report->phase, "tuning") == 0;
}

static void what_cant_be_leaves_nothing(void **state)
{
    vrec_error err;
    vrec_indexer *indexer;
    const vrec_progress progress = { sizeof progress, stop_at_tuning, NULL };
    (void)state;
    assert_failed(build("faiss", "index_type=IVF,target_recall=1", (vrec_build){ 0 }, &indexer, &err), &err,
                  VREC_INVALID, "target_recall is 1; a build takes");
    assert_null(indexer);
    assert_int_equal(build("faiss", "index_type=HNSW,target_recall=0.9",
                           (vrec_build){ .progress = &progress }, &indexer, &err),
                     VREC_CANCELLED);
    assert_null(indexer);
}

/* ---- Changes ---- */

static void must_tune(const vrec_indexer *indexer)
{
    vrec_error err;
    const vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = 0.9 };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    if (vrec_tune(indexer, &asked, &tuning, &err) != VREC_OK)
        fail_msg("%s", err.message);
}

/* The setting stays, but nobody says any more that it has the recall. */
static void assert_forgotten(const vrec_indexer *indexer)
{
    static int64_t found[QUERIES * TOP_K];
    vrec_error err;
    assert_null(fact_text(indexer, "tuned"));
    assert_failed(ask(indexer, queries, "target_recall=0.9", found, &err), &err, VREC_INVALID,
                  "has changed since it was tuned for top_k 10");
    must_ask(indexer, queries, NULL, found);
    must_tune(indexer);
    must_ask(indexer, queries, "target_recall=0.9", found);
}

static void a_tuning_ends_with_a_change(void **state)
{
    vrec_error err;
    const vrec_matrix more = vrec_matrix_f32(queries, QUERIES, DIM);
    (void)state;
    vrec_indexer *graph = must_build("faiss", "index_type=HNSW,m=6,target_recall=0.9", NULL);
    assert_non_null(fact_text(graph, "tuned"));
    assert_int_equal(vrec_add(graph, &more, NULL, &err), VREC_OK);
    assert_forgotten(graph);
    assert_int_equal(vrec_optimize(graph, NULL, NULL, &err), VREC_OK);
    assert_forgotten(graph);
    vrec_indexer_free(graph);
    graph = must_build("faiss", "index_type=HNSW,m=6,target_recall=0.9", NULL);
    assert_int_equal(vrec_optimize(graph, NULL, NULL, &err), VREC_OK); /* which copies facts */
    assert_forgotten(graph);
    vrec_indexer_free(graph);
    vrec_indexer *lists = must_build("faiss", "index_type=IVF,nlists=30", NULL);
    must_tune(lists);
    assert_int_equal(vrec_add(lists, &more, NULL, &err), VREC_OK);
    assert_forgotten(lists);
    vrec_indexer_free(lists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strangers_find_as_much),
        cmocka_unit_test(the_setting_is_no_larger),
        cmocka_unit_test(the_file_is_a_plain_one_with_the_setting),
        cmocka_unit_test(a_graph_learns_from_what_it_isnt_tuned_on),
        cmocka_unit_test(others_are_tuned_on_it),
        cmocka_unit_test(a_setting_of_a_query_takes_its_place),
        cmocka_unit_test(a_setting_or_a_recall),
        cmocka_unit_test(the_recall_is_the_measured_one),
        cmocka_unit_test(a_heap_is_got_over),
        cmocka_unit_test(the_row_of_a_nan_is_the_callers),
        cmocka_unit_test(what_cant_be_leaves_nothing),
        cmocka_unit_test(a_tuning_ends_with_a_change),
    };
    return cmocka_run_group_tests(tests, make_vectors, free_vectors);
}
