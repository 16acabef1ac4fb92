/* Indexes on a server: opening them, vrec upsert, delete and drop. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

bool cli_is_remote(const char *backend)
{
    return cli_find_option(backend, "collection") != NULL;
}

int cli_open_index(const cli_args *args, const char *path, cli_progress *progress, vrec_indexer **out)
{
    vrec_builder *builder;
    vrec_error err;
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    vrec_status status = cli_is_remote(args->backend)
                             ? vrec_attach(builder, &progress->report, out, &err)
                             : vrec_from_index_file(builder, path, &progress->report, out, &err);
    vrec_builder_free(builder);
    cli_progress_end(progress);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}

/* ---- Changes ---- */

/* All numbers of a file, to be freed. 0, or the exit code after an error. */
static int read_ids(const char *path, int64_t **out, size_t *count)
{
    cli_list list;
    int failed = cli_list_open(path, "a list of ids", &list);
    *out = NULL;
    *count = list.count;
    if (!failed) {
        *out = calloc(list.count > 0 ? list.count : 1, sizeof **out);
        if (!*out)
            failed = cli_fail("out of memory: could not get room for %zu ids", list.count);
    }
    for (size_t i = 0; !failed && i < list.count; i++)
        (*out)[i] = cli_list_at(&list, i);
    cli_list_close(&list);
    return failed;
}

static int upsert(const cli_args *args, vrec_indexer *indexer, const int64_t *ids, size_t count,
                  cli_progress *progress)
{
    vrec_error err;
    vrec_data *file;
    int failed = 0;
    if (vrec_data_open(args->operands[1], &file, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *items = vrec_data_matrix(file);
    if (items->rows != count)
        failed = cli_fail("%s has %zu rows, but %s has %zu ids", args->operands[1], items->rows,
                          args->operands[0], count);
    else if (vrec_upsert(indexer, ids, items, &progress->report, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    vrec_data_close(file);
    return failed;
}

static int change(const cli_args *args, bool adds)
{
    vrec_indexer *indexer = NULL;
    cli_progress progress;
    vrec_error err;
    int64_t *ids;
    size_t count;
    int failed = read_ids(args->operands[0], &ids, &count);
    cli_progress_start(&progress, args, false);
    if (!failed)
        failed = cli_open_index(args, NULL, &progress, &indexer);
    if (!failed && adds)
        failed = upsert(args, indexer, ids, count, &progress);
    else if (!failed && vrec_delete(indexer, ids, count, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    cli_progress_end(&progress);
    if (!failed && !args->given[CLI_QUIET])
        printf("%s: %zu ids, %.2f s\n", adds ? "written" : "deleted", count,
               cli_progress_seconds(&progress));
    vrec_indexer_free(indexer);
    free(ids);
    return failed;
}

static int check_remote(const cli_args *args)
{
    return cli_is_remote(args->backend)
               ? 0
               : cli_fail_usage(args->command->name, "%s keeps its indexes in files, which don't change",
                                args->backend);
}

int cli_upsert(const cli_args *args)
{
    int failed = check_remote(args);
    return failed ? failed : change(args, true);
}

int cli_delete(const cli_args *args)
{
    int failed = check_remote(args);
    return failed ? failed : change(args, false);
}

int cli_drop(const cli_args *args)
{
    vrec_builder *builder;
    vrec_error err;
    if (!args->given[CLI_YES])
        return cli_fail_usage(args->command->name, "drop deletes all items; if you mean it, add --yes");
    int failed = cli_make_builder(args, &builder);
    if (!failed && vrec_drop(builder, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    vrec_builder_free(builder);
    return failed;
}
