/* vrec add: an index file with more items. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>

static void print_summary(const char *output, size_t rows, size_t added, double seconds)
{
    cli_put(stdout, output);
    printf(": %zu items, %zu of them new, %.2f s\n", rows, added, seconds);
}

/* They stay mapped until they are in the index. */
static int add_items(vrec_indexer *indexer, const char *path, const cli_labels *labels,
                     cli_progress *progress)
{
    vrec_data *items;
    vrec_error err;
    vrec_build build = { .struct_size = sizeof build, .progress = &progress->report };
    if (vrec_data_open(path, &items, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *matrix = vrec_data_matrix(items);
    int failed = cli_check_vectors(path, items);
    if (!failed)
        failed = cli_labels_give(labels, matrix->rows, &build);
    if (!failed && vrec_add(indexer, matrix, &build, &err) != VREC_OK) {
        cli_progress_end(progress);
        failed = cli_labels_fail(labels, &err);
    }
    vrec_data_close(items);
    return failed;
}

static int add(const cli_args *args, const cli_labels *labels)
{
    vrec_indexer *indexer;
    vrec_error err;
    cli_progress progress;
    const char *output = args->values[CLI_OUTPUT][0];
    cli_progress_start(&progress, args, false);
    int failed = cli_open_index(args, args->operands[0], 0, &progress, &indexer);
    if (failed)
        return failed;
    size_t before = vrec_rows(indexer);
    failed = add_items(indexer, args->operands[1], labels, &progress);
    if (!failed && vrec_save(indexer, output, &progress.report, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    cli_progress_end(&progress);
    if (!failed && !args->given[CLI_QUIET])
        print_summary(output, vrec_rows(indexer), vrec_rows(indexer) - before,
                      cli_progress_seconds(&progress));
    vrec_indexer_free(indexer);
    return failed;
}

/* The index itself may be the output: it is in memory by then, and replaced when all is done. */
int cli_add(const cli_args *args)
{
    cli_labels labels;
    const char *inputs[] = { args->operands[1], args->values[CLI_LABELS][0] };
    if (cli_is_remote(args->backend))
        return cli_fail_usage(args->command->name,
                              "%s: items are added to an index on a server by vrec upsert", args->backend);
    int failed = cli_check_output(args, args->values[CLI_OUTPUT][0], inputs, inputs[1] ? 2 : 1);
    if (!failed)
        failed = cli_labels_read(inputs[1], &labels);
    if (failed)
        return failed;
    failed = add(args, &labels);
    cli_labels_free(&labels);
    return failed;
}
