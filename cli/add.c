/* vrec add: an index file with more items. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>

/* Items under way into an index. */
typedef struct adding {
    const char *path;
    const cli_labels *labels;
    size_t before; /* items of the index until then */
} adding;

/* They stay mapped until they are in the index. */
static int add_items(void *context, vrec_indexer *indexer, cli_progress *progress)
{
    adding *a = context;
    vrec_data *items;
    vrec_error err;
    vrec_build build = { .struct_size = sizeof build, .progress = &progress->report };
    a->before = vrec_rows(indexer);
    if (vrec_data_open(a->path, &items, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *matrix = vrec_data_matrix(items);
    int failed = cli_check_vectors(a->path, items);
    if (!failed)
        failed = cli_labels_give(a->labels, matrix->rows, &build);
    if (!failed && vrec_add(indexer, matrix, &build, &err) != VREC_OK) {
        cli_progress_end(progress);
        failed = cli_labels_fail(a->labels, &err);
    }
    vrec_data_close(items);
    return failed;
}

static void print_summary(void *context, const vrec_indexer *indexer, const char *output, double seconds)
{
    const adding *a = context;
    cli_put(stdout, output);
    printf(": %zu items, %zu of them new, %.2f s\n", vrec_rows(indexer), vrec_rows(indexer) - a->before,
           seconds);
}

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
    static const cli_change change = { add_items, print_summary };
    adding items = { .path = args->operands[1], .labels = &labels };
    failed = cli_change_index(args, &change, &items);
    cli_labels_free(&labels);
    return failed;
}
