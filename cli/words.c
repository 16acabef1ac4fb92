/* Lists of words, and the word that was probably meant. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <ctype.h>
#include <string.h>

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

/* ---- The nearest ---- */

/* Levenshtein distance, one row at a time; what is past CLI_TEXT - 1 bytes doesn't count. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[CLI_TEXT];
    size_t width = min(strlen(b), CLI_TEXT - 1);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; i < CLI_TEXT && a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t replaced = diagonal + !same;
            diagonal = row[j];
            row[j] = min(replaced, min(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}

typedef struct candidate {
    const char *key;
    size_t distance; /* must be below this */
} candidate;

static void consider(candidate *best, const char *key, const char *text)
{
    size_t distance = edit_distance(text, key);
    if (distance < best->distance)
        *best = (candidate){ key, distance };
}

const char *cli_nearest_flag(const cli_command *command, const char *key)
{
    candidate best = { NULL, strlen(key) };
    const char *backend;
    const vrec_option *option;
    for (size_t i = 0; i < CLI_FLAGS; i++)
        if (command->flags >> i & 1)
            consider(&best, cli_flags[i].key, key);
    for (size_t b = 0; command->opens_backend && (backend = vrec_backend_name(b)); b++)
        for (size_t i = 0; (option = vrec_backend_option(backend, i)); i++)
            consider(&best, option->key, key);
    return best.key;
}

const char *cli_nearest_command(const char *name)
{
    candidate best = { NULL, strlen(name) };
    for (size_t i = 0; i < cli_command_count; i++)
        consider(&best, cli_commands[i].name, name);
    return best.key;
}
