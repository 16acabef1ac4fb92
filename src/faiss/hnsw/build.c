/* A graph over items, built not by inserting one after the other but by dividing all of them into groups of
 * near ones, within which everybody is compared with everybody (PiPNN, arXiv 2602.21247). That is several
 * times as fast, since comparisons are made many at a time, and by all threads, and the graph is better.
 *
 * The phases, each of which ends before the next begins, whatever the threads:
 *
 *     points.c       the items as digits
 *     levels.c       on how many levels a node is
 *     then for every level, of the nodes that are on it:
 *     copies.c       which are equal; only the first of these takes part in what follows
 *     partition.c    divided into leaves, each node being in several
 *     leaves.c       the nearest of every node in each of its leaves: the candidates for its links
 *     neighbours.c   the choice among them
 *     reverse.c      who was chosen by whom; those are candidates, too, in a second choice
 *     copies.c       links of the others that are equal
 *     and for level 0:
 *     link.c         links to nodes that no way from the entry leads to
 *
 * The largest inner products, where the lengths of items differ, are no matter of distance: everybody's
 * best are the longest items, and a graph of such links leads to nobody else. So there both choices are
 * made twice: by inner product for the front of a row, where a long item gets links to those that it is
 * best for, then by angle for the rest. Before them, on level 0, come links to items that the same queries
 * want (company.c): a sample of queries says which, or else pairs of items do, taken for queries.
 *
 * A graph that is there already can be built on (vr_hnsw_build_on). Its nodes are called settled: they keep
 * their links until new nodes have chosen, and then choose anew among these and those that link to them
 * (welcome.c); only copies get other links whenever the graph is built on. Where new nodes are many, all
 * nodes are divided into leaves. Only the new ones look for candidates in all of their leaves; settled
 * ones, in a few, look for new ones (back): by links of others alone, a node that is nobody's nearest would
 * hear of none of them, nor they of it, and be found less often than before. Company is asked for anew, for
 * all nodes. Where new nodes are few, that would take longer than the rest. Then only these are divided, a
 * search of the old graph finds settled candidates for each (seek.c), and company stays as it is.
 *
 * Who owns what: the points belong to the build, the candidates and the sources to the level that is being
 * made. In both choices, a row of links is written by the thread that has taken its node, and read by
 * nobody else: the second choice reads its own row and the sources.
 *
 * Why the graph is the same everywhere: distances are (points.h), the nearest are exact (nearest.h), the
 * order in which threads find something never counts, because candidates are sorted by distance and id, and
 * what is drawn at random is drawn by one thread.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/build.h"

#include "base/memory.h"
#include "core/index.h"
#include "faiss/hnsw/building.h"
#include "faiss/hnsw/company.h"
#include "faiss/hnsw/copies.h"
#include "faiss/hnsw/grow.h"
#include "faiss/hnsw/leaves.h"
#include "faiss/hnsw/levels.h"
#include "faiss/hnsw/link.h"
#include "faiss/hnsw/neighbours.h"
#include "faiss/hnsw/partition.h"
#include "faiss/hnsw/reverse.h"
#include "faiss/hnsw/welcome.h"

#include <stdlib.h>

enum {
    PORTION = 256,
    PER_LEAF_MAX = 256,
    PER_LEAF_M = 10,
    JOINT_SHARE = 4, /* where one item of so many or more is new, old and new ones are divided together */
    PHASES = 4       /* of a level that count for progress, each a step for every node */
};

uint64_t vr_hnsw_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

vrec_status vr_hnsw_work(vr_hnsw_building *b, size_t count, size_t portion, uint64_t steps,
                         vrec_status (*run)(void *context, vr_worker *me, vrec_error *err), void *context,
                         vrec_error *err)
{
    vr_work work = { .threads = b->threads,
                     .count = count,
                     .portion = portion,
                     .run = run,
                     .context = context,
                     .progress = b->progress,
                     .phase = "building",
                     .unit = "steps",
                     .done_before = b->done,
                     .steps = steps / count,
                     .total_steps = b->total };
    vrec_status status = vr_work_do(&work, err);
    b->done += steps;
    return status;
}

/* ---- A level ---- */

/* One choice for all nodes: among candidates, or, if there are sources, among the links that they have and
 * those that link to them. */
typedef struct choosing {
    vr_hnsw_building *b;
    const vr_hnsw_nodes *nodes;   /* none of them settled */
    const vr_hnsw_points *points; /* what is near: the building's points, or its products */
    const vr_hnsw_candidates *candidates;
    const vr_hnsw_sources *sources;
    const uint8_t *stand; /* of every node, how many links at the front of its row stay; NULL: none */
    uint8_t *best;        /* where it says how many stay after a choice by product */
} choosing;

/* By inner product, the first choice is of all that are best, so that those that many want hear of them. */
static vr_hnsw_way way_of(const choosing *c)
{
    if (c->points != c->b->products)
        return VR_HNSW_FILL;
    return c->sources ? VR_HNSW_SPREAD : VR_HNSW_NEAREST;
}

/* By inner product, the second choice leaves a part of the row to links by angle. */
static size_t room_of(const choosing *c, size_t degree)
{
    if (c->points != c->b->products)
        return degree;
    return vr_min(c->sources ? degree - degree / VR_HNSW_ANGLES_SHARE : degree, UINT8_MAX);
}

static void choose_for(const choosing *c, vr_hnsw_chooser *chooser, size_t place)
{
    vr_hnsw_graph *graph = c->b->graph;
    bool by_product = c->points == c->b->products;
    uint32_t node = c->nodes->ids[place], degree = vr_hnsw_degree(graph, c->nodes->level);
    uint32_t *row = vr_hnsw_links(graph, node, c->nodes->level);
    size_t kept = c->stand ? c->stand[node] : 0;
    vr_hnsw_choose_for(chooser, node);
    vr_hnsw_choose_without(chooser, row, kept);
    if (c->sources) {
        unsigned count = atomic_load_explicit(&c->sources->counts[node], memory_order_relaxed);
        vr_hnsw_choose_among(chooser, row + kept, degree - kept);
        vr_hnsw_choose_also(chooser, c->sources->ids + c->sources->starts[node], count);
    } else {
        vr_hnsw_choose_among(chooser, c->candidates->ids + place * c->candidates->width,
                             c->candidates->width);
    }
    size_t linked = kept + vr_hnsw_choose(chooser, way_of(c), room_of(c, degree) - kept, row + kept);
    for (size_t i = linked; i < degree; i++)
        row[i] = (uint32_t)graph->rows;
    if (by_product)
        c->best[node] = (uint8_t)linked;
}

/* How many candidates count at the most. In a first choice by distance all do: of a node in a dense group
 * it is the farthest that lead out of it. */
static size_t most_of(const choosing *c, size_t degree)
{
    if (c->points == c->b->products)
        return VR_HNSW_MOST_BY_PRODUCT;
    return c->sources ? degree * VR_HNSW_PER_LINK : vr_max(c->candidates->width, degree);
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const choosing *c = context;
    size_t degree = vr_hnsw_degree(c->b->graph, c->nodes->level);
    size_t most = most_of(c, degree);
    size_t listed = degree + (c->sources ? 0 : c->candidates->width);
    vr_hnsw_chooser *chooser;
    vrec_status status = vr_hnsw_chooser_create(c->points, most, listed, &chooser, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            choose_for(c, chooser, i);
    vr_hnsw_chooser_free(chooser);
    return status;
}

/* Both choices, by distance or by inner product. The sources are kept where nodes of an old graph are among
 * those that are linked to. */
static vrec_status choose(choosing *c, const vr_hnsw_nodes *all, vr_hnsw_candidates *candidates,
                          const vr_hnsw_candidates *back, vr_hnsw_sources *sources, vrec_error *err)
{
    vr_hnsw_building *b = c->b;
    c->candidates = candidates;
    c->sources = NULL;
    vrec_status status = vr_hnsw_work(b, c->nodes->count, PORTION, c->nodes->count, run, c, err);
    vr_hnsw_candidates_free(candidates);
    if (status == VREC_OK)
        status = vr_hnsw_sources_make(b, all, c->stand, back, sources, err);
    c->sources = sources;
    if (status == VREC_OK)
        status = vr_hnsw_work(b, c->nodes->count, PORTION, c->nodes->count, run, c, err);
    if (!b->old)
        vr_hnsw_sources_free(sources);
    return status;
}

/* Puts every new node's company to the front of its row; returns how many they are, of every node. */
static const uint8_t *seat_company(vr_hnsw_building *b)
{
    for (size_t i = vr_hnsw_old_rows(b); i < b->graph->rows; i++)
        vr_hnsw_company_seat(b->company, (uint32_t)i, vr_hnsw_links(b->graph, (uint32_t)i, 0));
    return b->company->counts;
}

/* The nodes on a level without copies; those of an old graph are settled. */
static vr_hnsw_nodes nodes_of(const vr_hnsw_building *b, size_t level, uint32_t *ids)
{
    vr_hnsw_nodes nodes = { .ids = ids, .level = level };
    for (size_t i = 0; i < b->graph->rows; i++)
        if (b->graph->levels[i] > level && vr_hnsw_first(b->copies, (uint32_t)i) == i) {
            nodes.settled += i < vr_hnsw_old_rows(b);
            ids[nodes.count++] = (uint32_t)i;
        }
    return nodes;
}

static vrec_status build_nodes(vr_hnsw_building *b, size_t level, uint32_t *ids, uint8_t *best,
                               vrec_error *err)
{
    vr_hnsw_nodes all = nodes_of(b, level, ids), nodes = vr_hnsw_unsettled(&all);
    vr_hnsw_candidates by_distance = { 0 }, by_product = { 0 }, back = { 0 };
    vr_hnsw_sources near = { 0 }, wanting = { 0 };
    choosing c = { .b = b, .nodes = &nodes, .best = best };
    if (nodes.count == 0 || vr_hnsw_degree(b->graph, level) == 0)
        return VREC_OK;
    vrec_status status = vr_hnsw_candidates_find(b, &all, &by_distance, &by_product, &back, err);
    if (b->company && level == 0)
        c.stand = seat_company(b);
    if (status == VREC_OK && b->products) {
        c.points = b->products;
        status = choose(&c, &all, &by_product, NULL, &wanting, err);
        c.stand = best;
    }
    c.points = b->points;
    if (status == VREC_OK)
        status = choose(&c, &all, &by_distance, &back, &near, err);
    if (status == VREC_OK)
        status = vr_hnsw_welcome(b, &all, &back, &near, &wanting, err);
    vr_hnsw_sources_free(&near);
    vr_hnsw_sources_free(&wanting);
    vr_hnsw_candidates_free(&by_distance);
    vr_hnsw_candidates_free(&by_product);
    vr_hnsw_candidates_free(&back);
    return status;
}

/* ids, best: room for all nodes. */
static vrec_status build_level(vr_hnsw_building *b, size_t level, uint32_t *ids, uint8_t *best,
                               vrec_error *err)
{
    vr_hnsw_copies copies;
    vrec_status status = vr_hnsw_copies_find(b, level, &copies, err);
    b->copies = &copies;
    if (status == VREC_OK)
        status = vr_hnsw_copies_merge(b, level, &copies, err);
    if (status == VREC_OK)
        status = build_nodes(b, level, ids, best, err);
    if (status == VREC_OK)
        status = vr_hnsw_copies_link(b, level, &copies, err);
    b->done += b->phases * copies.fresh;
    b->copies = NULL;
    vr_hnsw_copies_free(&copies);
    return status;
}

/* ---- The graph ---- */

static vrec_status build_levels(vr_hnsw_building *b, vrec_error *err)
{
    vr_hnsw_graph *graph = b->graph;
    uint32_t *ids = vr_alloc(graph->rows, sizeof *ids);
    uint8_t *best = vr_alloc(graph->rows, sizeof *best);
    uint64_t looks = b->products ? 2 : 1;
    vrec_status status =
        ids && best ? VREC_OK : vr_fail_memory(err, graph->rows * (sizeof *ids + 1), "building a graph");
    b->phases = PHASES + 2 * (looks - 1) + (b->old ? looks : 0);
    for (size_t i = vr_hnsw_old_rows(b); i < graph->rows; i++)
        b->total += (uint64_t)graph->levels[i] * b->phases;
    for (size_t level = 0; level <= graph->top && status == VREC_OK; level++)
        status = build_level(b, level, ids, best, err);
    vr_free(ids);
    vr_free(best);
    return status;
}

static vrec_status make_graph(const vr_hnsw_plan *plan, size_t rows, vr_hnsw_graph *graph, vrec_error *err)
{
    vr_hnsw_graph_init(graph, plan->m);
    graph->ef_construction = plan->ef_construction;
    vrec_status status = vr_hnsw_graph_add_levels(graph, rows, err);
    if (status != VREC_OK)
        return status;
    vr_hnsw_draw_levels(graph, 0, plan->seed);
    return vr_hnsw_graph_add_rows(graph, err);
}

size_t vr_hnsw_per_leaf(const vr_hnsw_plan *plan)
{
    uint64_t wanted = vr_max(plan->m, PER_LEAF_M) * ((uint64_t)plan->ef_construction + 100) / 160;
    return wanted > PER_LEAF_MAX ? PER_LEAF_MAX : vr_max(wanted, 1);
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

bool vr_hnsw_lengths_differ(float *lengths, size_t count)
{
    size_t skip = count / 20;
    qsort(lengths, count, sizeof *lengths, compare_floats);
    return lengths[count - 1 - skip] > 1.2f * lengths[skip];
}

static vrec_status lengths_differ(const vr_hnsw_points *directions, bool *differ, vrec_error *err)
{
    size_t count = directions->count;
    float *lengths = vr_alloc(count, sizeof *lengths);
    if (!lengths)
        return vr_fail_memory(err, count * sizeof *lengths, "the lengths of items");
    memcpy(lengths, directions->lengths, count * sizeof *lengths);
    *differ = vr_hnsw_lengths_differ(lengths, count);
    vr_free(lengths);
    return VREC_OK;
}

/* All of it, with the building's points, and products where lengths differ. */
static vrec_status build_on(vr_hnsw_building *b, vrec_error *err)
{
    vrec_status status = build_levels(b, err);
    return status == VREC_OK ? vr_hnsw_link(b, err) : status;
}

/* Asks a sample of queries who belongs together. */
static vrec_status learn(const vr_hnsw_plan *plan, vr_hnsw_building *b, const vr_hnsw_points *among,
                         const float *items, vr_hnsw_company *company, vrec_error *err)
{
    size_t width = vr_hnsw_company_width(b->graph->degree / 2);
    vrec_status status = vr_hnsw_company_find(b, among, plan->queries, items, width, company, err);
    b->company = status == VREC_OK && company->ids ? company : NULL;
    return status;
}

/* By distance. */
static vrec_status build_near(const vr_hnsw_plan *plan, vr_hnsw_building *b, const float *items, size_t dim,
                              vr_hnsw_company *company, vrec_error *err)
{
    vr_hnsw_points points = { 0 };
    b->points = &points;
    vrec_status status =
        vr_hnsw_points_make(items, b->graph->rows, dim, false, b->threads, b->progress, &points, err);
    if (status == VREC_OK && plan->queries && plan->metric != VR_METRIC_IP)
        status = learn(plan, b, &points, items, company, err);
    if (status == VREC_OK)
        status = build_on(b, err);
    vr_hnsw_points_free(&points);
    return status;
}

/* By inner product and angle. *differ: whether that has been done, since lengths differ; else only the
 * sample has been asked, which always is by inner product. */
static vrec_status build_best(const vr_hnsw_plan *plan, vr_hnsw_building *b, const float *items, size_t dim,
                              vr_hnsw_company *company, bool *differ, vrec_error *err)
{
    vr_hnsw_points points = { 0 }, products = { 0 };
    b->points = &points;
    vrec_status status =
        vr_hnsw_points_make(items, b->graph->rows, dim, true, b->threads, b->progress, &points, err);
    if (status == VREC_OK)
        status = lengths_differ(&points, differ, err);
    bool learns = b->joint && (*differ || plan->queries);
    if (status == VREC_OK && (*differ || learns))
        status = vr_hnsw_products_make(&points, &products, err);
    if (status == VREC_OK && learns)
        status = learn(plan, b, &products, items, company, err);
    if (status == VREC_OK && *differ) {
        b->products = &products;
        status = build_on(b, err);
        b->products = NULL;
    }
    vr_hnsw_points_free(&products);
    vr_hnsw_points_free(&points);
    return status;
}

vrec_status vr_hnsw_check(size_t rows, size_t dim, vrec_error *err)
{
    if (rows > VR_HNSW_ROWS_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss HNSW: %zu rows; at most %d are supported", rows,
                       VR_HNSW_ROWS_MAX);
    if (dim > VR_HNSW_POINTS_DIM_MAX)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "faiss HNSW: items of %zu values; a graph is built over at most %d, beyond that use "
                       "index_type=Flat",
                       dim, VR_HNSW_POINTS_DIM_MAX);
    return VREC_OK;
}

static vrec_status build_links(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                               size_t dim, const vrec_progress *progress, vr_hnsw_graph *graph,
                               vrec_error *err)
{
    vr_hnsw_building b = { .items = items,
                           .stored = plan->stored,
                           .old = old,
                           .joint = !old || graph->rows / JOINT_SHARE <= graph->rows - old->rows,
                           .graph = graph,
                           .per_leaf = vr_hnsw_per_leaf(plan),
                           .threads = plan->threads,
                           .seed = plan->seed,
                           .progress = progress };
    vr_hnsw_company company = { 0 };
    bool done = false;
    vrec_status status = vr_hnsw_check(graph->rows, dim, err);
    if (status != VREC_OK)
        return status;
    if (plan->metric == VR_METRIC_IP)
        status = build_best(plan, &b, items, dim, &company, &done, err);
    if (status == VREC_OK && !done)
        status = build_near(plan, &b, items, dim, &company, err);
    vr_hnsw_company_free(&company);
    return status;
}

vrec_status vr_hnsw_build_links(const vr_hnsw_plan *plan, const float *items, size_t dim,
                                const vrec_progress *progress, vr_hnsw_graph *graph, vrec_error *err)
{
    return build_links(plan, NULL, items, dim, progress, graph, err);
}

vrec_status vr_hnsw_build(const vr_hnsw_plan *plan, const float *items, size_t rows, size_t dim,
                          const vrec_progress *progress, vr_hnsw_graph *graph, vrec_error *err)
{
    vrec_status status = make_graph(plan, rows, graph, err);
    if (status == VREC_OK)
        status = build_links(plan, NULL, items, dim, progress, graph, err);
    if (status != VREC_OK)
        vr_hnsw_graph_free(graph);
    return status;
}

vrec_status vr_hnsw_build_on(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                             size_t rows, size_t dim, const vrec_progress *progress, vr_hnsw_graph *graph,
                             vrec_error *err)
{
    vrec_status status = vr_hnsw_grow(old, rows, plan->seed, graph, err);
    if (status == VREC_OK)
        status = build_links(plan, old->rows > 0 ? old : NULL, items, dim, progress, graph, err);
    if (status != VREC_OK)
        vr_hnsw_graph_free(graph);
    return status;
}
