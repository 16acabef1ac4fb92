/* The upper part of a tree, where the items are too many for a cache.
 *
 * Reading rows by id then waits for memory, where reading all of them in order doesn't. So there the tree
 * is divided level by level: every level reads all rows once, and asks of each the plane of the part that
 * it is in. Parts that are small enough are left to vr_annoy_grow().
 *
 * A part has a random stream of its own, started by its parent's, so that the order of work doesn't
 * matter.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/tree.h"

#include "base/memory.h"

#define NO_PART UINT32_MAX

enum { AHEAD = 4 /* rows fetched ahead */ };

typedef struct part {
    uint32_t begin, count; /* its part of ids */
    uint32_t seen, ones;   /* of them, in this level's reading */
    uint32_t children;     /* the first of two parts; NO_PART if it isn't divided here */
    vr_annoy_plane plane;
    vr_kiss random;
} part;

typedef struct top {
    const vr_annoy_work *work;
    part *parts;    /* level after level */
    uint8_t *nodes; /* and their nodes */
    uint32_t count, room;
} top;

/* Room for two more parts. */
static bool make_room(top *t)
{
    size_t size = t->work->items->layout.size, room = 2 * (size_t)t->room + 64;
    if (t->count + 2 <= t->room)
        return true;
    part *parts = vr_annoy_enlarge(t->parts, t->count * sizeof *parts, room * sizeof *parts);
    if (!parts)
        return false;
    t->parts = parts;
    uint8_t *nodes = vr_annoy_enlarge(t->nodes, t->count * size, room * size);
    if (!nodes)
        return false;
    t->nodes = nodes;
    t->room = (uint32_t)room;
    return true;
}

static void add_part(top *t, uint32_t begin, uint32_t count, vr_kiss random)
{
    t->parts[t->count++] = (part){ .begin = begin, .count = count, .children = NO_PART, .random = random };
}

static bool is_large(const top *t, const part *p)
{
    return p->count > 2 * vr_annoy_near(t->work->items) && p->count > t->work->items->layout.capacity;
}

/* Finds the first planes of the large parts from first to before end, and writes down who is in them. */
static void open_parts(top *t, uint32_t first, uint32_t end)
{
    const vr_annoy_items *items = t->work->items;
    vr_annoy_bench *bench = t->work->bench;
    for (uint32_t i = first; i < end; i++) {
        part *p = &t->parts[i];
        uint8_t *node = t->nodes + i * items->layout.size;
        bool large = is_large(t, p);
        for (uint32_t j = p->begin; j < p->begin + p->count; j++)
            bench->part_of[bench->ids[j]] = large ? i : NO_PART;
        if (!large)
            continue;
        memset(node, 0, items->layout.size);
        vr_node_put_int(node, 0, p->count);
        vr_annoy_split(items, bench->ids + p->begin, p->count, &p->random, bench->vectors, node);
    }
    for (uint32_t i = first; i < end; i++) /* now that no node moves */
        t->parts[i].plane = vr_annoy_plane_of(items, t->nodes + i * items->layout.size);
}

/* Asks every row for its side. A part's ids ascend, so that rows come in their order. Rows that are in no
 * part are fetched, too: gaps would cost more than they save. */
static void read_rows(top *t)
{
    const vr_annoy_items *items = t->work->items;
    const uint32_t *part_of = t->work->bench->part_of;
    size_t dim = items->layout.dim;
    for (uint32_t id = 0; id < items->count; id++) {
        vr_prefetch(items->rows + vr_min(id + AHEAD, items->count - 1) * dim, dim * sizeof(float));
        if (part_of[id] == NO_PART)
            continue;
        part *p = &t->parts[part_of[id]];
        uint8_t side = vr_annoy_side(items, &p->plane, id, &p->random);
        t->work->bench->sides[p->begin + p->seen++] = side;
        p->ones += side;
    }
}

/* Divides the large parts from first to before end; their children are appended. */
static vrec_status close_parts(top *t, uint32_t first, uint32_t end, vrec_error *err)
{
    const vr_annoy_items *items = t->work->items;
    for (uint32_t i = first; i < end; i++) {
        if (!is_large(t, &t->parts[i]))
            continue;
        if (!t->work->keep_on(t->work->context, 0))
            return VREC_CANCELLED;
        if (!make_room(t))
            return vr_fail_memory(err, t->count * items->layout.size, "the upper nodes of a tree");
        part *p = &t->parts[i];
        uint32_t zeros = vr_annoy_divide(t->work->bench, items, p->begin, p->count, true, p->ones,
                                         &p->random, t->nodes + i * items->layout.size);
        vr_kiss left = vr_kiss_seed(vr_kiss_draw(&p->random));
        vr_kiss right = vr_kiss_seed(vr_kiss_draw(&p->random));
        p->children = t->count;
        add_part(t, p->begin, zeros, left);
        add_part(t, p->begin + zeros, p->count - zeros, right);
    }
    return VREC_OK;
}

/* Whether so many items are in large parts that reading all rows is worth it. */
static bool is_worth_it(const top *t, uint32_t first)
{
    uint64_t large = 0;
    for (uint32_t i = first; i < t->count; i++)
        large += is_large(t, &t->parts[i]) ? t->parts[i].count : 0;
    return large > t->work->items->count / 4;
}

/* Writes the nodes below a part and its own, the child with fewer items first. The depth is that of the
 * upper part only, and every part has at most 0.99 of its parent's items. */
static vrec_status emit(top *t, uint32_t i, uint32_t *child, vrec_error *err)
{
    const vr_annoy_items *items = t->work->items;
    part *p = &t->parts[i];
    if (p->children == NO_PART)
        return vr_annoy_grow(t->work, p->begin, p->count, &p->random, child, err);
    uint32_t first = t->parts[p->children].count > t->parts[p->children + 1].count, below;
    uint8_t *node = t->nodes + i * items->layout.size;
    for (uint32_t c = 0; c < 2; c++) {
        vrec_status status = emit(t, p->children + (c ^ first), &below, err);
        if (status != VREC_OK)
            return status;
        vr_node_put_int(node, items->layout.children + (c ^ first) * sizeof below, below);
    }
    *child = items->count + t->work->tree->count;
    uint8_t *written = vr_annoy_append(t->work->tree, items);
    if (!written)
        return vr_fail_memory(err, t->work->tree->count * items->layout.size, "the nodes of a tree");
    memcpy(written, node, items->layout.size);
    return VREC_OK;
}

static vrec_status divide_and_emit(top *t, const vr_kiss *random, vrec_error *err)
{
    vr_annoy_bench *bench = t->work->bench;
    uint32_t items = t->work->items->count, child;
    if (!bench->part_of)
        bench->part_of = vr_alloc(items, sizeof *bench->part_of);
    if (!bench->part_of || !make_room(t))
        return vr_fail_memory(err, items * sizeof *bench->part_of, "building a tree");
    add_part(t, 0, items, *random);
    for (uint32_t first = 0, end; is_worth_it(t, first); first = end) {
        end = t->count;
        open_parts(t, first, end);
        read_rows(t);
        vrec_status status = close_parts(t, first, end, err);
        if (status != VREC_OK)
            return status;
    }
    return emit(t, 0, &child, err);
}

vrec_status vr_annoy_grow_by_levels(const vr_annoy_work *work, vr_kiss *random, vrec_error *err)
{
    top t = { .work = work };
    vrec_status status = divide_and_emit(&t, random, err);
    vr_free(t.parts);
    vr_free(t.nodes);
    return status;
}
