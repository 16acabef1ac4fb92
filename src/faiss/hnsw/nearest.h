/* The nearest of a group of points, for many points at a time: every pair is compared, by the kernel that
 * compares many with many. It only says who may be near enough (it rounds in its own way on every
 * processor, and is given room for that); their distances are then computed as points.h says. So the answer
 * is exact in those distances, and the same everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_NEAREST_H
#define VR_FAISS_HNSW_NEAREST_H

#include "faiss/hnsw/points.h"

/* Points laid out for the kernel. */
typedef struct vr_hnsw_group {
    const vr_hnsw_points *points;
    size_t room;         /* points at the most */
    size_t block_bytes;  /* of the digits and factors of simd->tile_rows points */
    uint8_t *blocks;     /* as simd.h's code_tile() wants them */
    const uint32_t *ids; /* of the points, count of them; the caller's */
    size_t count;
    float longest; /* the largest |x| of them; of inner products, the length of an item */
} vr_hnsw_group;

vrec_status vr_hnsw_group_init(vr_hnsw_group *group, const vr_hnsw_points *points, size_t room,
                               vrec_error *err);
void vr_hnsw_group_free(vr_hnsw_group *group); /* what it holds; zeroed is fine */

/* Lays out count points, at most as many as there is room for. */
void vr_hnsw_group_set(vr_hnsw_group *group, const uint32_t *ids, size_t count);

/* What a thread needs to ask for the k nearest. */
typedef struct vr_hnsw_nearest vr_hnsw_nearest;

vrec_status vr_hnsw_nearest_create(const vr_hnsw_points *points, size_t k, vr_hnsw_nearest **out,
                                   vrec_error *err);
void vr_hnsw_nearest_free(vr_hnsw_nearest *nearest); /* NULL is fine */

/* How many centers can be asked about at a time. */
static inline size_t vr_hnsw_nearest_width(const vr_hnsw_points *points)
{
    return points->simd->code_queries;
}

/* Finds the k nearest of the group to each of count centers, at most vr_hnsw_nearest_width() of them. A
 * center that is of the group is near itself. */
void vr_hnsw_nearest_find(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const uint32_t *centers,
                          size_t count);

/* The same for centers that are of others, made like the group's points; for a group of inner products,
 * like their directions. */
void vr_hnsw_nearest_to(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const vr_hnsw_points *others,
                        const uint32_t *centers, size_t count);

/* What was found for center i, by distance and then by id: keys as vr_topk_key() makes them, which stay
 * until the next call. Returns how many. */
size_t vr_hnsw_nearest_found(const vr_hnsw_nearest *nearest, size_t i, const uint64_t **keys);

#endif
