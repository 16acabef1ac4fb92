/* Who may be returned. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_FILTER_H
#define VR_CORE_FILTER_H

#include "vrec/vrec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A list of ids for each user, as CSR, or one for all. Each ascends. Zeroed: there are none. */
typedef struct vr_id_lists {
    const int64_t *offsets; /* of user u's: from ids[offsets[u]] to before ids[offsets[u + 1]]; NULL: one */
    const int64_t *ids;
    size_t count;
} vr_id_lists;

static inline bool vr_id_lists_are_set(const vr_id_lists *lists)
{
    return lists->ids || lists->offsets;
}

/* A user's list and its length. */
const int64_t *vr_id_lists_of(const vr_id_lists *lists, size_t user, size_t *count);

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

    /* Allowance by id, for an index that knows no rows, on a server; of the others, it has become a bitmap.
     */
    vr_id_lists allowed;

    const int64_t *row_ids; /* of every row; NULL: a row's number is its id */
    size_t interests; /* so many queries in a row are one user's, with one list and one bitmap; 0: 1 */
} vr_filter;

/* Whose list and bitmap query q has. */
static inline size_t vr_filter_user(const vr_filter *filter, size_t q)
{
    return filter->interests > 1 ? q / filter->interests : q;
}

/* Query q's bitmap, where there are any. */
static inline const uint8_t *vr_filter_bitmap(const vr_filter *filter, size_t q)
{
    return filter->allow_stride == 0 ? filter->allow
                                     : filter->allow + vr_filter_user(filter, q) * filter->allow_stride;
}

/* Whether query q excludes this id. A binary search. */
bool vr_filter_excludes(const vr_filter *filter, size_t q, int64_t id);

/* Whether the caller says who may not be returned. */
static inline bool vr_filter_is_set(const vr_filter *filter)
{
    return filter->allow || (filter->exclude_ids && (filter->exclude_offsets || filter->exclude_count > 0));
}

/* How many of an index's rows query q's bitmap allows; all where there is none. */
size_t vr_filter_allowed(const vr_filter *filter, size_t q, size_t rows);

/* The same of all queries, counted once. */
typedef struct vr_filter_counts {
    size_t all;        /* where they share a bitmap, or there is none */
    uint32_t *of_user; /* where users have their own; else NULL */
} vr_filter_counts;

/* Counts for that many queries of an index of at most 2^32 - 1 rows; what it holds is to be freed. */
vrec_status vr_filter_count(const vr_filter *filter, size_t queries, size_t rows, size_t threads,
                            vr_filter_counts *out, vrec_error *err);
void vr_filter_counts_free(vr_filter_counts *counts);

static inline size_t vr_filter_counted(const vr_filter *filter, const vr_filter_counts *counts, size_t q)
{
    return counts->of_user ? counts->of_user[vr_filter_user(filter, q)] : counts->all;
}

/* How many ids query q excludes, some perhaps twice, or of no row. */
size_t vr_filter_excluded(const vr_filter *filter, size_t q);

/* Whether query q's allowance by id has this one; if there is none, it has all. A binary search. */
bool vr_filter_lists(const vr_filter *filter, size_t q, int64_t id);

/* Whether query q may get fewer items than there are. */
static inline bool vr_filter_narrows(const vr_filter *filter, size_t q)
{
    return filter->allow || vr_filter_excluded(filter, q) > 0;
}

/* These ids; NULL if there are none. */
const int64_t *vr_filter_exclusions(const vr_filter *filter, size_t q);

/* Whether query q's bitmap has this row; if there is none, it has all. */
static inline bool vr_filter_allows(const vr_filter *filter, size_t q, size_t row)
{
    if (!filter->allow)
        return true;
    const uint8_t *bitmap = vr_filter_bitmap(filter, q);
    return row < filter->allow_rows && bitmap[row / 8] >> row % 8 & 1;
}

/* Whether query q may get this row. It is asked of rows that are near enough, which are few. */
static inline bool vr_filter_passes(const vr_filter *filter, size_t q, size_t row)
{
    if (!vr_filter_allows(filter, q, row))
        return false;
    if (!filter->exclude_ids && !filter->row_ids)
        return true;
    int64_t id = filter->row_ids ? filter->row_ids[row] : (int64_t)row;
    return id != -1 && !(filter->exclude_ids && vr_filter_excludes(filter, q, id));
}

#endif
