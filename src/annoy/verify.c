/* All of a file: that every tree is one, and leads to every item exactly once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/verify.h"

#include "annoy/check.h"
#include "base/memory.h"

typedef struct verify {
    const vr_annoy *forest;
    const char *name;
    uint64_t *visited; /* a bit per node that a tree before or this one holds */
    uint64_t *reached; /* a bit per item that this tree leads to */
    uint32_t *waiting; /* nodes to visit */
    size_t waiting_count;
    size_t items, found; /* there are; this tree leads to */
    uint32_t root;
} verify;

static bool set_bit(uint64_t *bits, uint32_t i)
{
    bool was = bits[i / 64] >> i % 64 & 1;
    bits[i / 64] |= (uint64_t)1 << i % 64;
    return was;
}

static vrec_status refuse(const verify *v, uint32_t i, const char *why, vrec_error *err)
{
    return vr_fail(err, VREC_CORRUPT, "%s: node %u at byte %llu, in the tree of root %u, %s", v->name, i,
                   (unsigned long long)i * v->forest->layout.size, v->root, why);
}

static bool is_item(const vr_annoy *forest, uint32_t i)
{
    uint32_t end = forest->base.rows == 1 ? 1 : forest->first_root;
    return i < end && vr_node_descendants(vr_annoy_node(forest, i)) <= 1;
}

/* Where ids are missing, Annoy fills a root's bucket, or a root's second child, with 0. */
static vrec_status reach(verify *v, uint32_t from, uint32_t item, vrec_error *err)
{
    if (!is_item(v->forest, item))
        return refuse(v, from, "leads to what is no item", err);
    bool hole = vr_node_descendants(vr_annoy_node(v->forest, item)) == 0;
    if (hole && from == v->root)
        return VREC_OK;
    if (hole)
        return refuse(v, from, "leads to an id that no item has", err);
    if (!set_bit(v->reached, item))
        v->found++;
    else if (from != v->root || item != 0)
        return refuse(v, from, "leads to an item for the second time", err);
    return VREC_OK;
}

static vrec_status visit_bucket(verify *v, uint32_t i, const uint8_t *node, size_t count, vrec_error *err)
{
    vrec_status status = VREC_OK;
    int32_t before = -1;
    for (size_t c = 0; c < count && status == VREC_OK; c++) {
        int32_t item = vr_node_int(node, v->forest->layout.children + c * sizeof item);
        if (item <= before && i != v->root)
            return refuse(v, i, "holds ids that don't ascend", err);
        before = item;
        status = reach(v, i, (uint32_t)item, err);
    }
    return status;
}

static vrec_status visit_split(verify *v, uint32_t i, const uint8_t *node, vrec_error *err)
{
    const vr_annoy *forest = v->forest;
    int64_t below = 0;
    vrec_status status = VREC_OK;
    for (size_t c = 0; c < 2 && status == VREC_OK; c++) {
        uint32_t child = (uint32_t)vr_node_int(node, forest->layout.children + c * sizeof child);
        below += vr_node_descendants(vr_annoy_node(forest, child));
        if (is_item(forest, child))
            status = reach(v, i, child, err);
        else if (set_bit(v->visited, child))
            status = refuse(v, child, "is reached for the second time", err);
        else
            v->waiting[v->waiting_count++] = child;
    }
    if (status == VREC_OK && i != v->root && below != vr_node_descendants(node))
        return refuse(v, i, "has another number of descendants than its children together", err);
    return status;
}

static vrec_status visit(verify *v, uint32_t i, vrec_error *err)
{
    const uint8_t *node = vr_annoy_node(v->forest, i);
    vrec_status status = vr_annoy_check_node(v->forest, v->name, i, err);
    int32_t descendants = vr_node_descendants(node);
    if (status != VREC_OK)
        return status;
    if (i != v->root && descendants < 2)
        return refuse(v, i, "is in a tree, but has fewer than two descendants", err);
    if (i != v->root && vr_annoy_is_unusual(v->forest, i))
        return refuse(v, i, "is unlike any that Annoy writes: its normal's length is neither 0 nor 1", err);
    if (descendants > (int32_t)v->forest->layout.capacity)
        return visit_split(v, i, node, err);
    return visit_bucket(v, i, node, (size_t)descendants, err);
}

/* Annoy lists a root twice if threads happened to write it right before the copies. */
static bool is_repeated(const verify *v)
{
    const vr_annoy *forest = v->forest;
    const uint8_t *node = vr_annoy_node(forest, v->root);
    if (vr_node_descendants(node) <= (int32_t)forest->layout.capacity)
        return false;
    for (uint32_t i = v->root + 1; i < forest->count; i++)
        if (memcmp(vr_annoy_node(forest, i), node, forest->layout.size) == 0)
            return true;
    return false;
}

static vrec_status verify_tree(verify *v, vrec_error *err)
{
    vrec_status status = VREC_OK;
    if (v->forest->base.rows == 1 && v->root == 0) /* Annoy lists a single item among the roots */
        return VREC_OK;
    memset(v->reached, 0, (v->forest->count / 64 + 1) * sizeof *v->reached);
    v->waiting[0] = v->root;
    v->waiting_count = 1;
    v->found = 0;
    while (v->waiting_count > 0 && status == VREC_OK)
        status = visit(v, v->waiting[--v->waiting_count], err);
    if (status == VREC_OK && v->found != v->items)
        return refuse(v, v->root, "leads to fewer items than there are", err);
    return status;
}

static vrec_status verify_items(verify *v, vrec_error *err)
{
    const vr_annoy *forest = v->forest;
    uint32_t end = forest->base.rows == 1 ? 1 : forest->first_root;
    for (uint32_t i = 0; i < end; i++) {
        int32_t descendants = vr_node_descendants(vr_annoy_node(forest, i));
        v->items += descendants == 1;
        if (i >= forest->base.rows)
            continue;
        vrec_status status = vr_annoy_check_node(forest, v->name, i, err);
        if (status != VREC_OK)
            return status;
        if (vr_annoy_is_unusual(forest, i))
            return vr_fail(
                err, VREC_CORRUPT,
                "%s: item %u at byte %llu: the fields before its vector are not what they are in "
                "a file with this d and metric",
                v->name, i, (unsigned long long)i * forest->layout.size);
    }
    return VREC_OK;
}

static vrec_status verify_forest(verify *v, const vrec_progress *progress, vrec_error *err)
{
    const vr_annoy *forest = v->forest;
    vrec_status status = verify_items(v, err);
    for (uint32_t t = 0; t < forest->root_count && status == VREC_OK; t++) {
        v->root = forest->first_root + t;
        if (!is_repeated(v))
            status = verify_tree(v, err);
        if (status == VREC_OK)
            status = vr_report(progress, "verifying", t + 1, forest->root_count, err);
    }
    return status;
}

vrec_status vr_annoy_verify(const vr_annoy *forest, const char *name, const vrec_progress *progress,
                            vrec_error *err)
{
    size_t words = forest->count / 64 + 1;
    verify v = { .forest = forest, .name = name };
    v.visited = vr_alloc_zero(words, sizeof *v.visited);
    v.reached = vr_alloc(words, sizeof *v.reached);
    v.waiting = vr_alloc(forest->count, sizeof *v.waiting);
    vrec_status status = v.visited && v.reached && v.waiting
                             ? verify_forest(&v, progress, err)
                             : vr_fail_memory(err, forest->count * sizeof *v.waiting, "verifying");
    vr_free(v.visited);
    vr_free(v.reached);
    vr_free(v.waiting);
    return status;
}
