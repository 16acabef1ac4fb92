/* What can be known of a file without reading all of it. It has no header: its roots are found from its
 * end, and that its metric and dimension are what the caller says shows only by what makes no sense.
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/check.h"

#include "base/memory.h"
#include "core/matrix.h"

#include <math.h>

enum {
    RUNS = 2,           /* of the items, of the nodes and of the roots, */
    RUN = 4,            /* so many side by side, as a page costs more than a node */
    EMPTY_MAX = 1 << 16 /* nodes without descendants at the end of a file; Annoy writes two per tree if
                           there are no items */
};

/* ---- One node ---- */

static vrec_status bad_node(const vr_annoy *forest, const char *name, uint32_t i, const char *what,
                            int32_t value, vrec_error *err)
{
    return vr_fail(err, VREC_CORRUPT,
                   "%s: node %u at byte %llu has %s %d, with %u nodes and %zu items in all; the file is "
                   "damaged, or d or metric is not its",
                   name, i, (unsigned long long)i * forest->layout.size, what, value, forest->count,
                   forest->base.rows);
}

vrec_status vr_annoy_check_node(const vr_annoy *forest, const char *name, uint32_t i, vrec_error *err)
{
    const vr_annoy_layout *layout = &forest->layout;
    const uint8_t *node = vr_annoy_node(forest, i);
    int32_t descendants = vr_node_descendants(node);
    bool item = i < forest->base.rows;
    if (descendants < 0 || (size_t)descendants > (item ? 1 : forest->base.rows))
        return bad_node(forest, name, i, "descendants:", descendants, err);
    if (item || forest->base.rows == 0)
        return VREC_OK;
    if (descendants < (forest->base.rows == 1 ? 1 : 2))
        return bad_node(forest, name, i, "descendants:", descendants, err);
    bool split = descendants > (int32_t)layout->capacity;
    for (size_t c = 0; c < (split ? 2 : (size_t)descendants); c++) {
        int32_t child = vr_node_int(node, layout->children + c * sizeof child);
        if (child < 0 || (uint32_t)child >= (split ? forest->count : forest->base.rows))
            return bad_node(forest, name, i, split ? "the child" : "the item", child, err);
    }
    return VREC_OK;
}

static float squared_length(const float *vector, size_t dim)
{
    float sum = 0.0f;
    for (size_t j = 0; j < dim; j++)
        sum += vector[j] * vector[j];
    return sum;
}

/* Where a split has its first child, an item has its norm, or, in other metrics and old files, zero;
 * what would be a second child is zero. */
static bool is_unusual_item(const vr_annoy_layout *layout, const uint8_t *node)
{
    if (vr_node_int(node, layout->children + 4) != 0)
        return true;
    if (layout->built && node[layout->built] != 1)
        return true;
    float stored = vr_node_float(node, layout->children);
    float norm = squared_length(vr_node_vector(layout, node), layout->dim);
    return stored != 0.0f && isfinite(stored) && isfinite(norm) &&
           fabsf(stored - norm) > 0.001f * norm + 1e-30f;
}

/* A normal has length 1, or 0 where coins were thrown. */
static bool is_unusual_split(const vr_annoy_layout *layout, const uint8_t *node)
{
    float norm = squared_length(vr_node_vector(layout, node), layout->dim);
    if (!isfinite(norm) || norm < 1e-30f)
        return false;
    if (layout->metric == VR_ANNOY_DOT)
        norm += vr_node_float(node, layout->factor) * vr_node_float(node, layout->factor);
    return norm < 0.5f || norm > 2.0f;
}

bool vr_annoy_is_unusual(const vr_annoy *forest, uint32_t i)
{
    const vr_annoy_layout *layout = &forest->layout;
    const uint8_t *node = vr_annoy_node(forest, i);
    int32_t descendants = vr_node_descendants(node);
    if (descendants == 0)
        return false;
    if (i < forest->base.rows)
        return is_unusual_item(layout, node);
    if (descendants > (int32_t)layout->capacity)
        return is_unusual_split(layout, node);
    /* Ids ascend, but a root with holes below it is filled up with 0. */
    for (int32_t c = 1; c < descendants && (size_t)descendants < forest->base.rows; c++) {
        size_t at = layout->children + (size_t)c * 4;
        if (vr_node_int(node, at) <= vr_node_int(node, at - 4))
            return true;
    }
    return false;
}

size_t vr_annoy_count_nonfinite(const vr_annoy *forest, uint32_t *first)
{
    size_t count = 0;
    for (size_t i = forest->base.rows; i-- > 0;) {
        const uint8_t *node = vr_annoy_node(forest, (uint32_t)i);
        const float *vector = vr_node_vector(&forest->layout, node);
        if (vr_node_descendants(node) != 1 ||
            vr_find_nonfinite(vector, forest->layout.dim) == forest->layout.dim)
            continue;
        *first = (uint32_t)i;
        count++;
    }
    return count;
}

/* ---- Roots ---- */

static bool same_children(const vr_annoy *forest, uint32_t a, uint32_t b)
{
    size_t at = forest->layout.children;
    return memcmp(vr_annoy_node(forest, a) + at, vr_annoy_node(forest, b) + at, 8) == 0;
}

/* The last tree's root stands right before the copies of all roots, so that of the nodes that the scan
 * lists, the first has a copy among the others. Not so in files from before 2015, where a tree starts
 * with its root. */
static vrec_status check_copies(const vr_annoy *forest, const char *name, uint32_t first, vrec_error *err)
{
    uint32_t rows = (uint32_t)forest->base.rows;
    bool root_first = first > rows && vr_node_descendants(vr_annoy_node(forest, rows)) == (int32_t)rows;
    if (root_first)
        return VREC_OK;
    for (uint32_t i = first + 1; i < forest->count; i++)
        if (same_children(forest, first, i))
            return VREC_OK;
    return vr_fail(err, VREC_CORRUPT,
                   "%s: cut short: node %u at byte %llu is the root of the last tree, and of the copies of "
                   "roots that follow, none is its; or d or metric is not the file's",
                   name, first, (unsigned long long)first * forest->layout.size);
}

/* The roots over a single item are buckets that hold id 0 and are zero otherwise. What looks like that
 * may also be a file that ends among its items. */
static vrec_status check_single(const vr_annoy *forest, const char *name, vrec_error *err)
{
    for (uint32_t i = 1; i < forest->count; i++) {
        const uint8_t *node = vr_annoy_node(forest, i);
        bool zero = true;
        for (size_t j = 4; j < forest->layout.size; j++)
            zero = zero && node[j] == 0;
        if (!zero || vr_node_descendants(node) != 1)
            return vr_fail(err, VREC_CORRUPT,
                           "%s: cut short: it ends among its items, without a tree; or d or metric is not "
                           "its",
                           name);
    }
    return VREC_OK;
}

/* As Annoy does it: the roots are the last nodes that have as many descendants as the very last; the
 * first of them is dropped if its first child is also the last's. */
static vrec_status find_roots(vr_annoy *forest, const char *name, vrec_error *err)
{
    uint32_t last = forest->count - 1, first = last;
    int32_t items = vr_node_descendants(vr_annoy_node(forest, last));
    while (first > 0 && vr_node_descendants(vr_annoy_node(forest, first - 1)) == items) {
        first--;
        if (items == 0 && last - first >= EMPTY_MAX)
            return vr_fail(err, VREC_CORRUPT,
                           "%s: its last %u nodes are empty, as a power cut leaves a file; build it anew",
                           name, last - first + 1);
    }
    if (items < 0 || (uint32_t)items > last)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: the last node, at byte %llu, should be a root, but has %d descendants of %u "
                       "nodes; d or metric is not the file's, or it is damaged",
                       name, (unsigned long long)last * forest->layout.size, items, last);
    forest->base.rows = (size_t)items;
    size_t at = forest->layout.children;
    bool copy = first < last && vr_node_int(vr_annoy_node(forest, first), at) ==
                                    vr_node_int(vr_annoy_node(forest, last), at);
    forest->first_root = first + copy;
    forest->root_count = forest->count - forest->first_root;
    if (items == 0 && first > 0)
        return vr_fail(
            err, VREC_CORRUPT,
            "%s: its last %u nodes are empty, but others aren't: it wasn't written to its end, or "
            "d or metric is not its",
            name, last - first + 1);
    if (items == 1)
        return check_single(forest, name, err);
    if (first < (uint32_t)items)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: %u roots of %d items, but only %u nodes before them; the file is damaged, or d "
                       "or metric is not its",
                       name, forest->root_count, items, first);
    return copy || items == 0 ? VREC_OK : check_copies(forest, name, first, err);
}

/* ---- All together ---- */

/* Looks at some of the nodes from first to before end. */
static vrec_status sample(const vr_annoy *forest, const char *name, size_t first, size_t end,
                          vrec_error *err)
{
    size_t step = (end - first) / RUNS, seen = 0, unusual = 0;
    for (size_t run = 0; run < RUNS; run++) {
        size_t from = first + run * step, most = run + 1 < RUNS ? step : end - from;
        for (size_t i = from; i < from + vr_min(RUN, most); i++) {
            vrec_status status = vr_annoy_check_node(forest, name, (uint32_t)i, err);
            if (status != VREC_OK)
                return status;
            seen++;
            unusual += vr_annoy_is_unusual(forest, (uint32_t)i);
        }
    }
    if (4 * unusual > seen)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: of %zu nodes looked at from byte %llu on, %zu are unlike any of an Annoy file "
                       "with this d and metric; they are not its, or it is damaged",
                       name, seen, (unsigned long long)first * forest->layout.size, unusual);
    return VREC_OK;
}

vrec_status vr_annoy_check(vr_annoy *forest, const char *name, vrec_error *err)
{
    vrec_status status = find_roots(forest, name, err);
    if (status == VREC_OK)
        status = sample(forest, name, 0, forest->base.rows, err);
    if (status == VREC_OK && forest->base.rows > 1)
        status = sample(forest, name, forest->base.rows, forest->first_root, err);
    if (status == VREC_OK && forest->base.rows > 0)
        status = sample(forest, name, forest->first_root, forest->count, err);
    return status;
}
