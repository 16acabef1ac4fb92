/* Candidates are compared with the query. This is where most of the time goes if there are many.
 *
 * Without codes, each is. With them, first the upper bounds are found of how near every candidate may be;
 * then the k that may be nearest are compared, and of the rest those that may still be nearer than the last
 * of these. annoy/codes.c shows that nobody is left out who would have been among the k nearest.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/score.h"

#include "base/memory.h"

#include <math.h>

enum {
    AHEAD = 16, /* rows on their way, */
    STEP = 4    /* of which so many are compared at a time */
};

/* Candidates on their way. */
typedef struct queue {
    const vr_annoy_scorer *scorer;
    const vr_annoy_walk *walk;
    vr_topk *top;
    uint32_t items[AHEAD];
    size_t count;
} queue;

/* What sorts as the distance does, from the kernel's value; not finite for items that aren't. */
static float distance(const queue *q, const uint8_t *node, float value)
{
    const vr_annoy_layout *layout = &q->scorer->forest->layout;
    if (layout->metric == VR_ANNOY_EUCLIDEAN || !isfinite(value))
        return value;
    if (layout->metric == VR_ANNOY_DOT)
        return -value;
    const float *row = vr_node_vector(layout, node);
    float norm = vr_node_float(node, layout->norm);
    if (norm == 0.0f) /* a file from before they were stored, or a zero vector */
        q->scorer->simd->dot_rows(row, row, 1, layout->dim, &norm);
    float norms = norm * q->walk->norm;
    return norms > 0.0f ? (float)(2.0 - 2.0 * (double)value / (double)sqrtf(norms)) : 2.0f;
}

static bool passes(const vr_annoy_scorer *s, size_t row, uint32_t item)
{
    return !s->filter || vr_filter_passes(s->filter, row, item);
}

/* Compares the first count with the query. */
static void compare(queue *q, size_t count)
{
    const vr_annoy_scorer *s = q->scorer;
    const vr_annoy *forest = s->forest;
    const vr_annoy_layout *layout = &forest->layout;
    float values[AHEAD];
    (layout->metric == VR_ANNOY_EUCLIDEAN ? s->simd->l2_ids : s->simd->dot_ids)(
        q->walk->vector, forest->nodes + layout->vector, layout->size, q->items, count, layout->dim,
        values);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *node = vr_annoy_node(forest, q->items[i]);
        float value = distance(q, node, values[i]);
        if (!isfinite(value) || vr_node_descendants(node) != 1)
            continue;
        uint64_t key = vr_topk_key(value, q->items[i]);
        if (key <= q->top->limit && passes(s, q->walk->row, q->items[i]))
            vr_topk_push(q->top, key);
    }
    q->count -= count;
    memmove(q->items, q->items + count, q->count * sizeof *q->items);
}

static void add(queue *q, uint32_t item)
{
    const vr_annoy *forest = q->scorer->forest;
    vr_prefetch(vr_annoy_node(forest, item), forest->layout.size);
    q->items[q->count++] = item;
    if (q->count == AHEAD)
        compare(q, STEP);
}

/* Adds the k candidates with the largest bounds, and sets the limit by them. Returns the last one's key. */
static uint64_t add_best(queue *q)
{
    const vr_annoy_scorer *s = q->scorer;
    vr_topk best;
    vr_topk_init(&best, s->best, q->top->k);
    for (size_t i = 0; i < q->walk->found_count; i++)
        vr_topk_push(&best, vr_topk_key(-s->bounds[i], (uint32_t)i));
    vr_topk_finish(&best);
    for (size_t i = 0; i < best.count; i++)
        add(q, q->walk->found[vr_topk_row(best.keys[i])]);
    compare(q, q->count);
    vr_topk_shrink(q->top);
    return best.keys[best.count - 1];
}

static void add_by_codes(queue *q, const vr_annoy_coded *coded)
{
    const vr_annoy_scorer *s = q->scorer;
    const vr_annoy_walk *walk = q->walk;
    vr_records_bounds(s->codes, &coded->query, walk->found, walk->found_count, s->bounds);
    uint64_t last = add_best(q), limit = q->top->limit;
    float floor = vr_annoy_floor(s->forest, coded, limit);
    for (size_t i = 0; i < walk->found_count; i++) {
        if (s->bounds[i] < floor || vr_topk_key(-s->bounds[i], (uint32_t)i) <= last)
            continue;
        add(q, walk->found[i]);
        if (q->top->limit != limit)
            floor = vr_annoy_floor(s->forest, coded, limit = q->top->limit);
    }
}

void vr_annoy_score(const vr_annoy_scorer *scorer, const vr_annoy_walk *walk, vr_topk *top)
{
    queue q = { .scorer = scorer, .walk = walk, .top = top };
    vr_annoy_coded coded;
    if (scorer->codes && vr_annoy_wants_codes(walk->found_count, top->k) &&
        vr_annoy_encode(scorer->forest, scorer->codes, walk->vector, walk->norm, scorer->digits, &coded))
        add_by_codes(&q, &coded);
    else
        for (size_t i = 0; i < walk->found_count; i++)
            add(&q, walk->found[i]);
    compare(&q, q.count);
}
