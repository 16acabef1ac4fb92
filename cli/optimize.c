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

typedef struct optimizing {
    const vrec_data *sample; /* NULL without --queries */
    shape before;
} optimizing;

static int optimize(void *context, vrec_indexer *indexer, cli_progress *progress)
{
    optimizing *o = context;
    vrec_error err;
    o->before = look_at(indexer);
    if (vrec_optimize(indexer, o->sample ? vrec_data_matrix(o->sample) : NULL, &progress->report, &err) ==
        VREC_OK)
        return 0;
    cli_progress_end(progress);
    return cli_fail_library(&err);
}

static void print_summary(void *context, const vrec_indexer *indexer, const char *output, double seconds)
{
    const optimizing *o = context;
    shape before = o->before, after = look_at(indexer);
    printf(
        "%zu items, of which %.4g %% could be reached, by %.1f links each; now %.4g %%, by %.1f; %.2f s: ",
        vrec_rows(indexer), 100 * before.reach, before.degree, 100 * after.reach, after.degree, seconds);
    cli_put(stdout, output);
    putchar('\n');
}

int cli_optimize(const cli_args *args)
{
    static const cli_change change = { optimize, print_summary };
    vrec_data *sample = NULL;
    vrec_error err;
    const char *path = args->values[CLI_LEARNED][0];
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
    optimizing how = { .sample = sample };
    if (!failed)
        failed = cli_change_index(args, &change, &how);
    vrec_data_close(sample);
    return failed;
}
