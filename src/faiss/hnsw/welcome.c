/* A row is read and written by the thread that has taken its node; the sources nobody changes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/welcome.h"

#include "base/memory.h"
#include "faiss/hnsw/company.h"
#include "faiss/hnsw/leaves.h"
#include "faiss/hnsw/neighbours.h"

enum {
    PORTION = 64,
    KEPT_SHARE = 4 /* one of so many links of a row at the most is kept as company where none is known */
};

typedef struct welcoming {
    vr_hnsw_building *b;
    const vr_hnsw_nodes *nodes;
    const vr_hnsw_candidates *back;
    const vr_hnsw_sources *by_distance, *by_product;
} welcoming;

/* One thread's tools. */
typedef struct host {
    vr_hnsw_chooser *products, *points;
    uint32_t *old; /* links of a node before it is welcomed to others */
} host;

static size_t count_of(const vr_hnsw_sources *sources, uint32_t node)
{
    return sources->counts ? atomic_load_explicit(&sources->counts[node], memory_order_relaxed) : 0;
}

/* One choice: after the first kept links, which stay, at most degree more of those that have been told to
 * the chooser by then and of the sources; returns how many links there are then. */
static size_t choose(vr_hnsw_chooser *chooser, uint32_t node, const vr_hnsw_sources *sources,
                     vr_hnsw_way way, size_t kept, size_t degree, uint32_t *row)
{
    if (count_of(sources, node) > 0)
        vr_hnsw_choose_also(chooser, sources->ids + sources->starts[node], count_of(sources, node));
    return kept + vr_hnsw_choose(chooser, way, degree, row + kept);
}

/* Begins a choice for a node that had old_count links: they may stay. */
static void begin(vr_hnsw_chooser *chooser, uint32_t node, const uint32_t *row, size_t kept,
                  const uint32_t *old, size_t old_count)
{
    vr_hnsw_choose_for(chooser, node);
    vr_hnsw_choose_without(chooser, row, kept);
    vr_hnsw_choose_among(chooser, old, old_count);
}

/* Where there are products, the front of a row on level 0 is company, which no points say: that of all
 * items, if it is known, or what there was before, a part of which stays. Returns how many stay. */
static size_t seat(const welcoming *w, uint32_t node, size_t count, size_t degree)
{
    const vr_hnsw_company *company = w->b->company;
    if (w->nodes->level > 0)
        return 0;
    return company ? vr_hnsw_company_seat(company, node, vr_hnsw_links(w->b->graph, node, 0))
                   : vr_min(count, degree / KEPT_SHARE);
}

static void choose_for(const welcoming *w, host *h, size_t place)
{
    vr_hnsw_graph *graph = w->b->graph;
    uint32_t node = w->nodes->ids[place];
    size_t level = w->nodes->level, degree = vr_hnsw_degree(graph, level), kept = 0, count = 0;
    uint32_t *row = vr_hnsw_links(graph, node, level);
    for (; count < degree && row[count] < graph->rows; count++)
        h->old[count] = row[count];
    if (h->products) {
        kept = seat(w, node, count, degree);
        begin(h->products, node, row, kept, h->old, count);
        kept = choose(h->products, node, w->by_product, VR_HNSW_SPREAD, kept,
                      degree - degree / VR_HNSW_ANGLES_SHARE - kept, row);
    }
    begin(h->points, node, row, kept, h->old, count);
    if (w->back->ids)
        vr_hnsw_choose_among(h->points, w->back->ids + place * w->back->width, w->back->width);
    kept = choose(h->points, node, w->by_distance, VR_HNSW_FILL, kept, degree - kept, row);
    for (; kept < degree; kept++)
        row[kept] = (uint32_t)graph->rows;
}

static bool has_news(const welcoming *w, size_t place)
{
    uint32_t node = w->nodes->ids[place];
    return w->back->ids || (w->b->company && w->nodes->level == 0) ||
           count_of(w->by_distance, node) + count_of(w->by_product, node) > 0;
}

static vrec_status take_tools(const welcoming *w, host *h, vrec_error *err)
{
    size_t degree = vr_hnsw_degree(w->b->graph, w->nodes->level), listed = 2 * degree + VR_HNSW_BACK;
    h->old = vr_alloc(degree, sizeof *h->old);
    if (!h->old)
        return vr_fail_memory(err, degree * sizeof *h->old, "choosing links");
    vrec_status status =
        vr_hnsw_chooser_create(w->b->points, degree * VR_HNSW_PER_LINK, listed, &h->points, err);
    if (status == VREC_OK && w->b->products)
        status = vr_hnsw_chooser_create(w->b->products, VR_HNSW_MOST_BY_PRODUCT, listed, &h->products, err);
    return status;
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const welcoming *w = context;
    host h = { 0 };
    vrec_status status = take_tools(w, &h, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            if (has_news(w, i))
                choose_for(w, &h, i);
    vr_hnsw_chooser_free(h.products);
    vr_hnsw_chooser_free(h.points);
    vr_free(h.old);
    return status;
}

vrec_status vr_hnsw_welcome(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const vr_hnsw_candidates *back,
                            const vr_hnsw_sources *by_distance, const vr_hnsw_sources *by_product,
                            vrec_error *err)
{
    welcoming w = { b, nodes, back, by_distance, by_product };
    return nodes->settled > 0 ? vr_hnsw_work(b, nodes->settled, PORTION, 0, run, &w, err) : VREC_OK;
}
