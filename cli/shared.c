/* What all queries of a command have in common: items that none of them gets (--without), and those that
 * they may get, and no others (--allow). SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    int64_t one = *(const int64_t *)a, other = *(const int64_t *)b;
    return (one > other) - (one < other);
}

static int read_sorted(const cli_args *args, cli_flag_id flag, const char *user, int64_t **ids,
                       size_t *count)
{
    bool numbers = args->given[flag] && !cli_is_text(args->values[flag][0]);
    int failed = numbers ? cli_list_read(args->values[flag][0], user, ids, count) : 0;
    if (!failed && *ids)
        qsort(*ids, *count, sizeof **ids, compare);
    return failed;
}

int cli_shared_read(cli_shared *shared, const cli_args *args)
{
    int failed = read_sorted(args, CLI_WITHOUT, "--without", &shared->without, &shared->without_count);
    return failed ? failed : read_sorted(args, CLI_ALLOW, "--allow", &shared->allow, &shared->allow_count);
}

/* A list of names waits for the index, which may know them. */
static int read_names(const cli_args *args, cli_flag_id flag, const cli_names *names, int64_t **ids,
                      size_t *count)
{
    if (!args->given[flag] || *ids)
        return 0;
    int failed = cli_names_list(args->values[flag][0], names, ids, count);
    if (!failed)
        qsort(*ids, *count, sizeof **ids, compare);
    return failed;
}

void cli_shared_free(cli_shared *shared)
{
    free(shared->without);
    free(shared->allow);
}

int cli_shared_find(cli_shared *shared, const cli_args *args, const cli_names *names)
{
    int failed = read_names(args, CLI_WITHOUT, names, &shared->without, &shared->without_count);
    return failed ? failed : read_names(args, CLI_ALLOW, names, &shared->allow, &shared->allow_count);
}

void cli_shared_set(const cli_shared *shared, vrec_query_options *options)
{
    if (shared->without) {
        options->exclude_ids = shared->without;
        options->exclude_count = shared->without_count;
    }
    options->allow_ids = shared->allow;
    options->allow_count = shared->allow_count;
}
