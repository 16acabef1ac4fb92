/* About the k-th largest of many values, without a branch for each of them that nobody could foresee.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_COLUMNS_H
#define VR_SCAN_COLUMNS_H

#include "simd/simd.h"

#include <stddef.h>
#include <stdint.h>

/* How many columns are enough for k: three times as many, and a multiple of this. */
enum { VR_COLUMNS_STEP = 32 };

static inline size_t vr_columns_for(size_t k)
{
    return (3 * k + VR_COLUMNS_STEP - 1) / VR_COLUMNS_STEP * VR_COLUMNS_STEP;
}

/* A value that at least k <= count of them reach, and hardly more: about the k-th largest of the largest in
 * each of vr_columns_for(k) columns. NaN counts as -Inf. largest: room for the columns; bits: one for each.
 */
float vr_kth_of_columns(const vr_simd *simd, const float *values, size_t count, size_t k, float *largest,
                        uint32_t *bits);

/* Where the k-th largest of some values is: from low on there are at least k, from high on fewer. */
typedef struct vr_kth_range {
    float low, high;
} vr_kth_range;

/* Closes in on the k-th largest, 1 <= k <= count, of finite values, by halves, until no more than so many
 * are between low and high, or halves are too small to tell. Cost: a pass for each. bits: one for each
 * value. */
vr_kth_range vr_close_in(const vr_simd *simd, const float *values, size_t count, size_t k, size_t between,
                         uint32_t *bits);

#endif
