/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/walk.h"

#include "base/memory.h"
#include "core/topk.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LINE = 64, SOON = 4 /* places of the pool whose nodes are visited soon */ };

static const uint64_t visited = 1;

/* ---- Marks ---- */

/* The block begins with the last epoch that was used in it, on a line of its own. */
bool vr_hnsw_take_marks(vr_hnsw_walk *walk)
{
    uint8_t *block = vr_scratch_take(&walk->hnsw->marks, LINE + walk->hnsw->graph.rows + 1);
    walk->marks = block ? block + LINE : NULL;
    return block != NULL;
}

void vr_hnsw_give_marks(vr_hnsw_walk *walk)
{
    if (walk->marks)
        vr_scratch_give(&walk->hnsw->marks, walk->marks - LINE);
}

/* No node has been seen, except the one past the last, which is in free slots. */
static void clear_marks(vr_hnsw_walk *walk)
{
    size_t rows = walk->hnsw->graph.rows;
    uint8_t *epoch = walk->marks - LINE;
    if (++*epoch == 0) {
        memset(walk->marks, 0, rows + 1);
        *epoch = 1;
    }
    walk->epoch = *epoch;
    walk->marks[rows] = walk->epoch;
}

/* ---- Distances ---- */

size_t vr_hnsw_widest_row(const vr_hnsw_graph *graph)
{
    size_t most = 1;
    for (size_t l = 0; l < graph->level_count; l++)
        most = vr_max(most, vr_hnsw_degree(graph, l));
    return most;
}

static void measure(const vr_hnsw_walk *walk, const uint32_t *nodes, size_t count, float *values)
{
    const vr_hnsw *hnsw = walk->hnsw;
    const vr_simd *simd = walk->simd;
    size_t dim = hnsw->index.base.dim, stride = dim * sizeof(float);
    if (!walk->by_codes && hnsw->index.metric == VR_METRIC_L2) {
        simd->l2_ids(walk->query, hnsw->items, stride, nodes, count, dim, values);
        return;
    }
    if (walk->by_codes)
        vr_hnsw_codes_sums(hnsw->codes, &walk->coded, nodes, count, values);
    else
        simd->dot_ids(walk->query, hnsw->items, stride, nodes, count, dim, values);
    for (size_t i = 0; i < count; i++)
        values[i] = -values[i];
}

static inline void fetch(const vr_hnsw_walk *walk, uint32_t node)
{
    const vr_hnsw *hnsw = walk->hnsw;
    const char *first = walk->by_codes ? (const char *)vr_hnsw_record(hnsw->codes, node)
                                       : (const char *)(hnsw->items + (size_t)node * hnsw->index.base.dim);
    for (size_t i = 0; i < walk->fetched; i += LINE)
        __builtin_prefetch(first + i);
}

static inline void fetch_links(const vr_hnsw_walk *walk, uint32_t node)
{
    const vr_hnsw_graph *graph = &walk->hnsw->graph;
    const uint32_t *links = vr_hnsw_links(graph, node, 0);
    for (size_t i = 0; i < graph->degree; i += LINE / sizeof *links)
        __builtin_prefetch(links + i);
}

/* Not NaN, and not what a damaged item gives. */
static inline bool usual(float value)
{
    return fabsf(value) <= FLT_MAX;
}

/* ---- The pool ---- */

static inline uint64_t entry_of(float value, uint32_t node)
{
    return vr_topk_key(value, node << 1);
}

static inline bool allowed(const vr_hnsw_walk *walk, uint64_t entry)
{
    return vr_hnsw_allows(walk, vr_hnsw_pool_node(entry));
}

/* Drops the farthest that counts, and what is behind the one before it. */
static void trim(vr_hnsw_walk *walk)
{
    bool dropped = false;
    while (!dropped || !allowed(walk, walk->pool[walk->count - 1]))
        dropped |= allowed(walk, walk->pool[--walk->count]);
    walk->allowed--;
}

/* Returns where it stands now. */
static size_t insert(vr_hnsw_walk *walk, uint64_t entry)
{
    size_t low = 0, high = walk->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (walk->pool[middle] < entry)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(walk->pool + low + 1, walk->pool + low, (walk->count - low) * sizeof *walk->pool);
    walk->pool[low] = entry;
    walk->count++;
    walk->allowed += allowed(walk, entry);
    if (walk->allowed > walk->ef)
        trim(walk);
    if (walk->allowed == walk->ef)
        walk->limit = vr_min(walk->limit, walk->pool[walk->count - 1]);
    return low;
}

/* ---- Level by level ---- */

/* Goes to the nearest neighbour for as long as one is nearer. */
static void descend(vr_hnsw_walk *walk, size_t level, uint32_t *at, float *nearest)
{
    const vr_hnsw_graph *graph = &walk->hnsw->graph;
    size_t degree = vr_hnsw_degree(graph, level);
    for (bool moved = true; moved;) {
        const uint32_t *links = vr_hnsw_links(graph, *at, level);
        size_t count = 0;
        while (count < degree && links[count] < graph->rows)
            fetch(walk, links[count++]);
        measure(walk, links, count, walk->values);
        moved = false;
        for (size_t i = 0; i < count; i++)
            if (usual(walk->values[i]) && walk->values[i] < *nearest) {
                *nearest = walk->values[i];
                *at = links[i];
                moved = true;
            }
    }
}

static uint32_t find_start(vr_hnsw_walk *walk, float *value)
{
    uint32_t at = walk->hnsw->graph.entry;
    measure(walk, &at, 1, value);
    if (!usual(*value))
        *value = INFINITY;
    for (size_t level = walk->hnsw->graph.top; level > 0; level--)
        descend(walk, level, &at, value);
    return at;
}

/* Collects the neighbours that haven't been seen, and sees them. */
static size_t gather(const vr_hnsw_walk *walk, uint32_t node)
{
    const uint32_t *links = vr_hnsw_links(&walk->hnsw->graph, node, 0);
    uint32_t *fresh = walk->fresh;
    uint8_t *restrict marks = walk->marks;
    size_t degree = walk->hnsw->graph.degree, count = 0;
    uint8_t epoch = walk->epoch;
    for (size_t i = 0; i < degree; i++) {
        uint32_t next = links[i];
        fresh[count] = next;
        count += marks[next] != epoch;
        marks[next] = epoch;
    }
    for (size_t i = 0; i < count; i++)
        fetch(walk, fresh[i]);
    return count;
}

/* Puts the nodes that were measured into the pool; returns the first place that has a new one, or next. */
static size_t insert_fresh(vr_hnsw_walk *walk, size_t count, size_t next)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t found = entry_of(walk->values[i], walk->fresh[i]);
        if (found >= walk->limit || !usual(walk->values[i]))
            continue;
        size_t at = insert(walk, found);
        if (at < next + SOON)
            fetch_links(walk, walk->fresh[i]);
        next = vr_min(next, at);
    }
    return next;
}

void vr_hnsw_walk_to(vr_hnsw_walk *walk)
{
    float value;
    uint32_t start = find_start(walk, &value);
    clear_marks(walk);
    walk->marks[start] = walk->epoch;
    walk->count = walk->allowed = 0;
    walk->limit = UINT64_MAX;
    insert(walk, entry_of(value, start));
    for (size_t next = 0; next < walk->count && walk->pool[next] <= walk->limit;) {
        uint64_t entry = walk->pool[next];
        walk->pool[next++] |= visited;
        size_t count = gather(walk, vr_hnsw_pool_node(entry));
        measure(walk, walk->fresh, count, walk->values);
        next = insert_fresh(walk, count, next);
        while (next < walk->count && (walk->pool[next] & visited))
            next++;
    }
}

size_t vr_hnsw_reach(vr_hnsw_walk *walk, uint32_t *nodes)
{
    const vr_hnsw_graph *graph = &walk->hnsw->graph;
    float value;
    size_t count = 1;
    nodes[0] = find_start(walk, &value);
    clear_marks(walk);
    walk->marks[nodes[0]] = walk->epoch;
    for (size_t i = 0; i < count; i++) {
        const uint32_t *links = vr_hnsw_links(graph, nodes[i], 0);
        for (size_t j = 0; j < graph->degree && links[j] < graph->rows; j++)
            if (walk->marks[links[j]] != walk->epoch) {
                walk->marks[links[j]] = walk->epoch;
                nodes[count++] = links[j];
            }
    }
    return count;
}
