/* Dividing items by a plane. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_SPLIT_H
#define VR_ANNOY_SPLIT_H

#include "annoy/annoy.h"
#include "annoy/random.h"
#include "simd/simd.h"

/* Items that a plane divides. Usually they are all items of a build, and an id is an item's number. A part
 * of them that fits a cache is copied there (near.c); then ids count the copies, and names says which item
 * each copy is. */
typedef struct vr_annoy_items {
    vr_annoy_layout layout;
    const vr_simd *simd;
    bool strict;     /* every written float as Annoy computes it */
    uint32_t count;  /* items of the build, also where these are a part of them */
    uint8_t *rows;   /* the first vector, in the file's first node or in the copy */
    size_t stride;   /* bytes from one vector to the next */
    float *norms;    /* squared lengths */
    float *lengths;  /* of the vectors; in the current dot, of the vectors with their factors */
    float *factors;  /* dot: a value in one more dimension, such that all lengths become equal; else NULL */
    float largest;   /* dot: that length */
    float slack;     /* how far a kernel's sum may be from Annoy's, relative to the lengths: see split.c */
    float tiny;      /* and beyond that, where products underflow */
    uint32_t *names; /* of copies: the numbers of the items; NULL for all items */
} vr_annoy_items;

static inline float *vr_annoy_row(const vr_annoy_items *items, uint32_t id)
{
    return (float *)(void *)(items->rows + id * items->stride);
}

/* Three steps for items whose vectors stand in the file's nodes, and nothing else does yet:
 * vr_annoy_measure computes the lengths of some of them, so that threads can share the work;
 * vr_annoy_measured, when all have been measured, what follows from the largest; vr_annoy_put_items fills
 * in the other fields of nodes. */
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
