/* The k-th largest of many values, or nearly, without an unpredictable branch for each of them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_COLUMNS_H
#define VR_SCAN_COLUMNS_H

#include "simd/simd.h"

#include <stddef.h>
#include <stdint.h>

/* How many columns to use for k: 3 k, rounded up to a multiple of this. */
enum { VR_COLUMNS_STEP = 32 };

static inline size_t vr_columns_for(size_t k)
{
    return (3 * k + VR_COLUMNS_STEP - 1) / VR_COLUMNS_STEP * VR_COLUMNS_STEP;
}

/* A lower bound of the k-th largest value, 1 <= k <= count: value i is in column i % vr_columns_for(k), and
 * this is about the k-th largest of the columns' maxima, so that at least k values are >= it; some 1.2 k
 * are if they stand in random order. NaN counts as -Inf. Returns -Inf if fewer than k columns have more
 * than that, or no maximum is finite. largest: room for a float of each column; bits: for a bit of each. */
float vr_kth_of_columns(const vr_simd *simd, const float *values, size_t count, size_t k, float *largest,
                        uint32_t *bits);

/* Where the k-th largest of some values is: at least k are >= low, and fewer than k are >= high. */
typedef struct vr_kth_range {
    float low, high;
} vr_kth_range;

/* Bisects for the k-th largest, 1 <= k <= count, of finite values, until at most so many values v have low
 * <= v < high, or 32 steps are done: equal values can't be parted. Cost: a pass over the values for each
 * step. bits: room for a bit of each value. */
vr_kth_range vr_close_in(const vr_simd *simd, const float *values, size_t count, size_t k, size_t between,
                         uint32_t *bits);

#endif
