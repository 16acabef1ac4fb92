/* About the k-th largest of many values, without a branch for each of them that nobody could foresee.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_COLUMNS_H
#define VR_SCAN_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

/* How many columns are enough for k: three times as many, and a multiple of this. */
enum { VR_COLUMNS_STEP = 32 };

static inline size_t vr_columns_for(size_t k)
{
    return (3 * k + VR_COLUMNS_STEP - 1) / VR_COLUMNS_STEP * VR_COLUMNS_STEP;
}

/* A value that at least k <= count of them reach, and hardly more: the k-th largest of the largest in each
 * of vr_columns_for(k) columns. NaN counts as -Inf. largest: room for the columns; keys:
 * vr_topk_capacity(k) of them. */
float vr_kth_of_columns(const float *values, size_t count, size_t k, float *largest, uint64_t *keys);

#endif
