/* SPDX-License-Identifier: Apache-2.0 */
#include "api/wanted.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    int64_t one = ((const vr_wanted *)a)->id, other = ((const vr_wanted *)b)->id;
    return (one > other) - (one < other);
}

void vr_wanted_sort(vr_wanted *wanted, size_t count)
{
    qsort(wanted, count, sizeof *wanted, compare);
}

size_t vr_wanted_find(const vr_wanted *sorted, size_t count, int64_t id)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
