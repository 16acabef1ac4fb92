/* How a node of a forest stands in memory, and in a file.
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
#ifndef VR_ANNOY_LAYOUT_H
#define VR_ANNOY_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
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

#endif
