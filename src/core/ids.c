/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ids.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>

enum { DIGITS = 256 };

/* ---- Order ---- */

/* One pass of a radix sort: stable, by the byte at shift. False if all have the same there: nothing is
 * done. */
static bool sort_by_byte(const vr_id_entry *from, vr_id_entry *to, size_t count, unsigned shift)
{
    size_t starts[DIGITS] = { 0 }, sum = 0;
    for (size_t i = 0; i < count; i++)
        starts[from[i].key >> shift & (DIGITS - 1)]++;
    if (starts[from[0].key >> shift & (DIGITS - 1)] == count)
        return false;
    for (size_t d = 0; d < DIGITS; d++) {
        size_t here = starts[d];
        starts[d] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++)
        to[starts[from[i].key >> shift & (DIGITS - 1)]++] = from[i];
    return true;
}

const vr_id_entry *vr_ids_sort(const int64_t *ids, size_t count, vr_id_entry *room)
{
    vr_id_entry *entries = room, *other = room + count;
    for (size_t i = 0; i < count; i++)
        entries[i] = (vr_id_entry){ (uint64_t)ids[i] ^ (uint64_t)1 << 63, (uint32_t)i };
    for (unsigned shift = 0; count > 0 && shift < 64; shift += 8)
        if (sort_by_byte(entries, other, count, shift)) {
            vr_id_entry *sorted = other;
            other = entries;
            entries = sorted;
        }
    return entries;
}

/* ---- Checks ---- */

/* The first row whose id an earlier row has, and which that is; rows if all ids differ. */
static size_t find_repeated(const vr_id_entry *sorted, size_t rows, size_t *earlier)
{
    size_t found = rows;
    for (size_t i = 1; i < rows; i++)
        if (sorted[i].key == sorted[i - 1].key && sorted[i].place < found) {
            found = sorted[i].place;
            *earlier = sorted[i - 1].place;
        }
    return found;
}

static bool ascend(const int64_t *ids, size_t rows)
{
    size_t i = 1;
    while (i < rows && ids[i - 1] < ids[i])
        i++;
    return i >= rows;
}

vrec_status vr_ids_check(const int64_t *ids, size_t rows, vrec_error *err)
{
    size_t missing = 0, earlier = 0, bytes;
    while (missing < rows && ids[missing] != -1)
        missing++;
    if (rows > UINT32_MAX)
        return vr_fail_at(err, VREC_UNSUPPORTED, vr_in("ids"),
                          "ids: there are %zu; at most %u items can have ids of their own", rows,
                          UINT32_MAX);
    size_t repeated = rows;
    if (!ascend(ids, rows)) {
        vr_id_entry *room = vr_mul(rows, 2 * sizeof *room, &bytes) ? vr_alloc(bytes, 1) : NULL;
        if (!room)
            return vr_fail_memory(err, bytes, "sorting the ids");
        repeated = find_repeated(vr_ids_sort(ids, rows, room), rows, &earlier);
        vr_free(room);
    }
    if (missing < rows && missing <= repeated)
        return vr_fail_at(
            err, VREC_INVALID, vr_in_row("ids", missing),
            "ids: that of row %zu is -1, which is no id, since it stands for places of results "
            "that are empty",
            missing);
    if (repeated < rows)
        return vr_fail_at(err, VREC_INVALID, vr_in_row("ids", repeated),
                          "ids: rows %zu and %zu both have the id %lld; each may be given once", earlier,
                          repeated, (long long)ids[repeated]);
    return VREC_OK;
}

vrec_status vr_ids_take(const int64_t *ids, size_t rows, int64_t **out, vrec_error *err)
{
    *out = NULL;
    vrec_status status = ids ? vr_ids_check(ids, rows, err) : VREC_OK;
    if (status != VREC_OK || !ids)
        return status;
    *out = vr_alloc(rows, sizeof **out);
    if (!*out)
        return vr_fail_memory(err, rows * sizeof **out, "the ids");
    memcpy(*out, ids, rows * sizeof **out);
    return VREC_OK;
}

/* The place of an id among sorted ones; SIZE_MAX if it isn't there. */
static size_t find_place(const vr_id_entry *sorted, size_t count, int64_t id)
{
    uint64_t key = (uint64_t)id ^ (uint64_t)1 << 63;
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle].key < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low].key == key ? sorted[low].place : SIZE_MAX;
}

vrec_status vr_ids_check_new(const int64_t *known, size_t known_rows, const int64_t *ids, size_t rows,
                             vrec_error *err)
{
    size_t first = SIZE_MAX, bytes;
    vr_id_entry *room = vr_mul(rows, 2 * sizeof *room, &bytes) ? vr_alloc(bytes, 1) : NULL;
    if (!room)
        return vr_fail_memory(err, bytes, "sorting the ids");
    const vr_id_entry *sorted = vr_ids_sort(ids, rows, room);
    for (size_t i = 0; i < known_rows; i++)
        first = vr_min(first, find_place(sorted, rows, known[i]));
    vr_free(room);
    if (first == SIZE_MAX)
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in_row("ids", first),
                      "ids: the index has an item with the id %lld already, which row %zu is to have",
                      (long long)ids[first], first);
}
