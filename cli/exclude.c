/* Items that a query must not get, from two files: the rows of a sparse matrix (CSR).
 *
 * They are checked as a whole before the first query, so that a mistake in the last row isn't found
 * hours later, and so that the message can name the query by its number in the file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A file of integers as a plain list. */
typedef struct list {
    const char *data;
    size_t count;
    ptrdiff_t stride;
    bool wide; /* int64, else int32 */
} list;

static list list_of(const vrec_data *file)
{
    const vrec_matrix *m = vrec_data_matrix(file);
    bool column = m->dim == 1;
    return (list){ .data = m->data,
                   .count = column ? m->rows : m->dim,
                   .stride = column ? m->row_stride : m->col_stride,
                   .wide = m->type == VREC_I64 };
}

static int64_t at(const list *l, size_t i)
{
    const char *p = l->data + (ptrdiff_t)i * l->stride;
    int32_t narrow;
    int64_t wide;
    if (l->wide) {
        memcpy(&wide, p, sizeof wide);
        return wide;
    }
    memcpy(&narrow, p, sizeof narrow);
    return narrow;
}

static int open_list(const char *path, vrec_data **out)
{
    vrec_error err;
    if (vrec_data_open(path, out, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *m = vrec_data_matrix(*out);
    if (m->type != VREC_I32 && m->type != VREC_I64)
        return cli_fail("%s: its values are neither int32 nor int64, as --exclude needs", path);
    if (m->dim != 1 && m->rows != 1)
        return cli_fail("%s: it has %zu rows of %zu values, but --exclude needs a plain list", path,
                        m->rows, m->dim);
    return 0;
}

static int check_offsets(const list *offsets, const char *path, size_t queries, size_t ids)
{
    if (offsets->count != queries + 1)
        return cli_fail("%s: it has %zu offsets; %zu queries need %zu, one more", path, offsets->count,
                        queries, queries + 1);
    if (at(offsets, 0) != 0)
        return cli_fail("%s: it starts with %" PRId64 ", not 0", path, at(offsets, 0));
    for (size_t i = 0; i < queries; i++)
        if (at(offsets, i + 1) < at(offsets, i))
            return cli_fail("%s: the offsets descend from %" PRId64 " to %" PRId64 " at query %zu", path,
                            at(offsets, i), at(offsets, i + 1), i);
    if ((uint64_t)at(offsets, queries) != ids)
        return cli_fail("%s: it ends with %" PRId64 ", but there are %zu ids", path, at(offsets, queries),
                        ids);
    return 0;
}

static int check_ids(const list *offsets, const list *ids, const char *path, size_t queries)
{
    for (size_t i = 0; i < queries; i++)
        for (size_t j = (size_t)at(offsets, i) + 1; j < (size_t)at(offsets, i + 1); j++)
            if (at(ids, j) < at(ids, j - 1))
                return cli_fail("%s: the ids of query %zu don't ascend: %" PRId64 " comes before %" PRId64
                                " at place %zu",
                                path, i, at(ids, j - 1), at(ids, j), j);
    return 0;
}

int cli_exclusions_open(cli_exclusions *exclusions, const char *offsets_path, const char *ids_path,
                        size_t queries)
{
    int failed = open_list(offsets_path, &exclusions->offsets_file);
    if (!failed)
        failed = open_list(ids_path, &exclusions->ids_file);
    if (failed)
        return failed;
    list offsets = list_of(exclusions->offsets_file), ids = list_of(exclusions->ids_file);
    failed = check_offsets(&offsets, offsets_path, queries, ids.count);
    return failed ? failed : check_ids(&offsets, &ids, ids_path, queries);
}

void cli_exclusions_close(cli_exclusions *exclusions)
{
    vrec_data_close(exclusions->offsets_file);
    vrec_data_close(exclusions->ids_file);
    free(exclusions->offsets);
    free(exclusions->ids);
}

/* Copies part of a list, less base, into an array that grows as needed; false if memory is short. */
static bool copy(const list *from, size_t first, size_t count, int64_t base, int64_t **array, size_t *room)
{
    if (count > *room) {
        free(*array);
        *array = calloc(count, sizeof **array);
        *room = *array ? count : 0;
        if (!*array)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        (*array)[i] = at(from, first + i) - base;
    return true;
}

int cli_exclusions_block(cli_exclusions *exclusions, size_t first, size_t count,
                         vrec_query_options *options)
{
    if (!exclusions->offsets_file)
        return 0;
    list offsets = list_of(exclusions->offsets_file), ids = list_of(exclusions->ids_file);
    int64_t begin = at(&offsets, first);
    bool room = copy(&offsets, first, count + 1, begin, &exclusions->offsets, &exclusions->offsets_room);
    int64_t length = room ? exclusions->offsets[count] : 0;
    /* They were right when they were checked, but a mapped file may change. */
    if (begin < 0 || length < 0 || (uint64_t)begin + (uint64_t)length > ids.count)
        return cli_fail("the offsets of --exclude were changed while being read");
    if (!room || !copy(&ids, (size_t)begin, (size_t)length, 0, &exclusions->ids, &exclusions->ids_room))
        return cli_fail("out of memory: could not get room for what queries %zu to %zu exclude", first,
                        first + count - 1);
    options->exclude_offsets = exclusions->offsets;
    options->exclude_ids = exclusions->ids;
    return 0;
}
