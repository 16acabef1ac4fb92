/* The annoy family: what its files share.
 *
 * A forest is an array of nodes of one size, in memory as in a file: first the items, whose index is
 * their id, then the nodes of tree after tree, then a copy of every root. Three kinds of node:
 *
 * - item: one descendant (itself), and its vector. None, if nobody added an item with that id: a hole.
 * - bucket: 2 to capacity descendants, whose ids stand from the children on, over all other fields.
 *   A root may be a bucket of one.
 * - split: more descendants than that; two children, which are nodes or items, and the plane that
 *   divides them: what has a negative margin to it is below the first, a positive one below the second.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_ANNOY_H
#define VR_ANNOY_ANNOY_H

#include "base/bytes.h"
#include "base/file.h"
#include "core/indexer.h"
#include "core/lazy.h"

#include <stdatomic.h>
#include <string.h>

typedef enum vr_annoy_metric {
    VR_ANNOY_ANGULAR,
    VR_ANNOY_EUCLIDEAN,
    VR_ANNOY_DOT
} vr_annoy_metric; /* as the option's range lists them */

/* Where the fields of a node are, in bytes. The number of descendants is always the first. */
typedef struct vr_annoy_layout {
    vr_annoy_metric metric;
    bool current; /* dot as the sources of Annoy write it since August 2023 */
    uint32_t dim;
    uint32_t capacity; /* ids in a bucket */
    size_t size;       /* of a node */
    size_t children;   /* two of them, or the ids of a bucket */
    size_t factor;     /* euclidean: the plane's offset; dot: the vector's value in one more dimension */
    size_t norm;       /* angular, current dot: the squared length of an item; else 0 */
    size_t built;      /* current dot: 1 in items; else 0 */
    size_t vector;     /* of an item, or the normal of a plane */
} vr_annoy_layout;

vr_annoy_layout vr_annoy_layout_of(vr_annoy_metric metric, size_t dim, bool current);

typedef struct vr_annoy {
    vrec_indexer base; /* whose rows count the holes, too */
    vr_annoy_layout layout;
    const uint8_t *nodes;
    uint32_t count;      /* nodes */
    uint32_t first_root; /* the first of root_count nodes to start from: the last of the file */
    uint32_t root_count;
    vr_map map;                   /* that holds the nodes, */
    uint8_t *block;               /* or memory; the other is empty */
    vr_scratch_pool heaps, marks; /* of queries; marks are zero while there */
    _Atomic size_t heap_room;     /* the most that a query has needed so far */

    bool wants_codes;
    vr_lazy codes; /* vr_records of the items, when queries have made them */
} vr_annoy;

static inline const uint8_t *vr_annoy_node(const vr_annoy *forest, uint32_t i)
{
    return forest->nodes + i * forest->layout.size;
}

static inline int32_t vr_node_int(const uint8_t *node, size_t offset)
{
    int32_t value;
    memcpy(&value, node + offset, sizeof value);
    return value;
}

static inline float vr_node_float(const uint8_t *node, size_t offset)
{
    float value;
    memcpy(&value, node + offset, sizeof value);
    return value;
}

static inline void vr_node_put_int(uint8_t *node, size_t offset, uint32_t value)
{
    memcpy(node + offset, &value, sizeof value);
}

static inline void vr_node_put_float(uint8_t *node, size_t offset, float value)
{
    memcpy(node + offset, &value, sizeof value);
}

/* The number of descendants; not negative in a sane file. */
static inline int32_t vr_node_descendants(const uint8_t *node)
{
    return vr_node_int(node, 0);
}

/* Nodes are 4-byte aligned. */
static inline const float *vr_node_vector(const vr_annoy_layout *layout, const uint8_t *node)
{
    return (const float *)(const void *)(node + layout->vector);
}

static inline void vr_prefetch(const void *address, size_t bytes)
{
    const char *first = address;
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(first + i);
    __builtin_prefetch(first + bytes - 1);
}

/* build.c: the file's bytes for a forest over items. trees: -1 as many as make the nodes twice the
 * items. one_stream: Annoy's plan, one random stream through all trees, else one per tree. */
typedef struct vr_annoy_plan {
    vr_annoy_layout layout;
    int64_t trees;
    uint64_t seed;
    bool one_stream;
    size_t threads;
} vr_annoy_plan;
vrec_status vr_annoy_build(const vr_annoy_plan *plan, const vrec_matrix *items,
                           const vrec_progress *progress, uint8_t **image, size_t *bytes, vrec_error *err);

/* file.c: what to open, and how. */
typedef struct vr_annoy_source {
    vr_annoy_metric metric;
    size_t dim;
    bool layout_known, current; /* dot: else both layouts are tried */
    bool read, prefault, codes;
} vr_annoy_source;
vrec_status vr_annoy_open(const vr_annoy_source *source, const char *path, const vrec_progress *progress,
                          vr_annoy **out, vrec_error *err);

/* The same for a file's bytes, which it takes over, also when it fails. name stands in errors. */
vrec_status vr_annoy_adopt(const vr_annoy_source *source, const char *name, uint8_t *image, size_t bytes,
                           vr_annoy **out, vrec_error *err);
vrec_status vr_annoy_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                          vrec_error *err);
void vr_annoy_free(vrec_indexer *indexer);

/* check.c: finds the roots and the number of items, and refuses a file that shows not to be what the
 * layout says, or not to be whole. The forest has layout, nodes and count. Reads little of it. */
vrec_status vr_annoy_check(vr_annoy *forest, const char *name, vrec_error *err);

/* Whether one item or node is sane. The first refuses; the second is for what a sane file may have here
 * and there, but never in most places. */
vrec_status vr_annoy_check_node(const vr_annoy *forest, const char *name, uint32_t i, vrec_error *err);
bool vr_annoy_is_unusual(const vr_annoy *forest, uint32_t i);

/* verify.c: checks all of it. */
vrec_status vr_annoy_verify(const vr_annoy *forest, const char *name, const vrec_progress *progress,
                            vrec_error *err);

/* search.c */
vrec_status vr_annoy_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err);

#endif
