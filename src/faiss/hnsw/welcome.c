/* A row is read and written by the thread that has taken its node; the sources nobody changes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/welcome.h"

#include "base/memory.h"
#include "faiss/hnsw/neighbours.h"

enum {
    PORTION = 64,
    KEPT_SHARE = 4 /* one of so many links of a row at the most is kept as company */
};

typedef struct welcoming {
    vr_hnsw_building *b;
    vr_hnsw_nodes nodes; /* those that have sources */
    const vr_hnsw_sources *by_distance, *by_product;
} welcoming;

static size_t count_of(const vr_hnsw_sources *sources, uint32_t node)
{
    return sources->counts ? atomic_load_explicit(&sources->counts[node], memory_order_relaxed) : 0;
}

/* One choice: after the first kept links, which stay, at most degree more of the old ones and the sources;
 * returns how many links there are then. */
static size_t choose(vr_hnsw_chooser *chooser, uint32_t node, const uint32_t *old, size_t old_count,
                     const vr_hnsw_sources *sources, vr_hnsw_way way, size_t kept, size_t degree,
                     uint32_t *row)
{
    vr_hnsw_choose_for(chooser, node);
    vr_hnsw_choose_without(chooser, row, kept);
    vr_hnsw_choose_among(chooser, old, old_count);
    if (count_of(sources, node) > 0)
        vr_hnsw_choose_also(chooser, sources->ids + sources->starts[node], count_of(sources, node));
    return kept + vr_hnsw_choose(chooser, way, degree, row + kept);
}

/* The front of a row may be company of the node's, which no points say; so, where there are products, a
 * part of that stays. */
static void choose_for(const welcoming *w, vr_hnsw_chooser *products, vr_hnsw_chooser *points,
                       uint32_t node, uint32_t *old)
{
    vr_hnsw_graph *graph = w->b->graph;
    size_t level = w->nodes.level, degree = vr_hnsw_degree(graph, level), kept = 0, count = 0;
    uint32_t *row = vr_hnsw_links(graph, node, level);
    for (; count < degree && row[count] < graph->rows; count++)
        old[count] = row[count];
    if (products) {
        kept = level == 0 ? vr_min(count, degree / KEPT_SHARE) : 0;
        kept = choose(products, node, old, count, w->by_product, VR_HNSW_SPREAD, kept,
                      degree - degree / VR_HNSW_ANGLES_SHARE - kept, row);
    }
    kept = choose(points, node, old, count, w->by_distance, VR_HNSW_FILL, kept, degree - kept, row);
    for (; kept < degree; kept++)
        row[kept] = (uint32_t)graph->rows;
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const welcoming *w = context;
    size_t degree = vr_hnsw_degree(w->b->graph, w->nodes.level);
    vr_hnsw_chooser *products = NULL, *points = NULL;
    uint32_t *old = vr_alloc(degree, sizeof *old);
    vrec_status status = old ? VREC_OK : vr_fail_memory(err, degree * sizeof *old, "choosing links");
    if (status == VREC_OK)
        status = vr_hnsw_chooser_create(w->b->points, degree * VR_HNSW_PER_LINK, 2 * degree, &points, err);
    if (status == VREC_OK && w->b->products)
        status =
            vr_hnsw_chooser_create(w->b->products, VR_HNSW_MOST_BY_PRODUCT, 2 * degree, &products, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            choose_for(w, products, points, w->nodes.ids[i], old);
    vr_hnsw_chooser_free(products);
    vr_hnsw_chooser_free(points);
    vr_free(old);
    return status;
}

vrec_status vr_hnsw_welcome(vr_hnsw_building *b, size_t level, const vr_hnsw_sources *by_distance,
                            const vr_hnsw_sources *by_product, uint32_t *room, vrec_error *err)
{
    welcoming w = { .b = b,
                    .nodes = { .ids = room, .level = level },
                    .by_distance = by_distance,
                    .by_product = by_product };
    for (uint32_t node = 0; node < b->old->rows; node++)
        if (b->graph->levels[node] > level && count_of(by_distance, node) + count_of(by_product, node) > 0)
            room[w.nodes.count++] = node;
    if (w.nodes.count == 0)
        return VREC_OK;
    return vr_hnsw_work(b, w.nodes.count, PORTION, 0, run, &w, err);
}
