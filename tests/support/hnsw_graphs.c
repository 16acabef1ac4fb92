/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hnsw_graphs.h"

#include "support/failed.h"
#include "support/random.h"

#include <stdlib.h>
#include <string.h>

float *random_items(size_t rows, size_t dim)
{
    float *items = malloc(rows * dim * sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < rows * dim; i++)
        items[i] = draw_real();
    return items;
}

vr_hnsw_plan graph_plan(size_t m)
{
    return (vr_hnsw_plan){
        .metric = VR_METRIC_L2, .m = m, .ef_construction = 40, .seed = VR_HNSW_SEED, .threads = 1
    };
}

vr_hnsw_graph must_build_graph(const vr_hnsw_plan *plan, const float *items, size_t rows, size_t dim)
{
    vr_hnsw_graph graph;
    vrec_error err;
    if (vr_hnsw_build(plan, items, rows, dim, NULL, &graph, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(graph.rows, rows);
    return graph;
}

vr_hnsw_graph must_build_on(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                            size_t rows, size_t dim)
{
    vr_hnsw_graph graph;
    vrec_error err;
    if (vr_hnsw_build_on(plan, old, items, rows, dim, NULL, &graph, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(graph.rows, rows);
    assert_memory_equal(graph.levels, old->levels, old->rows);
    return graph;
}

size_t count_reached(const vr_hnsw_graph *graph, uint32_t start, size_t absent, uint8_t *seen,
                     uint32_t *queue)
{
    size_t queued = 1;
    memset(seen, 0, graph->rows + 1);
    seen[graph->rows] = seen[start] = seen[absent] = 1;
    queue[0] = start;
    for (size_t i = 0; i < queued; i++)
        for (size_t j = 0; j < graph->degree; j++) {
            uint32_t link = graph->base[(size_t)queue[i] * graph->degree + j];
            if (!seen[link]) {
                seen[link] = 1;
                queue[queued++] = link;
            }
        }
    return queued;
}

/* Links to nodes of the level, to no node twice, to none itself; free slots last. */
static void assert_sound_row(const vr_hnsw_graph *graph, uint32_t node, size_t level)
{
    const uint32_t *links = vr_hnsw_links(graph, node, level);
    size_t degree = vr_hnsw_degree(graph, level), count = 0;
    while (count < degree && links[count] < graph->rows) {
        assert_int_not_equal(links[count], node);
        assert_true(graph->levels[links[count]] > level);
        for (size_t i = 0; i < count; i++)
            assert_int_not_equal(links[i], links[count]);
        count++;
    }
    for (; count < degree; count++)
        assert_int_equal(links[count], graph->rows);
}

static void assert_all_reached(const vr_hnsw_graph *graph)
{
    uint8_t *seen = malloc(graph->rows + 1);
    uint32_t *queue = malloc(graph->rows * sizeof *queue);
    assert_non_null(seen);
    assert_non_null(queue);
    for (uint32_t node = 0; node < graph->rows; node++)
        if (node == graph->entry || graph->levels[node] > 1)
            assert_int_equal(count_reached(graph, node, graph->rows, seen, queue), graph->rows);
    free(seen);
    free(queue);
}

void assert_sound_graph(const vr_hnsw_graph *graph)
{
    for (uint32_t node = 0; node < graph->rows; node++) {
        assert_in_range(graph->levels[node], 1, graph->top + 1);
        for (size_t level = 0; level < graph->levels[node]; level++)
            assert_sound_row(graph, node, level);
    }
    assert_int_equal(graph->levels[graph->entry], graph->top + 1);
    assert_all_reached(graph);
}

bool same_graphs(const vr_hnsw_graph *a, const vr_hnsw_graph *b)
{
    return a->rows == b->rows && a->entry == b->entry && a->upper_size == b->upper_size &&
           memcmp(a->levels, b->levels, a->rows) == 0 &&
           memcmp(a->base, b->base, a->rows * a->degree * sizeof *a->base) == 0 &&
           memcmp(a->upper, b->upper, a->upper_size * sizeof *a->upper) == 0;
}
