/* Several vectors per user: how many, which of them are valid, and how what they find becomes one answer.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int parse_each(const cli_args *args, size_t *out)
{
    const char *text = args->values[CLI_INTERESTS][0];
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    *out = number;
    return isdigit((unsigned char)*text) && !*end && !errno && number >= 1 && number <= INT32_MAX
               ? 0
               : cli_fail_usage(args->command->name, "--interests is \"%s\"; it takes 1 and up", text);
}

static int parse_merge(const cli_args *args, vrec_merge *out)
{
    static const char *const words[] = {
        [VREC_MERGE_BEST] = "best", [VREC_MERGE_SUM] = "sum", [VREC_MERGE_ROUND_ROBIN] = "round-robin"
    };
    const char *text = args->values[CLI_MERGE][0];
    for (size_t i = 0; text && i < sizeof words / sizeof words[0]; i++)
        if (strcmp(text, words[i]) == 0) {
            *out = (vrec_merge)i;
            return 0;
        }
    return text ? cli_fail_usage(args->command->name,
                                 "--merge is \"%s\"; it takes best, sum or round-robin", text)
                : 0;
}

int cli_interests_parse(const cli_args *args, cli_interests *out)
{
    if (args->given[CLI_INTERESTS]) {
        int failed = parse_each(args, &out->each);
        return failed ? failed : parse_merge(args, &out->merge);
    }
    if (args->given[CLI_VALID] || args->given[CLI_MERGE])
        return cli_fail_usage(args->command->name,
                              "--%s needs --interests N: how many rows of QUERIES are one user's?",
                              args->given[CLI_VALID] ? "valid" : "merge");
    return 0;
}

int cli_interests_open(cli_interests *interests, const cli_args *args, size_t rows, size_t *users)
{
    size_t each = interests->each > 0 ? interests->each : 1, count;
    const char *path = args->values[CLI_VALID][0];
    *users = rows / each;
    if (rows % each != 0)
        return cli_fail("%s: %zu rows aren't those of users with %zu interests each",
                        args->operands[args->operand_count - 1], rows, each);
    if (!path)
        return 0;
    int failed = cli_list_read(path, "--valid", &interests->valid, &count);
    if (!failed && count != *users)
        failed = cli_fail("%s: it has %zu numbers, and there are %zu users", path, count, *users);
    for (size_t u = 0; !failed && u < count; u++)
        if (interests->valid[u] < 0 || (uint64_t)interests->valid[u] > each)
            failed = cli_fail("%s: user %zu has %lld valid interests; it takes 0 to %zu", path, u,
                              (long long)interests->valid[u], each);
    return failed;
}

void cli_interests_free(cli_interests *interests)
{
    free(interests->valid);
}

void cli_interests_set(const cli_interests *interests, size_t first, vrec_query_options *options)
{
    options->interests = interests->each;
    options->interest_counts = interests->valid ? interests->valid + first : NULL;
    options->merge = interests->merge;
}
