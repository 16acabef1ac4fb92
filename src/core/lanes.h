/* Sums of many values: several at a time, for the compiler's vectors, and in one order on every processor,
 * so that they have the same bits everywhere. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_LANES_H
#define VR_CORE_LANES_H

#include "base/bytes.h"

#include <stddef.h>

enum { VR_LANES = 8 };

static inline float vr_sum_lanes(const float lanes[VR_LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

/* |x|^2 of a vector of dim values. */
static inline float vr_squares(const vr_stored_f32 *x, size_t dim)
{
    float sums[VR_LANES] = { 0 };
    const size_t whole = dim - dim % VR_LANES;
    for (size_t j = 0; j < whole; j += VR_LANES)
        for (size_t l = 0; l < VR_LANES; l++)
            sums[l] += x[j + l] * x[j + l];
    for (size_t j = whole; j < dim; j++)
        sums[0] += x[j] * x[j];
    return vr_sum_lanes(sums);
}

#endif
