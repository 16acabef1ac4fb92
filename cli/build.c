/* vrec build: embeddings into an index file. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

static void print_fact(const vrec_indexer *indexer, const char *before, const char *wanted)
{
    const char *key, *value;
    for (size_t i = 0; vrec_info(indexer, i, &key, &value); i++)
        if (strcmp(key, wanted) == 0)
            printf("%s%s", before, value);
}

static void print_summary(const vrec_indexer *indexer, const char *path, double seconds)
{
    if (path)
        printf("%s", path);
    else
        print_fact(indexer, "", "collection");
    putchar(':');
    print_fact(indexer, " ", "backend");
    print_fact(indexer, " ", "index_type"); /* which not every backend has */
    print_fact(indexer, " ", "metric");
    printf(", %zu x %zu, %.2f s\n", vrec_rows(indexer), vrec_dim(indexer), seconds);
}

/* The items stay mapped no longer than they are read. */
static vrec_status index_items(const vrec_builder *builder, const char *path, cli_progress *progress,
                               vrec_indexer **out, vrec_error *err)
{
    vrec_data *items;
    vrec_status status = vrec_data_open(path, &items, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, vrec_data_matrix(items), &progress->report, out, err);
    vrec_data_close(items);
    return status;
}

static int build(const cli_args *args, const vrec_builder *builder)
{
    vrec_indexer *indexer = NULL;
    cli_progress progress;
    vrec_error err;
    const char *items = args->operands[0], *output = args->values[CLI_OUTPUT][0];
    cli_progress_start(&progress, args, false);
    vrec_status status = index_items(builder, items, &progress, &indexer, &err);
    if (status == VREC_OK && output)
        status = vrec_save(indexer, output, &progress.report, &err);
    cli_progress_end(&progress);
    if (status == VREC_OK && !args->given[CLI_QUIET])
        print_summary(indexer, output, cli_progress_seconds(&progress));
    vrec_indexer_free(indexer);
    return status == VREC_OK ? 0 : cli_fail_library(&err);
}

int cli_build(const cli_args *args)
{
    vrec_builder *builder;
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    if (args->values[CLI_OUTPUT][0]) /* an index on a server needs none */
        failed = cli_check_output(args, args->values[CLI_OUTPUT][0], args->operands, args->operand_count);
    if (!failed)
        failed = build(args, builder);
    vrec_builder_free(builder);
    return failed;
}
