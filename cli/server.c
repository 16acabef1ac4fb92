/* Indexes on a server: opening them, vrec upsert, delete, list and drop. SPDX-License-Identifier:
 * Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Tells a builder how many values a vector has, if its backend wants to know and nobody said. */
static int set_dim(const cli_args *args, size_t dim, vrec_builder *builder)
{
    char text[CLI_TEXT];
    vrec_error err;
    const vrec_option *option = cli_find_option(args->backend, "d");
    if (dim == 0 || !option || cli_given(args, option->key))
        return 0;
    snprintf(text, sizeof text, "%zu", dim);
    return vrec_builder_set(builder, option->key, text, &err) == VREC_OK ? 0 : cli_fail_library(&err);
}

int cli_open_index(const cli_args *args, const char *path, size_t dim, cli_progress *progress,
                   vrec_indexer **out)
{
    vrec_builder *builder;
    vrec_error err;
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    failed = set_dim(args, dim, builder);
    if (failed) {
        vrec_builder_free(builder);
        return failed;
    }
    vrec_status status = cli_is_remote(args->backend)
                             ? vrec_attach(builder, &progress->report, out, &err)
                             : vrec_from_index_file(builder, path, &progress->report, out, &err);
    vrec_builder_free(builder);
    cli_progress_end(progress);
    if (status == VREC_CORRUPT && !args->backend_named)
        return cli_fail("%s; if it is Annoy's: vrec %s annoy --d N", err.message, args->command->name);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}

/* ---- Changes ---- */

static int upsert(const cli_args *args, vrec_indexer *indexer, const int64_t *ids, size_t count,
                  cli_progress *progress)
{
    vrec_error err;
    vrec_data *file;
    int failed = 0;
    if (vrec_data_open(args->operands[1], &file, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *items = vrec_data_matrix(file);
    if (vrec_data_is_list(file))
        failed = cli_check_vectors(args->operands[1], file);
    else if (items->rows != count)
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
    int failed = cli_list_read(args->operands[0], "a list of ids", &ids, &count);
    cli_progress_start(&progress, args, false);
    if (!failed)
        failed = cli_open_index(args, NULL, 0, &progress, &indexer);
    if (!failed && adds)
        failed = upsert(args, indexer, ids, count, &progress);
    else if (!failed && vrec_delete(indexer, ids, count, &progress.report, &err) != VREC_OK)
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

static void print_name(void *context, const char *name)
{
    (void)context;
    cli_put(stdout, name);
    putchar('\n');
}

int cli_list_indexes(const cli_args *args)
{
    vrec_builder *builder;
    cli_progress progress;
    vrec_error err;
    int failed = check_remote(args);
    if (!failed)
        failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    cli_progress_start(&progress, args, true);
    vrec_status status = vrec_list(builder, print_name, NULL, &progress.report, &err);
    cli_progress_end(&progress);
    vrec_builder_free(builder);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}

int cli_drop(const cli_args *args)
{
    vrec_builder *builder;
    cli_progress progress;
    vrec_error err;
    if (!args->given[CLI_YES])
        return cli_fail_usage(args->command->name, "drop deletes all items; if you mean it, add --yes");
    int failed = cli_make_builder(args, &builder);
    cli_progress_start(&progress, args, false);
    vrec_status status = failed ? VREC_OK : vrec_drop(builder, &progress.report, &err);
    cli_progress_end(&progress);
    if (status != VREC_OK)
        failed = cli_fail_library(&err);
    if (!failed && !args->given[CLI_QUIET])
        printf("dropped, %.2f s\n", cli_progress_seconds(&progress));
    vrec_builder_free(builder);
    return failed;
}
