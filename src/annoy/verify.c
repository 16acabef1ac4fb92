/* All of a file: that every tree is one, and leads to every item exactly once.
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/verify.h"

#include "annoy/check.h"
#include "base/memory.h"

typedef struct verify {
    const vr_annoy *forest;
    const char *name;
    uint64_t *visited; /* a bit per node that a tree before or this one holds, its root excepted */
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
    return i < forest->base.rows && vr_node_descendants(vr_annoy_node(forest, i)) <= 1;
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
    for (uint32_t i = 0; i < forest->base.rows; i++) {
        vrec_status status = vr_annoy_check_node(forest, v->name, i, err);
        if (status != VREC_OK)
            return status;
        v->items += vr_node_descendants(vr_annoy_node(forest, i)) == 1;
        if (vr_annoy_is_unusual(forest, i))
            return vr_fail(
                err, VREC_CORRUPT,
                "%s: item %u at byte %llu: the fields before its vector are not what they are in "
                "a file with this d and metric",
                v->name, i, (unsigned long long)i * forest->layout.size);
    }
    return VREC_OK;
}

/* A file of zeros is what Annoy writes if nothing was added, and what a power cut leaves of any file. */
static vrec_status verify_filled(const verify *v, vrec_error *err)
{
    if (v->forest->base.rows > 0)
        return VREC_OK;
    return vr_fail(
        err, VREC_CORRUPT,
        "%s: no items: an index that nothing was added to, or the zeros that a power cut leaves of "
        "a file; build it anew",
        v->name);
}

static vrec_status verify_finite(const verify *v, vrec_error *err)
{
    uint32_t first = 0;
    size_t count = vr_annoy_count_nonfinite(v->forest, &first);
    if (count == 0)
        return VREC_OK;
    return vr_fail(
        err, VREC_CORRUPT,
        "%s: %zu of %zu items hold a NaN or Inf, so that no query finds them; the first is item %u "
        "at byte %llu. Else it is sound",
        v->name, count, v->forest->base.rows, first, (unsigned long long)first * v->forest->layout.size);
}

/* Every node between the items and the copies of the roots is in a tree, or is a root that was copied. */
static vrec_status verify_nodes(const verify *v, vrec_error *err)
{
    const vr_annoy *forest = v->forest;
    for (uint32_t i = (uint32_t)forest->base.rows; i < forest->first_root; i++) {
        bool visited = v->visited[i / 64] >> i % 64 & 1;
        if (!visited && vr_node_descendants(vr_annoy_node(forest, i)) != (int32_t)forest->base.rows)
            return vr_fail(err, VREC_CORRUPT,
                           "%s: node %u at byte %llu is in no tree, and no root of %zu items", v->name, i,
                           (unsigned long long)i * forest->layout.size, forest->base.rows);
    }
    return VREC_OK;
}

static vrec_status verify_trees(verify *v, const vrec_progress *progress, vrec_error *err)
{
    const vr_annoy *forest = v->forest;
    vrec_status status = VREC_OK;
    for (uint32_t t = 0; t < forest->root_count && status == VREC_OK; t++) {
        v->root = forest->first_root + t;
        if (!is_repeated(v))
            status = verify_tree(v, err);
        if (status == VREC_OK)
            status = vr_report(progress, "verifying", "trees", t + 1, forest->root_count, err);
    }
    return status;
}

static vrec_status verify_forest(verify *v, const vrec_progress *progress, vrec_error *err)
{
    vrec_status status = verify_filled(v, err);
    if (status == VREC_OK)
        status = verify_items(v, err);
    if (status == VREC_OK)
        status = verify_trees(v, progress, err);
    if (status == VREC_OK)
        status = verify_nodes(v, err);
    return status == VREC_OK ? verify_finite(v, err) : status;
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
