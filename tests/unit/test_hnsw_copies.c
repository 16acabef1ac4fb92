/* Graphs over items that stand several times: their copies lead on, whether they were there before or come
 * later. SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"
#include "support/hnsw_graphs.h"

#include <stdlib.h>
#include <string.h>

static bool are_equal(const float *items, size_t dim, uint32_t one, uint32_t other)
{
    for (size_t j = 0; j < dim; j++)
        if (items[one * dim + j] != items[other * dim + j])
            return false;
    return true;
}

/* On level 0 at most three links of a node are to equal ones; the rest of the row goes to others, if there
 * are any. */
static void assert_few_to_equal_ones(const vr_hnsw_graph *graph, const float *items, size_t dim,
                                     bool others)
{
    for (uint32_t node = 0; node < graph->rows; node++) {
        const uint32_t *links = vr_hnsw_links(graph, node, 0);
        size_t equal = 0, count = 0;
        for (; count < graph->degree && links[count] < graph->rows; count++)
            equal += are_equal(items, dim, node, links[count]);
        assert_in_range(equal, 0, 3);
        if (others)
            assert_in_range(count - equal, graph->degree - 4, graph->degree);
    }
}

/* On level 0 every copy has a link to the first of its equals, which leads to what is near. */
static void assert_linked_to_first(const vr_hnsw_graph *graph, const float *items, size_t dim)
{
    for (uint32_t node = 0; node < graph->rows; node++) {
        const uint32_t *links = vr_hnsw_links(graph, node, 0);
        uint32_t first = 0;
        bool linked = false;
        while (!are_equal(items, dim, first, node))
            first++;
        for (size_t i = 0; i < graph->degree; i++)
            linked |= links[i] == first;
        assert_true(linked || first == node);
    }
}

/* A search as if a node weren't there finds those that are equal to it. */
static void assert_found_without_each_other(const vr_hnsw_graph *graph, const float *items, size_t dim)
{
    uint8_t *seen = malloc(graph->rows + 1);
    uint32_t *queue = malloc(graph->rows * sizeof *queue);
    assert_non_null(seen);
    assert_non_null(queue);
    for (uint32_t absent = 0; absent < graph->rows; absent += absent < 100 ? 1 : 97) {
        if (absent == graph->entry)
            continue;
        count_reached(graph, graph->entry, absent, seen, queue);
        for (uint32_t node = 0; node < graph->rows; node++)
            assert_true(seen[node] || !are_equal(items, dim, node, absent));
    }
    free(seen);
    free(queue);
}

enum { ROWS = 4000, DIM = 12 };

/* The ways in which items stand several times. */
enum { ZEROS, HALF, GROUPS, TWICE, LONG_AND_SHORT, ALL, WAYS };

static float *items_with_copies(size_t way)
{
    float *items = random_items(ROWS, DIM);
    for (size_t i = 0; i < ROWS; i++) {
        float *item = items + i * DIM;
        size_t like = way == ALL                            ? 0
                      : way == TWICE                        ? i % (ROWS / 2)
                      : way == GROUPS && i % 4 == 1         ? i % 80
                      : way == HALF && i % 2 == 1           ? 1
                      : way == LONG_AND_SHORT && i % 9 == 4 ? 4
                                                            : i;
        memcpy(item, items + like * DIM, DIM * sizeof *item);
        for (size_t j = 0; way == ZEROS && i % 10 == 3 && j < DIM; j++)
            item[j] = item[j] < 0.0f ? -0.0f : 0.0f;
        for (size_t j = 0; way == LONG_AND_SHORT && like == i && j < DIM; j++)
            item[j] *= (float)(1 + i % 7);
    }
    return items;
}

static vr_hnsw_plan plan_of_copies(size_t way)
{
    vr_hnsw_plan plan = graph_plan(8);
    plan.metric = way == LONG_AND_SHORT ? VR_METRIC_IP : VR_METRIC_L2;
    return plan;
}

static void copies_lead_to_others(void **state)
{
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        float *items = items_with_copies(way);
        vr_hnsw_plan plan = plan_of_copies(way);
        vr_hnsw_graph one = must_build_graph(&plan, items, ROWS, DIM);
        plan.threads = 3;
        vr_hnsw_graph many = must_build_graph(&plan, items, ROWS, DIM);
        assert_sound_graph(&one);
        assert_few_to_equal_ones(&one, items, DIM, way != ALL);
        assert_linked_to_first(&one, items, DIM);
        assert_found_without_each_other(&one, items, DIM);
        assert_true(same_graphs(&one, &many));
        vr_hnsw_graph_free(&many);
        vr_hnsw_graph_free(&one);
        free(items);
    }
}

/* The more links, the smaller a part of the first one's neighbours is looked at for the second's sake. */
static void copies_with_many_links(void **state)
{
    float *items = items_with_copies(TWICE);
    vr_hnsw_plan plan = graph_plan(100);
    (void)state;
    vr_hnsw_graph graph = must_build_graph(&plan, items, ROWS, DIM);
    assert_sound_graph(&graph);
    assert_few_to_equal_ones(&graph, items, DIM, true);
    assert_linked_to_first(&graph, items, DIM);
    assert_found_without_each_other(&graph, items, DIM);
    vr_hnsw_graph_free(&graph);
    free(items);
}

/* Many at a time, few, and one by one; some of them equal to old ones, some to each other. */
static void copies_that_are_added_lead_to_others(void **state)
{
    static const size_t steps[] = { 900, 2400, 2900, 2901, 2902, 2903, 2904, 3990, 4000 };
    (void)state;
    for (size_t way = 0; way < WAYS; way++) {
        float *items = items_with_copies(way);
        vr_hnsw_plan plan = plan_of_copies(way);
        vr_hnsw_graph graph = must_build_graph(&plan, items, steps[0], DIM);
        for (size_t i = 1; i < sizeof steps / sizeof steps[0]; i++) {
            vr_hnsw_graph more = must_build_on(&plan, &graph, items, steps[i], DIM);
            plan.threads = 3;
            vr_hnsw_graph many = must_build_on(&plan, &graph, items, steps[i], DIM);
            plan.threads = 1;
            assert_true(same_graphs(&more, &many));
            vr_hnsw_graph_free(&many);
            vr_hnsw_graph_free(&graph);
            graph = more;
        }
        assert_sound_graph(&graph);
        assert_few_to_equal_ones(&graph, items, DIM, way != ALL);
        assert_linked_to_first(&graph, items, DIM);
        assert_found_without_each_other(&graph, items, DIM);
        vr_hnsw_graph_free(&graph);
        free(items);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_lead_to_others),
        cmocka_unit_test(copies_with_many_links),
        cmocka_unit_test(copies_that_are_added_lead_to_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
