/* Graphs as they are built: what every one of them keeps to, whatever the items.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "faiss/hnsw/build.h"
#include "faiss/hnsw/levels.h"
#include "faiss/hnsw/points.h"

#include "support/failed.h"
#include "support/hnsw_graphs.h"
#include "support/random.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void graphs_of_every_size_are_sound(void **state)
{
    static const struct {
        size_t rows, dim, m;
    } cases[] = { { 1, 3, 16 },    { 2, 1, 2 },     { 3, 5, 16 },     { 5, 4, 2 },     { 17, 2, 8 },
                  { 33, 16, 16 },  { 100, 7, 2 },   { 300, 113, 48 }, { 40, 8, 4096 }, { 2000, 12, 16 },
                  { 2001, 12, 3 }, { 9000, 24, 8 }, { 60, 8192, 4 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        float *items = random_items(cases[i].rows, cases[i].dim);
        vr_hnsw_plan plan = graph_plan(cases[i].m);
        vr_hnsw_graph graph = must_build_graph(&plan, items, cases[i].rows, cases[i].dim);
        assert_sound_graph(&graph);
        assert_int_equal(graph.degree, 2 * cases[i].m);
        if (cases[i].rows <= cases[i].m) /* everybody is linked with everybody */
            for (size_t j = 0; j < cases[i].rows; j++)
                assert_true(graph.base[(j + 1) * graph.degree - (graph.degree - cases[i].rows + 1)] ==
                            graph.rows);
        vr_hnsw_graph_free(&graph);
        free(items);
    }
}

/* All equal; zeros; each of few many times; one so large that the others are as good as equal; the largest
 * and the smallest numbers that there are. */
static void items_that_hardly_differ(void **state)
{
    enum { ROWS = 3500, DIM = 6 }; /* more than the largest leaf has */
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(4);
    (void)state;
    for (size_t way = 0; way < 6; way++) {
        for (size_t i = 0; i < ROWS * DIM; i++) {
            float random = draw_real();
            items[i] = way == 0   ? 3.25f
                       : way == 1 ? 0.0f
                       : way == 2 ? (float)(i / DIM % 5 * (i % DIM))
                       : way == 3 ? (i == 77 * DIM ? FLT_MAX : random)
                       : way == 4 ? (random > 0.0f ? FLT_MAX : -FLT_MAX)
                                  : random * 0x1p-140f;
        }
        vr_hnsw_graph graph = must_build_graph(&plan, items, ROWS, DIM);
        assert_sound_graph(&graph);
        vr_hnsw_graph_free(&graph);
    }
    free(items);
}

static void threads_make_no_difference(void **state)
{
    enum { ROWS = 9000, DIM = 20 };
    static const size_t threads[] = { 2, 3, 8 };
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(6);
    (void)state;
    vr_hnsw_graph one = must_build_graph(&plan, items, ROWS, DIM);
    for (size_t i = 0; i < sizeof threads / sizeof threads[0]; i++) {
        plan.threads = threads[i];
        vr_hnsw_graph many = must_build_graph(&plan, items, ROWS, DIM);
        assert_true(same_graphs(&one, &many));
        vr_hnsw_graph_free(&many);
    }
    vr_hnsw_graph_free(&one);
    free(items);
}

/* A sample is asked by all threads, too. */
static void samples_make_a_difference(void **state)
{
    enum { ROWS = 4000, DIM = 12, SAMPLE = 300 };
    float *items = random_items(ROWS, DIM), *users = random_items(SAMPLE, DIM);
    vrec_matrix queries = vrec_matrix_f32(users, SAMPLE, DIM), checked = queries;
    (void)state;
    checked.row_stride = DIM * sizeof *users;
    checked.col_stride = sizeof *users;
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] *= (float)(1 + i / DIM % 5);
    for (size_t metric = 0; metric < 2; metric++) {
        vr_hnsw_plan plan = graph_plan(4);
        plan.metric = metric ? VR_METRIC_IP : VR_METRIC_L2;
        vr_hnsw_graph without = must_build_graph(&plan, items, ROWS, DIM);
        plan.queries = &checked;
        vr_hnsw_graph one = must_build_graph(&plan, items, ROWS, DIM);
        plan.threads = 3;
        vr_hnsw_graph many = must_build_graph(&plan, items, ROWS, DIM);
        assert_sound_graph(&one);
        assert_true(same_graphs(&one, &many));
        assert_false(same_graphs(&one, &without));
        vr_hnsw_graph_free(&many);
        vr_hnsw_graph_free(&one);
        vr_hnsw_graph_free(&without);
    }
    free(users);
    free(items);
}

/* Zeros have no direction; values far beyond the items' are as far from all; a NaN is refused. One query is
 * a sample, too, and one that is much longer than what is used of it. */
static void samples_that_say_little(void **state)
{
    enum { ROWS = 300, DIM = 4, SAMPLE = 40000 };
    float *items = random_items(ROWS, DIM), *users = random_items(SAMPLE, DIM);
    (void)state;
    for (size_t way = 0; way < 5; way++) {
        vrec_matrix queries = vrec_matrix_f32(users, way == 3 ? 1 : way == 4 ? SAMPLE : 50, DIM);
        queries.row_stride = DIM * sizeof *users;
        queries.col_stride = sizeof *users;
        for (size_t i = 0; way < 3 && i < 50 * DIM; i++)
            users[i] = way == 0 ? 0.0f : way == 1 ? FLT_MAX : draw_real();
        for (size_t metric = 0; metric < 2; metric++) {
            vr_hnsw_plan plan = graph_plan(4);
            plan.metric = metric ? VR_METRIC_IP : VR_METRIC_L2;
            plan.queries = &queries;
            vr_hnsw_graph graph = must_build_graph(&plan, items, ROWS, DIM);
            assert_sound_graph(&graph);
            vr_hnsw_graph_free(&graph);
        }
    }
    vr_hnsw_plan plan = graph_plan(4);
    vrec_matrix queries = vrec_matrix_f32(users, 50, DIM);
    vr_hnsw_graph graph;
    vrec_error err;
    queries.row_stride = DIM * sizeof *users;
    queries.col_stride = sizeof *users;
    plan.queries = &queries;
    users[7 * DIM + 2] = NAN;
    assert_failed(vr_hnsw_build(&plan, items, ROWS, DIM, NULL, &graph, &err), &err, VREC_INVALID,
                  "queries: row 7, column 2 is not a finite float32");
    assert_int_equal(err.row, 7);
    assert_null(graph.base);
    free(users);
    free(items);
}

static void seeds_make_a_difference(void **state)
{
    enum { ROWS = 2500, DIM = 8 }; /* more than one leaf has */
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(4);
    static const uint64_t seeds[] = { 0, 12346, 12345 + ((uint64_t)1 << 32), UINT64_MAX };
    (void)state;
    vr_hnsw_graph first = must_build_graph(&plan, items, ROWS, DIM);
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        plan.seed = seeds[i];
        vr_hnsw_graph other = must_build_graph(&plan, items, ROWS, DIM),
                      again = must_build_graph(&plan, items, ROWS, DIM);
        assert_false(same_graphs(&first, &other));
        assert_true(same_graphs(&other, &again));
        assert_sound_graph(&other);
        vr_hnsw_graph_free(&other);
        vr_hnsw_graph_free(&again);
    }
    vr_hnsw_graph_free(&first);
    free(items);
}

/* Level by level a node goes on with a chance of 1 / m. */
static void levels_get_rarer_by_m(void **state)
{
    enum { ROWS = 40000, M = 8 };
    size_t above[VR_HNSW_LEVELS_MAX + 1] = { 0 };
    vr_hnsw_graph graph;
    (void)state;
    vr_hnsw_graph_init(&graph, M);
    assert_int_equal(vr_hnsw_graph_add_levels(&graph, ROWS, NULL), VREC_OK);
    vr_hnsw_draw_levels(&graph, 0, 12345);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t level = 0; level < graph.levels[i]; level++)
            above[level]++;
    assert_in_range(above[1], ROWS / M * 9 / 10, ROWS / M * 11 / 10);
    assert_in_range(above[2], ROWS / M / M * 8 / 10, ROWS / M / M * 12 / 10);
    vr_hnsw_graph_free(&graph);
}

/* The item nearest to each is among its links, in a space of few dimensions nearly always. */
static void the_nearest_is_linked(void **state)
{
    enum { ROWS = 6000, DIM = 8 };
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(8);
    size_t linked = 0;
    (void)state;
    vr_hnsw_graph graph = must_build_graph(&plan, items, ROWS, DIM);
    for (size_t i = 0; i < ROWS; i += 10) {
        float least = FLT_MAX;
        size_t nearest = 0;
        for (size_t j = 0; j < ROWS; j++) {
            float sum = 0.0f;
            for (size_t k = 0; k < DIM; k++)
                sum +=
                    (items[i * DIM + k] - items[j * DIM + k]) * (items[i * DIM + k] - items[j * DIM + k]);
            if (j != i && sum < least) {
                least = sum;
                nearest = j;
            }
        }
        for (size_t j = 0; j < graph.degree; j++)
            linked += graph.base[i * graph.degree + j] == nearest;
    }
    assert_in_range(linked, ROWS / 10 * 98 / 100, ROWS / 10);
    vr_hnsw_graph_free(&graph);
    free(items);
}

static void too_many_dimensions_are_refused(void **state)
{
    float *items = random_items(2, VR_HNSW_POINTS_DIM_MAX + 1);
    vr_hnsw_plan plan = graph_plan(4);
    vr_hnsw_graph graph;
    vrec_error err;
    (void)state;
    vrec_status status = vr_hnsw_build(&plan, items, 2, VR_HNSW_POINTS_DIM_MAX + 1, NULL, &graph, &err);
    assert_failed(status, &err, VREC_UNSUPPORTED, "8193 values; a graph is built over at most 8192");
    assert_null(graph.base);
    free(items);
}

/* ---- Building on ---- */

static void graphs_that_are_built_on_are_sound(void **state)
{
    static const struct {
        size_t rows, added, dim, m;
        bool skewed; /* inner products of items whose lengths differ */
    } cases[] = { { 0, 50, 3, 16, false },  { 1, 1, 3, 16, false },      { 1, 300, 3, 2, false },
                  { 5, 1, 4, 2, false },    { 300, 1, 113, 48, false },  { 2000, 1500, 12, 16, false },
                  { 40, 3000, 8, 4, true }, { 3000, 3000, 12, 4, true }, { 2000, 7, 12, 2, true },
                  { 60, 9, 8192, 4, false } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t rows = cases[i].rows + cases[i].added, dim = cases[i].dim;
        float *items = random_items(rows, dim);
        vr_hnsw_plan plan = graph_plan(cases[i].m);
        vr_hnsw_graph old = { .rows = 0 };
        for (size_t j = 0; j < rows * dim && cases[i].skewed; j++)
            items[j] *= (float)(1 + j / dim % 9);
        plan.metric = cases[i].skewed ? VR_METRIC_IP : VR_METRIC_L2;
        if (cases[i].rows > 0)
            old = must_build_graph(&plan, items, cases[i].rows, dim);
        else
            vr_hnsw_graph_init(&old, cases[i].m);
        vr_hnsw_graph one = must_build_on(&plan, &old, items, rows, dim);
        plan.threads = 3;
        vr_hnsw_graph many = must_build_on(&plan, &old, items, rows, dim);
        assert_sound_graph(&one);
        assert_true(same_graphs(&one, &many));
        vr_hnsw_graph_free(&many);
        vr_hnsw_graph_free(&one);
        vr_hnsw_graph_free(&old);
        free(items);
    }
}

/* Of the nearest of every item, how many are among its links. */
static size_t count_nearest_linked(const vr_hnsw_graph *graph, const float *items, size_t dim)
{
    size_t linked = 0;
    for (size_t i = 0; i < graph->rows; i++) {
        float least = FLT_MAX;
        size_t nearest = 0;
        for (size_t j = 0; j < graph->rows; j++) {
            float sum = 0.0f;
            for (size_t k = 0; k < dim; k++)
                sum +=
                    (items[i * dim + k] - items[j * dim + k]) * (items[i * dim + k] - items[j * dim + k]);
            if (j != i && sum < least) {
                least = sum;
                nearest = j;
            }
        }
        for (size_t j = 0; j < graph->degree; j++)
            linked += graph->base[i * graph->degree + j] == nearest;
    }
    return linked;
}

/* Half of all, then bit by bit: the nearest of an item may be an old one or a new one, and is found. */
static void the_nearest_is_linked_later(void **state)
{
    enum { ROWS = 3000, DIM = 8 };
    static const size_t steps[] = { 1500, 1501, 2000, 2990, 3000 };
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(8);
    (void)state;
    vr_hnsw_graph graph = must_build_graph(&plan, items, steps[0], DIM);
    for (size_t i = 1; i < sizeof steps / sizeof steps[0]; i++) {
        vr_hnsw_graph more = must_build_on(&plan, &graph, items, steps[i], DIM);
        assert_sound_graph(&more);
        vr_hnsw_graph_free(&graph);
        graph = more;
    }
    assert_in_range(count_nearest_linked(&graph, items, DIM), ROWS * 98 / 100, ROWS);
    vr_hnsw_graph_free(&graph);
    free(items);
}

/* Where many are added, an item that was there before is linked with the nearest of these, too, though it
 * is near to few of them: half of the others lie around it, in a wide shell. */
static void old_items_hear_of_new_ones(void **state)
{
    enum { ROWS = 6000, OLD = 3000, DIM = 12 };
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(4);
    size_t linked = 0;
    (void)state;
    for (size_t i = 0; i < OLD / 2 * DIM; i++)
        items[i] *= 1.5f;
    vr_hnsw_graph old = must_build_graph(&plan, items, OLD, DIM),
                  all = must_build_on(&plan, &old, items, ROWS, DIM);
    for (size_t i = 0; i < OLD / 2; i++) {
        bool hears = false;
        for (size_t j = 0; j < all.degree; j++)
            hears |= all.base[i * all.degree + j] >= OLD && all.base[i * all.degree + j] < ROWS;
        linked += hears;
    }
    assert_in_range(linked, OLD / 2 * 9 / 10,
                    OLD / 2); /* 97 %; of their own accord, new ones link to 45 % */
    vr_hnsw_graph_free(&all);
    vr_hnsw_graph_free(&old);
    free(items);
}

/* Groups far from each other: those that are added are all in a new one, to which nobody linked before. */
static void a_new_group_is_reached(void **state)
{
    enum { ROWS = 2500, OLD = 2000, DIM = 6 };
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(4);
    (void)state;
    for (size_t i = OLD * DIM; i < ROWS * DIM; i++)
        items[i] += 1000.0f;
    vr_hnsw_graph old = must_build_graph(&plan, items, OLD, DIM),
                  all = must_build_on(&plan, &old, items, ROWS, DIM);
    assert_sound_graph(&all);
    vr_hnsw_graph_free(&all);
    vr_hnsw_graph_free(&old);
    free(items);
}

/* ---- Progress ---- */

typedef struct patience {
    int calls, most;
    uint64_t done;
    char what[32];
} patience;

static int lose_patience(void *context, const vrec_progress_report *report)
{
    patience *p = context;
    assert_true(report->done <= report->total);
    if (strcmp(p->what, report->phase) == 0)
        assert_true(report->done >= p->done);
    snprintf(p->what, sizeof p->what, "%s", report->phase);
    p->done = report->done;
    return ++p->calls > p->most;
}

static void a_build_can_be_stopped(void **state)
{
    enum { ROWS = 2500, DIM = 4 }; /* more than one leaf has */
    float *items = random_items(ROWS, DIM);
    vr_hnsw_plan plan = graph_plan(4);
    patience all = { .most = INT32_MAX };
    vrec_progress progress = { .struct_size = sizeof progress, .report = lose_patience, .context = &all };
    vr_hnsw_graph graph;
    vrec_error err;
    (void)state;
    assert_int_equal(vr_hnsw_build(&plan, items, ROWS, DIM, &progress, &graph, &err), VREC_OK);
    vr_hnsw_graph_free(&graph);
    assert_true(all.calls > 50);
    for (int most = 0; most < all.calls; most += 7) {
        patience some = { .most = most };
        progress.context = &some;
        assert_failed(vr_hnsw_build(&plan, items, ROWS, DIM, &progress, &graph, &err), &err, VREC_CANCELLED,
                      "stopped by the caller");
        assert_null(graph.base);
    }
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(graphs_of_every_size_are_sound),
        cmocka_unit_test(items_that_hardly_differ),
        cmocka_unit_test(threads_make_no_difference),
        cmocka_unit_test(seeds_make_a_difference),
        cmocka_unit_test(samples_make_a_difference),
        cmocka_unit_test(samples_that_say_little),
        cmocka_unit_test(levels_get_rarer_by_m),
        cmocka_unit_test(the_nearest_is_linked),
        cmocka_unit_test(too_many_dimensions_are_refused),
        cmocka_unit_test(a_build_can_be_stopped),
        cmocka_unit_test(graphs_that_are_built_on_are_sound),
        cmocka_unit_test(the_nearest_is_linked_later),
        cmocka_unit_test(old_items_hear_of_new_ones),
        cmocka_unit_test(a_new_group_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
