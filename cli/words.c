/* Words: of lists, of tables, and those that mean nothing. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

bool cli_word(const char *list, size_t i, char out[CLI_TEXT])
{
    size_t length = 0;
    for (size_t word = 0; word <= i; word++) {
        list += length;
        list += strspn(list, ", ");
        length = strcspn(list, ", ");
    }
    length = min(length, CLI_TEXT - 1);
    memcpy(out, list, length);
    out[length] = '\0';
    return length > 0;
}

size_t cli_word_count(const char *list)
{
    char word[CLI_TEXT];
    size_t count = 0;
    while (cli_word(list, count, word))
        count++;
    return count;
}

static bool is_named(const vrec_option *option, const char *key)
{
    char alias[CLI_TEXT];
    if (strcmp(option->key, key) == 0)
        return true;
    for (size_t i = 0; cli_word(option->aliases, i, alias); i++)
        if (strcmp(alias, key) == 0)
            return true;
    return false;
}

const vrec_option *cli_find_option(const char *backend, const char *key)
{
    const vrec_option *option;
    for (size_t i = 0; (option = vrec_backend_option(backend, i)); i++)
        if (is_named(option, key))
            return option;
    return NULL;
}

const vrec_option *cli_find_any_option(const char *key)
{
    const char *backend;
    const vrec_option *option = NULL;
    for (size_t b = 0; !option && (backend = vrec_backend_name(b)); b++)
        option = cli_find_option(backend, key);
    return option;
}

const char *cli_option_value(const vrec_option *option)
{
    if (strcmp(option->type, "choice") == 0)
        return "NAME";
    return strcmp(option->type, "int") == 0 || strcmp(option->type, "uint") == 0 ? "N" : "TEXT";
}

bool cli_is_backend(const char *name)
{
    bool found = false;
    for (size_t i = 0; vrec_backend_name(i); i++)
        found |= strcasecmp(vrec_backend_name(i), name) == 0;
    return found;
}

bool cli_applies(const cli_command *command, const vrec_option *option)
{
    char stage[CLI_TEXT], place[CLI_TEXT];
    for (size_t i = 0; command->stages && cli_word(command->stages, i, stage); i++)
        for (size_t j = 0; cli_word(option->stage, j, place); j++)
            if (strcmp(stage, place) == 0)
                return true;
    return false;
}

/* ---- Options in groups ---- */

bool cli_same_group(const vrec_option *a, const vrec_option *b)
{
    return strcmp(a->kinds, b->kinds) == 0 && strcmp(a->stage, b->stage) == 0;
}

/* Whether an option begins a group: none before it is of the same. */
static bool is_first(const char *backend, size_t at)
{
    const vrec_option *option = vrec_backend_option(backend, at);
    for (size_t i = 0; i < at; i++)
        if (cli_same_group(vrec_backend_option(backend, i), option))
            return false;
    return true;
}

size_t cli_group_options(const char *backend, const vrec_option *out[CLI_TABLE_MAX])
{
    const vrec_option *first, *option;
    size_t count = 0;
    for (int special = 0; special <= 1; special++)
        for (size_t i = 0; (first = vrec_backend_option(backend, i)); i++) {
            if ((*first->kinds != '\0') != special || !is_first(backend, i))
                continue;
            for (size_t j = i; (option = vrec_backend_option(backend, j)); j++)
                if (cli_same_group(first, option) && count < CLI_TABLE_MAX)
                    out[count++] = option;
        }
    return count;
}

void cli_group_title(const vrec_option *option, char out[CLI_USAGE_TEXT])
{
    char stage[CLI_TEXT];
    size_t used = (size_t)snprintf(out, CLI_USAGE_TEXT, "To "), stages = cli_word_count(option->stage);
    for (size_t i = 0; cli_word(option->stage, i, stage); i++)
        used += (size_t)snprintf(out + used, CLI_USAGE_TEXT - used, "%s%s",
                                 i == 0            ? ""
                                 : i + 1 == stages ? " or "
                                                   : ", ",
                                 stage);
    snprintf(out + used, CLI_USAGE_TEXT - used, " %.*s", CLI_TEXT - 1,
             *option->kinds ? option->kinds : "an index");
}

/* ---- Words that mean nothing ---- */

/* A word may hold a secret: what follows an equals sign isn't repeated. */
static int shown(const char *word)
{
    return (int)min(strcspn(word, "="), CLI_TEXT - 1);
}

/* For somebody who names a kind of index where its backend is wanted: that backend, and the kind as its
 * table spells it; NULL if there is no such kind. */
static const char *find_kind(const char *word, char kind[CLI_TEXT])
{
    const char *backend;
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++) {
        const vrec_option *option = cli_find_option(backend, CLI_KIND_OPTION);
        for (size_t i = 0; option && cli_word(option->range, i, kind); i++)
            if (strcasecmp(kind, word) == 0)
                return backend;
    }
    return NULL;
}

int cli_fail_command(const char *word)
{
    char list[CLI_LIST_TEXT] = "", kind[CLI_TEXT];
    const char *backend = find_kind(word, kind);
    if (cli_is_backend(word))
        return cli_fail_usage(NULL,
                              "%s is a backend, and comes after a command: vrec build %s, vrec help %s",
                              word, word, word);
    if (backend)
        return cli_fail_usage(backend,
                              "%s is a kind of index, and comes after a command: vrec build %s --%s %s",
                              word, backend, CLI_KIND_OPTION, kind);
    for (size_t i = 0, used = 0; i < cli_command_count && used < sizeof list; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "",
                                 cli_commands[i].name);
    return cli_fail_usage(NULL, "there is no command %.*s; there are %s", shown(word), word, list);
}

/* What the library says of an option that a backend doesn't have: it knows what was probably meant. */
static void ask_library(const char *backend, const char *key, vrec_error *err)
{
    vrec_builder *builder;
    if (vrec_builder_factory(backend, NULL, &builder, err) == VREC_OK)
        vrec_builder_set(builder, key, "", err);
    vrec_builder_free(builder);
}

int cli_fail_flag(const cli_command *command, const char *backend, const char *word, const char *key)
{
    char list[CLI_LIST_TEXT] = "";
    vrec_error err;
    for (size_t i = 0, used = 0; i < CLI_FLAGS && used < sizeof list; i++)
        if (command->flags >> i & 1)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s--%s", used > 0 ? ", " : "",
                                     cli_flags[i].key);
    if (word[1] != '-')
        return cli_fail_usage(command->name, "%s has no flag %.2s; it has %s", command->name, word, list);
    if (!command->stages)
        return cli_fail_usage(command->name, "%s has no flag %.*s; it has %s", command->name, shown(word),
                              word, list);
    if (!backend)
        return cli_fail_usage(command->name,
                              "%s has no flag %.*s (it has %s), and no backend has that option",
                              command->name, shown(word), word, list);
    ask_library(backend, key, &err);
    return cli_fail_usage(backend, "%s has no flag %.*s (it has %s), and %s", command->name, shown(word),
                          word, list, err.message);
}

/* A name of a file, and no word of a language. */
static bool is_path(const char *word)
{
    return strpbrk(word, "./") != NULL;
}

int cli_fail_backend(const cli_args *args)
{
    char kind[CLI_TEXT];
    vrec_builder *none;
    vrec_error err;
    const char *name = args->command->name, *word = args->operands[0], *second = args->operands[1],
               *backend = find_kind(word, kind);
    bool one_is_missing = args->operand_count + 1 == cli_word_count(args->command->operands);
    if (backend)
        return cli_fail_usage(backend, "%s is a kind of index; its backend is missing: vrec %s %s --%s %s",
                              word, name, backend, CLI_KIND_OPTION, kind);
    if (is_path(word) && one_is_missing)
        return cli_fail_usage(name, "%s takes %s; BACKEND is missing: vrec %s %s %.*s%s%.*s", name,
                              args->command->operands, name, CLI_DEFAULT_BACKEND, shown(word), word,
                              second ? " " : "", second ? shown(second) : 0, second ? second : "");
    if (is_path(word))
        return cli_fail_usage(name, "%s takes %s; BACKEND is missing", name, args->command->operands);
    vrec_builder_factory(word, NULL, &none, &err);
    return cli_fail_usage(name, "%s takes %s; %s", name, args->command->operands, err.message);
}
