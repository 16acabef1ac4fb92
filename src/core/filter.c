/* SPDX-License-Identifier: Apache-2.0 */
#include "core/filter.h"

#include "base/error.h"
#include "base/memory.h"
#include "core/work.h"

#include <string.h>

enum { PORTION = 16 /* bitmaps that a thread counts at a time */ };

const int64_t *vr_id_lists_of(const vr_id_lists *lists, size_t user, size_t *count)
{
    if (!lists->offsets) {
        *count = lists->count;
        return lists->ids;
    }
    *count = (size_t)(lists->offsets[user + 1] - lists->offsets[user]);
    return *count > 0 ? lists->ids + lists->offsets[user] : NULL;
}

size_t vr_filter_excluded(const vr_filter *filter, size_t q)
{
    if (!filter->exclude_ids)
        return 0;
    if (!filter->exclude_offsets)
        return filter->exclude_count;
    const int64_t *offsets = filter->exclude_offsets + vr_filter_user(filter, q);
    return (size_t)(offsets[1] - offsets[0]);
}

const int64_t *vr_filter_exclusions(const vr_filter *filter, size_t q)
{
    if (!filter->exclude_ids || !filter->exclude_offsets)
        return filter->exclude_ids;
    return filter->exclude_ids + filter->exclude_offsets[vr_filter_user(filter, q)];
}

/* A binary search. */
static bool has(const int64_t *ids, size_t count, int64_t id)
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ids[low] == id;
}

bool vr_filter_excludes(const vr_filter *filter, size_t q, int64_t id)
{
    return has(vr_filter_exclusions(filter, q), vr_filter_excluded(filter, q), id);
}

bool vr_filter_lists(const vr_filter *filter, size_t q, int64_t id)
{
    size_t count;
    if (!vr_id_lists_are_set(&filter->allowed))
        return true;
    const int64_t *ids = vr_id_lists_of(&filter->allowed, vr_filter_user(filter, q), &count);
    return has(ids, count, id);
}

size_t vr_filter_allowed(const vr_filter *filter, size_t q, size_t rows)
{
    if (!filter->allow)
        return rows;
    const uint8_t *bitmap = vr_filter_bitmap(filter, q);
    size_t count = 0, i = 0;
    rows = vr_min(rows, filter->allow_rows);
    for (; i + 64 <= rows; i += 64) {
        uint64_t word;
        memcpy(&word, bitmap + i / 8, sizeof word);
        count += (size_t)__builtin_popcountll(word);
    }
    for (; i < rows; i++)
        count += bitmap[i / 8] >> i % 8 & 1;
    return count;
}

typedef struct counting {
    const vr_filter *filter;
    size_t rows;
    uint32_t *of_user;
} counting;

static vrec_status count(void *context, vr_worker *me, vrec_error *err)
{
    const counting *c = context;
    size_t interests = vr_max(c->filter->interests, 1);
    (void)err;
    for (size_t first, users; vr_work_take(me, &first, &users);)
        for (size_t user = first; user < first + users; user++)
            c->of_user[user] = (uint32_t)vr_filter_allowed(c->filter, user * interests, c->rows);
    return VREC_OK;
}

vrec_status vr_filter_count(const vr_filter *filter, size_t queries, size_t rows, size_t threads,
                            vr_filter_counts *out, vrec_error *err)
{
    size_t users = queries == 0 ? 0 : vr_filter_user(filter, queries - 1) + 1;
    *out = (vr_filter_counts){ .of_user = NULL };
    if (!filter->allow || filter->allow_stride == 0 || users <= 1) {
        out->all = vr_filter_allowed(filter, 0, rows);
        return VREC_OK;
    }
    out->of_user = vr_alloc(users, sizeof *out->of_user);
    if (!out->of_user)
        return vr_fail_memory(err, users * sizeof *out->of_user, "counts of allowed items");
    counting c = { filter, rows, out->of_user };
    vr_work work = { .threads = threads, .count = users, .portion = PORTION, .run = count, .context = &c };
    return vr_work_do(&work, err);
}

void vr_filter_counts_free(vr_filter_counts *counts)
{
    vr_free(counts->of_user);
    counts->of_user = NULL;
}
