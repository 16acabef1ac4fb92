/* The k largest are hardly ever two in a column if there are some more columns than k.
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/columns.h"

#include "base/memory.h"
#include "core/topk.h"

#include <math.h>

float vr_kth_of_columns(const float *values, size_t count, size_t k, float *largest, uint64_t *keys)
{
    size_t columns = vr_columns_for(k);
    vr_topk top;
    for (size_t c = 0; c < columns; c++)
        largest[c] = -INFINITY;
    for (size_t i = 0; i < count; i += columns) {
        const float *row = values + i;
        for (size_t c = 0, here = vr_min(columns, count - i); c < here; c++)
            largest[c] = row[c] > largest[c] ? row[c] : largest[c];
    }
    vr_topk_init(&top, keys, k);
    for (size_t c = 0; c < columns; c++)
        vr_topk_push(&top, vr_topk_key(-largest[c], (uint32_t)c));
    vr_topk_shrink(&top);
    return -vr_topk_value(top.limit);
}
