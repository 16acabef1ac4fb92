/* A forest over items: trees are built side by side, each in memory of its own, and then put one after
 * the other, so that the file is the same whatever the number of threads.
 *
 * Two plans. One random stream through all trees is Annoy's with one thread, and gives its bytes; trees
 * then follow each other on one thread. Or every tree has a stream of its own.
 *
 * The phases, each of which ends before the next begins, whatever the threads:
 *
 *     prepare()              the vectors are copied into the image, the file's bytes, where the items'
 * nodes will be; lengths and what follows from them are computed; the nodes completed grow() threads take
 * groups of trees and grow them; from here on items are only read forget_spare_trees()   where there are to
 * be as many trees as it takes, those too many are dropped assemble()             every tree gets its place
 * in the image, is copied there with the numbers of its nodes put right, and freed; copies of the roots
 * come last
 *
 * Who owns what: the build owns the image until it is returned, and the arrays that items points to. A tree
 * belongs to the thread that grows it, and to the build once it is grown. Bench and orders are a thread's
 * own.
 *
 * What guards what: finished and placed, by which threads tell each other how far they are, are atomic
 * counts that decide nothing but when to stop and what to report. With an automatic number of trees,
 * threads may therefore start more trees than needed, and which ones differs from run to run; but trees are
 * taken in their order, so those that are kept are always the same.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/build.h"

#include "annoy/top.h"

#include "base/memory.h"
#include "core/index.h"
#include "core/items.h"
#include "core/work.h"

enum { PORTION = 4096 /* items that a thread takes at a time */ };

typedef struct build {
    const vr_annoy_plan *plan;
    vr_annoy_items items;
    vr_annoy_tree *trees;
    size_t tree_count; /* at the most */
    uint8_t *image;    /* the file's bytes: items first, and room for the trees */
    size_t room;       /* bytes of it */
    const vrec_progress *progress;
    atomic_size_t finished;  /* nodes of finished trees */
    _Atomic uint64_t placed; /* items in leaves */
    vr_kiss stream;          /* the one through all trees */
} build;

/* Does portions of the items, or of the trees, with as many threads as the plan has. Nobody is told how far
 * that is, and it can't fail. */
static void in_parallel(build *b, size_t count, size_t portion,
                        vrec_status (*run)(void *context, vr_worker *me, vrec_error *err))
{
    vr_work work = {
        .threads = b->plan->threads, .count = count, .portion = portion, .run = run, .context = b
    };
    vr_work_do(&work, NULL);
}

/* ---- Items ---- */

static vrec_status measure_items(void *context, vr_worker *me, vrec_error *err)
{
    build *b = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        vr_annoy_measure(&b->items, (uint32_t)first, (uint32_t)count);
    return VREC_OK;
}

static vrec_status put_items(void *context, vr_worker *me, vrec_error *err)
{
    build *b = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        vr_annoy_put_items(&b->items, (uint32_t)first, (uint32_t)count);
    return VREC_OK;
}

/* How many bytes the forest may take. What it then doesn't is never touched, and so costs nothing; more
 * would be copied to another place. */
static bool guess_room(const build *b, size_t items, size_t *bytes)
{
    const vr_annoy_layout *layout = &b->plan->layout;
    size_t per_tree = VR_ANNOY_ROOM * (items / layout->capacity) + 2, trees, nodes;
    if (b->plan->trees < 0)
        trees = items + items / 8 + 2 * per_tree; /* as many nodes as items, or up to a tree more */
    else if (!vr_mul((size_t)b->plan->trees, per_tree, &trees))
        return false;
    return vr_add(items, trees, &nodes) && vr_mul(nodes, layout->size, bytes);
}

static vrec_status take_memory(build *b, size_t rows, vrec_error *err)
{
    vr_annoy_items *items = &b->items;
    bool dot = b->plan->layout.metric == VR_ANNOY_DOT;
    if (guess_room(b, rows, &b->room))
        b->image = vr_alloc(b->room, 1);
    items->norms = vr_alloc(rows, sizeof(float));
    items->lengths = vr_alloc(rows, sizeof(float));
    items->factors = dot ? vr_alloc(rows, sizeof(float)) : NULL;
    if (!b->image || !items->norms || !items->lengths || (dot && !items->factors))
        return vr_fail_memory(err, b->room, "the forest");
    return VREC_OK;
}

static vrec_status prepare(build *b, const vrec_matrix *rows, vrec_error *err)
{
    const vr_annoy_layout *layout = &b->plan->layout;
    if (rows->rows > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu rows; at most %d are supported", rows->rows,
                       INT32_MAX);
    b->items = (vr_annoy_items){ .layout = *layout,
                                 .simd = vr_simd_get(),
                                 .strict = b->plan->one_stream,
                                 .count = (uint32_t)rows->rows,
                                 .stride = layout->size };
    vrec_status status = take_memory(b, rows->rows, err);
    if (status != VREC_OK)
        return status;
    b->items.rows = b->image + layout->vector;
    status = vr_copy_items(rows, b->plan->threads, b->progress, b->items.rows, layout->size, err);
    if (status != VREC_OK)
        return status;
    in_parallel(b, b->items.count, PORTION, measure_items);
    vr_annoy_measured(&b->items);
    in_parallel(b, b->items.count, PORTION, put_items);
    return VREC_OK;
}

/* How many trees there can be. Where their number follows from their size: a tree over more items than a
 * bucket holds has at least items / capacity nodes. */
static size_t most_trees(const build *b)
{
    if (b->plan->trees >= 0)
        return (size_t)b->plan->trees;
    return vr_min(b->items.count, b->plan->layout.capacity) + 1;
}

/* ---- Growing ---- */

/* Automatic trees go on until they have as many nodes as there are items. */
static bool is_enough(build *b)
{
    return b->plan->trees < 0 && atomic_load(&b->finished) >= b->items.count;
}

static vrec_status report(build *b, vrec_error *err)
{
    uint64_t done = atomic_load(&b->placed), total = (uint64_t)b->items.count * b->tree_count;
    if (b->plan->trees < 0) {
        total = b->items.count;
        done = vr_min(atomic_load(&b->finished), total);
    }
    return vr_report(b->progress, "building", "steps", done, total, err);
}

/* One thread's part. A tree takes long, so the calling thread reports in the middle of it. */
typedef struct grower {
    build *b;
    const vr_worker *me;
    vrec_error *err; /* says why, when growing ends because the caller said stop */
    uint32_t unreported;
} grower;

static bool keep_on(void *context, uint32_t placed, uint32_t seen)
{
    enum {
        EVERY = 1 << 16 /* items seen between two reports */
    };
    grower *g = context;
    atomic_fetch_add_explicit(&g->b->placed, placed, memory_order_relaxed);
    g->unreported += seen;
    if (vr_work_stopped(g->me))
        return false;
    if (g->me->number > 0 || g->unreported < EVERY)
        return true;
    g->unreported = 0;
    return report(g->b, g->err) == VREC_OK;
}

/* The seed of a tree's own stream. KISS makes much the same of seeds that differ by little, so they are
 * mixed as by SplitMix64 (Steele, Lea and Flood 2014). */
static uint64_t tree_seed(uint64_t seed, size_t tree)
{
    uint64_t mixed = seed + (tree + 1) * 0x9e3779b97f4a7c15u;
    mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
    mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
    return mixed ^ mixed >> 31;
}

/* Each needs an order, which together should be no more memory than the items; and every thread should get
 * as many trees as the others. */
size_t vr_annoy_group_size(const vr_annoy_plan *plan)
{
    size_t threads = plan->threads, benches = plan->layout.size / (VR_ANNOY_ORDER_BYTES * threads);
    if (plan->one_stream || plan->trees < 0)
        return 1;
    size_t most = vr_min(vr_max(benches, 1), VR_ANNOY_GROUP), trees = (size_t)plan->trees;
    size_t rounds = (trees + threads * most - 1) / (threads * most);
    return (trees + threads * rounds - 1) / (threads * rounds);
}

static vrec_status grow_group(grower *g, vr_annoy_bench *bench, vr_annoy_order *orders, size_t first,
                              size_t count)
{
    build *b = g->b;
    vr_annoy_work works[VR_ANNOY_GROUP];
    vr_kiss streams[VR_ANNOY_GROUP];
    uint32_t root;
    for (size_t i = 0; i < count; i++) {
        works[i] = (vr_annoy_work){ .items = &b->items,
                                    .bench = bench,
                                    .order = &orders[i],
                                    .tree = &b->trees[first + i],
                                    .keep_on = keep_on,
                                    .context = g };
        streams[i] = vr_kiss_seed(tree_seed(b->plan->seed, first + i));
        vr_annoy_start(&works[i]);
    }
    if (b->plan->one_stream)
        return vr_annoy_grow(works, 0, b->items.count, &b->stream, &root, g->err);
    return vr_annoy_grow_by_levels(works, (uint32_t)count, streams, g->err);
}

static vrec_status grow_trees(void *context, vr_worker *me, vrec_error *err)
{
    build *b = context;
    grower g = { .b = b, .me = me, .err = err };
    vr_annoy_bench bench = { 0 };
    vr_annoy_order orders[VR_ANNOY_GROUP] = { 0 };
    size_t group = vr_annoy_group_size(b->plan);
    vrec_status status = vr_annoy_bench_init(&bench, &b->items, err);
    for (size_t i = 0; i < group && status == VREC_OK; i++)
        status = vr_annoy_order_init(&orders[i], &b->items, err);
    for (size_t first, count; status == VREC_OK && !is_enough(b) && vr_work_take(me, &first, &count);) {
        status = grow_group(&g, &bench, orders, first, count);
        for (size_t t = first; t < first + count && status == VREC_OK; t++)
            atomic_fetch_add(&b->finished, b->trees[t].count);
    }
    for (size_t i = 0; i < group; i++)
        vr_annoy_order_free(&orders[i]);
    vr_annoy_bench_free(&bench);
    return status;
}

/* Progress is reported from within the trees. */
static vrec_status grow(build *b, vrec_error *err)
{
    vr_work work = { .threads = b->plan->one_stream ? 1 : b->plan->threads,
                     .count = b->tree_count,
                     .portion = vr_annoy_group_size(b->plan),
                     .run = grow_trees,
                     .context = b };
    vrec_status status = vr_work_do(&work, err);
    return status == VREC_OK ? report(b, err) : status;
}

/* ---- The file ---- */

/* Copies a tree to where its base says. */
static void put_tree(const vr_annoy_items *items, const vr_annoy_tree *tree, uint8_t *image)
{
    const vr_annoy_layout *layout = &items->layout;
    uint8_t *nodes = image + tree->base * layout->size;
    memcpy(nodes, tree->nodes, tree->count * layout->size);
    for (uint32_t i = 0; i < tree->count; i++) {
        uint8_t *node = nodes + i * layout->size;
        if (vr_node_descendants(node) <= (int32_t)layout->capacity)
            continue;
        for (size_t at = layout->children; at < layout->children + 8; at += 4) {
            uint32_t child = (uint32_t)vr_node_int(node, at);
            if (child >= items->count)
                vr_node_put_int(node, at, child - items->count + tree->base);
        }
    }
}

static vrec_status put_trees(void *context, vr_worker *me, vrec_error *err)
{
    build *b = context;
    (void)err;
    for (size_t t, count; vr_work_take(me, &t, &count);) {
        put_tree(&b->items, &b->trees[t], b->image);
        vr_free(b->trees[t].nodes);
        b->trees[t].nodes = NULL;
    }
    return VREC_OK;
}

/* How many nodes there are with trees and copies of their roots; gives every tree its place. */
static uint64_t place_trees(build *b)
{
    uint64_t count = b->items.count;
    for (size_t t = 0; t < b->tree_count; t++) {
        b->trees[t].base = (uint32_t)count;
        count += b->trees[t].count;
    }
    return count + b->tree_count;
}

/* Sees to it that the image has room for so many bytes. */
static vrec_status make_room(build *b, size_t bytes, vrec_error *err)
{
    if (bytes <= b->room)
        return VREC_OK;
    uint8_t *image = vr_annoy_enlarge(b->image, b->items.count * b->plan->layout.size, bytes);
    if (!image)
        return vr_fail_memory(err, bytes, "the forest");
    b->image = image;
    b->room = bytes;
    return VREC_OK;
}

/* Frees the trees as it copies them. */
static vrec_status assemble(build *b, size_t *bytes, vrec_error *err)
{
    size_t size = b->plan->layout.size;
    uint64_t count = place_trees(b);
    if (count > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: the forest has %llu nodes; a file holds at most %d",
                       (unsigned long long)count, INT32_MAX);
    if (!vr_mul((size_t)count, size, bytes))
        return vr_fail_memory(err, SIZE_MAX, "the forest");
    vrec_status status = make_room(b, *bytes, err);
    if (status != VREC_OK)
        return status;
    in_parallel(b, b->tree_count, 1, put_trees);
    uint8_t *root = b->image + ((size_t)count - b->tree_count) * size;
    for (size_t t = 0; t < b->tree_count; t++)
        memcpy(root + t * size, b->image + (b->trees[t].base + b->trees[t].count - 1) * size, size);
    return VREC_OK;
}

/* Where their number follows from their size, more trees than enough may have been built at the same
 * time: forgets those. */
static void forget_spare_trees(build *b)
{
    size_t nodes = 0, wanted = 0;
    if (b->plan->trees >= 0)
        return;
    while (wanted < b->tree_count && nodes < b->items.count)
        nodes += b->trees[wanted++].count;
    for (size_t t = wanted; t < b->tree_count; t++)
        vr_free(b->trees[t].nodes);
    b->tree_count = wanted;
}

static vrec_status run(build *b, const vrec_matrix *rows, size_t *bytes, vrec_error *err)
{
    vrec_status status = prepare(b, rows, err);
    if (status != VREC_OK)
        return status;
    b->tree_count = most_trees(b);
    b->trees = vr_alloc_zero(b->tree_count, sizeof *b->trees);
    if (!b->trees)
        return vr_fail_memory(err, b->tree_count * sizeof *b->trees, "the list of trees");
    status = grow(b, err);
    if (status != VREC_OK)
        return status;
    forget_spare_trees(b);
    return assemble(b, bytes, err);
}

vrec_status vr_annoy_build(const vr_annoy_plan *plan, const vrec_matrix *items,
                           const vrec_progress *progress, uint8_t **image, size_t *bytes, vrec_error *err)
{
    build b = { .plan = plan, .progress = progress, .stream = vr_kiss_seed(plan->seed) };
    vrec_status status = run(&b, items, bytes, err);
    for (size_t t = 0; b.trees && t < b.tree_count; t++)
        vr_free(b.trees[t].nodes);
    vr_free(b.trees);
    vr_free(b.items.norms);
    vr_free(b.items.lengths);
    vr_free(b.items.factors);
    if (status != VREC_OK) {
        vr_free(b.image);
        b.image = NULL;
    }
    *image = b.image;
    return status;
}
