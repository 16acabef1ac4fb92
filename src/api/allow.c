/* SPDX-License-Identifier: Apache-2.0 */
#include "api/allow.h"

#include "api/wanted.h"
#include "base/memory.h"
#include "core/matrix.h"

#include <string.h>

enum { ROOM = 64 << 20 }; /* bytes for the bitmaps of the users that are asked for together */

/* The bitmaps of some users, or one for all. */
typedef struct bitmaps {
    uint8_t *bits;
    size_t stride; /* bytes */
    size_t first, users;
} bitmaps;

static void set(const bitmaps *b, size_t user, size_t row)
{
    b->bits[user * b->stride + row / 8] |= (uint8_t)(1u << row % 8);
}

/* ---- From ids to rows ---- */

/* Where the ids are the rows. */
static void set_rows(const vr_index *index, const vr_id_lists *lists, const bitmaps *b)
{
    for (size_t user = 0; user < b->users; user++) {
        size_t count;
        const int64_t *ids = vr_id_lists_of(lists, b->first + user, &count);
        for (size_t i = 0; i < count; i++)
            if (ids[i] >= 0 && (uint64_t)ids[i] < index->rows)
                set(b, user, (size_t)ids[i]);
    }
}

/* Where they are the caller's: one pass over all that the index has, for all lists together. */
static vrec_status set_ids(const vr_index *index, const vr_id_lists *lists, const bitmaps *b,
                           vrec_error *err)
{
    size_t total = 0, count;
    for (size_t user = 0; user < b->users; user++) {
        vr_id_lists_of(lists, b->first + user, &count);
        total += count;
    }
    vr_wanted *sorted = vr_alloc(total + 1, sizeof *sorted);
    if (!sorted)
        return vr_fail_memory(err, (total + 1) * sizeof *sorted, "the ids that are allowed");
    for (size_t user = 0, at = 0; user < b->users; user++) {
        const int64_t *ids = vr_id_lists_of(lists, b->first + user, &count);
        for (size_t i = 0; i < count; i++)
            sorted[at++] = (vr_wanted){ ids[i], user };
    }
    vr_wanted_sort(sorted, total);
    for (size_t row = 0; row < index->rows; row++) {
        int64_t id = index->ids[row];
        for (size_t i = vr_wanted_find(sorted, total, id); i < total && sorted[i].id == id; i++)
            set(b, sorted[i].place, row);
    }
    vr_free(sorted);
    return VREC_OK;
}

static vrec_status fill(const vr_index *index, const vr_id_lists *lists, const bitmaps *b, vrec_error *err)
{
    memset(b->bits, 0, b->users * b->stride);
    if (index->ids)
        return set_ids(index, lists, b, err);
    set_rows(index, lists, b);
    return VREC_OK;
}

/* ---- Queries ---- */

static vrec_status search(const vr_interests *interests, vr_index *index, const vr_query *query,
                          vrec_error *err)
{
    return interests ? vr_interests_query(interests, index, query, err)
                     : index->verbs->query(index, query, err);
}

/* The users from first on, so many, with these bitmaps. */
static vrec_status search_some(const vr_interests *interests, size_t first, size_t users,
                               const bitmaps *allowed, vr_index *index, const vr_query *query,
                               vrec_error *err)
{
    size_t each = interests ? interests->each : 1;
    vr_query part = *query;
    vrec_matrix queries = *query->queries;
    vr_interests of_part = interests ? *interests : (vr_interests){ .each = 1 };
    queries.data = vr_matrix_at(query->queries, first * each, 0);
    queries.rows = users * each;
    part.queries = &queries;
    part.ids += first * query->top_k;
    part.distances += first * query->top_k;
    if (part.counts)
        part.counts += first;
    if (part.filter.exclude_offsets)
        part.filter.exclude_offsets += first;
    if (of_part.counts)
        of_part.counts += first;
    part.filter.allowed = (vr_id_lists){ .ids = NULL };
    part.filter.allow = allowed->bits;
    part.filter.allow_rows = index->rows;
    part.filter.allow_stride = query->filter.allowed.offsets ? allowed->stride : 0;
    return search(interests ? &of_part : NULL, index, &part, err);
}

vrec_status vr_allow_query(const vr_interests *interests, size_t users, vr_index *index,
                           const vr_query *query, vrec_error *err)
{
    const vr_id_lists *lists = &query->filter.allowed;
    bitmaps b = { .stride = index->rows / 8 + 1 };
    if (!vr_id_lists_are_set(lists) || !index->verbs->vectors)
        return search(interests, index, query, err);
    size_t together = lists->offsets ? vr_min(users, vr_max(1, ROOM / b.stride)) : 1;
    vrec_status status = VREC_OK;
    b.bits = vr_alloc(together, b.stride);
    if (!b.bits)
        return vr_fail_memory(err, together * b.stride, "the bitmaps of allowed items");
    for (size_t count; b.first < users && status == VREC_OK; b.first += count) {
        count = lists->offsets ? vr_min(together, users - b.first) : users;
        b.users = lists->offsets ? count : 1;
        status = fill(index, lists, &b, err);
        if (status == VREC_OK)
            status = search_some(interests, b.first, count, &b, index, query, err);
    }
    vr_free(b.bits);
    return status;
}
