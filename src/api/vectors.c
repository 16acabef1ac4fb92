/* From ids to the rows of an index, and their vectors. SPDX-License-Identifier: Apache-2.0 */
#include "api/indexer.h"
#include "api/wanted.h"
#include "base/memory.h"

/* ---- Ids ---- */

static int64_t id_of(const vr_index *index, size_t row)
{
    if (index->verbs->is_hole && index->verbs->is_hole(index, row))
        return -1;
    return index->ids ? index->ids[row] : (int64_t)row;
}

static vrec_status check_local(const vrec_indexer *indexer, const char *what, const char *argument,
                               const void *array, size_t count, vrec_error *err)
{
    if (!indexer || (!array && count > 0))
        return vr_fail_at(err, VREC_INVALID, vr_in(indexer ? argument : "indexer"), "%s: %s is NULL", what,
                          indexer ? argument : "the indexer");
    if (!vr_indexer_verbs(indexer)->vectors)
        return vr_fail(err, VREC_UNSUPPORTED, "%s: %s keeps its items on a server; ask there", what,
                       vr_indexer_backend(indexer));
    return VREC_OK;
}

vrec_status vrec_ids(const vrec_indexer *indexer, size_t first, size_t count, int64_t *ids, vrec_error *err)
{
    size_t place;
    vrec_status status = check_local(indexer, "ids", "ids", ids, count, err);
    if (status != VREC_OK)
        return status;
    const vr_index *index = vr_indexer_enter(indexer, &place);
    if (first > index->rows || count > index->rows - first)
        status = vr_fail_at(err, VREC_INVALID, vr_in("first"),
                            "ids: rows %zu and %zu more are asked for, but the index has %zu", first, count,
                            index->rows);
    for (size_t i = 0; i < count && status == VREC_OK; i++)
        ids[i] = id_of(index, first + i);
    vr_indexer_leave(indexer, place);
    return status;
}

/* Where there are names, ids are the rows. The text stays when another index takes this one's place. */
const char *vrec_name(const vrec_indexer *indexer, int64_t id)
{
    size_t place;
    if (!indexer)
        return NULL;
    const vr_names *names = vr_indexer_enter(indexer, &place)->names;
    const char *name =
        names && id >= 0 && (uint64_t)id < names->count ? vr_name_of(names, (size_t)id) : NULL;
    vr_indexer_leave(indexer, place);
    return name;
}

int64_t vrec_find(const vrec_indexer *indexer, const char *name)
{
    size_t place;
    if (!indexer || !name)
        return -1;
    const vr_names *names = vr_indexer_enter(indexer, &place)->names;
    size_t row = names ? vr_names_find(names, name) : 0;
    bool found = names && row < names->count;
    vr_indexer_leave(indexer, place);
    return found ? (int64_t)row : -1;
}

/* ---- From ids to rows ---- */

static vrec_status fail_missing(const int64_t *ids, size_t place, vrec_error *err)
{
    return vr_fail_at(err, VREC_INVALID, vr_in_row("ids", place),
                      "vectors: no item has id %lld, which is number %zu of ids", (long long)ids[place],
                      place);
}

/* Where the ids are the rows. */
static vrec_status rows_of_numbers(const vr_index *index, const int64_t *ids, size_t count, size_t *rows,
                                   vrec_error *err)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] < 0 || (uint64_t)ids[i] >= index->rows || id_of(index, (size_t)ids[i]) != ids[i])
            return fail_missing(ids, i, err);
        rows[i] = (size_t)ids[i];
    }
    return VREC_OK;
}

/* Where they are the caller's: in one pass over all that the index has. An id that several rows have is the
 * first one's. */
static vrec_status rows_of_ids(const vr_index *index, const int64_t *ids, size_t count, size_t *rows,
                               vrec_error *err)
{
    vr_wanted *sorted = vr_alloc(count, sizeof *sorted);
    if (!sorted)
        return vr_fail_memory(err, count * sizeof *sorted, "the ids that are asked for");
    for (size_t i = 0; i < count; i++) {
        sorted[i] = (vr_wanted){ ids[i], i };
        rows[i] = SIZE_MAX;
    }
    vr_wanted_sort(sorted, count);
    for (size_t row = 0; row < index->rows; row++) {
        int64_t id = index->ids[row];
        size_t i = vr_wanted_find(sorted, count, id);
        /* All places of an id are filled by its first row. */
        for (; id != -1 && i < count && sorted[i].id == id && rows[sorted[i].place] == SIZE_MAX; i++)
            rows[sorted[i].place] = row;
    }
    vr_free(sorted);
    for (size_t i = 0; i < count; i++)
        if (rows[i] == SIZE_MAX)
            return fail_missing(ids, i, err);
    return VREC_OK;
}

/* ---- Vectors ---- */

static vrec_status copy_vectors(const vr_index *index, const int64_t *ids, size_t count, float *vectors,
                                vrec_error *err)
{
    size_t *rows = vr_alloc(count, sizeof *rows);
    if (!rows)
        return vr_fail_memory(err, count * sizeof *rows, "the rows that are asked for");
    vrec_status status = (index->ids ? rows_of_ids : rows_of_numbers)(index, ids, count, rows, err);
    if (status == VREC_OK)
        status = index->verbs->vectors(index, rows, count, vectors, err);
    vr_free(rows);
    return status;
}

vrec_status vrec_vectors(const vrec_indexer *indexer, const int64_t *ids, size_t count, float *vectors,
                         vrec_error *err)
{
    size_t place;
    vrec_status status = check_local(indexer, "vectors", "ids", ids, count, err);
    if (status == VREC_OK)
        status = check_local(indexer, "vectors", "vectors", vectors, count, err);
    if (status != VREC_OK || count == 0)
        return status;
    const vr_index *index = vr_indexer_enter(indexer, &place);
    status = copy_vectors(index, ids, count, vectors, err);
    vr_indexer_leave(indexer, place);
    return status;
}
