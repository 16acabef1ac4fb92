/* One tree: items are divided until a bucket holds them.
 *
 * A tree is built over one array of ids (the order). A split divides a run of it into two runs, side 0
 * first; each of these is divided in turn, until a run fits a bucket, or is a single item, which is its own
 * leaf.
 *
 * Nodes come out as in Annoy: after both children, the child with fewer items first. What Annoy does by
 * recursion stands here on a stack of frames, so that no data, however lopsided, exhausts the thread's.
 * The loop in grow() takes one run at a time:
 *
 * - If it is to be split, push_split() pushes a frame, and the next run is that of the split's first child.
 * - Else its part of the tree is built at once: a leaf, or, for a run that fits a cache, grow_near(), which
 *   brings its items near and calls grow() for them. Then finish() closes the frames that have both
 *   children now, and the next run is that of the child that is missing in the frame on top.
 *
 * What holds between these steps: every frame's run lies within the run of the frame below it, and ids move
 * only within the run on top. The node of bench->frames[i] is bench->planes + i * size: it gets its place
 * in the tree, and so its number, when both children have theirs. What has been appended to the tree is
 * final. In a run that has been brought near, ids are no longer those of items, but the numbers of the
 * copies.
 *
 * Who owns what: the bench and the order belong to one thread, which lends them to one tree after the
 * other; the tree's nodes belong to the tree, and build.c frees them. Nothing here is shared between
 * threads but the items, which are only read.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/tree.h"

#include "base/memory.h"

enum {
    ATTEMPTS = 3, /* at a plane that divides well */
    FIRST_FRAMES = 64
};

/* A split whose children aren't finished. */
struct vr_annoy_frame {
    uint32_t begin, count; /* its part of ids, */
    uint32_t zeros;        /* which starts with the items on side 0 */
    uint32_t first;        /* the side that is built first */
    uint32_t finished;     /* children */
};

vrec_status vr_annoy_bench_init(vr_annoy_bench *bench, const vr_annoy_items *items, vrec_error *err)
{
    bench->moved = vr_alloc(items->count, sizeof *bench->moved);
    bench->vectors = vr_alloc(2, vr_annoy_stride(items));
    if (vr_annoy_near_init(&bench->near, items) && bench->moved && bench->vectors)
        return VREC_OK;
    return vr_fail_memory(err, items->count * sizeof *bench->moved, "building a tree");
}

void vr_annoy_bench_free(vr_annoy_bench *bench)
{
    vr_free(bench->moved);
    vr_free(bench->vectors);
    vr_annoy_near_free(&bench->near);
    vr_free(bench->frames);
    vr_free(bench->planes);
}

vrec_status vr_annoy_order_init(vr_annoy_order *order, const vr_annoy_items *items, vrec_error *err)
{
    order->ids = vr_alloc(items->count, sizeof *order->ids);
    order->sides = vr_alloc(items->count, 1);
    order->part_of = items->strict ? NULL : vr_alloc(items->count, sizeof *order->part_of);
    if (order->ids && order->sides && (order->part_of || items->strict))
        return VREC_OK;
    return vr_fail_memory(err, (size_t)items->count * VR_ANNOY_ORDER_BYTES, "building a tree");
}

void vr_annoy_order_free(vr_annoy_order *order)
{
    vr_free(order->ids);
    vr_free(order->sides);
    vr_free(order->part_of);
}

void *vr_annoy_enlarge(void *old, size_t used, size_t bytes)
{
    void *block = vr_alloc(bytes, 1);
    if (block && used > 0)
        memcpy(block, old, used);
    if (block)
        vr_free(old);
    return block;
}

/* ---- Nodes ---- */

uint8_t *vr_annoy_append(vr_annoy_tree *tree, const vr_annoy_items *items)
{
    size_t size = items->layout.size, bytes;
    if (tree->count == tree->room) {
        size_t room = (size_t)tree->room + tree->room / 2;
        room += VR_ANNOY_ROOM * (size_t)(items->count / items->layout.capacity) + 1;
        bool fits = room <= INT32_MAX && vr_mul(room, size, &bytes);
        uint8_t *nodes = fits ? vr_annoy_enlarge(tree->nodes, tree->count * size, bytes) : NULL;
        if (!nodes)
            return NULL;
        tree->nodes = nodes;
        tree->room = (uint32_t)room;
    }
    return tree->nodes + tree->count++ * size;
}

/* A leaf for these items: one of them alone is its own, except in the root. */
static bool add_leaf(const vr_annoy_items *items, vr_annoy_tree *tree, const uint32_t *ids, uint32_t count,
                     uint32_t *child)
{
    *child = items->names ? items->names[ids[0]] : ids[0];
    if (count == 1 && count < items->count)
        return true;
    *child = items->count + tree->count;
    uint8_t *node = vr_annoy_append(tree, items);
    if (!node)
        return false;
    memset(node, 0, items->layout.size);
    vr_node_put_int(node, 0, count);
    for (uint32_t i = 0; i < count; i++)
        vr_node_put_int(node, items->layout.children + i * sizeof *ids,
                        items->names ? items->names[ids[i]] : ids[i]);
    return true;
}

/* ---- Splits ---- */

/* The larger side's part, in Annoy's mix of float and double. */
static double imbalance(uint32_t ones, uint32_t count)
{
    double left = (double)(float)(count - ones), right = (double)(float)ones;
    float part = (float)(left / (left + right + 1e-9));
    float rest = 1.0f - part;
    return (double)(part > rest ? part : rest);
}

/* Moves side 0 to the front; both sides keep their order. */
static void partition(uint32_t *ids, const uint8_t *sides, uint32_t count, uint32_t *moved)
{
    uint32_t zeros = 0, ones = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ids[i];
        ids[zeros] = id; /* written over by the next, unless it counts */
        moved[ones] = id;
        zeros += !sides[i];
        ones += sides[i];
    }
    memcpy(ids + zeros, moved, ones * sizeof *ids);
}

uint32_t vr_annoy_divide(const vr_annoy_work *work, const vr_annoy_items *items, uint32_t begin,
                         uint32_t count, bool tried, uint32_t ones, vr_kiss *random, uint8_t *node)
{
    uint32_t *ids = work->order->ids + begin;
    uint8_t *sides = work->order->sides + begin;
    for (size_t attempt = 0; attempt < ATTEMPTS; attempt++) {
        if (attempt > 0 || !tried) {
            vr_annoy_split(items, ids, count, random, work->bench->vectors, node);
            vr_annoy_plane plane = vr_annoy_plane_of(items, node, work->bench->vectors);
            ones = vr_annoy_sides(items, &plane, ids, count, random, sides);
        }
        if (imbalance(ones, count) < 0.95)
            break;
    }
    while (imbalance(ones, count) > 0.99) { /* no plane will do: throw coins */
        memset(node + items->layout.vector, 0, items->layout.dim * sizeof(float));
        ones = 0;
        for (uint32_t i = 0; i < count; i++)
            ones += sides[i] = vr_kiss_flip(random);
    }
    partition(ids, sides, count, work->bench->moved);
    return count - ones;
}

static bool make_room(vr_annoy_bench *bench, size_t size)
{
    size_t room = 2 * bench->room + FIRST_FRAMES;
    if (bench->depth < bench->room)
        return true;
    vr_annoy_frame *frames =
        vr_annoy_enlarge(bench->frames, bench->depth * sizeof *bench->frames, room * sizeof *bench->frames);
    if (!frames)
        return false;
    bench->frames = frames;
    uint8_t *planes = vr_annoy_enlarge(bench->planes, bench->depth * size, room * size);
    if (!planes)
        return false;
    bench->planes = planes;
    bench->room = room;
    return true;
}

static bool push_split(const vr_annoy_work *work, const vr_annoy_items *items, uint32_t begin,
                       uint32_t count, vr_kiss *random)
{
    vr_annoy_bench *bench = work->bench;
    size_t size = items->layout.size;
    if (!make_room(bench, size))
        return false;
    vr_annoy_frame *frame = &bench->frames[bench->depth];
    uint8_t *node = bench->planes + bench->depth * size;
    *frame = (vr_annoy_frame){ .begin = begin, .count = count };
    memset(node, 0, size);
    vr_node_put_int(node, 0, count);
    frame->zeros = vr_annoy_divide(work, items, begin, count, false, 0, random, node);
    frame->first = frame->zeros > count - frame->zeros;
    bench->depth++;
    return true;
}

/* The side of a split whose child is built next, and where the ids on it are. */
static uint32_t next_side(const vr_annoy_frame *frame, uint32_t *begin, uint32_t *count)
{
    uint32_t side = frame->finished ? !frame->first : frame->first;
    *begin = frame->begin + (side ? frame->zeros : 0);
    *count = side ? frame->count - frame->zeros : frame->zeros;
    return side;
}

/* Enters *child, which is finished, in the split on top of the stack. If that was its second child, the
 * split is finished, too: it is appended to the tree, taken off the stack, and entered in the split below
 * it, and so on, until a split still waits for its second child, or the stack is as low as left. Then
 * *child is the last one that was finished. */
static bool finish(vr_annoy_bench *bench, size_t left, const vr_annoy_items *items, vr_annoy_tree *tree,
                   uint32_t *child)
{
    size_t size = items->layout.size;
    while (bench->depth > left) {
        vr_annoy_frame *frame = &bench->frames[bench->depth - 1];
        uint8_t *node = bench->planes + (bench->depth - 1) * size;
        uint32_t begin, count;
        uint32_t side = next_side(frame, &begin, &count);
        vr_node_put_int(node, items->layout.children + side * sizeof *child, *child);
        if (++frame->finished < 2)
            return true;
        *child = items->count + tree->count;
        uint8_t *written = vr_annoy_append(tree, items);
        if (!written)
            return false;
        memcpy(written, node, size);
        bench->depth--;
    }
    return true;
}

void vr_annoy_start(const vr_annoy_work *work)
{
    for (uint32_t i = 0; i < work->items->count; i++)
        work->order->ids[i] = i;
}

static vrec_status grow(const vr_annoy_work *work, const vr_annoy_items *items, uint32_t begin,
                        uint32_t count, vr_kiss *random, uint32_t *child, vrec_error *err);

/* What is above these ids, whose items are first brought near. */
static vrec_status grow_near(const vr_annoy_work *work, uint32_t begin, uint32_t count, vr_kiss *random,
                             uint32_t *child, vrec_error *err)
{
    vr_annoy_items *near = &work->bench->near;
    vr_annoy_bring_near(near, work->items, work->order->ids + begin, count);
    return grow(work, near, begin, count, random, child, err);
}

static vrec_status grow(const vr_annoy_work *work, const vr_annoy_items *items, uint32_t begin,
                        uint32_t count, vr_kiss *random, uint32_t *child, vrec_error *err)
{
    vr_annoy_bench *bench = work->bench;
    size_t left = bench->depth;
    for (;;) {
        bool leaf = count <= items->layout.capacity, done = true;
        vrec_status status = VREC_OK;
        if (!work->keep_on(work->context, leaf ? count : 0, count))
            return VREC_CANCELLED;
        bool finished = leaf || (!items->names && count <= vr_annoy_near(items));
        if (leaf)
            done = add_leaf(items, work->tree, work->order->ids + begin, count, child);
        else if (finished)
            status = grow_near(work, begin, count, random, child, err);
        else
            done = push_split(work, items, begin, count, random);
        if (status != VREC_OK)
            return status;
        if (done && finished)
            done = finish(bench, left, items, work->tree, child);
        if (!done)
            return vr_fail_memory(err, ((size_t)work->tree->count + 1) * items->layout.size,
                                  "the nodes of a tree");
        if (bench->depth == left)
            return VREC_OK;
        next_side(&bench->frames[bench->depth - 1], &begin, &count);
    }
}

vrec_status vr_annoy_grow(const vr_annoy_work *work, uint32_t begin, uint32_t count, vr_kiss *random,
                          uint32_t *child, vrec_error *err)
{
    work->bench->depth = 0;
    return grow(work, work->items, begin, count, random, child, err);
}
