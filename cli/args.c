/* From the words of the command line to what they ask for. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#define COMMAND(args) (args)->command->name

/* ---- Flags ---- */

/* The name in "--NAME" or "--NAME=VALUE" as the tables spell it, cut to fit. Returns the value, if any. */
static const char *split_long(const char *word, char key[CLI_TEXT])
{
    word += 2;
    size_t length = strcspn(word, "="), i = 0;
    for (; i < length && i < CLI_TEXT - 1; i++)
        key[i] = word[i] == '-' ? '_' : word[i];
    key[i] = '\0';
    return word[length] ? word + length + 1 : NULL;
}

/* The value in "-kVALUE" or "-k=VALUE", if any. */
static const char *split_short(const char *word, char key[CLI_TEXT])
{
    key[0] = word[1];
    key[1] = '\0';
    word += 2;
    return *word == '=' ? word + 1 : *word ? word : NULL;
}

/* The command's own flag of that name or letter; CLI_FLAGS if it has none. */
static size_t find_own(const cli_command *command, const char *key, bool letter)
{
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if ((command->flags >> i & 1) &&
            (letter ? cli_flags[i].letter == key[0] : strcmp(cli_flags[i].key, key) == 0))
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
        return cli_fail_usage(COMMAND(args), "%s needs a value, but %s follows", flag, value);
    *out = value;
    ++*words;
    return 0;
}

static int take_own(cli_args *args, size_t flag, const char *attached, const char *word, char ***words)
{
    size_t wanted = cli_word_count(cli_flags[flag].values), had = 0;
    if (args->given[flag])
        return cli_fail_usage(COMMAND(args), "--%s is given twice", cli_flags[flag].key);
    if (attached && wanted == 0)
        return cli_fail_usage(COMMAND(args), "--%s takes no value, but has one in %s", cli_flags[flag].key,
                              word);
    args->given[flag] = true;
    if (attached)
        args->values[flag][had++] = attached;
    while (had < wanted) {
        int failed = take_value(args, word, cli_flags[flag].values, words, &args->values[flag][had++]);
        if (failed)
            return failed;
    }
    return 0;
}

static int take_option(cli_args *args, const char *key, const char *attached, const char *word,
                       char ***words)
{
    if (args->option_count == CLI_OPTIONS_MAX)
        return cli_fail_usage(COMMAND(args), "%s is one option too many", word);
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

static int take_flag(cli_args *args, char ***words)
{
    char key[CLI_TEXT] = "";
    const char *word = *(*words)++;
    bool letter = word[1] != '-';
    const char *attached = letter ? split_short(word, key) : split_long(word, key);
    size_t own = find_own(args->command, key, letter);
    if (own < CLI_FLAGS)
        return take_own(args, own, attached, word, words);
    if (args->command->stages && !letter && cli_find_any_option(key))
        return take_option(args, key, attached, word, words);
    return cli_fail_flag(args->command, find_backend(args, *words), word, key);
}

/* ---- Operands ---- */

static int take_operand(cli_args *args, const char *word)
{
    const char *operands = args->command->operands;
    if (args->operand_count == cli_word_count(operands))
        return cli_fail_usage(COMMAND(args), "%s takes %s; %s is one too many", COMMAND(args),
                              *operands ? operands : "no operands", word);
    args->operands[args->operand_count++] = word;
    return 0;
}

/* Takes the backend off the operands. Where it may be left out, a single operand is a file, unless it is a
 * backend that has none. */
static int take_backend(cli_args *args)
{
    const char *first = args->operand_count > 0 ? args->operands[0] : "";
    if (!args->command->stages)
        return 0;
    if (args->command->operands[0] == '[' && args->operand_count < 2 && !cli_is_remote(first)) {
        args->backend = CLI_DEFAULT_BACKEND;
        return 0;
    }
    if (args->operand_count == 0)
        return cli_fail_usage(COMMAND(args), "%s takes %s; BACKEND is missing", COMMAND(args),
                              args->command->operands);
    if (!cli_is_backend(first))
        return cli_fail_backend(args);
    args->backend = first;
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
                              args->operands[wanted], args->backend);
    if (remote)
        return check_remote(args);
    if (cli_word(args->command->needs, 0, name) && !args->given[find_own(args->command, name + 1, true)])
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
            failed = take_flag(args, &words);
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

int32_t cli_threads(const cli_args *args)
{
    const vrec_option *threads = cli_find_option(args->backend, "threads");
    for (size_t i = 0; i < args->option_count; i++)
        if (cli_find_option(args->backend, args->options[i].key) == threads)
            return (int32_t)strtol(args->options[i].value, NULL, 10); /* checked by the builder */
    return 0;
}
