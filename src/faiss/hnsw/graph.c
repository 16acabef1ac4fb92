/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/graph.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { EF_CONSTRUCTION = 40, EF_SEARCH = 16 };

/* Logarithm and exponential, more exact than the floats that are made of them: those of C libraries differ
 * in the last bit, and files must not. */
static double log_of(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent), step = (fraction - 1.0) / (fraction + 1.0), sum = 0.0;
    for (int i = 49; i > 0; i -= 2) /* 2 (s + s^3 / 3 + s^5 / 5...), s within -1/3..0 */
        sum = sum * (step * step) + 1.0 / i;
    return 2.0 * step * sum + exponent * 0x1.62e42fefa39efp-1;
}

static double exp_of(double x)
{
    double whole = floor(x * 0x1.71547652b82fep+0 + 0.5), sum = 1.0;
    double rest = x - whole * 0x1.62e42feep-1 - whole * 0x1.a39ef35793c76p-33; /* ln 2 in two parts */
    for (int i = 24; i > 0; i--)
        sum = 1.0 + sum * rest / i;
    return ldexp(sum, (int)whole);
}

/* FAISS rounds where this rounds, and the file shows it. */
void vr_hnsw_graph_init(vr_hnsw_graph *graph, size_t m)
{
    float scale = (float)(1.0 / log_of((double)m));
    *graph = (vr_hnsw_graph){ .degree = (uint32_t)(2 * m),
                              .ef_construction = EF_CONSTRUCTION,
                              .ef_search = EF_SEARCH };
    while (graph->level_count < VR_HNSW_LEVELS_MAX) {
        size_t level = graph->level_count;
        float chance =
            (float)(exp_of((double)(-(float)level / scale)) * (1.0 - exp_of((double)(-1.0f / scale))));
        if ((double)chance < 1e-9)
            break;
        graph->chances[level] = (double)chance;
        graph->slots[level + 1] = graph->slots[level] + (uint32_t)(level == 0 ? 2 * m : m);
        graph->level_count++;
    }
}

vrec_status vr_hnsw_graph_add_levels(vr_hnsw_graph *graph, size_t rows, vrec_error *err)
{
    graph->levels = vr_alloc(rows, 1);
    if (!graph->levels)
        return vr_fail_memory(err, rows, "the levels of a graph");
    memset(graph->levels, 1, rows);
    graph->rows = rows;
    return VREC_OK;
}

vrec_status vr_hnsw_graph_begin_like(const vr_hnsw_graph *like, size_t rows, vr_hnsw_graph *graph,
                                     vrec_error *err)
{
    *graph = *like;
    graph->levels = NULL;
    graph->starts = graph->base = graph->upper = NULL;
    graph->mapped = NULL;
    vrec_status status = vr_hnsw_graph_add_levels(graph, rows, err);
    if (status == VREC_OK && like->rows > 0)
        memcpy(graph->levels, like->levels, like->rows);
    return status;
}

vrec_status vr_hnsw_graph_place_rows(vr_hnsw_graph *graph, vrec_error *err)
{
    uint64_t size = 0;
    uint8_t most = 0;
    graph->starts = vr_alloc(graph->rows, sizeof *graph->starts);
    if (!graph->starts)
        return vr_fail_memory(err, graph->rows * sizeof *graph->starts, "the rows of a graph");
    graph->entry = (uint32_t)graph->rows;
    graph->top = 0;
    for (size_t i = 0; i < graph->rows && size <= UINT32_MAX; i++) {
        uint8_t levels = graph->levels[i];
        graph->starts[i] = (uint32_t)size;
        size += graph->slots[levels] - graph->slots[1];
        if (levels > most) {
            most = levels;
            graph->entry = (uint32_t)i;
            graph->top = (uint32_t)levels - 1;
        }
    }
    if (size > UINT32_MAX)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "a graph whose levels above 0 have more than %u links: this version has no room for it",
            UINT32_MAX);
    graph->upper_size = (size_t)size;
    return VREC_OK;
}

static void free_slots(uint32_t *links, size_t count, uint32_t none)
{
    for (size_t i = 0; i < count; i++)
        links[i] = none;
}

vrec_status vr_hnsw_graph_take_rows(vr_hnsw_graph *graph, vrec_error *err)
{
    size_t base = graph->rows * graph->degree; /* below 2^31 x 2^31 */
    vrec_status status = vr_hnsw_graph_place_rows(graph, err);
    if (status != VREC_OK)
        return status;
    graph->base = vr_alloc(base, sizeof *graph->base);
    graph->upper = vr_alloc(graph->upper_size, sizeof *graph->upper);
    if (!graph->base || !graph->upper)
        return vr_fail_memory(err, (base + graph->upper_size) * sizeof *graph->base,
                              "the links of a graph");
    return VREC_OK;
}

vrec_status vr_hnsw_graph_add_rows(vr_hnsw_graph *graph, vrec_error *err)
{
    vrec_status status = vr_hnsw_graph_take_rows(graph, err);
    if (status != VREC_OK)
        return status;
    free_slots(graph->base, graph->rows * graph->degree, (uint32_t)graph->rows);
    free_slots(graph->upper, graph->upper_size, (uint32_t)graph->rows);
    return VREC_OK;
}

void vr_hnsw_graph_free(vr_hnsw_graph *graph)
{
    vr_free(graph->levels);
    vr_free(graph->starts);
    vr_free(graph->base);
    vr_free(graph->upper);
    *graph = (vr_hnsw_graph){ 0 };
}
