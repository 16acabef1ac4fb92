/* Completion: the scripts of three shells, and "vrec complete WORD ...", which they ask when somebody
 * presses the tab key. What can follow comes from the tables that the parser reads, so that the shells know
 * nothing about vrec but how to ask. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- The scripts ---- */

/* Each hands the words of the line up to the cursor to "vrec complete", the last being the one that is
 * typed. Where nothing is offered, the shell offers names of files.
 *
 * bash parts --flag=value into three words, which are put together again; what it inserts takes the place
 * of the part behind the equals sign. */
static const char bash[] = "# bash completion of vrec, made by: vrec completion bash\n"
                           "_vrec()\n"
                           "{\n"
                           "    local words=() word glue= part=\n"
                           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
                           "        if [[ ${#words[@]} -gt 0 && ( $word == '=' || $glue ) ]]; then\n"
                           "            words[${#words[@]}-1]+=$word part=y\n"
                           "        else\n"
                           "            words+=(\"$word\") part=\n"
                           "        fi\n"
                           "        glue=; [[ $word != '=' ]] || glue=y\n"
                           "    done\n"
                           "    local IFS=$'\\n'\n"
                           "    COMPREPLY=($(\"${COMP_WORDS[0]}\" complete \"${words[@]}\" 2>/dev/null))\n"
                           "    [[ -z $part ]] || COMPREPLY=(\"${COMPREPLY[@]#*=}\")\n"
                           "}\n"
                           "complete -o default -F _vrec vrec\n";

static const char zsh[] =
    "#compdef vrec\n"
    "# zsh completion of vrec, made by: vrec completion zsh\n"
    "_vrec() {\n"
    "    local -a found\n"
    "    found=(${(f)\"$(\"$words[1]\" complete \"${(@)words[2,CURRENT]}\" 2>/dev/null)\"})\n"
    "    if (( $#found )); then\n"
    "        compadd -a found\n"
    "    else\n"
    "        _files\n"
    "    fi\n"
    "}\n"
    "# In a folder of $fpath this file is the body of _vrec; else it is sourced.\n"
    "if [ \"$funcstack[1]\" = _vrec ]; then _vrec \"$@\"; else compdef _vrec vrec; fi\n";

static const char fish[] =
    "# fish completion of vrec, made by: vrec completion fish\n"
    "function __vrec_complete\n"
    "    set -l words (commandline -opc)\n"
    "    set -l typed (commandline -ct)\n"
    "    $words[1] complete $words[2..] \"$typed\" 2>/dev/null\n"
    "end\n"
    "complete -c vrec -f -n 'count (__vrec_complete) >/dev/null' -a '(__vrec_complete)'\n";

static const struct {
    const char *shell, *script;
} scripts[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };

enum { SCRIPTS = sizeof scripts / sizeof scripts[0] };

int cli_completion(const cli_args *args)
{
    const char *shell = args->operand_count > 0 ? args->operands[0] : "none";
    for (size_t i = 0; i < SCRIPTS; i++)
        if (strcmp(scripts[i].shell, shell) == 0) {
            fputs(scripts[i].script, stdout);
            return 0;
        }
    return cli_fail_usage(args->command->name, "completion is made for bash, zsh or fish, not for %.*s",
                          CLI_TEXT, shell);
}

/* ---- What can follow ---- */

/* The line so far, as far as it is understood. */
typedef struct line {
    const cli_command *command;
    const char *backend; /* as its table spells it; NULL if none is named yet */
    char kind[CLI_TEXT]; /* the kind of index that is asked for; "" if none is */
    const char *before;  /* the word before the one that is typed; "" if there is none */
    const char *typed;   /* so far, perhaps nothing */
    const char *backend_or_default;
} line;

/* Offers a word if it goes on from what is typed. A name may be typed with '-' where the tables have '_',
 * and is then offered so, since a shell drops what doesn't begin as typed. */
static void offer(const line *l, const char *prefix, const char *word)
{
    char spelt[2 * CLI_TEXT];
    size_t typed = strlen(l->typed);
    bool dashes = l->typed[0] == '-' && l->typed[1] && strchr(l->typed + 2, '-');
    snprintf(spelt, sizeof spelt, "%s%s", prefix, word);
    for (char *c = spelt + strlen(prefix); dashes && *c; c++)
        if (*c == '_')
            *c = '-';
    if (strncasecmp(spelt, l->typed, typed) == 0)
        puts(spelt);
}

static void offer_commands(const line *l)
{
    for (size_t i = 0; i < cli_command_count; i++)
        offer(l, "", cli_commands[i].name);
}

static void offer_backends(const line *l)
{
    const char *backend;
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        offer(l, "", backend);
}

/* Without a kind on the line, all may be meant. */
static bool is_for(const vrec_option *option, const char *kind)
{
    char word[CLI_TEXT];
    if (!*option->kinds || !*kind)
        return true;
    for (size_t i = 0; cli_word(option->kinds, i, word); i++)
        if (strcasecmp(word, kind) == 0)
            return true;
    return false;
}

static void offer_flags(const line *l)
{
    const vrec_option *options[CLI_TABLE_MAX];
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if (l->command->flags >> i & 1)
            offer(l, "--", cli_flags[i].key);
    size_t count = l->command->stages ? cli_group_options(l->backend_or_default, options) : 0;
    for (size_t i = 0; i < count; i++)
        if (cli_applies(l->command, options[i]) && is_for(options[i], l->kind))
            offer(l, "--", options[i]->key);
}

static void offer_operands(const line *l)
{
    const char *operands = l->command->operands;
    if (l->command->stages && operands[0] != '[') {
        if (!l->backend)
            offer_backends(l);
    } else if (strstr(operands, "COMMAND")) {
        offer_commands(l);
        offer_backends(l);
    } else if (l->command->run == cli_completion) {
        for (size_t i = 0; i < SCRIPTS; i++)
            offer(l, "", scripts[i].shell);
    }
}

/* The choices of an option, behind what stands before them in the same word. */
static void offer_choices(const line *l, const vrec_option *option, const char *prefix)
{
    char word[CLI_TEXT];
    for (size_t i = 0; strcmp(option->type, "choice") == 0 && cli_word(option->range, i, word); i++)
        offer(l, prefix, word);
}

/* "--metric=a": the text before the value goes into prefix, and the option's name into key. False if the
 * word is no such thing. */
static bool part_word(const char *word, char prefix[CLI_TEXT], char key[CLI_TEXT])
{
    const char *equals = strchr(word, '=');
    if (strncmp(word, "--", 2) != 0 || !equals || equals - word >= CLI_TEXT - 1)
        return false;
    snprintf(prefix, CLI_TEXT, "%.*s", (int)(equals - word) + 1, word);
    cli_flag_key(word, key);
    return true;
}

/* Whether the word is a flag of the command that a value follows, such as the name of a file. */
static bool wants_value(const cli_command *command, const char *word)
{
    char key[CLI_TEXT];
    if (word[0] != '-' || strchr(word, '='))
        return false;
    if (word[1] == '-')
        cli_flag_key(word, key);
    size_t flag = cli_find_flag(command, word[1] == '-' ? key : word + 1);
    return flag < CLI_FLAGS && *cli_flags[flag].values;
}

/* The option of the line's backend that the word names, if it is the command's to take. */
static const vrec_option *find_option(const line *l, const char *word)
{
    char key[CLI_TEXT];
    if (strncmp(word, "--", 2) != 0 || !l->command->stages)
        return NULL;
    cli_flag_key(word, key);
    return cli_find_option(l->backend_or_default, key);
}

static void offer_next(const line *l)
{
    char prefix[CLI_TEXT], key[CLI_TEXT];
    const vrec_option *option;
    if (part_word(l->typed, prefix, key)) {
        if ((option = find_option(l, l->typed)))
            offer_choices(l, option, prefix);
    } else if (!strchr(l->before, '=') && (option = find_option(l, l->before))) {
        offer_choices(l, option, "");
    } else if (!wants_value(l->command, l->before)) {
        if (l->typed[0] == '-')
            offer_flags(l);
        else
            offer_operands(l);
    }
}

/* Notes the backend and the kind of index that the words name. */
static void read_words(line *l, char **words, size_t count)
{
    char key[CLI_TEXT];
    const char *backend;
    for (size_t i = 0; i < count; i++) {
        for (size_t b = 0; !l->backend && (backend = vrec_backend_name(b)); b++)
            if (strcasecmp(backend, words[i]) == 0)
                l->backend = backend;
        if (strncmp(words[i], "--", 2) != 0)
            continue;
        const char *value = cli_flag_key(words[i], key);
        if (!value && i + 1 < count)
            value = words[i + 1];
        if (value && strcmp(key, CLI_KIND_OPTION) == 0)
            snprintf(l->kind, sizeof l->kind, "%s", value);
    }
    l->backend_or_default = l->backend ? l->backend : CLI_DEFAULT_BACKEND;
}

int cli_complete(char **words)
{
    size_t count = 0;
    while (words[count])
        count++;
    line l = { .before = count > 2 ? words[count - 2] : "", .typed = count > 0 ? words[count - 1] : "" };
    if (count < 2) {
        offer_commands(&l);
        return 0;
    }
    l.command = cli_find_command(words[0]);
    if (l.command) {
        read_words(&l, words + 1, count - 2);
        offer_next(&l);
    }
    return 0;
}
