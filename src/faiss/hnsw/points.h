/* The items as the build of a graph sees them: as small integers, with which one decides who is near whom.
 *
 * A point is scale * c, with c of integers (digits), and stands in place of an item less the mean of all
 * (L2), or of an item of unit length less the mean of these (angles). All that the build decides follows
 * from
 *
 *     |a - b|^2 / 2 = |a|^2 / 2 - (scale(a) * (scale(b) * <c(a), c(b)>) - |b|^2 / 2)
 *
 * where <c(a), c(b)> is an integer, and the few floats around it are computed in this order on every
 * processor. So are digits, scales and means. That is why a graph has the same links everywhere.
 *
 * Points are small: seven bits a digit, so that inaccuracies of a distance are some thousandth of it, which
 * costs a graph nothing, and comparisons by the kernels for codes. Where digits don't tell near items apart
 * (blur.h) the items themselves are compared, value by value in one order everywhere, which takes longer.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_POINTS_H
#define VR_FAISS_HNSW_POINTS_H

#include "core/topk.h"
#include "faiss/faiss.h"
#include "simd/simd.h"

#include <stdbool.h>

enum { VR_HNSW_POINTS_DIM_MAX = 8192 };

typedef struct vr_hnsw_points {
    const vr_simd *simd;
    size_t count, dim;
    size_t lines;     /* of 64 bytes, of a record */
    size_t groups;    /* of 4 digits, an even number */
    uint8_t *records; /* as simd.h's code_ids() wants them: the digits; scale, 0, 0 and -|x|^2 / 2 */
    int32_t *offsets; /* of every point: what code_ids() has to take off if it is the query */
    float *plain;     /* the items, all times the same power of two, where digits won't do; else NULL */
    int exponent;     /* of that power: it brings the largest value of the items below 1 */

    /* Of directions. */
    float *lengths; /* of the items, all times the same power of two */
    float *leans;   /* the inner product of an item's direction and the mean of directions */
    float *mean;
    float mean_square; /* |mean|^2 */

    /* Of inner products: the points that these are made of. */
    const struct vr_hnsw_points *directions;
} vr_hnsw_points;

/* Makes points of count x dim items, which are finite. angles: of their directions. dim is at most
 * VR_HNSW_POINTS_DIM_MAX. */
vrec_status vr_hnsw_points_make(const float *items, size_t count, size_t dim, bool angles, size_t threads,
                                const vrec_progress *progress, vr_hnsw_points *points, vrec_error *err);

/* The same for inner products: made of points that are directions, which must outlive them. For one of
 * them, a = |a| (mean + a'), and another,
 *
 *     <a, b> / |a| = <a', b'> |b| + <a', mean> |b| + <mean, b> ,
 *
 * which is what a record of these adds up to. Distances are its negatives. */
vrec_status vr_hnsw_products_make(const vr_hnsw_points *directions, vr_hnsw_points *products,
                                  vrec_error *err);

/* Other vectors, to be compared with the first: directions if those are, and less the same mean. Each of
 * them has to be one of which vr_hnsw_can_compare() is true. */
vrec_status vr_hnsw_points_make_like(const vr_hnsw_points *first, const float *vectors, size_t count,
                                     size_t threads, const vrec_progress *progress, vr_hnsw_points *points,
                                     vrec_error *err);
void vr_hnsw_points_free(vr_hnsw_points *points); /* what they hold; zeroed is fine */

/* Whether comparing with a finite vector tells anything of the points: one of zeros has no direction, and
 * of one whose values are 2^16 times as large as theirs all are as far. */
bool vr_hnsw_can_compare(const vr_hnsw_points *points, const float *vector);

/* Digits of a point, on the side of the query. */
static inline size_t vr_hnsw_point_digits(const vr_hnsw_points *points)
{
    return points->lines * 64;
}

/* The four factors in the tail of a record. */
static inline void vr_hnsw_factors(const vr_hnsw_points *points, uint32_t point, float factors[4])
{
    const uint8_t *record = points->records + (size_t)point * points->lines * 64;
    memcpy(factors, record + points->lines * 64 - 16, 16);
}

/* A point that others are compared with. */
typedef struct vr_hnsw_center {
    const float *plain; /* the item, where items are compared, and nothing else */
    vr_code_queries coded;
    float half;   /* |a|^2 / 2; 0 for inner products */
    float weight; /* 1; |a| for inner products */
} vr_hnsw_center;

/* Makes a point a center, with room for its digits (vr_hnsw_point_digits). */
void vr_hnsw_center_on(const vr_hnsw_points *points, uint32_t point, int8_t *digits,
                       vr_hnsw_center *center);

/* A center of inner products, which one of some directions is, maybe of others than those it is compared
 * with. */
void vr_hnsw_product_center(const vr_hnsw_points *directions, uint32_t point, int8_t *digits,
                            vr_hnsw_center *center);

/* The same where items are compared. */
void vr_hnsw_plain_distances(const vr_hnsw_points *points, const vr_hnsw_center *center,
                             const uint32_t *ids, size_t count, float *out);

/* How far the points are from the center: |a - b|^2 / 2, or -<a, b>. */
static inline void vr_hnsw_distances(const vr_hnsw_points *points, const vr_hnsw_center *center,
                                     const uint32_t *ids, size_t count, float *out)
{
    if (points->plain) {
        vr_hnsw_plain_distances(points, center, ids, count, out);
        return;
    }
    points->simd->code_ids(&center->coded, points->records, points->lines, ids, count, out);
    for (size_t i = 0; i < count; i++)
        out[i] = center->half - center->weight * out[i];
}

#endif
