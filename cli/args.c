/* From the words of the command line to what they ask for. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND(args) (args)->command->name

/* ---- Flags ---- */

const char *cli_flag_key(const char *word, char key[CLI_TEXT])
{
    word += 2;
    size_t length = strcspn(word, "="), i = 0;
    for (; i < length && i < CLI_TEXT - 1; i++)
        key[i] = word[i] == '-' ? '_' : word[i];
    key[i] = '\0';
    return word[length] ? word + length + 1 : NULL;
}

size_t cli_find_flag(const cli_command *command, const char *key)
{
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if ((command->flags >> i & 1) &&
            (strcmp(cli_flags[i].key, key) == 0 ||
             (cli_flags[i].letter && cli_flags[i].letter == key[0] && !key[1])))
            return i;
    return CLI_FLAGS;
}

static int take_value(const cli_args *args, const char *flag, const char *names, char ***words,
                      const char **out)
{
    const char *value = **words;
    if (!value || !*value)
        return cli_fail_usage(COMMAND(args), "%s needs a value: %s", flag, names);
    if (strncmp(value, "--", 2) == 0)
        return cli_fail_usage(COMMAND(args), "%s needs a value, but %s follows", flag,
                              cli_word_of(args, value));
    *out = value;
    ++*words;
    return 0;
}

/* Where two files are wanted, a table is one. */
static bool stands_alone(const char *value, size_t flag)
{
    return (flag == CLI_TRUTH || flag == CLI_SEEN || flag == CLI_EXCLUDE) && cli_is_table(value);
}

/* How often a flag may be given. */
static size_t most_times(size_t flag)
{
    return flag == CLI_WITH ? CLI_REPEATS_MAX : flag == CLI_USERS || flag == CLI_ITEMS ? CLI_MODELS_MAX : 1;
}

static int check_times(const cli_args *args, size_t flag)
{
    size_t most = most_times(flag);
    if (most > 1 && args->times[flag] == most)
        return cli_fail_usage(COMMAND(args), "--%s is given more than %zu times", cli_flags[flag].key,
                              most);
    return most == 1 && args->given[flag]
               ? cli_fail_usage(COMMAND(args), "--%s is given twice", cli_flags[flag].key)
               : 0;
}

static int take_own(cli_args *args, size_t flag, const char *attached, const char *word, char ***words)
{
    size_t wanted = cli_word_count(cli_flags[flag].values), had = 0;
    int failed = check_times(args, flag);
    if (failed)
        return failed;
    if (attached && wanted == 0)
        return cli_fail_usage(COMMAND(args), "--%s takes no value, but one is attached to it",
                              cli_flags[flag].key);
    args->given[flag] = true;
    if (attached)
        args->values[flag][had++] = attached;
    while (had < wanted && !(had == 1 && stands_alone(args->values[flag][0], flag))) {
        failed = take_value(args, word, cli_flags[flag].values, words, &args->values[flag][had++]);
        if (failed)
            return failed;
    }
    if (most_times(flag) > 1)
        args->repeated[flag][args->times[flag]++] = args->values[flag][0];
    return 0;
}

static int take_option(cli_args *args, const char *key, const char *attached, const char *word,
                       char ***words)
{
    if (args->option_count == CLI_OPTIONS_MAX)
        return cli_fail_usage(COMMAND(args), "%.*s is one option too many", (int)strcspn(word, "="), word);
    size_t at = args->option_count++;
    memcpy(args->options[at].key, key, CLI_TEXT);
    args->options[at].value = attached;
    if (attached)
        return 0;
    /* The backend is known if it came first, as it does by habit. */
    const vrec_option *option = args->operand_count > 0 ? cli_find_option(args->operands[0], key) : NULL;
    if (!option)
        option = cli_find_any_option(key);
    return take_value(args, word, option->range, words, &args->options[at].value);
}

/* The backend that was named, or is going to be; NULL if none is. */
static const char *find_backend(const cli_args *args, char **words)
{
    if (args->operand_count > 0 && cli_is_backend(args->operands[0]))
        return args->operands[0];
    while (*words && !cli_is_backend(*words))
        words++;
    return *words;
}

static int take_long(cli_args *args, char ***words)
{
    char key[CLI_TEXT] = "";
    const char *word = *(*words)++, *attached = cli_flag_key(word, key);
    size_t own = cli_find_flag(args->command, key);
    if (own < CLI_FLAGS)
        return take_own(args, own, attached, word, words);
    if (args->command->stages && cli_find_any_option(key))
        return take_option(args, key, attached, word, words);
    return cli_fail_flag(args->command, find_backend(args, *words), word, key);
}

/* One word of letters: those that take no value first, then one that takes the rest of the word, or the
 * next word: "-q", "-k5", "-k=5", "-k 5", "-qk5". */
static int take_letters(cli_args *args, char ***words)
{
    const char *word = *(*words)++;
    for (const char *letter = word + 1; *letter; letter++) {
        const char key[] = { *letter, '\0' }, *rest = letter + 1;
        size_t own = cli_find_flag(args->command, key);
        if (own == CLI_FLAGS)
            return cli_fail_letter(args->command, *letter);
        bool last = *cli_flags[own].values || *rest == '=' || !*rest;
        int failed = take_own(args, own, last && *rest ? rest + (*rest == '=') : NULL, word, words);
        if (failed || last)
            return failed;
    }
    return 0;
}

/* ---- Operands ---- */

static int take_operand(cli_args *args, const char *word)
{
    const char *operands = args->command->operands;
    size_t most = strstr(operands, "...") ? CLI_OPERANDS_MAX : cli_word_count(operands);
    if (args->operand_count == most)
        return cli_fail_usage(COMMAND(args), "%s takes %s; %s is one too many", COMMAND(args),
                              *operands ? operands : "no operands", cli_word_of(args, word));
    args->operands[args->operand_count++] = word;
    return 0;
}

/* Takes the backend off the operands. Where it may be left out, and there is an operand less than with it,
 * the first is a file; unless it is a backend that has none, or a backend and others follow. */
static int take_backend(cli_args *args)
{
    const char *first = args->operand_count > 0 ? args->operands[0] : "";
    bool left_out = args->command->operands[0] == '[' &&
                    args->operand_count < cli_word_count(args->command->operands) &&
                    !cli_is_remote(first) && (args->operand_count < 2 || !cli_is_backend(first));
    if (!args->command->stages)
        return 0;
    if (left_out) {
        args->backend = CLI_DEFAULT_BACKEND;
        return 0;
    }
    if (args->operand_count == 0)
        return cli_fail_usage(COMMAND(args), "%s takes %s; BACKEND is missing", COMMAND(args),
                              args->command->operands);
    if (!cli_is_backend(first))
        return cli_fail_backend(args);
    args->backend = first;
    args->backend_named = true;
    args->operand_count--;
    memmove(args->operands, args->operands + 1, args->operand_count * sizeof args->operands[0]);
    return 0;
}

/* What is on a server is named by an option, and needs no file. */
static int check_remote(const cli_args *args)
{
    for (size_t i = 0; i < args->option_count; i++)
        if (strcmp(args->options[i].key, "collection") == 0)
            return args->given[CLI_OUTPUT]
                       ? cli_fail_usage(COMMAND(args),
                                        "%s keeps its indexes on a server; leave --output out",
                                        args->backend)
                       : 0;
    return cli_fail_usage(COMMAND(args), "--collection NAME is missing: which one of %s is meant?",
                          args->backend);
}

/* Those in brackets may be left out. */
static int check_operands(cli_args *args)
{
    char name[CLI_TEXT];
    size_t wanted = 0;
    const char *operands = args->command->operands;
    int failed = take_backend(args);
    if (failed)
        return failed;
    bool remote = args->backend && cli_is_remote(args->backend);
    for (size_t i = args->backend ? 1 : 0; cli_word(operands, i, name); i++)
        if (!(remote && strcmp(name, "INDEX") == 0) && name[0] != '[' && wanted++ == args->operand_count)
            return cli_fail_usage(COMMAND(args), "%s takes %s; %s is missing", COMMAND(args), operands,
                                  name);
    if (remote && args->operand_count > wanted)
        return cli_fail_usage(COMMAND(args), "%s is one too many: %s names an index by --collection",
                              cli_word_of(args, args->operands[wanted]), args->backend);
    if (remote)
        return args->command->about_all ? 0 : check_remote(args);
    if (cli_word(args->command->needs, 0, name) && !args->given[cli_find_flag(args->command, name + 1)])
        return cli_fail_usage(COMMAND(args), "%s is missing", args->command->needs);
    return 0;
}

int cli_parse(const cli_command *command, char **words, cli_args *args)
{
    bool flags_ended = false;
    int failed = 0;
    *args = (cli_args){ .command = command };
    while (*words && !failed) {
        const char *word = *words;
        if (!flags_ended && strcmp(word, "--") == 0) {
            flags_ended = true;
            words++;
        } else if (!flags_ended && word[0] == '-' && word[1]) {
            failed = word[1] == '-' ? take_long(args, &words) : take_letters(args, &words);
        } else {
            failed = take_operand(args, word);
            words++;
        }
    }
    return failed || args->given[CLI_HELP] ? failed : check_operands(args);
}

/* ---- The builder ---- */

static int set_option(const cli_args *args, size_t i, vrec_builder *builder)
{
    vrec_error err;
    const vrec_option *option = cli_find_option(args->backend, args->options[i].key);
    for (size_t j = 0; j < i; j++)
        if (option && cli_find_option(args->backend, args->options[j].key) == option)
            return cli_fail_usage(COMMAND(args), "--%s is given twice", option->key);
    bool idle = option && !cli_applies(args->command, option);
    if (idle && strcmp(option->key, "threads") != 0) /* which is for the queries, too: cli_threads() */
        return cli_fail_idle(args->command, option);
    if (vrec_builder_set(builder, args->options[i].key, args->options[i].value, &err) != VREC_OK)
        return cli_fail_usage(args->backend, "%s", err.message);
    return 0;
}

int cli_make_builder(const cli_args *args, vrec_builder **out)
{
    vrec_error err;
    vrec_status status = vrec_builder_factory(args->backend, NULL, out, &err);
    bool known = vrec_backend_option(args->backend, 0) != NULL;
    if (status != VREC_OK)
        return known ? cli_fail_library(&err) : cli_fail_usage(COMMAND(args), "%s", err.message);
    int failed = 0;
    for (size_t i = 0; i < args->option_count && !failed; i++)
        failed = set_option(args, i, *out);
    if (failed) {
        vrec_builder_free(*out);
        *out = NULL;
    }
    return failed;
}

vrec_status cli_builder_of(const char *setting, vrec_builder **out, vrec_error *err)
{
    char backend[CLI_TEXT];
    size_t length = strcspn(setting, ",");
    snprintf(backend, sizeof backend, "%.*s", (int)(length < CLI_TEXT ? length : CLI_TEXT - 1), setting);
    return vrec_builder_factory(backend, setting[length] ? setting + length + 1 : NULL, out, err);
}

const char *cli_given(const cli_args *args, const char *key)
{
    const vrec_option *wanted = cli_find_option(args->backend, key);
    for (size_t i = 0; wanted && i < args->option_count; i++)
        if (cli_find_option(args->backend, args->options[i].key) == wanted)
            return args->options[i].value;
    return NULL;
}

int32_t cli_threads(const cli_args *args)
{
    const char *threads = cli_given(args, "threads");
    return threads ? (int32_t)strtol(threads, NULL, 10) : 0; /* checked by the builder */
}
