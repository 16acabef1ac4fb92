/* Dividing items by a plane. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_SPLIT_H
#define VR_ANNOY_SPLIT_H

#include "annoy/annoy.h"
#include "annoy/random.h"
#include "simd/simd.h"

/* The items of a build, or some of them that have been brought near: see vr_annoy_bring_near(). */
typedef struct vr_annoy_items {
    vr_annoy_layout layout;
    const vr_simd *simd;
    bool strict;    /* every written float as Annoy computes it */
    uint32_t count; /* of the build */
    uint8_t *rows;  /* the first, */
    size_t stride;  /* and bytes from one to the next: in the file's nodes, or near */
    float *norms;   /* squared lengths */
    float *lengths; /* with the factor, in the current dot */
    float *factors; /* dot: the value in one more dimension, which makes all lengths equal; else NULL */
    float largest;  /* dot: that length */
    float slack;    /* see split.c */
    float tiny;
    uint32_t *names; /* near: what the build calls them; else NULL */
} vr_annoy_items;

static inline float *vr_annoy_row(const vr_annoy_items *items, uint32_t id)
{
    return (float *)(void *)(items->rows + id * items->stride);
}

/* For nodes that have nothing but their rows. The lengths of some, and once all have theirs, what follows
 * from all of them; then what else stands in the nodes. */
void vr_annoy_measure(vr_annoy_items *items, uint32_t first, uint32_t count);
void vr_annoy_measured(vr_annoy_items *items);
void vr_annoy_put_items(const vr_annoy_items *items, uint32_t first, uint32_t count);

/* Vectors that are compared with many stand so far apart, for each to begin at a cache line. */
static inline size_t vr_annoy_stride(const vr_annoy_items *items)
{
    return (items->layout.dim * sizeof(float) + 63) / 64 * 64;
}

/* A plane between two clusters of the items, into a zeroed node. vectors: room for two strides. */
void vr_annoy_split(const vr_annoy_items *items, const uint32_t *ids, uint32_t count, vr_kiss *random,
                    float *vectors, uint8_t *node);

/* A split's plane, and on which side of it an item is, given the product of its normal and the item. */
typedef struct vr_annoy_plane {
    const float *normal;
    float length, factor;
} vr_annoy_plane;

/* The normal is copied, to room for one stride. */
vr_annoy_plane vr_annoy_plane_of(const vr_annoy_items *items, const uint8_t *node, float *normal);
uint8_t vr_annoy_side(const vr_annoy_items *items, const vr_annoy_plane *plane, uint32_t id, float product,
                      vr_kiss *random);

/* On which side each item is; returns how many on side 1. */
uint32_t vr_annoy_sides(const vr_annoy_items *items, const vr_annoy_plane *plane, const uint32_t *ids,
                        uint32_t count, vr_kiss *random, uint8_t *sides);

#endif
