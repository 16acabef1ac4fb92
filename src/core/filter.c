/* SPDX-License-Identifier: Apache-2.0 */
#include "core/filter.h"

bool vr_filter_excludes(const vr_filter *filter, size_t q, int64_t id)
{
    if (!filter->exclude_ids)
        return false;
    size_t low = 0, end = filter->exclude_count;
    if (filter->exclude_offsets) {
        low = (size_t)filter->exclude_offsets[q];
        end = (size_t)filter->exclude_offsets[q + 1];
    }
    for (size_t high = end; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (filter->exclude_ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && filter->exclude_ids[low] == id;
}
