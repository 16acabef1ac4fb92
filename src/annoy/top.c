/* The upper parts of trees, where the items are too many for a cache.
 *
 * Reading rows by id then waits for memory, where reading all of them in order doesn't. So there some trees
 * are divided together, level by level: every level reads all rows once, and asks of each, for every tree,
 * the plane of the part that it is in. Parts that are small enough are left to vr_annoy_grow().
 *
 * A part has a random stream of its own, started by its parent's, so that the order of work doesn't
 * matter.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/top.h"

#include "base/memory.h"

#define NO_PART UINT32_MAX

enum {
    AHEAD = 4,   /* rows fetched ahead */
    EVERY = 4096 /* rows between two looks at whether to go on */
};

typedef struct part {
    uint32_t tree;
    uint32_t begin, count; /* its part of the tree's ids */
    uint32_t seen, ones;   /* of them, in this level's reading */
    uint32_t children;     /* the first of two parts; NO_PART if it isn't divided here */
    vr_annoy_plane plane;
    vr_kiss random;
} part;

typedef struct top {
    const vr_annoy_items *items;
    const vr_annoy_work *works; /* one per tree */
    uint32_t trees;
    bool closed[VR_ANNOY_GROUP]; /* trees of which nothing more is divided here */
    part *parts;                 /* level after level; first the roots */
    uint8_t *nodes;              /* and their nodes, */
    uint8_t *normals;            /* and the normals of their planes, each from a cache line on */
    uint32_t count, room;
} top;

/* Room for two more parts. */
static bool make_room(top *t)
{
    size_t size = t->items->layout.size, room = 2 * (size_t)t->room + VR_ANNOY_GROUP;
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
    size_t stride = vr_annoy_stride(t->items);
    uint8_t *normals = vr_annoy_enlarge(t->normals, t->count * stride, room * stride);
    if (!normals)
        return false;
    t->normals = normals;
    t->room = (uint32_t)room;
    return true;
}

static void add_part(top *t, uint32_t tree, uint32_t begin, uint32_t count, vr_kiss random)
{
    t->parts[t->count++] =
        (part){ .tree = tree, .begin = begin, .count = count, .children = NO_PART, .random = random };
}

static bool is_large(const top *t, const part *p)
{
    return !t->closed[p->tree] && p->count > vr_annoy_near(t->items) &&
           p->count > t->items->layout.capacity;
}

static float *normal_at(const top *t, uint32_t part)
{
    return (float *)(void *)(t->normals + part * vr_annoy_stride(t->items));
}

/* Finds the first planes of the large parts from first to before end, and writes down who is in them. */
static void open_parts(top *t, uint32_t first, uint32_t end)
{
    const vr_annoy_items *items = t->items;
    for (uint32_t i = first; i < end; i++) {
        part *p = &t->parts[i];
        const vr_annoy_order *order = t->works[p->tree].order;
        uint8_t *node = t->nodes + i * items->layout.size;
        bool large = is_large(t, p);
        for (uint32_t j = p->begin; j < p->begin + p->count; j++)
            order->part_of[order->ids[j]] = large ? i : NO_PART;
        if (!large)
            continue;
        memset(node, 0, items->layout.size);
        vr_node_put_int(node, 0, p->count);
        vr_annoy_split(items, order->ids + p->begin, p->count, &p->random, t->works->bench->vectors, node);
        p->plane = vr_annoy_plane_of(items, node, normal_at(t, i));
    }
}

/* Asks every tree for a row's side. A part's ids ascend, so that rows come in their order. */
static void read_row(top *t, uint32_t id)
{
    uint32_t parts[VR_ANNOY_GROUP], count = 0;
    float products[VR_ANNOY_GROUP];
    const vr_annoy_items *items = t->items;
    float *row = t->works->bench->vectors; /* from a cache line on, as it is read for every tree */
    memcpy(row, vr_annoy_row(items, id), items->layout.dim * sizeof(float));
    for (uint32_t i = 0; i < t->trees; i++) {
        parts[count] = t->works[i].order->part_of[id];
        count += parts[count] != NO_PART;
    }
    items->simd->dot_ids(row, t->normals, vr_annoy_stride(items), parts, count, items->layout.dim,
                         products);
    for (uint32_t i = 0; i < count; i++) {
        part *p = &t->parts[parts[i]];
        uint8_t side = vr_annoy_side(items, &p->plane, id, products[i], &p->random);
        t->works[p->tree].order->sides[p->begin + p->seen++] = side;
        p->ones += side;
    }
}

/* Rows that are in no part are fetched, too: gaps would cost more than they save. */
static vrec_status read_rows(top *t)
{
    size_t bytes = t->items->layout.dim * sizeof(float);
    for (uint32_t id = 0; id < t->items->count; id++) {
        vr_prefetch(vr_annoy_row(t->items, (uint32_t)vr_min(id + AHEAD, t->items->count - 1)), bytes);
        read_row(t, id);
        if (id % EVERY == 0 && !t->works->keep_on(t->works->context, 0, EVERY))
            return VREC_CANCELLED;
    }
    return VREC_OK;
}

/* Divides the large parts from first to before end; their children are appended. */
static vrec_status close_parts(top *t, uint32_t first, uint32_t end, vrec_error *err)
{
    const vr_annoy_items *items = t->items;
    for (uint32_t i = first; i < end; i++) {
        if (!is_large(t, &t->parts[i]))
            continue;
        if (!make_room(t))
            return vr_fail_memory(err, ((size_t)t->count + 2) * items->layout.size,
                                  "the upper nodes of a tree");
        part *p = &t->parts[i];
        uint32_t zeros = vr_annoy_divide(&t->works[p->tree], items, p->begin, p->count, true, p->ones,
                                         &p->random, t->nodes + i * items->layout.size);
        vr_kiss left = vr_kiss_seed(vr_kiss_draw(&p->random));
        vr_kiss right = vr_kiss_seed(vr_kiss_draw(&p->random));
        p->children = t->count;
        add_part(t, p->tree, p->begin, zeros, left);
        add_part(t, p->tree, p->begin + zeros, p->count - zeros, right);
    }
    return VREC_OK;
}

/* Whether so many items are in large parts that reading all rows is worth it. Every tree is asked for
 * itself, so that it comes out the same whichever others grow with it. */
static bool is_worth_it(top *t, uint32_t first)
{
    uint64_t large[VR_ANNOY_GROUP] = { 0 };
    bool any = false;
    for (uint32_t i = first; i < t->count; i++)
        if (is_large(t, &t->parts[i]))
            large[t->parts[i].tree] += t->parts[i].count;
    for (uint32_t i = 0; i < t->trees; i++) {
        t->closed[i] = large[i] <= t->items->count / 4;
        any = any || !t->closed[i];
    }
    return any;
}

/* Writes the nodes below a part and its own, the child with fewer items first. The depth is that of the
 * upper part only, and every part has at most 0.99 of its parent's items. */
static vrec_status emit(top *t, uint32_t i, uint32_t *child, vrec_error *err)
{
    const vr_annoy_items *items = t->items;
    part *p = &t->parts[i];
    vr_annoy_tree *tree = t->works[p->tree].tree;
    if (p->children == NO_PART)
        return vr_annoy_grow(&t->works[p->tree], p->begin, p->count, &p->random, child, err);
    uint32_t first = t->parts[p->children].count > t->parts[p->children + 1].count, below;
    uint8_t *node = t->nodes + i * items->layout.size;
    for (uint32_t c = 0; c < 2; c++) {
        vrec_status status = emit(t, p->children + (c ^ first), &below, err);
        if (status != VREC_OK)
            return status;
        vr_node_put_int(node, items->layout.children + (c ^ first) * sizeof below, below);
    }
    *child = items->count + tree->count;
    uint8_t *written = vr_annoy_append(tree, items);
    if (!written)
        return vr_fail_memory(err, ((size_t)tree->count + 1) * items->layout.size, "the nodes of a tree");
    memcpy(written, node, items->layout.size);
    return VREC_OK;
}

static vrec_status divide(top *t, vrec_error *err)
{
    for (uint32_t first = 0, end; is_worth_it(t, first); first = end) {
        end = t->count;
        open_parts(t, first, end);
        vrec_status status = read_rows(t);
        if (status == VREC_OK)
            status = close_parts(t, first, end, err);
        if (status != VREC_OK)
            return status;
    }
    return VREC_OK;
}

static vrec_status start(top *t, const vr_kiss *streams, vrec_error *err)
{
    for (uint32_t i = 0; i < t->trees; i++) {
        if (!make_room(t))
            return vr_fail_memory(err, ((size_t)t->count + 2) * t->items->layout.size,
                                  "the upper nodes of a tree");
        add_part(t, i, 0, t->items->count, streams[i]);
    }
    return VREC_OK;
}

vrec_status vr_annoy_grow_by_levels(const vr_annoy_work *works, uint32_t count, const vr_kiss *streams,
                                    vrec_error *err)
{
    top t = { .items = works->items, .works = works, .trees = count };
    uint32_t root;
    vrec_status status = start(&t, streams, err);
    if (status == VREC_OK)
        status = divide(&t, err);
    for (uint32_t i = 0; i < count && status == VREC_OK; i++)
        status = emit(&t, i, &root, err);
    vr_free(t.parts);
    vr_free(t.nodes);
    vr_free(t.normals);
    return status;
}
