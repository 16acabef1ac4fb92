/* First a tree of ways is laid from the entry over all nodes that links lead to. A node outside of it is
 * linked from a near one inside, if possible from one that it links to itself, and the tree grows on from
 * there. Links of the tree are never taken away, so that nobody gets lost again.
 *
 * Then the nodes of higher levels are looked at, where a search may come down to level 0: those that no way
 * leads from to the entry get one to a node from which there is. As everybody can be reached from the
 * entry, they can from there, too.
 *
 * One thread does it, in the order of ids; usually there is little to do.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/link.h"

#include "base/memory.h"
#include "core/index.h"

enum {
    POOL = 32,      /* nodes that a search for near ones keeps */
    SPARE = 4,      /* of a row, the last part of this many may be given up for others first */
    SWEEPS = 64,    /* over all nodes, to find out who has a way to the entry */
    REPORTED = 4096 /* nodes, after which the caller is asked whether to go on */
};

typedef struct linking {
    vr_hnsw_building *b;
    vr_hnsw_graph *graph;
    uint32_t *parents; /* who leads to a node in the tree; the id past the last: nobody does */
    uint32_t *queue;   /* nodes of the tree, in the order in which they came, */
    size_t queued;
    size_t looked;  /* of which so many have been looked at */
    uint32_t spare; /* no node before this one has a link to give up */

    /* The search for near nodes. */
    int8_t *digits;
    uint64_t pool[POOL];
    size_t pool_count;
    uint32_t *seen; /* by which search */
    uint32_t search;
    uint32_t *fresh;
    float *distances;

    uint8_t *returns; /* whether there is a way from a node to the entry */
} linking;

static bool is_reached(const linking *l, uint32_t node)
{
    return l->parents[node] < l->graph->rows;
}

/* Lays the tree on over all nodes that links lead to from those in the queue. */
static void grow(linking *l)
{
    const vr_hnsw_graph *graph = l->graph;
    while (l->looked < l->queued) {
        uint32_t node = l->queue[l->looked++];
        const uint32_t *links = graph->base + (size_t)node * graph->degree;
        for (size_t i = 0; i < graph->degree && links[i] < graph->rows; i++)
            if (!is_reached(l, links[i])) {
                l->parents[links[i]] = node;
                l->queue[l->queued++] = links[i];
            }
    }
}

/* A slot of the node's row, from the given one on, that is free or has a link off the tree; NULL if there
 * is none. */
static uint32_t *find_slot(const linking *l, uint32_t node, size_t from, bool only_free)
{
    const vr_hnsw_graph *graph = l->graph;
    uint32_t *links = graph->base + (size_t)node * graph->degree;
    size_t used = 0;
    while (used < graph->degree && links[used] < graph->rows)
        used++;
    if (used < graph->degree)
        return &links[used];
    for (size_t i = graph->degree; !only_free && i-- > from;)
        if (l->parents[links[i]] != node)
            return &links[i];
    return NULL;
}

/* ---- Who is near ---- */

static void offer(linking *l, float distance, uint32_t node)
{
    uint64_t key = vr_topk_key(distance, node);
    size_t i = l->pool_count;
    if (i == POOL && key >= l->pool[POOL - 1])
        return;
    if (i == POOL)
        i--;
    else
        l->pool_count++;
    for (; i > 0 && l->pool[i - 1] > key; i--)
        l->pool[i] = l->pool[i - 1];
    l->pool[i] = key;
}

static void look_at(linking *l, const vr_hnsw_center *center, const uint32_t *nodes, size_t count)
{
    size_t fresh = 0;
    for (size_t i = 0; i < count && nodes[i] < l->graph->rows; i++)
        if (l->seen[nodes[i]] != l->search && is_reached(l, nodes[i])) {
            l->seen[nodes[i]] = l->search;
            l->fresh[fresh++] = nodes[i];
        }
    vr_hnsw_distances(l->b->points, center, l->fresh, fresh, l->distances);
    for (size_t i = 0; i < fresh; i++)
        offer(l, l->distances[i], l->fresh[i]);
}

/* Fills the pool with nodes of the tree that are near the given one, by a search along links. */
static void find_near(linking *l, uint32_t node)
{
    vr_hnsw_center center;
    uint32_t visited[POOL];
    size_t visits = 0;
    vr_hnsw_center_on(l->b->points, node, l->digits, &center);
    l->search++;
    l->pool_count = 0;
    look_at(l, &center, &l->graph->entry, 1);
    for (size_t i = 0; i < l->pool_count && visits < POOL;) {
        uint32_t next = vr_topk_row(l->pool[i]);
        bool old = false;
        for (size_t v = 0; v < visits; v++)
            old |= visited[v] == next;
        if (old) {
            i++;
            continue;
        }
        visited[visits++] = next;
        look_at(l, &center, l->graph->base + (size_t)next * l->graph->degree, l->graph->degree);
        i = 0;
    }
}

/* ---- Reaching everybody ---- */

static bool link_from(linking *l, uint32_t from, uint32_t node, size_t slot, bool only_free)
{
    uint32_t *place = is_reached(l, from) ? find_slot(l, from, slot, only_free) : NULL;
    if (!place)
        return false;
    *place = node;
    l->parents[node] = from;
    l->queue[l->queued++] = node;
    grow(l);
    return true;
}

static bool link_from_own(linking *l, uint32_t node, bool only_free)
{
    const vr_hnsw_graph *graph = l->graph;
    const uint32_t *links = graph->base + (size_t)node * graph->degree;
    for (size_t i = 0; i < graph->degree && links[i] < graph->rows; i++)
        if (link_from(l, links[i], node, graph->degree - graph->degree / SPARE, only_free))
            return true;
    return false;
}

static bool link_from_near(linking *l, uint32_t node, bool only_free)
{
    const vr_hnsw_graph *graph = l->graph;
    for (size_t i = 0; i < l->pool_count; i++)
        if (link_from(l, vr_topk_row(l->pool[i]), node, graph->degree - graph->degree / SPARE, only_free))
            return true;
    return false;
}

/* There is always a slot somewhere: a tree has fewer links than nodes, and rows have two slots or more. */
static void link_from_anywhere(linking *l, uint32_t node)
{
    while (!link_from(l, l->spare, node, 0, false))
        l->spare = l->spare + 1 < l->graph->rows ? l->spare + 1 : 0;
}

static void reach(linking *l, uint32_t node)
{
    if (link_from_own(l, node, true) || link_from_own(l, node, false))
        return;
    find_near(l, node);
    if (!link_from_near(l, node, true) && !link_from_near(l, node, false))
        link_from_anywhere(l, node);
}

static vrec_status reach_all(linking *l, vrec_error *err)
{
    const vr_hnsw_graph *graph = l->graph;
    for (size_t i = 0; i < graph->rows; i++)
        l->parents[i] = (uint32_t)graph->rows;
    l->parents[graph->entry] = graph->entry;
    l->queue[l->queued++] = graph->entry;
    grow(l);
    for (uint32_t node = 0; node < graph->rows && l->queued < graph->rows; node++) {
        if (!is_reached(l, node))
            reach(l, node);
        if (node % REPORTED == 0) {
            vrec_status status =
                vr_report(l->b->progress, "building", "steps", l->b->done, l->b->total, err);
            if (status != VREC_OK)
                return status;
        }
    }
    return VREC_OK;
}

/* ---- Ways back to the entry ---- */

static bool leads_back(const linking *l, uint32_t node)
{
    const uint32_t *links = l->graph->base + (size_t)node * l->graph->degree;
    for (size_t i = 0; i < l->graph->degree && links[i] < l->graph->rows; i++)
        if (l->returns[links[i]])
            return true;
    return false;
}

/* Sweeps over the nodes until nobody new is found. Whoever isn't found, because it would take more sweeps,
 * gets a link that it could do without. */
static void find_returns(linking *l)
{
    memset(l->returns, 0, l->graph->rows);
    l->returns[l->graph->entry] = 1;
    bool more = true;
    for (size_t sweep = 0; sweep < SWEEPS && more; sweep++) {
        more = false;
        for (uint32_t node = 0; node < l->graph->rows; node++)
            if (!l->returns[node] && leads_back(l, node))
                l->returns[node] = more = true;
    }
}

/* Gives a way to the entry to a node that has none, and so to all that lead to it in the tree below: the
 * first slot that can be had in the node's part of the tree gets a link to the nearest of those before the
 * node from which there is a way. The queue is used anew. */
static void lead_back(linking *l, uint32_t node)
{
    const vr_hnsw_graph *graph = l->graph;
    uint32_t goal = l->parents[node], end = node, *slot = NULL;
    while (!l->returns[goal])
        goal = l->parents[goal];
    l->queue[0] = node;
    l->queued = 1;
    for (size_t i = 0; i < l->queued; i++) {
        end = l->queue[i];
        if (l->returns[end] || leads_back(l, end) || (slot = find_slot(l, end, 0, false)))
            break;
        for (size_t j = 0; j < graph->degree; j++) /* all of the tree, so that every node comes once */
            l->queue[l->queued++] = graph->base[(size_t)end * graph->degree + j];
    }
    if (slot)
        *slot = goal;
    for (; end != goal; end = l->parents[end])
        l->returns[end] = 1;
}

static void return_all(linking *l)
{
    find_returns(l);
    for (uint32_t node = 0; node < l->graph->rows; node++)
        if (l->graph->levels[node] > 1 && !l->returns[node])
            lead_back(l, node);
}

/* ---- All of it ---- */

static vrec_status take_memory(linking *l, vrec_error *err)
{
    size_t rows = l->graph->rows, degree = l->graph->degree;
    l->parents = vr_alloc(rows, sizeof *l->parents);
    l->queue = vr_alloc(rows, sizeof *l->queue);
    l->seen = vr_alloc_zero(rows, sizeof *l->seen);
    l->returns = vr_alloc(rows, sizeof *l->returns);
    l->fresh = vr_alloc(degree, sizeof *l->fresh);
    l->distances = vr_alloc(degree, sizeof *l->distances);
    l->digits = vr_alloc(1, vr_hnsw_point_digits(l->b->points));
    if (!l->parents || !l->queue || !l->seen || !l->returns || !l->fresh || !l->distances || !l->digits)
        return vr_fail_memory(err, rows * (3 * sizeof *l->parents + 1), "linking all items");
    return VREC_OK;
}

vrec_status vr_hnsw_link(vr_hnsw_building *b, vrec_error *err)
{
    linking l = { .b = b, .graph = b->graph };
    vrec_status status = take_memory(&l, err);
    if (status == VREC_OK)
        status = reach_all(&l, err);
    if (status == VREC_OK)
        return_all(&l);
    vr_free(l.parents);
    vr_free(l.queue);
    vr_free(l.seen);
    vr_free(l.returns);
    vr_free(l.fresh);
    vr_free(l.distances);
    vr_free(l.digits);
    return status;
}
