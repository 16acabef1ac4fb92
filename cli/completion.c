/* vrec completion: a script for bash, from the tables that the parser reads.
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- Lists of words ---- */

static void print_commands(void)
{
    for (size_t i = 0; i < cli_command_count; i++)
        printf("%s%s", i > 0 ? " " : "", cli_commands[i].name);
}

static void print_backends(const char *separator)
{
    const char *backend;
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        printf("%s%s", b > 0 ? separator : "", backend);
}

static void print_flags(const cli_command *command)
{
    const char *separator = "";
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if (command->flags >> i & 1) {
            printf("%s--%s", separator, cli_flags[i].key);
            separator = " ";
        }
}

/* Options that count in a command and are for these kinds of index. */
static void print_options(const cli_command *command, const char *backend, const char *kinds)
{
    const vrec_option *options[CLI_TABLE_MAX];
    size_t count = cli_group_options(backend, options);
    for (size_t i = 0; i < count; i++)
        if (cli_applies(command, options[i]) && strcmp(options[i]->kinds, kinds) == 0)
            printf(" --%s", options[i]->key);
}

/* "a|b|c)": the ways to write a flag that is followed by a value. */
static void print_value_flags(void)
{
    const char *separator = "    ";
    for (size_t i = 0; i < CLI_FLAGS; i++) {
        if (!*cli_flags[i].values)
            continue;
        printf("%s--%s", separator, cli_flags[i].key);
        if (cli_flags[i].letter)
            printf("|-%c", cli_flags[i].letter);
        separator = "|";
    }
    puts(") return ;;");
}

/* ---- Parts of the script ---- */

/* bash parts --flag=value into three words. Where no word is offered, it offers file names. */
static const char head[] = "# bash completion of vrec, made by: vrec completion bash\n"
                           "_vrec()\n"
                           "{\n"
                           "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
                           "    local command=${COMP_WORDS[1]} backend= kind= words= i\n"
                           "    COMPREPLY=()\n"
                           "    if [[ $word == '=' ]]; then\n"
                           "        word=\n"
                           "    elif [[ $before == '=' ]]; then\n"
                           "        before=${COMP_WORDS[COMP_CWORD-2]}\n"
                           "    fi\n";

static const char tail[] = "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                           "}\n"
                           "complete -o default -F _vrec vrec\n";

/* bash's words are "--index_type", "IVF" or "--index_type", "=", "IVF". */
static void print_find_backend(void)
{
    puts("    for ((i = 2; i < COMP_CWORD; i++)); do\n"
         "        case ${COMP_WORDS[i-1]}:${COMP_WORDS[i]} in\n"
         "        --" CLI_KIND_OPTION ":=) kind=${COMP_WORDS[i+1],,} ;;\n"
         "        --" CLI_KIND_OPTION ":*) kind=${COMP_WORDS[i],,} ;;\n"
         "        esac\n"
         "        case ${COMP_WORDS[i],,} in");
    fputs("        ", stdout);
    print_backends("|");
    puts(") backend=${backend:-${COMP_WORDS[i],,}} ;;\n"
         "        esac\n"
         "    done");
}

/* A line for the kinds that an option is for: without a kind on the command line, all may be meant. */
static void print_kind_options(const cli_command *command, const char *backend, const vrec_option *option)
{
    char kind[CLI_TEXT];
    fputs("        case $kind in ''", stdout);
    for (size_t i = 0; cli_word(option->kinds, i, kind); i++) {
        putchar('|');
        for (const char *c = kind; *c; c++)
            putchar(tolower((unsigned char)*c));
    }
    fputs(") options+='", stdout);
    print_options(command, backend, option->kinds);
    puts("' ;; esac");
}

static void print_backend_options(const cli_command *command, const char *backend)
{
    const vrec_option *grouped[CLI_TABLE_MAX];
    const char *last = "";
    size_t count = cli_group_options(backend, grouped);
    printf("    %s:%s)\n        options='", command->name, backend);
    print_options(command, backend, "");
    puts("'");
    for (size_t i = 0; i < count; i++)
        if (cli_applies(command, grouped[i]) && strcmp(grouped[i]->kinds, last) != 0) {
            print_kind_options(command, backend, grouped[i]);
            last = grouped[i]->kinds;
        }
    puts("        ;;");
}

/* What may follow an option of a backend: its choices, or a number. */
static void print_option_values(const char *backend)
{
    const vrec_option *option;
    char word[CLI_TEXT];
    for (size_t i = 0; (option = vrec_backend_option(backend, i)); i++) {
        printf("    %s:--%s", backend, option->key);
        for (size_t j = 0; cli_word(option->aliases, j, word); j++)
            printf("|%s:--%s", backend, word);
        fputs(") words='", stdout);
        for (size_t j = 0; strcmp(option->type, "choice") == 0 && cli_word(option->range, j, word); j++)
            printf("%s%s", j > 0 ? " " : "", word);
        puts("' ;;");
    }
}

static void print_operands(const cli_command *command)
{
    printf("        %s:*) ", command->name);
    if (command->stages && command->operands[0] != '[') {
        fputs("[[ $backend ]] || words='", stdout);
        print_backends(" ");
    } else if (strstr(command->operands, "COMMAND")) {
        fputs("words='", stdout);
        print_commands();
        putchar(' ');
        print_backends(" ");
    } else {
        bool literal = islower((unsigned char)command->operands[0]);
        printf("words='%s", literal ? command->operands : "");
    }
    puts("' ;;");
}

static void print_words(void)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        printf("        %s:-*) words='", cli_commands[i].name);
        print_flags(&cli_commands[i]);
        if (cli_commands[i].stages)
            puts("'$options ;;");
        else
            puts("' ;;");
        print_operands(&cli_commands[i]);
    }
}

static void print_script(void)
{
    const char *backend;
    fputs(head, stdout);
    fputs("    if ((COMP_CWORD == 1)); then\n        COMPREPLY=($(compgen -W '", stdout);
    print_commands();
    puts("' -- \"$word\"))\n        return\n    fi");
    print_find_backend();
    puts("    case $before in");
    print_value_flags();
    puts("    esac");
    puts("    local options= from=${backend:-" CLI_DEFAULT_BACKEND "}\n    case $command:$from in");
    for (size_t i = 0; i < cli_command_count; i++)
        for (size_t b = 0; cli_commands[i].stages && (backend = vrec_backend_name(b)); b++)
            print_backend_options(&cli_commands[i], backend);
    puts("    esac\n    case $from:$before in");
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        print_option_values(backend);
    puts("    *)\n        case $command:$word in");
    print_words();
    puts("        esac ;;\n    esac");
    fputs(tail, stdout);
}

int cli_completion(const cli_args *args)
{
    if (args->operand_count == 0 || strcmp(args->operands[0], "bash") != 0)
        return cli_fail_usage(args->command->name, "completion is made for bash only");
    print_script();
    return 0;
}
