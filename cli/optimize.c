/* vrec optimize: an index file with a better graph. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

/* What a graph is judged by: links per item, and the share of items that they lead to. */
typedef struct shape {
    double degree, reach;
} shape;

static shape look_at(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    shape found = { .degree = 0 };
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "degree_mean") == 0)
            found.degree = fact->real;
        else if (strcmp(fact->key, "reach_entry") == 0)
            found.reach = fact->real;
    return found;
}

static void print_summary(const vrec_indexer *indexer, const char *output, shape before, double seconds)
{
    shape after = look_at(indexer);
    printf(
        "%zu items, of which %.4g %% could be reached, by %.1f links each; now %.4g %%, by %.1f; %.2f s: ",
        vrec_rows(indexer), 100 * before.reach, before.degree, 100 * after.reach, after.degree, seconds);
    cli_put(stdout, output);
    putchar('\n');
}

/* sample: NULL without --queries. */
static int optimize(const cli_args *args, const vrec_data *sample)
{
    vrec_indexer *indexer;
    vrec_error err;
    cli_progress progress;
    const char *output = args->values[CLI_OUTPUT][0];
    cli_progress_start(&progress, args, false);
    int failed = cli_open_index(args, args->operands[0], 0, &progress, &indexer);
    if (failed)
        return failed;
    shape before = look_at(indexer);
    vrec_status status =
        vrec_optimize(indexer, sample ? vrec_data_matrix(sample) : NULL, &progress.report, &err);
    if (status == VREC_OK)
        status = vrec_save(indexer, output, &progress.report, &err);
    cli_progress_end(&progress);
    if (status != VREC_OK)
        failed = cli_fail_library(&err);
    else if (!args->given[CLI_QUIET])
        print_summary(indexer, output, before, cli_progress_seconds(&progress));
    vrec_indexer_free(indexer);
    return failed;
}

/* The index itself may be the output: it is in memory by then, and replaced when all is done. */
int cli_optimize(const cli_args *args)
{
    vrec_data *sample = NULL;
    vrec_error err;
    const char *path = args->values[CLI_SAMPLE][0];
    if (!(vrec_backend_can(args->backend) & VREC_CAN_OPTIMIZE))
        return cli_fail_usage(args->command->name,
                              "%s: nothing is to optimize there; this is for graphs of %s", args->backend,
                              CLI_DEFAULT_BACKEND);
    int failed = cli_check_output(args, args->values[CLI_OUTPUT][0], &path, path ? 1 : 0);
    if (failed)
        return failed;
    if (path && vrec_data_open(path, &sample, &err) != VREC_OK)
        return cli_fail_library(&err);
    failed = sample ? cli_check_vectors(path, sample) : 0;
    if (!failed)
        failed = optimize(args, sample);
    vrec_data_close(sample);
    return failed;
}
