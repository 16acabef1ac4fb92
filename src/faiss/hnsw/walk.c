/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/walk.h"

#include "base/memory.h"
#include "core/topk.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { LINE = 64 };

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

/* Looking for a node in a list takes as long as marking some ten of it, and each candidate that is kept is
 * looked for a few times. */
void vr_hnsw_mark_excluded(vr_hnsw_walk *walk)
{
    enum { MARKED_PER_CANDIDATE = 64 };
    const int64_t *ids = vr_filter_exclusions(walk->filter, walk->row);
    size_t count = vr_filter_excluded(walk->filter, walk->row), rows = walk->hnsw->graph.rows;
    if (count == 0 || count / MARKED_PER_CANDIDATE > walk->ef || walk->filter->row_ids)
        return;
    walk->excluded = vr_marks_take(&walk->hnsw->excluded, 1, rows);
    for (size_t i = 0; walk->excluded && i < count; i++)
        if (ids[i] >= 0 && (uint64_t)ids[i] < rows)
            vr_mark(walk->excluded, (uint32_t)ids[i]);
}

void vr_hnsw_unmark_excluded(vr_hnsw_walk *walk)
{
    const int64_t *ids = vr_filter_exclusions(walk->filter, walk->row);
    size_t count = vr_filter_excluded(walk->filter, walk->row), rows = walk->hnsw->graph.rows;
    if (!walk->excluded)
        return;
    for (size_t i = 0; i < count; i++)
        if (ids[i] >= 0 && (uint64_t)ids[i] < rows)
            walk->excluded[ids[i] / 64] = 0;
    vr_marks_give(&walk->hnsw->excluded, walk->excluded);
    walk->excluded = NULL;
}

/* ---- Distances ---- */

static void measure(vr_hnsw_walk *walk, const uint32_t *nodes, size_t count, float *values)
{
    const vr_hnsw *hnsw = walk->hnsw;
    const vr_simd *simd = walk->simd;
    walk->measured += count;
    size_t dim = hnsw->index.base.dim, stride = dim * sizeof(float);
    if (!walk->by_codes && hnsw->index.metric == VR_METRIC_L2) {
        simd->l2_ids(walk->query, hnsw->items, stride, nodes, count, dim, values);
        return;
    }
    if (walk->by_records)
        vr_hnsw_codes_sums(hnsw->codes, &walk->coded, nodes, count, values);
    else if (walk->by_codes)
        vr_hnsw_codes_try(hnsw->codes, &walk->coded, nodes, count, values);
    else
        simd->dot_ids(walk->query, hnsw->items, stride, nodes, count, dim, values);
    for (size_t i = 0; i < count; i++)
        values[i] = -values[i];
}

VR_FETCHING void fetch(const vr_hnsw_walk *walk, uint32_t node)
{
    const vr_hnsw *hnsw = walk->hnsw;
    const char *first = walk->by_records
                            ? (const char *)vr_hnsw_record(hnsw->codes, node)
                            : (const char *)(hnsw->items + (size_t)node * hnsw->index.base.dim);
    for (size_t i = 0; i < walk->fetched; i += LINE)
        __builtin_prefetch(first + i);
}

VR_FETCHING void fetch_links(const vr_hnsw_walk *walk, uint32_t node)
{
    const vr_hnsw_graph *graph = &walk->hnsw->graph;
    const vr_stored_u32 *links = vr_hnsw_row(graph, node, 0);
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
static void drop_one(vr_hnsw_walk *walk)
{
    bool dropped = false;
    while (!dropped || !allowed(walk, walk->pool[walk->count - 1]))
        dropped |= allowed(walk, walk->pool[--walk->count]);
    walk->allowed--;
}

/* Drops what is one too many. */
static void trim(vr_hnsw_walk *walk)
{
    if (!walk->filtered)
        walk->allowed = walk->count = vr_min(walk->count, walk->ef);
    while (walk->allowed > walk->ef)
        drop_one(walk);
    if (walk->allowed == walk->ef)
        walk->limit = vr_min(walk->limit, walk->pool[walk->count - 1]);
}

/* The adaptive stop (Al-Jazzazi et al., arXiv 2505.15636): what is farther than the k-th nearest so far by
 * more than a factor is worth neither a visit nor a place in the pool, because the k-th can only come
 * nearer. */
static void lower_limit(vr_hnsw_walk *walk)
{
    size_t at = walk->k - 1;
    if (walk->allowed < walk->k)
        return;
    if (walk->filtered)
        for (size_t seen = at = 0; (seen += allowed(walk, walk->pool[at])) < walk->k; at++)
            ;
    float value = vr_topk_value(walk->pool[at]);
    float distance = walk->offset + walk->factor * value;
    float most = (fmaxf(distance, 0.0f) * walk->stretch - walk->offset) / walk->factor;
    if (usual(most))
        walk->limit = vr_min(walk->limit, entry_of(fmaxf(most, value), INT32_MAX));
}

static void sort(uint64_t *entries, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t entry = entries[i];
        size_t at = i;
        for (; at > 0 && entries[at - 1] > entry; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

/* How many of the pool are nearer. As many steps for any entry, and without a branch that nobody could
 * predict, so that the processor looks for several places at the same time. */
static size_t place_of(const uint64_t *pool, size_t count, uint64_t entry)
{
    size_t low = 0;
    for (; count > 1; count -= count / 2)
        low += pool[low + count / 2 - 1] < entry ? count / 2 : 0;
    return low + (count > 0 && pool[low] < entry);
}

/* Puts nodes into the pool, moving what is there once: from the last gap to the first. */
static void insert(vr_hnsw_walk *walk, uint64_t *entries, size_t count)
{
    size_t *places = walk->places, end = walk->count;
    sort(entries, count);
    for (size_t i = 0; i < count; i++)
        places[i] = place_of(walk->pool, walk->count, entries[i]);
    for (size_t i = count; i-- > 0; end = places[i]) {
        uint64_t *gap = walk->pool + places[i];
        memmove(gap + i + 1, gap, (end - places[i]) * sizeof *gap);
        gap[i] = entries[i];
        walk->allowed += allowed(walk, entries[i]);
    }
    walk->count += count;
    walk->next = vr_min(walk->next, end);
    trim(walk);
    if (walk->adaptive)
        lower_limit(walk);
}

/* The nearest node of the pool that hasn't been visited, which it now has; the number past the last one if
 * there is none. */
static uint32_t pick(vr_hnsw_walk *walk)
{
    while (walk->next < walk->count && walk->pool[walk->next] & visited)
        walk->next++;
    if (walk->next == walk->count || walk->pool[walk->next] > walk->limit)
        return (uint32_t)walk->hnsw->graph.rows;
    uint32_t node = vr_hnsw_pool_node(walk->pool[walk->next]);
    walk->pool[walk->next++] |= visited;
    fetch_links(walk, node);
    return node;
}

/* ---- Level by level ---- */

/* Goes to the nearest neighbour for as long as one is nearer. */
static void descend(vr_hnsw_walk *walk, size_t level, uint32_t *at, float *nearest)
{
    const vr_hnsw_graph *graph = &walk->hnsw->graph;
    size_t degree = vr_hnsw_degree(graph, level);
    uint32_t *nodes = walk->fresh.nodes;
    for (bool moved = true; moved;) {
        const vr_stored_u32 *links = vr_hnsw_row(graph, *at, level);
        size_t count = 0;
        while (count < degree && vr_hnsw_leads(graph, nodes[count] = links[count], level))
            fetch(walk, nodes[count++]);
        measure(walk, nodes, count, walk->values);
        moved = false;
        for (size_t i = 0; i < count; i++)
            if (usual(walk->values[i]) && walk->values[i] < *nearest && nodes[i] != walk->absent) {
                *nearest = walk->values[i];
                *at = nodes[i];
                moved = true;
            }
    }
}

static uint32_t find_start(vr_hnsw_walk *walk, float *value)
{
    uint32_t at = walk->hnsw->graph.entry;
    measure(walk, &at, 1, value);
    if (!usual(*value) || at == walk->absent)
        *value = INFINITY;
    for (size_t level = walk->hnsw->graph.top; level > 0; level--)
        descend(walk, level, &at, value);
    return at;
}

/* Collects a node's neighbours that haven't been seen, and sees them. */
static void gather(vr_hnsw_walk *walk, uint32_t node)
{
    const vr_stored_u32 *links = vr_hnsw_row(&walk->hnsw->graph, node, 0);
    uint32_t *restrict fresh = walk->coming.nodes;
    uint8_t *restrict marks = walk->marks;
    size_t degree = walk->hnsw->graph.degree, rows = walk->hnsw->graph.rows, count = 0;
    bool mapped = walk->hnsw->graph.mapped;
    uint8_t epoch = walk->epoch;
    for (size_t i = 0; i < degree; i++) {
        uint32_t next = links[i];
        if (mapped && next >= rows)
            break;
        fresh[count] = next;
        count += marks[next] != epoch;
        marks[next] = epoch;
    }
    for (size_t i = 0; i < count; i++)
        fetch(walk, fresh[i]);
    walk->coming.count = count;
}

/* Measures the nodes that were gathered before the last, and puts them into the pool. Most are too far;
 * these are left out first, without a branch that nobody could predict. */
static void insert_fresh(vr_hnsw_walk *walk)
{
    const vr_hnsw_linked *fresh = &walk->fresh;
    uint64_t *restrict near = walk->near, limit = walk->limit;
    size_t count = 0;
    measure(walk, fresh->nodes, fresh->count, walk->values);
    for (size_t i = 0; i < fresh->count; i++) {
        near[count] = entry_of(walk->values[i], fresh->nodes[i]);
        count += (near[count] < limit) & usual(walk->values[i]);
    }
    if (count > 0)
        insert(walk, near, count);
}

static void begin(vr_hnsw_walk *walk)
{
    float value;
    uint32_t start = find_start(walk, &value);
    clear_marks(walk);
    walk->marks[walk->absent] = walk->epoch;
    walk->marks[start] = walk->epoch;
    walk->count = walk->allowed = walk->next = 0;
    walk->limit = UINT64_MAX;
    walk->near[0] = entry_of(value, start);
    insert(walk, walk->near, 1);
}

/* Three visits are under way at a time, so that memory is waited for as little as possible: while the
 * neighbours of one node are compared, the records of the next one's neighbours are on their way, and so
 * are the links of the node after that. A node is thus picked before the neighbours of the two before it
 * are known. Those two steps are soon made good: all in the pool are visited in the end. */
static void visit_ahead(vr_hnsw_walk *walk)
{
    uint32_t none = (uint32_t)walk->hnsw->graph.rows, node = none;
    walk->fresh.count = walk->coming.count = 0;
    for (;;) {
        uint32_t following = pick(walk);
        if (following == none && node == none && walk->fresh.count == 0)
            break;
        walk->coming.count = 0;
        if (node != none)
            gather(walk, node);
        insert_fresh(walk);
        vr_hnsw_linked nodes = walk->fresh;
        walk->fresh = walk->coming;
        walk->coming = nodes;
        node = following;
    }
}

static void visit_in_turn(vr_hnsw_walk *walk)
{
    uint32_t none = (uint32_t)walk->hnsw->graph.rows, node;
    while ((node = pick(walk)) != none) {
        gather(walk, node);
        vr_hnsw_linked group = walk->fresh;
        walk->fresh = walk->coming;
        walk->coming = group;
        insert_fresh(walk);
    }
}

void vr_hnsw_walk_to(vr_hnsw_walk *walk)
{
    begin(walk);
    (walk->in_turn ? visit_in_turn : visit_ahead)(walk);
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
        const vr_stored_u32 *links = vr_hnsw_row(graph, nodes[i], 0);
        for (uint32_t j = 0, link; j < graph->degree && (link = links[j]) < graph->rows; j++)
            if (walk->marks[link] != walk->epoch) {
                walk->marks[link] = walk->epoch;
                nodes[count++] = link;
            }
    }
    return count;
}
