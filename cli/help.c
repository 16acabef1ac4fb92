/* vrec help. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    LEFT = 26 /* width of the column of names */
};

static void print_row(const char *left, const char *right)
{
    printf("  %-*s %s\n", LEFT, left, right);
}

/* Every line of text, two spaces in. */
static void print_indented(const char *text)
{
    while (*text) {
        size_t length = strcspn(text, "\n");
        printf("%s%.*s\n", length > 0 ? "  " : "", (int)length, text);
        text += length + (text[length] == '\n');
    }
}

static void print_flags(const cli_command *command)
{
    puts("\nFlags:");
    for (size_t i = 0; i < CLI_FLAGS; i++) {
        char left[CLI_TEXT];
        const cli_flag *flag = &cli_flags[i];
        if (!(command->flags >> i & 1))
            continue;
        snprintf(left, sizeof left, "%s%c%s --%s %s", flag->letter ? "-" : " ",
                 flag->letter ? flag->letter : ' ', flag->letter ? "," : " ", flag->key, flag->values);
        print_row(left, flag->help);
    }
    if (command->stages)
        print_row("    --OPTION VALUE",
                  "an option of the backend, such as --threads 4: see vrec help BACKEND");
}

static void print_option(const vrec_option *option)
{
    char left[CLI_TEXT], alias[CLI_TEXT];
    snprintf(left, sizeof left, "--%s %s", option->key, cli_option_value(option));
    print_row(left, option->help);
    printf("  %-*s %s; default %s", LEFT, "", option->range, option->default_value);
    for (size_t i = 0; cli_word(option->aliases, i, alias); i++)
        if (cli_alias_counts(option, alias))
            printf("; also --%s", alias);
    putchar('\n');
}

static void print_options(const char *backend)
{
    const vrec_option *options[CLI_TABLE_MAX];
    size_t count = cli_group_options(backend, options);
    for (size_t i = 0; i < count; i++) {
        char title[CLI_USAGE_TEXT];
        if (i == 0 || !cli_same_group(options[i - 1], options[i])) {
            cli_group_title(options[i], title);
            printf("\n%s:\n", title);
        }
        print_option(options[i]);
    }
}

void cli_usage(const cli_command *command, char out[CLI_USAGE_TEXT])
{
    snprintf(out, CLI_USAGE_TEXT, "vrec %s%s%s%s%s%s", command->name, *command->operands ? " " : "",
             command->operands, *command->needs ? " " : "", command->needs,
             command->stages                                                   ? " [FLAG ...]"
             : *command->operands || command->flags == UINT64_C(1) << CLI_HELP ? ""
                                                                               : " FLAG ...");
}

static void print_overview(void)
{
    const char *backend;
    puts("vrec: the nearest items for these embeddings\n\nUsage: vrec COMMAND ...\n\nCommands:");
    for (size_t i = 0; i < cli_command_count; i++)
        print_row(cli_commands[i].name, cli_commands[i].summary);
    puts("\nBackends:");
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        print_row(backend, vrec_backend_summary(b));
    for (size_t i = 0; i < cli_topic_count; i++) {
        printf("\n%s:\n", cli_topics[i].title);
        print_indented(cli_topics[i].text);
    }
    puts("\nExamples:");
    for (size_t i = 0; i < cli_command_count; i++)
        if (cli_commands[i].stages)
            print_indented(cli_commands[i].examples);
}

void cli_print_help(const cli_command *command)
{
    char usage[CLI_USAGE_TEXT];
    cli_usage(command, usage);
    printf("vrec %s: %s\n\nUsage: %s\n", command->name, command->summary, usage);
    if (*command->details) {
        putchar('\n');
        print_indented(command->details);
    }
    print_flags(command);
    puts("\nExamples:");
    print_indented(command->examples);
}

static void print_backend(size_t b)
{
    const char *backend = vrec_backend_name(b);
    printf("%s: %s\n\nOptions, each a flag of the commands that take a BACKEND.\n", backend,
           vrec_backend_summary(b));
    print_options(backend);
}

int cli_help(const cli_args *args)
{
    const char *backend;
    if (args->operand_count == 0) {
        print_overview();
        return 0;
    }
    const cli_command *command = cli_find_command(args->operands[0]);
    if (command) {
        cli_print_help(command);
        return 0;
    }
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        if (strcasecmp(backend, args->operands[0]) == 0) {
            print_backend(b);
            return 0;
        }
    return cli_fail_command(args->operands[0]);
}
