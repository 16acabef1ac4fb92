/* Links are counted by target, every target gets its place, and then they are put there; threads share the
 * counts, so that the order within a group is by chance.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/reverse.h"

#include "base/memory.h"

enum { PORTION = 4096 };

typedef struct grouping {
    const vr_hnsw_graph *graph;
    vr_hnsw_nodes nodes; /* that aren't settled */
    const uint32_t *settled;
    const uint8_t *skipped;
    const vr_hnsw_candidates *back;
    vr_hnsw_sources *sources;
    bool counting; /* else: putting */
} grouping;

static void do_link(const grouping *g, uint32_t from, uint32_t to)
{
    vr_hnsw_sources *sources = g->sources;
    unsigned at = atomic_fetch_add_explicit(&sources->counts[to], 1, memory_order_relaxed);
    if (!g->counting)
        sources->ids[sources->starts[to] + at] = from;
}

static void do_row(const grouping *g, size_t place)
{
    uint32_t node = g->nodes.ids[place];
    const uint32_t *links = vr_hnsw_links(g->graph, node, g->nodes.level);
    size_t degree = vr_hnsw_degree(g->graph, g->nodes.level);
    for (size_t i = g->skipped ? g->skipped[node] : 0; i < degree && links[i] < g->graph->rows; i++)
        do_link(g, node, links[i]);
}

static vrec_status do_rows(void *context, vr_worker *me, vrec_error *err)
{
    const grouping *g = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            do_row(g, i);
    return VREC_OK;
}

/* The same candidate may be there several times, and is a target once. */
static void do_candidates(const grouping *g, size_t place)
{
    const uint32_t *ids = g->back->ids + place * g->back->width;
    for (size_t i = 0, before; i < g->back->width; i++) {
        for (before = 0; before < i && ids[before] != ids[i]; before++)
            ;
        if (ids[i] != VR_HNSW_NOBODY && before == i)
            do_link(g, g->settled[place], ids[i]);
    }
}

static vrec_status do_settled(void *context, vr_worker *me, vrec_error *err)
{
    const grouping *g = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            do_candidates(g, i);
    return VREC_OK;
}

static vrec_status do_all(vr_hnsw_building *b, grouping *g, size_t settled, vrec_error *err)
{
    vrec_status status = vr_hnsw_work(b, g->nodes.count, PORTION, 0, do_rows, g, err);
    if (status == VREC_OK && g->back && g->back->ids)
        status = vr_hnsw_work(b, settled, PORTION, 0, do_settled, g, err);
    return status;
}

/* Gives each target its place, and counts anew from 0; returns how many links there are. */
static size_t place_groups(vr_hnsw_sources *sources, size_t rows)
{
    size_t total = 0;
    for (size_t i = 0; i < rows; i++) {
        sources->starts[i] = total;
        total += atomic_load_explicit(&sources->counts[i], memory_order_relaxed);
        atomic_init(&sources->counts[i], 0);
    }
    return total;
}

vrec_status vr_hnsw_sources_make(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const uint8_t *skipped,
                                 const vr_hnsw_candidates *back, vr_hnsw_sources *sources, vrec_error *err)
{
    size_t rows = b->graph->rows;
    grouping g = { .graph = b->graph,
                   .nodes = vr_hnsw_unsettled(nodes),
                   .settled = nodes->ids,
                   .skipped = skipped,
                   .back = back,
                   .sources = sources,
                   .counting = true };
    *sources = (vr_hnsw_sources){ .starts = vr_alloc(rows, sizeof *sources->starts),
                                  .counts = vr_alloc(rows, sizeof *sources->counts) };
    if (!sources->starts || !sources->counts)
        return vr_fail_memory(err, rows * (sizeof *sources->starts + sizeof *sources->counts),
                              "turning links around");
    for (size_t i = 0; i < rows; i++)
        atomic_init(&sources->counts[i], 0);
    vrec_status status = do_all(b, &g, nodes->settled, err);
    if (status != VREC_OK)
        return status;
    size_t total = place_groups(sources, rows);
    sources->ids = vr_alloc(total, sizeof *sources->ids);
    if (!sources->ids)
        return vr_fail_memory(err, total * sizeof *sources->ids, "turning links around");
    g.counting = false;
    return do_all(b, &g, nodes->settled, err);
}

void vr_hnsw_sources_free(vr_hnsw_sources *sources)
{
    vr_free(sources->starts);
    vr_free(sources->counts);
    vr_free(sources->ids);
    *sources = (vr_hnsw_sources){ 0 };
}
