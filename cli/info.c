/* vrec info, vrec verify, vrec version. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

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
    const char *key, *value;
    for (size_t i = 0; vrec_info(indexer, i, &key, &value); i++)
        printf("%-12s %s\n", key, value);
}

static void print_string(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    putchar('"');
}

/* Digits only are a number. */
static void print_value(const char *text)
{
    if (*text && text[strspn(text, "0123456789")] == '\0')
        fputs(text, stdout);
    else
        print_string(text);
}

/* One object; notes, of which there may be several, become an array. */
static void print_json(const vrec_indexer *indexer)
{
    const char *key, *value;
    size_t notes = 0;
    putchar('{');
    for (size_t i = 0; vrec_info(indexer, i, &key, &value); i++)
        if (strcmp(key, "note") != 0) {
            print_string(key);
            putchar(':');
            print_value(value);
            putchar(',');
        }
    fputs("\"notes\":[", stdout);
    for (size_t i = 0; vrec_info(indexer, i, &key, &value); i++)
        if (strcmp(key, "note") == 0) {
            fputs(notes++ > 0 ? "," : "", stdout);
            print_string(value);
        }
    puts("]}");
}

int cli_info(const cli_args *args)
{
    vrec_indexer *indexer;
    cli_progress progress;
    cli_progress_start(&progress, args, false);
    int failed = cli_open_index(args, args->operands[0], &progress, &indexer);
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
    if (!args->given[CLI_QUIET])
        printf("%s: sound, %.2f s\n", args->operands[0], cli_progress_seconds(&progress));
    return 0;
}
