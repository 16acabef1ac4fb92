/* With three times as many columns as k, few of the k largest share one, so that the k-th largest of the
 * columns' maxima is near the k-th largest value.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/columns.h"

#include "base/memory.h"

#include <math.h>

enum {
    LANES = 8, /* values at a time, for the compiler's vectors */
    HALVES_MAX = 32,
    BETWEEN = 4 /* maxima that may be left in [low, high) */
};

/* The least and the largest. */
static vr_kth_range range_of(const float *values, size_t count)
{
    float low[LANES], high[LANES];
    for (size_t l = 0; l < LANES; l++)
        low[l] = high[l] = values[0];
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            low[l] = values[i + l] < low[l] ? values[i + l] : low[l];
            high[l] = values[i + l] > high[l] ? values[i + l] : high[l];
        }
    for (; i < count; i++) {
        low[0] = values[i] < low[0] ? values[i] : low[0];
        high[0] = values[i] > high[0] ? values[i] : high[0];
    }
    for (size_t l = 1; l < LANES; l++) {
        low[0] = low[l] < low[0] ? low[l] : low[0];
        high[0] = high[l] > high[0] ? high[l] : high[0];
    }
    return (vr_kth_range){ low[0], high[0] };
}

vr_kth_range vr_close_in(const vr_simd *simd, const float *values, size_t count, size_t k, size_t between,
                         uint32_t *bits)
{
    vr_kth_range span = range_of(values, count);
    size_t from_low = count, from_high = 0; /* values */
    span.high = nextafterf(span.high, INFINITY);
    for (size_t halves = 0; from_low - from_high > between && halves < HALVES_MAX; halves++) {
        float middle = span.low + (span.high - span.low) * 0.5f;
        size_t found = simd->passing(values, count, middle, bits);
        if (found >= k) {
            span.low = middle;
            from_low = found;
        } else {
            span.high = middle;
            from_high = found;
        }
    }
    return span;
}

/* Clamps +Inf to the largest finite value, and -Inf to the least. Returns how many were -Inf; if none is
 * finite, changes nothing and returns count. */
static size_t make_finite(float *values, size_t count)
{
    float least = INFINITY, largest = -INFINITY;
    size_t lowest = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            least = values[i] < least ? values[i] : least;
            largest = values[i] > largest ? values[i] : largest;
        }
    if (least > largest)
        return count;
    for (size_t i = 0; i < count; i++) {
        lowest += values[i] == -INFINITY;
        values[i] = values[i] < least ? least : values[i] > largest ? largest : values[i];
    }
    return lowest;
}

float vr_kth_of_columns(const vr_simd *simd, const float *values, size_t count, size_t k, float *largest,
                        uint32_t *bits)
{
    size_t columns = vr_columns_for(k);
    for (size_t c = 0; c < columns; c++)
        largest[c] = -INFINITY;
    for (size_t i = 0; i < count; i += columns) {
        const float *row = values + i;
        for (size_t c = 0, here = vr_min(columns, count - i); c < here; c++)
            largest[c] = row[c] > largest[c] ? row[c] : largest[c];
    }
    if (columns - make_finite(largest, columns) < k)
        return -INFINITY;
    return vr_close_in(simd, largest, columns, k, BETWEEN, bits).low;
}
