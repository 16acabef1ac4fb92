/* A forest over items: trees are built side by side, each in memory of its own, and then put one after
 * the other, so that the file is the same whatever the number of threads.
 *
 * Two plans. One random stream through all trees is Annoy's with one thread, and gives its bytes; trees
 * then follow each other on one thread. Or every tree has a stream of its own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/tree.h"

#include "base/memory.h"
#include "base/threads.h"

enum { PORTION = 4096 /* items that a thread takes at a time */ };

typedef struct build {
    const vr_annoy_plan *plan;
    vr_annoy_items items;
    vr_annoy_tree *trees;
    size_t tree_count; /* at the most */
    uint8_t *image;    /* the file's bytes */
    const vrec_progress *progress;
    atomic_size_t next;      /* the first tree, or item, that nobody has taken */
    atomic_size_t finished;  /* nodes of finished trees */
    _Atomic uint64_t placed; /* items in leaves */
    atomic_bool stopped;
    atomic_flag failed; /* set by the thread that may write status and error */
    vrec_status status;
    vrec_error error;
} build;

/* Does work with as many threads as the plan has; it takes its portions from b->next. */
static void in_parallel(build *b, void (*work)(void *context, size_t worker))
{
    atomic_store(&b->next, 0);
    vr_parallel(b->plan->threads, work, b);
}

/* The next portion of the items; false if there is none. */
static bool take_items(build *b, uint32_t *first, uint32_t *count)
{
    size_t next = atomic_fetch_add(&b->next, PORTION);
    *first = (uint32_t)vr_min(next, b->items.count);
    *count = (uint32_t)vr_min(PORTION, b->items.count - *first);
    return *count > 0;
}

/* ---- Items ---- */

static void measure_items(void *context, size_t worker)
{
    build *b = context;
    (void)worker;
    for (uint32_t first, count; take_items(b, &first, &count);)
        vr_annoy_measure(&b->items, first, count);
}

static vrec_status prepare(build *b, const vrec_matrix *rows, vrec_error *err)
{
    vr_annoy_items *items = &b->items;
    const vr_annoy_layout *layout = &b->plan->layout;
    if (rows->rows > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu rows; at most %d are supported", rows->rows,
                       INT32_MAX);
    *items = (vr_annoy_items){ .layout = *layout,
                               .simd = vr_simd_get(),
                               .strict = b->plan->one_stream,
                               .count = (uint32_t)rows->rows };
    size_t bytes = rows->rows * rows->dim * sizeof(float);
    items->rows = vr_alloc(bytes, 1);
    items->norms = vr_alloc(rows->rows, sizeof(float));
    items->lengths = vr_alloc(rows->rows, sizeof(float));
    if (layout->metric == VR_ANNOY_DOT)
        items->factors = vr_alloc(rows->rows, sizeof(float));
    if (!items->rows || !items->norms || !items->lengths ||
        (layout->metric == VR_ANNOY_DOT && !items->factors))
        return vr_fail_memory(err, bytes, "the items");
    vrec_status status = vr_copy_items(rows, b->progress, items->rows, err);
    if (status != VREC_OK)
        return status;
    in_parallel(b, measure_items);
    vr_annoy_measured(items);
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

static void fail(build *b, vrec_status status, const vrec_error *error)
{
    if (!atomic_flag_test_and_set(&b->failed)) {
        b->status = status;
        b->error = *error;
    }
    atomic_store(&b->stopped, true);
}

/* Automatic trees go on until they have as many nodes as there are items. */
static bool is_enough(build *b)
{
    return b->plan->trees < 0 && atomic_load(&b->finished) >= b->items.count;
}

static void report(build *b)
{
    vrec_error error;
    uint64_t done = atomic_load(&b->placed), total = (uint64_t)b->items.count * b->tree_count;
    if (b->plan->trees < 0) {
        total = b->items.count;
        done = vr_min(atomic_load(&b->finished), total);
    }
    vrec_status status = vr_report(b->progress, "building", done, total, &error);
    if (status != VREC_OK)
        fail(b, status, &error);
}

typedef struct worker {
    build *b;
    bool reports;
    uint32_t unreported;
} worker;

static bool keep_on(void *context, uint32_t placed)
{
    enum {
        EVERY = 4096 /* items between two reports */
    };
    worker *w = context;
    atomic_fetch_add_explicit(&w->b->placed, placed, memory_order_relaxed);
    w->unreported += placed;
    if (w->reports && w->unreported >= EVERY) {
        w->unreported = 0;
        report(w->b);
    }
    return !atomic_load_explicit(&w->b->stopped, memory_order_relaxed);
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

static vrec_status grow_tree(const vr_annoy_work *work, const vr_annoy_plan *plan, size_t tree,
                             vr_kiss *stream, vrec_error *err)
{
    uint32_t root;
    vr_annoy_start(work->bench, work->items);
    if (plan->one_stream)
        return vr_annoy_grow(work, 0, work->items->count, stream, &root, err);
    vr_kiss random = vr_kiss_seed(tree_seed(plan->seed, tree));
    return vr_annoy_grow_by_levels(work, &random, err);
}

/* Takes trees until there are none left. */
static void grow_trees(void *context, size_t number)
{
    build *b = context;
    vrec_error error;
    worker me = { .b = b, .reports = number == 0 };
    vr_annoy_bench bench = { 0 };
    vr_kiss random = vr_kiss_seed(b->plan->seed);
    vrec_status status = vr_annoy_bench_init(&bench, &b->items, &error);
    while (status == VREC_OK && !is_enough(b)) {
        size_t t = atomic_fetch_add(&b->next, 1);
        if (t >= b->tree_count)
            break;
        status = grow_tree(&(vr_annoy_work){ .items = &b->items,
                                             .bench = &bench,
                                             .tree = &b->trees[t],
                                             .keep_on = keep_on,
                                             .context = &me },
                           b->plan, t, &random, &error);
        if (status == VREC_OK)
            atomic_fetch_add(&b->finished, b->trees[t].count);
    }
    if (status != VREC_OK && !atomic_load(&b->stopped))
        fail(b, status, &error);
    vr_annoy_bench_free(&bench);
}

/* ---- The file ---- */

static void put_item(const vr_annoy_items *items, uint32_t id, uint8_t *node)
{
    const vr_annoy_layout *layout = &items->layout;
    memset(node, 0, layout->vector);
    vr_node_put_int(node, 0, 1);
    if (layout->metric == VR_ANNOY_ANGULAR)
        vr_node_put_float(node, layout->norm, items->norms[id]);
    if (layout->metric == VR_ANNOY_DOT)
        vr_node_put_float(node, layout->factor, items->factors[id]);
    if (layout->built) {
        vr_node_put_float(node, layout->norm, items->largest * items->largest);
        node[layout->built] = 1;
    }
    memcpy(node + layout->vector, items->rows + (size_t)id * layout->dim, layout->dim * sizeof(float));
}

static void put_items(void *context, size_t worker)
{
    build *b = context;
    (void)worker;
    for (uint32_t first, count; take_items(b, &first, &count);)
        for (uint32_t i = first; i < first + count; i++)
            put_item(&b->items, i, b->image + i * b->plan->layout.size);
}

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

static void put_trees(void *context, size_t worker)
{
    build *b = context;
    (void)worker;
    for (size_t t; (t = atomic_fetch_add(&b->next, 1)) < b->tree_count;) {
        put_tree(&b->items, &b->trees[t], b->image);
        vr_free(b->trees[t].nodes);
        b->trees[t].nodes = NULL;
    }
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

/* Frees the items and trees as it copies them. */
static vrec_status assemble(build *b, uint8_t **image, size_t *bytes, vrec_error *err)
{
    size_t size = b->plan->layout.size;
    uint64_t count = place_trees(b);
    if (count > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: the forest has %llu nodes; a file holds at most %d",
                       (unsigned long long)count, INT32_MAX);
    b->image = vr_mul((size_t)count, size, bytes) ? vr_alloc(*bytes, 1) : NULL;
    if (!b->image)
        return vr_fail_memory(err, *bytes, "the forest");
    in_parallel(b, put_items);
    vr_free(b->items.rows);
    b->items.rows = NULL;
    in_parallel(b, put_trees);
    uint8_t *root = b->image + ((size_t)count - b->tree_count) * size;
    for (size_t t = 0; t < b->tree_count; t++)
        memcpy(root + t * size, b->image + (b->trees[t].base + b->trees[t].count - 1) * size, size);
    *image = b->image;
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

static vrec_status run(build *b, const vrec_matrix *rows, uint8_t **image, size_t *bytes, vrec_error *err)
{
    vrec_status status = prepare(b, rows, err);
    if (status != VREC_OK)
        return status;
    b->tree_count = most_trees(b);
    b->trees = vr_alloc_zero(b->tree_count, sizeof *b->trees);
    if (!b->trees)
        return vr_fail_memory(err, b->tree_count * sizeof *b->trees, "the list of trees");
    atomic_store(&b->next, 0);
    vr_parallel(b->plan->one_stream ? 1 : vr_min(b->plan->threads, b->tree_count), grow_trees, b);
    if (b->status == VREC_OK)
        report(b);
    if (b->status == VREC_OK) {
        forget_spare_trees(b);
        return assemble(b, image, bytes, err);
    }
    if (err)
        *err = b->error;
    return b->status;
}

vrec_status vr_annoy_build(const vr_annoy_plan *plan, const vrec_matrix *items,
                           const vrec_progress *progress, uint8_t **image, size_t *bytes, vrec_error *err)
{
    build b = { .plan = plan, .progress = progress, .failed = ATOMIC_FLAG_INIT };
    *image = NULL;
    vrec_status status = run(&b, items, image, bytes, err);
    for (size_t t = 0; b.trees && t < b.tree_count; t++)
        vr_free(b.trees[t].nodes);
    vr_free(b.trees);
    vr_free(b.items.rows);
    vr_free(b.items.norms);
    vr_free(b.items.lengths);
    vr_free(b.items.factors);
    return status;
}
