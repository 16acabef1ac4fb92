/* Who may be returned. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_FILTER_H
#define VR_CORE_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows are an index's own numbers, ids what its caller calls them. Zeroed lets every row pass. The public
 * function fills it and has checked it: offsets ascend and stay within exclude_count, the ids of a query
 * ascend. A row whose own id is -1, which means "none", never passes. */
typedef struct vr_filter {
    /* Exclusions, by id. With offsets, query q excludes the ids from exclude_ids[exclude_offsets[q]] to
     * before exclude_ids[exclude_offsets[q + 1]]; without, every query excludes all exclude_count of them.
     */
    const int64_t *exclude_offsets;
    const int64_t *exclude_ids; /* NULL: nobody is excluded */
    size_t exclude_count;

    /* Allowance, by row: query q gets row r if bit r % 8 of byte r / 8 of the bitmap at
     * allow + q * allow_stride is set. A stride of 0 is one bitmap for all queries. */
    const uint8_t *allow; /* NULL: all are allowed */
    size_t allow_rows;    /* bits of a bitmap; no row from there on is allowed */
    size_t allow_stride;  /* bytes */

    const int64_t *row_ids; /* of every row; NULL: a row's number is its id */
} vr_filter;

/* Whether query q excludes this id. A binary search. */
bool vr_filter_excludes(const vr_filter *filter, size_t q, int64_t id);

/* Whether query q may get this row. It is asked of rows that are near enough, which are few. */
static inline bool vr_filter_passes(const vr_filter *filter, size_t q, size_t row)
{
    if (filter->allow) {
        const uint8_t *bitmap = filter->allow + q * filter->allow_stride;
        if (row >= filter->allow_rows || !(bitmap[row / 8] >> row % 8 & 1))
            return false;
    }
    if (!filter->exclude_ids && !filter->row_ids)
        return true;
    int64_t id = filter->row_ids ? filter->row_ids[row] : (int64_t)row;
    return id != -1 && !(filter->exclude_ids && vr_filter_excludes(filter, q, id));
}

#endif
