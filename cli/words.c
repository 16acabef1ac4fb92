/* Words: of lists, of tables, and those that mean nothing. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
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
    bool is_text = strcmp(option->type, "text") == 0 || strcmp(option->type, "secret") == 0;
    return is_text ? "TEXT" : strcmp(option->type, "float") == 0 ? "X" : "N";
}

bool cli_is_remote(const char *backend)
{
    return (vrec_backend_can(backend) & VREC_CAN_ATTACH) != 0;
}

bool cli_is_backend(const char *name)
{
    bool found = false;
    for (size_t i = 0; vrec_backend_name(i); i++)
        found |= strcasecmp(vrec_backend_name(i), name) == 0;
    return found;
}

/* Whether an option's stages have that one. */
static bool has_stage(const char *stages, const char *stage)
{
    char each[CLI_TEXT];
    for (size_t i = 0; cli_word(stages, i, each); i++)
        if (strcmp(each, stage) == 0)
            return true;
    return false;
}

bool cli_applies(const cli_command *command, const vrec_option *option)
{
    char stage[CLI_TEXT];
    for (size_t i = 0; command->stages && cli_word(command->stages, i, stage); i++)
        if (has_stage(option->stage, stage))
            return true;
    return false;
}

bool cli_alias_counts(const vrec_option *option, const char *alias)
{
    size_t first = 0;
    while (first < cli_command_count && !cli_applies(&cli_commands[first], option))
        first++;
    return first == cli_command_count || cli_find_flag(&cli_commands[first], alias) == CLI_FLAGS;
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

/* The length of the name of a secret that flag begins with, both without dashes; 0 if there is none. */
static size_t secret_length(const char *flag)
{
    const char *backend;
    const vrec_option *option;
    for (size_t b = 0; (backend = vrec_backend_name(b)); b++)
        for (size_t i = 0; (option = vrec_backend_option(backend, i)); i++)
            if (strcmp(option->type, "secret") == 0 && strncmp(flag, option->key, strlen(option->key)) == 0)
                return strlen(option->key);
    return 0;
}

/* A word may hold a secret: what follows an equals sign, a colon, or the name of a secret isn't repeated.
 */
static int shown(const char *word)
{
    size_t dashes = strspn(word, "-"), length = min(strcspn(word, "=:"), CLI_TEXT - 1);
    size_t secret = dashes > 0 ? secret_length(word + dashes) : 0;
    return (int)(secret > 0 ? min(length, dashes + secret) : length);
}

bool cli_is_attached(const char *setting)
{
    return strstr(setting, ",collection=") != NULL;
}

char *cli_setting_name(const char *setting)
{
    static const char hidden[] = "=(hidden)";
    size_t shown = 0;
    while (setting[shown] && secret_length(setting + shown) == 0) {
        shown += strcspn(setting + shown, ",");
        shown += strspn(setting + shown, ", ");
    }
    if (setting[shown])
        shown += secret_length(setting + shown);
    bool hides = setting[shown] != '\0';
    char *name = malloc(shown + sizeof hidden);
    if (name) {
        memcpy(name, setting, shown);
        memcpy(name + shown, hides ? hidden : "", hides ? sizeof hidden : 1);
    }
    return name;
}

const char *cli_word_of(const cli_args *args, const char *word)
{
    for (size_t i = 0; i < args->option_count; i++)
        if (secret_length(args->options[i].key) > 0)
            return "a word (hidden: it may belong to a secret)";
    return word;
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
    const char *backend = find_kind(word, kind), *names[CLI_COMMANDS_MAX + 1] = { NULL }, *meant;
    if (cli_is_backend(word))
        return cli_fail_usage(NULL,
                              "%s is a backend, and comes after a command: vrec build %s, vrec help %s",
                              word, word, word);
    if (backend)
        return cli_fail_usage(backend,
                              "%s is a kind of index, and comes after a command: vrec build %s --%s %s",
                              word, backend, CLI_KIND_OPTION, kind);
    for (size_t i = 0, used = 0; i < cli_command_count && used < sizeof list; i++) {
        names[i] = cli_commands[i].name;
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    meant = vrec_nearest_word(word, names);
    if (meant)
        return cli_fail_usage(meant, "there is no command %.*s; did you mean \"%s\"? There are %s",
                              shown(word), word, meant, list);
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

/* The flags of a command, as a list. */
static void list_flags(const cli_command *command, char out[CLI_LIST_TEXT])
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < CLI_FLAGS && used < CLI_LIST_TEXT; i++)
        if (command->flags >> i & 1)
            used += (size_t)snprintf(out + used, CLI_LIST_TEXT - used, "%s--%s", used > 0 ? ", " : "",
                                     cli_flags[i].key);
}

int cli_fail_letter(const cli_command *command, char letter)
{
    char list[CLI_LIST_TEXT];
    list_flags(command, list);
    return cli_fail_usage(command->name, "%s has no flag -%c; it has %s", command->name,
                          isgraph((unsigned char)letter) ? letter : '?', list);
}

/* The flag of a command that a word without dashes was probably meant to be, or NULL. */
static const char *nearest_flag(const cli_command *command, const char *key)
{
    const char *keys[CLI_FLAGS + 1] = { NULL };
    for (size_t i = 0, count = 0; i < CLI_FLAGS; i++)
        if (command->flags >> i & 1)
            keys[count++] = cli_flags[i].key;
    return vrec_nearest_word(key, keys);
}

int cli_fail_flag(const cli_command *command, const char *backend, const char *word, const char *key)
{
    char list[CLI_LIST_TEXT];
    const char *meant = nearest_flag(command, key);
    vrec_error err;
    list_flags(command, list);
    if (meant)
        return cli_fail_usage(command->name, "%s has no flag %.*s; did you mean --%s?", command->name,
                              shown(word), word, meant);
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

int cli_fail_idle(const cli_command *command, const vrec_option *option)
{
    static const struct {
        const char *stage, *done, *command;
    } places[] = { { "build", "built", "build" },
                   { "open", "opened", "query" },
                   { "query", "queried", "query" } };
    char when[CLI_LIST_TEXT] = "";
    const char *where = "";
    for (size_t i = 0, used = 0; i < sizeof places / sizeof places[0]; i++)
        if (has_stage(option->stage, places[i].stage)) {
            used += (size_t)snprintf(when + used, sizeof when - used, "%s%s", used > 0 ? " or " : "",
                                     places[i].done);
            where = places[i].command;
        }
    return cli_fail_usage(command->name,
                          "%s: --%s counts when an index is %s, and would change nothing here; "
                          "give it to vrec %s",
                          command->name, option->key, when, where);
}

/* A name of a file, and no word of a language. */
static bool is_path(const char *word)
{
    return strpbrk(word, "./") != NULL;
}

static size_t required_operands(const cli_command *command)
{
    char name[CLI_TEXT];
    size_t count = 0;
    for (size_t i = 0; cli_word(command->operands, i, name); i++)
        count += name[0] != '[';
    return count;
}

int cli_fail_backend(const cli_args *args)
{
    char kind[CLI_TEXT];
    vrec_builder *none;
    vrec_error err;
    const char *name = args->command->name, *word = args->operands[0], *second = args->operands[1],
               *backend = find_kind(word, kind);
    bool one_is_missing = args->operand_count + 1 == required_operands(args->command);
    if (backend)
        return cli_fail_usage(backend, "%s is a kind of index; its backend is missing: vrec %s %s --%s %s",
                              word, name, backend, CLI_KIND_OPTION, kind);
    if (is_path(word) && one_is_missing && cli_word_of(args, word) == word)
        return cli_fail_usage(name, "%s takes %s; BACKEND is missing: vrec %s %s %.*s%s%.*s", name,
                              args->command->operands, name, CLI_DEFAULT_BACKEND, shown(word), word,
                              second ? " " : "", second ? shown(second) : 0, second ? second : "");
    if (is_path(word))
        return cli_fail_usage(name, "%s takes %s; BACKEND is missing", name, args->command->operands);
    if (cli_word_of(args, word) != word)
        return cli_fail_usage(name, "%s takes %s; %s is no backend", name, args->command->operands,
                              cli_word_of(args, word));
    vrec_builder_factory(word, NULL, &none, &err);
    return cli_fail_usage(name, "%s takes %s; %s", name, args->command->operands, err.message);
}
