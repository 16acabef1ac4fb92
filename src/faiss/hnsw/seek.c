/* The search is that of walk.h in a simple form: down to the level by the nearest neighbour, and there with
 * a pool in which all are visited. Distances are those of the build (points.h), which are the same on every
 * processor; and every node's search is one thread's. In the graph, which is a copy of the old one on this
 * level and above, nobody links to a new node yet, and no row changes meanwhile. On this level nobody links
 * to a copy (copies.h), so that of equal nodes the first alone is found.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/seek.h"

#include "base/memory.h"
#include "faiss/hnsw/copies.h"

enum { PORTION = 16 };

static const uint64_t visited = 1;

typedef struct seeking {
    vr_hnsw_building *b;
    const vr_hnsw_nodes *nodes;
    const vr_hnsw_points *points;
    vr_hnsw_candidates *candidates;
    size_t first, count;
} seeking;

/* One thread's tools. */
typedef struct seeker {
    const vr_hnsw_graph *graph;
    const vr_hnsw_copies *copies;
    uint32_t entry, top; /* of the old graph */
    const vr_hnsw_points *points;
    size_t level;
    size_t widest; /* links of a node on any level */
    int8_t *digits;
    vr_hnsw_center center;
    uint64_t *pool; /* ascending; an entry sorts by distance and node, its lowest bit says visited */
    size_t room, filled;
    uint32_t *seen; /* by which search a node has been seen */
    uint32_t search;
    uint32_t *fresh;
    float *distances;
} seeker;

static vrec_status take_tools(const seeking *s, seeker *k, vrec_error *err)
{
    const vr_hnsw_graph *old = s->b->old;
    *k = (seeker){ .graph = s->b->graph,
                   .copies = s->b->copies,
                   .entry = old->entry,
                   .top = old->top,
                   .points = s->points,
                   .level = s->nodes->level,
                   .widest = vr_hnsw_widest_row(old),
                   .room = s->count };
    k->digits = vr_alloc(1, vr_hnsw_point_digits(s->points));
    k->pool = vr_alloc(s->count, sizeof *k->pool);
    k->seen = vr_alloc_zero(old->rows, sizeof *k->seen);
    k->fresh = vr_alloc(k->widest, sizeof *k->fresh);
    k->distances = vr_alloc(k->widest, sizeof *k->distances);
    if (!k->digits || !k->pool || !k->seen || !k->fresh || !k->distances)
        return vr_fail_memory(err, old->rows * sizeof *k->seen, "searching the graph");
    return VREC_OK;
}

static void free_tools(seeker *k)
{
    vr_free(k->digits);
    vr_free(k->pool);
    vr_free(k->seen);
    vr_free(k->fresh);
    vr_free(k->distances);
}

static uint32_t node_of(uint64_t entry)
{
    return vr_topk_row(entry) >> 1;
}

/* Goes to the nearest neighbour for as long as one is nearer, level by level; returns where it ends above
 * the wanted level. */
static uint32_t descend(seeker *k)
{
    const vr_hnsw_graph *graph = k->graph;
    uint64_t nearest;
    float distance;
    vr_hnsw_distances(k->points, &k->center, &k->entry, 1, &distance);
    nearest = vr_topk_key(distance, k->entry);
    for (size_t level = k->top; level > k->level; level--) {
        size_t degree = vr_hnsw_degree(graph, level);
        for (bool moved = true; moved;) {
            const uint32_t *links = vr_hnsw_links(graph, vr_topk_row(nearest), level);
            size_t count = 0;
            while (count < degree && links[count] < graph->rows)
                count++;
            vr_hnsw_distances(k->points, &k->center, links, count, k->distances);
            moved = false;
            for (size_t i = 0; i < count; i++) {
                uint64_t key = vr_topk_key(k->distances[i], links[i]);
                moved |= key < nearest;
                nearest = vr_min(nearest, key);
            }
        }
    }
    return vr_topk_row(nearest);
}

/* Puts nodes that haven't been seen into the pool; returns the first place that has changed. */
static size_t look_at(seeker *k, const uint32_t *nodes, size_t count)
{
    size_t fresh = 0, changed = k->room;
    for (size_t i = 0; i < count && nodes[i] < k->graph->rows; i++)
        if (k->seen[nodes[i]] != k->search) {
            k->seen[nodes[i]] = k->search;
            vr_prefetch(k->points->records + (size_t)nodes[i] * k->points->lines * 64,
                        k->points->lines * 64);
            k->fresh[fresh++] = nodes[i];
        }
    vr_hnsw_distances(k->points, &k->center, k->fresh, fresh, k->distances);
    for (size_t i = 0; i < fresh; i++) {
        uint64_t entry = vr_topk_key(k->distances[i], k->fresh[i] << 1);
        size_t at = k->filled;
        if (at == k->room && entry >= k->pool[at - 1])
            continue;
        if (at == k->room)
            at--;
        else
            k->filled++;
        for (; at > 0 && k->pool[at - 1] > entry; at--)
            k->pool[at] = k->pool[at - 1];
        k->pool[at] = entry;
        changed = vr_min(changed, at);
    }
    return changed;
}

static void seek(seeker *k, uint32_t node)
{
    size_t degree = vr_hnsw_degree(k->graph, k->level);
    vr_hnsw_center_on(k->points, node, k->digits, &k->center);
    uint32_t start = vr_hnsw_first(k->copies, descend(k));
    k->search++;
    k->filled = 0;
    look_at(k, &start, 1);
    for (size_t next = 0; next < k->filled;) {
        if (k->pool[next] & visited) {
            next++;
            continue;
        }
        k->pool[next] |= visited;
        size_t changed = look_at(k, vr_hnsw_links(k->graph, node_of(k->pool[next]), k->level), degree);
        next = vr_min(next + 1, changed);
    }
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const seeking *s = context;
    seeker k;
    vrec_status status = take_tools(s, &k, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++) {
            uint32_t *to = s->candidates->ids + i * s->candidates->width + s->first;
            seek(&k, s->nodes->ids[i]);
            for (size_t j = 0; j < s->count; j++)
                to[j] = j < k.filled ? node_of(k.pool[j]) : VR_HNSW_NOBODY;
        }
    free_tools(&k);
    return status;
}

/* The old graph has no such level. */
static void find_nobody(const seeking *s)
{
    for (size_t i = 0; i < s->nodes->count; i++)
        for (size_t j = 0; j < s->count; j++)
            s->candidates->ids[i * s->candidates->width + s->first + j] = VR_HNSW_NOBODY;
}

vrec_status vr_hnsw_seek(vr_hnsw_building *b, const vr_hnsw_nodes *nodes, const vr_hnsw_points *points,
                         vr_hnsw_candidates *candidates, size_t first, size_t count, vrec_error *err)
{
    seeking s = { b, nodes, points, candidates, first, count };
    if (nodes->level <= b->old->top)
        return vr_hnsw_work(b, nodes->count, PORTION, nodes->count, run, &s, err);
    find_nobody(&s);
    return VREC_OK;
}
