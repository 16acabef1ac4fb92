/* vrec man: the manual page, in roff's man macros, from the tables that the parser reads.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>

/* Text as roff wants it: nothing in it is a request or an escape. An empty line parts paragraphs. */
static void print_escaped(const char *text)
{
    bool starts_line = true;
    for (; *text; text++) {
        if (starts_line && *text == '\n') {
            puts(".PP");
            continue;
        }
        if (starts_line && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        switch (*text) {
        case '\\': fputs("\\(rs", stdout); break;
        case '-': fputs("\\-", stdout); break;
        case '"': fputs("\\(dq", stdout); break;
        default: putchar(*text);
        }
        starts_line = *text == '\n';
    }
}

static void print_line(const char *text)
{
    print_escaped(text);
    putchar('\n');
}

static void print_heading(const char *title)
{
    fputs(".SH \"", stdout);
    for (; *title; title++)
        putchar(toupper((unsigned char)*title));
    puts("\"");
}

/* The names of a flag or option, as the tag of an indented paragraph. */
static void print_tag(char letter, const char *key, const char *values)
{
    puts(".TP");
    if (letter)
        printf("\\fB\\-%c\\fR, ", letter);
    fputs("\\fB\\-\\-", stdout);
    print_escaped(key);
    fputs("\\fR", stdout);
    if (*values) {
        fputs(" \\fI", stdout);
        print_escaped(values);
        fputs("\\fR", stdout);
    }
    putchar('\n');
}

static void print_examples(const char *examples)
{
    puts(".PP\n.EX");
    print_line(examples);
    puts(".EE");
}

static void print_command(const cli_command *command)
{
    printf(".SS \"vrec %s\"\n", command->name);
    printf("%c", toupper((unsigned char)command->summary[0]));
    print_escaped(command->summary + 1);
    puts(".");
    if (*command->details) {
        puts(".PP");
        print_line(command->details);
    }
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if ((command->flags >> i & 1) && i != CLI_HELP) { /* said once, for all commands */
            print_tag(cli_flags[i].letter, cli_flags[i].key, cli_flags[i].values);
            print_line(cli_flags[i].help);
        }
    print_examples(command->examples);
}

static void print_option(const vrec_option *option)
{
    char alias[CLI_TEXT];
    print_tag(0, option->key, cli_option_value(option));
    print_line(option->help);
    puts(".br");
    print_escaped(option->range);
    fputs("; default ", stdout);
    print_escaped(option->default_value);
    for (size_t i = 0; cli_word(option->aliases, i, alias); i++)
        if (cli_alias_counts(option, alias))
            printf("; also \\fB\\-\\-%s\\fR", alias);
    putchar('\n');
}

static void print_backend(size_t b)
{
    const vrec_option *options[CLI_TABLE_MAX];
    size_t count = cli_group_options(vrec_backend_name(b), options);
    printf(".SS \"%s\"\n", vrec_backend_name(b));
    print_line(vrec_backend_summary(b));
    for (size_t i = 0; i < count; i++) {
        char title[CLI_USAGE_TEXT];
        if (i == 0 || !cli_same_group(options[i - 1], options[i])) {
            cli_group_title(options[i], title);
            printf(".PP\n%s:\n", title);
        }
        print_option(options[i]);
    }
}

int cli_man(const cli_args *args)
{
    (void)args;
    printf(".TH VREC 1 \"\" \"vrec %s\" \"User commands\"\n", vrec_version());
    puts(".SH NAME\nvrec \\- vector retrieval: the nearest items for these embeddings\n.SH SYNOPSIS\n.nf");
    for (size_t i = 0; i < cli_command_count; i++) {
        char usage[CLI_USAGE_TEXT];
        cli_usage(&cli_commands[i], usage);
        print_line(usage);
    }
    puts(".fi\n.SH COMMANDS");
    for (size_t i = 0; i < cli_command_count; i++)
        print_command(&cli_commands[i]);
    puts(".SH BACKENDS\nTheir options are flags of the commands that take a BACKEND.");
    for (size_t b = 0; vrec_backend_name(b); b++)
        print_backend(b);
    for (size_t i = 0; i < cli_topic_count; i++) {
        print_heading(cli_topics[i].title);
        print_line(cli_topics[i].text);
    }
    return 0;
}
