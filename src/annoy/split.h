/* Dividing items by a plane. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_SPLIT_H
#define VR_ANNOY_SPLIT_H

#include "annoy/annoy.h"
#include "annoy/random.h"
#include "simd/simd.h"

/* The items of a build. */
typedef struct vr_annoy_items {
    vr_annoy_layout layout;
    const vr_simd *simd;
    bool strict; /* every written float as Annoy computes it */
    uint32_t count;
    float *rows;    /* count x dim */
    float *norms;   /* squared lengths */
    float *lengths; /* with the factor, in the current dot */
    float *factors; /* dot: the value in one more dimension, which makes all lengths equal; else NULL */
    float largest;  /* dot: that length */
    float slack;    /* see split.c */
    float tiny;
} vr_annoy_items;

/* The lengths of some rows, and once all have theirs, what follows from all of them. */
void vr_annoy_measure(vr_annoy_items *items, uint32_t first, uint32_t count);
void vr_annoy_measured(vr_annoy_items *items);

enum { VR_ANNOY_BATCH = 8 };

/* A plane between two clusters of the items, into a zeroed node. vectors: room for 2 + VR_ANNOY_BATCH. */
void vr_annoy_split(const vr_annoy_items *items, const uint32_t *ids, uint32_t count, vr_kiss *random,
                    float *vectors, uint8_t *node);

/* A split's plane, and on which side of it an item is. */
typedef struct vr_annoy_plane {
    const float *normal;
    float length, factor;
} vr_annoy_plane;
vr_annoy_plane vr_annoy_plane_of(const vr_annoy_items *items, const uint8_t *node);
uint8_t vr_annoy_side(const vr_annoy_items *items, const vr_annoy_plane *plane, uint32_t id,
                      vr_kiss *random);

/* On which side each item is; returns how many on side 1. */
uint32_t vr_annoy_sides(const vr_annoy_items *items, const uint8_t *node, const uint32_t *ids,
                        uint32_t count, vr_kiss *random, uint8_t *sides);

/* So many items stay in a cache while they are divided further. */
uint32_t vr_annoy_near(const vr_annoy_items *items);

#endif
