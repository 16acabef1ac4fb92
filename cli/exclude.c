/* Items that a query must not get, from two files: the rows of a sparse matrix (CSR). Or from a table of
 * user,item, which waits for the index, as it may hold the names of its items.
 *
 * They are checked as a whole before the first query, so that a mistake in the last row isn't found
 * hours later, and so that the message can name the query by its number in the file.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>

static int check_offsets(const cli_list *offsets, const char *path, size_t queries, size_t ids)
{
    if (offsets->count != queries + 1)
        return cli_fail("%s: it has %zu offsets; %zu queries need %zu, one more", path, offsets->count,
                        queries, queries + 1);
    if (cli_list_at(offsets, 0) != 0)
        return cli_fail("%s: it starts with %" PRId64 ", not 0", path, cli_list_at(offsets, 0));
    for (size_t i = 0; i < queries; i++)
        if (cli_list_at(offsets, i + 1) < cli_list_at(offsets, i))
            return cli_fail("%s: the offsets descend from %" PRId64 " to %" PRId64 " at query %zu", path,
                            cli_list_at(offsets, i), cli_list_at(offsets, i + 1), i);
    if ((uint64_t)cli_list_at(offsets, queries) != ids)
        return cli_fail("%s: it ends with %" PRId64 ", but there are %zu ids", path,
                        cli_list_at(offsets, queries), ids);
    return 0;
}

static int check_ids(const cli_list *offsets, const cli_list *ids, const char *path, size_t queries)
{
    for (size_t i = 0; i < queries; i++)
        for (size_t j = (size_t)cli_list_at(offsets, i) + 1; j < (size_t)cli_list_at(offsets, i + 1); j++)
            if (cli_list_at(ids, j) < cli_list_at(ids, j - 1))
                return cli_fail("%s: the ids of query %zu don't ascend: %" PRId64 " comes before %" PRId64
                                " at place %zu; sort the ids of every query",
                                path, i, cli_list_at(ids, j - 1), cli_list_at(ids, j), j);
    return 0;
}

int cli_exclusions_open(cli_exclusions *exclusions, const char *offsets_path, const char *ids_path,
                        size_t queries)
{
    const cli_list *offsets = &exclusions->all_offsets, *ids = &exclusions->all_ids;
    if (cli_is_table(offsets_path))
        return 0;
    int failed = cli_list_open(offsets_path, "--exclude", &exclusions->all_offsets);
    if (!failed)
        failed = cli_list_open(ids_path, "--exclude", &exclusions->all_ids);
    if (!failed)
        failed = check_offsets(offsets, offsets_path, queries, ids->count);
    return failed ? failed : check_ids(offsets, ids, ids_path, queries);
}

int cli_exclusions_find(cli_exclusions *exclusions, const char *const paths[2], size_t queries,
                        const cli_names *names)
{
    return paths[0] && cli_is_table(paths[0])
               ? cli_pairs_open("--exclude", paths, queries, names, &exclusions->pairs)
               : 0;
}

void cli_exclusions_close(cli_exclusions *exclusions)
{
    cli_pairs_close(&exclusions->pairs);
    cli_list_close(&exclusions->all_offsets);
    cli_list_close(&exclusions->all_ids);
    free(exclusions->offsets);
    free(exclusions->ids);
}

/* Copies part of a list, less base, into an array that grows as needed; false if memory is short. */
static bool copy(const cli_list *from, size_t first, size_t count, int64_t base, int64_t **array,
                 size_t *room)
{
    if (count > *room) {
        free(*array);
        *array = calloc(count, sizeof **array);
        *room = *array ? count : 0;
        if (!*array)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        (*array)[i] = cli_list_at(from, first + i) - base;
    return true;
}

/* Those of a table: its offsets, less the first. */
static int give_pairs(cli_exclusions *exclusions, size_t first, size_t count, vrec_query_options *options)
{
    const int64_t *offsets = exclusions->pairs.offsets + first;
    if (count + 1 > exclusions->offsets_room) {
        free(exclusions->offsets);
        exclusions->offsets = calloc(count + 1, sizeof *offsets);
        exclusions->offsets_room = exclusions->offsets ? count + 1 : 0;
    }
    if (!exclusions->offsets)
        return cli_fail("out of memory: could not get room for %zu offsets", count + 1);
    for (size_t i = 0; i <= count; i++)
        exclusions->offsets[i] = offsets[i] - offsets[0];
    options->exclude_offsets = exclusions->offsets;
    options->exclude_ids = exclusions->pairs.ids + offsets[0];
    options->exclude_count = (size_t)exclusions->offsets[count];
    return 0;
}

int cli_exclusions_block(cli_exclusions *exclusions, size_t first, size_t count,
                         vrec_query_options *options)
{
    const cli_list *offsets = &exclusions->all_offsets, *ids = &exclusions->all_ids;
    if (exclusions->pairs.offsets)
        return give_pairs(exclusions, first, count, options);
    if (!offsets->file)
        return 0;
    int64_t begin = cli_list_at(offsets, first);
    bool room = copy(offsets, first, count + 1, begin, &exclusions->offsets, &exclusions->offsets_room);
    int64_t length = room ? exclusions->offsets[count] : 0;
    /* They were right when they were checked, but a mapped file may change. */
    if (begin < 0 || length < 0 || (uint64_t)begin + (uint64_t)length > ids->count)
        return cli_fail("the offsets of --exclude were changed while being read");
    if (!room || !copy(ids, (size_t)begin, (size_t)length, 0, &exclusions->ids, &exclusions->ids_room))
        return cli_fail("out of memory: could not get room for what queries %zu to %zu exclude", first,
                        first + count - 1);
    options->exclude_offsets = exclusions->offsets;
    options->exclude_ids = exclusions->ids;
    options->exclude_count = (size_t)length;
    return 0;
}
