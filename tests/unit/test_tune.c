/* Tuning reaches what it is asked for, on queries that it has seen, and says what can't be.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"
#include "support/failed.h"
#include "support/random.h"
#include "vrec/vrec.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 4000, DIM = 16, QUERIES = 300, TOP_K = 10 };

static float *items, *queries;

static int make_vectors(void **state)
{
    (void)state;
    items = malloc(ROWS * DIM * sizeof *items);
    queries = malloc(QUERIES * DIM * sizeof *queries);
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = (float)draw_below(2000) / 1000 - 1;
    for (size_t i = 0; i < QUERIES * DIM; i++)
        queries[i] = (float)draw_below(2000) / 1000 - 1;
    return 0;
}

static int free_vectors(void **state)
{
    (void)state;
    free(items);
    free(queries);
    return 0;
}

static vrec_indexer *build(const char *backend, const char *options, size_t rows)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, rows, DIM);
    return must_build_index(backend, options, &matrix, NULL);
}

/* Recall by a brute force of its own: the ids that an exact index of the same items finds. */
static double recall_of(const vrec_indexer *indexer, const vrec_indexer *exact, const char *overrides)
{
    static int64_t found[QUERIES * TOP_K], truth[QUERIES * TOP_K];
    static float distances[QUERIES * TOP_K];
    vrec_error err;
    size_t hits = 0;
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    vrec_results results = { sizeof results, found, distances, NULL };
    if (vrec_query(indexer, &matrix, TOP_K, &options, &results, &err) != VREC_OK)
        fail_msg("%s", err.message);
    results.ids = truth;
    assert_int_equal(vrec_query(exact, &matrix, TOP_K, NULL, &results, &err), VREC_OK);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0; i < TOP_K; i++)
            for (size_t j = 0; j < TOP_K; j++)
                hits += found[q * TOP_K + i] == truth[q * TOP_K + j];
    return (double)hits / (QUERIES * TOP_K);
}

static bool suffices(const vrec_tuning_step *step, double recall)
{
    return step->recall - step->error >= recall || step->recall == 1;
}

/* Of what files know, a setting close to the least that suffices was tried, and didn't suffice; or it is
 * the least that there is, which is tried first. Where FAISS searches as we do, it is for the file, too. */
static void assert_least(const vrec_tuning *tuning, double recall)
{
    size_t name = (size_t)(strchr(tuning->file_options, '=') - tuning->file_options) + 1;
    int best = INT32_MAX, largest = 0;
    for (int32_t i = 0; i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        int value = atoi(step->options + name);
        if (strncmp(step->options, tuning->file_options, name) == 0 && suffices(step, recall) &&
            value < best)
            best = value;
    }
    for (int32_t i = 0; i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        int value = atoi(step->options + name);
        if (strncmp(step->options, tuning->file_options, name) == 0 && value < best && value > largest)
            largest = value;
    }
    if (largest > 0)
        assert_true(best - largest <= (best < 48 ? 1 : best / 24));
    else
        assert_int_equal(atoi(tuning->steps[0].options + name), best);
    if (strncmp(tuning->file_options, "efSearch", 8) != 0)
        assert_int_equal(atoi(tuning->file_options + name), best);
}

/* What is chosen computes no more distances than any setting of what files know that suffices. */
static void assert_cheapest(const vrec_tuning *tuning, double recall)
{
    for (int32_t i = 0; i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        if (strcmp(step->options, tuning->options) == 0)
            assert_true(step->distances == tuning->distances && step->recall == tuning->recall);
        if (suffices(step, recall) && strncmp(step->options, tuning->file_options, 3) == 0)
            assert_true(tuning->distances <= step->distances);
        assert_true(step->distances >= 10);
    }
}

static void assert_tuned(const char *backend, const char *options, const char *exact_options, double recall)
{
    vrec_error err;
    vrec_indexer *indexer = build(backend, options, ROWS), *exact = build("faiss", exact_options, ROWS);
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = recall, .queries = &matrix };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    if (vrec_tune(indexer, &asked, &tuning, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_true(tuning.recall - tuning.error >= recall || tuning.recall == 1.0);
    assert_true(fabs(recall_of(indexer, exact, tuning.options) - tuning.recall) < 1e-9);
    assert_true(tuning.queries == QUERIES && !tuning.of_items && tuning.step_count > 1);
    assert_true(tuning.queries_per_second > 0 && tuning.exact_queries_per_second > 0);
    assert_null(strstr(tuning.file_options, "gamma"));
    assert_null(strstr(tuning.file_options, "budget"));
    assert_least(&tuning, recall);
    assert_cheapest(&tuning, recall);
    asked.threads = 3;
    vrec_tuning again = { .struct_size = sizeof again };
    assert_int_equal(vrec_tune(indexer, &asked, &again, &err), VREC_OK);
    assert_string_equal(again.options, tuning.options); /* however long each took */
    assert_true(again.distances == tuning.distances);
    vrec_indexer_free(indexer);
    vrec_indexer_free(exact);
}

static void every_kind(void **state)
{
    (void)state;
    assert_tuned("faiss", "index_type=HNSW,m=8", "metric=L2", 0.9);
    assert_tuned("faiss", "index_type=HNSW,m=8,metric=IP", "metric=IP", 0.9);
    assert_tuned("faiss", "index_type=IVF,nlists=40", "metric=L2", 0.9);
    assert_tuned("faiss", "index_type=IVF,nlists=40,metric=IP", "metric=IP", 0.99);
    assert_tuned("annoy", "metric=euclidean,n_trees=8", "metric=L2", 0.9);
    assert_tuned("annoy", "metric=dot,n_trees=8", "metric=IP", 0.8);
}

/* Items don't find themselves: a forest that looks at everything finds the others. */
static void items_of_the_index(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *forest = build("annoy", "metric=angular,n_trees=8", ROWS);
    vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = 0.95, .top_k = 5 };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    assert_int_equal(vrec_tune(forest, &asked, &tuning, &err), VREC_OK);
    assert_true(tuning.of_items == 1 && tuning.queries == 1000);
    assert_true(tuning.steps[0].recall < 0.9); /* else each would have counted itself */
    vrec_indexer_free(forest);
    forest = build("annoy", "metric=angular,n_trees=2", 1);
    assert_int_equal(vrec_tune(forest, &asked, &tuning, &err), VREC_OK);
    assert_true(tuning.recall == 1.0);
    vrec_indexer_free(forest);
}

/* The share of other items that a graph finds, asked as anybody would ask it. */
static double recall_of_items(const vrec_indexer *indexer, const vrec_indexer *exact, const char *overrides)
{
    enum { SAMPLE = 1000, WIDTH = TOP_K + 1 };
    static int64_t found[WIDTH], truth[WIDTH];
    static float distances[WIDTH];
    vrec_error err;
    size_t hits = 0;
    vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    for (size_t q = 0; q < SAMPLE; q++) {
        int64_t own = (int64_t)(q * ROWS / SAMPLE);
        size_t others = 0;
        vrec_matrix one = vrec_matrix_f32(items + own * DIM, 1, DIM);
        vrec_results results = { sizeof results, found, distances, NULL };
        if (vrec_query(indexer, &one, WIDTH, &options, &results, &err) != VREC_OK)
            fail_msg("%s", err.message);
        results.ids = truth;
        assert_int_equal(vrec_query(exact, &one, WIDTH, NULL, &results, &err), VREC_OK);
        for (size_t i = 0; i < WIDTH && others < TOP_K; i++) {
            if (found[i] == own)
                continue;
            others++;
            for (size_t j = 0, rank = 0; j < WIDTH && rank < TOP_K; j++) {
                rank += truth[j] != own;
                hits += truth[j] == found[i];
            }
        }
    }
    return (double)hits / (SAMPLE * TOP_K);
}

/* What an index was opened with doesn't count while other settings are tried. */
static void assert_opened_makes_no_difference(const vrec_tuning_options *asked)
{
    vrec_error err;
    char found[2][32];
    vrec_indexer *graph = build("faiss", "index_type=HNSW,m=4", ROWS);
    assert_int_equal(vrec_save(graph, "tune.index", NULL, &err), VREC_OK);
    vrec_indexer_free(graph);
    for (size_t i = 0; i < 2; i++) {
        vrec_builder *builder;
        vrec_tuning tuning = { .struct_size = sizeof tuning };
        assert_int_equal(vrec_builder_factory("faiss", i ? "gamma=0.001" : NULL, &builder, &err), VREC_OK);
        assert_int_equal(vrec_from_index_file(builder, "tune.index", NULL, &graph, &err), VREC_OK);
        vrec_builder_free(builder);
        if (vrec_tune(graph, asked, &tuning, &err) != VREC_OK)
            fail_msg("%s", err.message);
        memcpy(found[i], tuning.file_options, sizeof found[i]);
        vrec_indexer_free(graph);
    }
    remove("tune.index");
    assert_string_equal(found[0], found[1]);
}

/* An item is asked for as if it were none: it has links to what it looks for, and would find more. */
static void graphs_without_queries(void **state)
{
    (void)state;
    static const char *const graphs[] = { "index_type=HNSW,m=4", "index_type=HNSW,m=4,efSearch=12",
                                          "index_type=HNSW,m=4,codes=off" };
    vrec_error err;
    vrec_indexer *exact = build("faiss", "metric=L2", ROWS);
    vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = 0.95 };
    for (size_t i = 0; i < sizeof graphs / sizeof graphs[0]; i++) {
        vrec_tuning tuning = { .struct_size = sizeof tuning };
        vrec_indexer *graph = build("faiss", graphs[i], ROWS);
        if (vrec_tune(graph, &asked, &tuning, &err) != VREC_OK)
            fail_msg("%s", err.message);
        char overrides[64];
        bool adaptive = strncmp(tuning.options, "gamma", 5) == 0;
        snprintf(overrides, sizeof overrides, "%s%s", tuning.options, adaptive ? ",efSearch=none" : "");
        double strangers = recall_of(graph, exact, overrides);
        assert_true(strangers > tuning.recall - 0.01 && strangers < tuning.recall + 0.03);
        assert_true(recall_of_items(graph, exact, overrides) > tuning.recall + 0.03);
        vrec_indexer_free(graph);
    }
    assert_opened_makes_no_difference(&asked);
    vrec_indexer *graph =
        build("faiss", "index_type=HNSW,m=8,metric=IP,codes=off", ROWS); /* has no gamma */
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    assert_int_equal(vrec_tune(graph, &asked, &tuning, &err), VREC_OK);
    assert_int_equal(strncmp(tuning.options, "efSearch=", 9), 0);
    vrec_indexer_free(graph);
    vrec_indexer_free(exact);
}

/* ---- target_recall ---- */

static vrec_status query(const vrec_indexer *indexer, size_t top_k, const char *overrides, vrec_error *err)
{
    static int64_t found[2 * TOP_K];
    static float distances[2 * TOP_K];
    vrec_matrix matrix = vrec_matrix_f32(queries, 1, DIM);
    vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    vrec_results results = { sizeof results, found, distances, NULL };
    return vrec_query(indexer, &matrix, top_k, &options, &results, err);
}

static void tune_to(const vrec_indexer *indexer, double recall, size_t top_k, vrec_tuning *tuning)
{
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    vrec_tuning_options asked = {
        .struct_size = sizeof asked, .recall = recall, .queries = &matrix, .top_k = top_k
    };
    *tuning = (vrec_tuning){ .struct_size = sizeof *tuning };
    if (vrec_tune(indexer, &asked, tuning, &err) != VREC_OK)
        fail_msg("%s", err.message);
}

/* The tuning's own recall gives the tuning's setting; less costs less, and is reached. */
static void assert_targets(const char *backend, const char *options, double recall)
{
    vrec_error err;
    vrec_tuning tuning;
    vrec_indexer *indexer = build(backend, options, ROWS), *exact = build("faiss", "metric=L2", ROWS);
    char wanted[64], less[64];
    snprintf(wanted, sizeof wanted, "target_recall=0.%.0f", recall * 100);
    snprintf(less, sizeof less, "target_recall=0.%.0f", recall * 100 - 15);
    assert_failed(query(indexer, TOP_K, wanted, &err), &err, VREC_INVALID, "has had none for top_k 10");
    assert_string_equal(err.subject, "target_recall");
    tune_to(indexer, recall, 0, &tuning);
    assert_true(recall_of(indexer, exact, wanted) >= recall);
    assert_true(fabs(recall_of(indexer, exact, wanted) - tuning.recall) < 0.02);
    double found = recall_of(indexer, exact, less);
    assert_true(found >= recall - 0.15 && found <= tuning.recall);
    assert_true(found < tuning.recall || strstr(options, "HNSW")); /* whose least finds much already */
    assert_failed(query(indexer, TOP_K + 1, wanted, &err), &err, VREC_INVALID, "had none for top_k 11");
    assert_failed(query(indexer, TOP_K, "target_recall=1", &err), &err, VREC_INVALID,
                  "exact search finds all");
    tune_to(indexer, 0.5, TOP_K + 1, &tuning); /* which the other tuning survives */
    assert_int_equal(query(indexer, TOP_K + 1, "target_recall=0.5", &err), VREC_OK);
    assert_true(recall_of(indexer, exact, wanted) >= recall);
    vrec_indexer_free(indexer);
    vrec_indexer_free(exact);
}

static void a_recall_for_a_query(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *flat = build("faiss", NULL, ROWS);
    assert_targets("faiss", "index_type=IVF,nlists=40", 0.9);
    assert_targets("faiss", "index_type=HNSW,m=8", 0.9);
    assert_targets("faiss", "index_type=HNSW,m=8,efSearch=1", 0.9);
    assert_targets("annoy", "metric=euclidean,n_trees=8", 0.8);
    assert_int_equal(query(flat, TOP_K, "target_recall=0.99", &err), VREC_OK); /* which is exact */
    vrec_indexer_free(flat);
}

/* What the caller says of the setting wins over a recall that was said no later. */
static void settings_win(void **state)
{
    (void)state;
    static const struct {
        const char *options, *overrides;
        bool recall_counts;
    } cases[] = { { "nlists=40", "target_recall=0.9", true },
                  { "nlists=40", "target_recall=0.9,nprobe=2", false },
                  { "nlists=40", "target_recall=0.9,nprobe=none", true },
                  { "nlists=40,nprobe=2", "target_recall=0.9", true },
                  { "nlists=40,target_recall=0.9", NULL, true },
                  { "nlists=40,target_recall=0.9", "nprobe=2", false } };
    vrec_indexer *exact = build("faiss", NULL, ROWS);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char options[96];
        vrec_tuning tuning;
        snprintf(options, sizeof options, "index_type=IVF,%s", cases[i].options);
        vrec_indexer *indexer = build("faiss", options, ROWS);
        tune_to(indexer, 0.9, 0, &tuning);
        double recall = recall_of(indexer, exact, cases[i].overrides);
        double least = cases[i].overrides ? 0.9 : 0.88; /* by the build's tuning, which had items */
        assert_true(cases[i].recall_counts ? recall >= least
                                           : recall == recall_of(indexer, exact, "nprobe=2"));
        vrec_indexer_free(indexer);
    }
    vrec_indexer_free(exact);
}

/* ---- Refusals ---- */

static int stop_at_tuning(void *context, const vrec_progress_report *report)
{
    return strcmp(report->phase, "tuning") == 0 && ++*(int *)context > 2;
}

static void refusals(void **state)
{
    (void)state;
    vrec_error err;
    int reports = 0;
    vrec_progress progress = { sizeof progress, stop_at_tuning, &reports };
    vrec_matrix wrong = vrec_matrix_f32(queries, 3, DIM + 1), none = vrec_matrix_f32(queries, 0, DIM);
    vrec_indexer *flat = build("faiss", NULL, 50),
                 *lists = build("faiss", "index_type=IVF,nlists=40", ROWS);
    vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = 0.9 };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    assert_failed(vrec_tune(flat, &asked, &tuning, &err), &err, VREC_UNSUPPORTED, "is exact");
    asked.items = &wrong;
    assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "leave them out");
    asked.items = NULL;
    assert_failed(vrec_tune(NULL, &asked, &tuning, &err), &err, VREC_INVALID, "the indexer is NULL");
    assert_failed(vrec_tune(lists, NULL, &tuning, &err), &err, VREC_INVALID, "the options is NULL");
    assert_failed(vrec_tune(lists, &asked, NULL, &err), &err, VREC_INVALID, "the tuning is NULL");
    asked.progress = &progress;
    assert_int_equal(vrec_tune(lists, &asked, &tuning, &err), VREC_CANCELLED);
    asked.progress = NULL;
    for (size_t i = 0; i < 4; i++) {
        asked.recall = (double[]){ 0, 1, -1, NAN }[i];
        assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "between 0 and 1");
    }
    asked.recall = 0.9;
    asked.queries = &wrong;
    assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "17 values each");
    asked.queries = &none;
    assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "0 queries");
    asked.queries = NULL;
    asked.top_k = VREC_MAX_TOP_K + 1;
    assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "top_k is 16385");
    asked.top_k = 0;
    tuning.struct_size = 8;
    assert_failed(vrec_tune(lists, &asked, &tuning, &err), &err, VREC_INVALID, "struct_size is 8");
    vrec_indexer_free(flat);
    vrec_indexer_free(lists);
}

/* How far queries are from being distributed as items. */
static double farther_of(const char *options, float (*query)(size_t i))
{
    static float asked_for[QUERIES * DIM];
    vrec_error err;
    vrec_indexer *indexer = build("faiss", options, ROWS);
    vrec_matrix matrix = vrec_matrix_f32(asked_for, QUERIES, DIM);
    vrec_tuning_options asked = { .struct_size = sizeof asked,
                                  .recall = 0.5,
                                  .queries = query ? &matrix : NULL };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    for (size_t i = 0; query && i < QUERIES * DIM; i++)
        asked_for[i] = query(i);
    if (vrec_tune(indexer, &asked, &tuning, &err) != VREC_OK)
        fail_msg("%s", err.message);
    vrec_indexer_free(indexer);
    return tuning.farther;
}

static float as_items(size_t i)
{
    return queries[i];
}

static float as_long_items(size_t i)
{
    return 100 * queries[i];
}

static float beside_items(size_t i)
{
    return items[i] + queries[i] / 50;
}

static float far_out(size_t i)
{
    return queries[i] + 1;
}

static void queries_of_another_kind(void **state)
{
    (void)state;
    const char *l2 = "index_type=IVF,nlists=40", *ip = "index_type=IVF,nlists=40,metric=IP";
    assert_true(farther_of(l2, NULL) == 0.5 && farther_of(ip, NULL) == 0.5);
    assert_true(fabs(farther_of(l2, as_items) - 0.5) < 0.1);
    assert_true(fabs(farther_of(ip, as_items) - 0.5) < 0.1);
    assert_true(fabs(farther_of(ip, as_long_items) - farther_of(ip, as_items)) < 1e-6);
    assert_true(farther_of(l2, as_long_items) == 1);
    assert_true(farther_of(l2, beside_items) < 0.05);
    assert_true(farther_of(l2, far_out) > 0.75);
}

/* The share of the exact distances that are there, each as often as it is. */
static double recall_by_distance(const vrec_indexer *indexer, const vrec_indexer *exact,
                                 const char *overrides)
{
    static int64_t ids[QUERIES * TOP_K];
    static float found[QUERIES * TOP_K], truth[QUERIES * TOP_K];
    vrec_error err;
    size_t right = 0;
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    vrec_results results = { sizeof results, ids, found, NULL };
    assert_int_equal(vrec_query(indexer, &matrix, TOP_K, &options, &results, &err), VREC_OK);
    results.distances = truth;
    assert_int_equal(vrec_query(exact, &matrix, TOP_K, NULL, &results, &err), VREC_OK);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t i = 0, j = 0; i < TOP_K; i++) { /* both ascend */
            while (j < TOP_K && found[q * TOP_K + j] < truth[q * TOP_K + i])
                j++;
            bool equal = j < TOP_K && found[q * TOP_K + j] == truth[q * TOP_K + i];
            right += equal;
            j += equal;
        }
    return (double)right / (QUERIES * TOP_K);
}

/* Items that are as near as the last exact one stand for no nearer one that wasn't found. */
static void many_are_as_near(void **state)
{
    (void)state;
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(queries, QUERIES, DIM);
    vrec_tuning_options asked = { .struct_size = sizeof asked, .recall = 0.9, .top_k = TOP_K };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    asked.queries = &matrix;
    for (size_t i = 0; i < ROWS * DIM / 2; i++) /* half of the items are one, in the middle */
        items[i] = 0;
    for (size_t i = 0; i < QUERIES * DIM; i++) /* each is near another one, then come those */
        queries[i] = items[ROWS * DIM / 2 + i] + (float)draw_below(100) / 1000;
    vrec_indexer *lists = build("faiss", "index_type=IVF,nlists=50,seed=3", ROWS);
    vrec_indexer *exact = build("faiss", "index_type=Flat", ROWS);
    assert_int_equal(vrec_tune(lists, &asked, &tuning, &err), VREC_OK);
    for (int32_t i = 0; i < tuning.step_count; i++) {
        const vrec_tuning_step *step = &tuning.steps[i];
        assert_true(fabs(step->recall - recall_by_distance(lists, exact, step->options)) < 1e-9);
    }
    vrec_indexer_free(lists);
    vrec_indexer_free(exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind),
                                        cmocka_unit_test(items_of_the_index),
                                        cmocka_unit_test(graphs_without_queries),
                                        cmocka_unit_test(a_recall_for_a_query),
                                        cmocka_unit_test(settings_win),
                                        cmocka_unit_test(refusals),
                                        cmocka_unit_test(queries_of_another_kind),
                                        cmocka_unit_test(many_are_as_near) /* changes items */ };
    return cmocka_run_group_tests(tests, make_vectors, free_vectors);
}
