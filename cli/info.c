/* vrec info, vrec verify, vrec version. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int cli_version(const cli_args *args)
{
    (void)args;
    printf("vrec %s, cpu %s\n", vrec_version(), vrec_cpu());
    return 0;
}

static void print_text(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        printf("%-12s %s\n", fact->key, fact->text);
}

static void print_value(const vrec_fact *fact)
{
    switch (fact->type) {
    case VREC_FACT_INTEGER: printf("%" PRId64, fact->integer); break;
    case VREC_FACT_REAL: printf("%.17g", fact->real); break;
    case VREC_FACT_TRUTH: fputs(fact->integer ? "true" : "false", stdout); break;
    default: cli_put_json(fact->text);
    }
}

/* One object; notes, of which there may be several, become an array. */
static void print_json(const vrec_indexer *indexer)
{
    const vrec_fact *fact;
    size_t notes = 0;
    putchar('{');
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "note") != 0) {
            cli_put_json(fact->key);
            putchar(':');
            print_value(fact);
            putchar(',');
        }
    fputs("\"notes\":[", stdout);
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "note") == 0) {
            fputs(notes++ > 0 ? "," : "", stdout);
            cli_put_json(fact->text);
        }
    puts("]}");
}

int cli_info(const cli_args *args)
{
    vrec_indexer *indexer;
    cli_progress progress;
    cli_progress_start(&progress, args, false);
    int failed = cli_open_index(args, args->operands[0], 0, &progress, &indexer);
    if (failed)
        return failed;
    if (args->given[CLI_JSON])
        print_json(indexer);
    else
        print_text(indexer);
    vrec_indexer_free(indexer);
    return 0;
}

int cli_verify(const cli_args *args)
{
    vrec_builder *builder;
    vrec_error err;
    cli_progress progress;
    if (cli_is_remote(args->backend))
        return cli_fail_usage(args->command->name, "%s keeps its indexes on a server; there is no file",
                              args->backend);
    int failed = cli_make_builder(args, &builder);
    if (failed)
        return failed;
    cli_progress_start(&progress, args, false);
    vrec_status status = vrec_verify(builder, args->operands[0], &progress.report, &err);
    cli_progress_end(&progress);
    vrec_builder_free(builder);
    if (status != VREC_OK)
        return cli_fail_library(&err);
    if (args->given[CLI_QUIET])
        return 0;
    cli_put(stdout, args->operands[0]);
    printf(": sound, %.2f s\n", cli_progress_seconds(&progress));
    return 0;
}
