/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool vr_list_item(const char *list, size_t i, char out[VR_OPTION_TEXT])
{
    for (; i > 0 && list; i--) {
        list = strchr(list, ',');
        list = list ? list + 1 : NULL;
    }
    if (!list)
        return false;
    list += strspn(list, " ");
    size_t length = vr_min(strcspn(list, ","), VR_OPTION_TEXT - 1);
    memcpy(out, list, length);
    out[length] = '\0';
    return length > 0;
}

/* ---- The nearest name ---- */

/* Levenshtein distance, one row at a time; what is past 63 bytes doesn't count. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[VR_OPTION_TEXT];
    size_t width = vr_min(strlen(b), VR_OPTION_TEXT - 1);
    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; i < VR_OPTION_TEXT && a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            size_t replaced = diagonal + !same;
            diagonal = row[j];
            row[j] = vr_min(replaced, vr_min(row[j], row[j - 1]) + 1);
        }
    }
    return row[width];
}

size_t vr_nearest(const char *text, const char *(*name)(const void *names, size_t i), const void *names,
                  size_t count)
{
    size_t nearest = 0, least = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(text, name(names, i));
        if (distance < least) {
            least = distance;
            nearest = i;
        }
    }
    return nearest;
}

static const char *key_name(const void *options, size_t i)
{
    return ((const vrec_option *)options)[i].key;
}

/* ---- One option ---- */

static bool is_named(const vrec_option *option, const char *key)
{
    char alias[VR_OPTION_TEXT];
    if (strcmp(option->key, key) == 0)
        return true;
    for (size_t i = 0; vr_list_item(option->aliases, i, alias); i++)
        if (strcmp(alias, key) == 0)
            return true;
    return false;
}

static vrec_status find(const vr_option_table *table, const char *key, size_t *out, vrec_error *err)
{
    for (size_t i = 0; i < table->count; i++)
        if (is_named(&table->options[i], key)) {
            *out = i;
            return VREC_OK;
        }
    size_t nearest = vr_nearest(key, key_name, table->options, table->count);
    return vr_fail(err, VREC_INVALID, "%s has no option \"%.60s\"; did you mean \"%s\"?", table->backend,
                   key, table->options[nearest].key);
}

static bool is_choice(const vrec_option *option)
{
    return strcmp(option->type, "choice") == 0;
}

static vrec_status bad_value(const vr_option_table *table, const vrec_option *option, const char *value,
                             vrec_error *err)
{
    return vr_fail(err, VREC_INVALID, "%s: %s is \"%.60s\"; it takes %s%s", table->backend, option->key,
                   value, is_choice(option) ? "one of " : "", option->range);
}

static vrec_status parse_choice(const vr_option_table *table, const vrec_option *option, const char *text,
                                int64_t *out, vrec_error *err)
{
    char choice[VR_OPTION_TEXT];
    for (size_t i = 0; vr_list_item(option->range, i, choice); i++)
        if (strcasecmp(choice, text) == 0) {
            *out = (int64_t)i;
            return VREC_OK;
        }
    return bad_value(table, option, text, err);
}

static vrec_status parse_int(const vr_option_table *table, const vrec_option *option, const char *text,
                             int64_t *out, vrec_error *err)
{
    char *end;
    errno = 0;
    intmax_t number = strtoimax(text, &end, 10);
    intmax_t min = strtoimax(option->range, NULL, 10);
    intmax_t max = strtoimax(strstr(option->range, "..") + 2, NULL, 10);
    bool starts_well = isdigit((unsigned char)*text) || *text == '-'; /* strtoimax skips spaces, takes + */
    if (!starts_well || end == text || *end || errno || number < min || number > max)
        return bad_value(table, option, text, err);
    *out = number;
    return VREC_OK;
}

/* Any 64 bits, kept as they are. */
static vrec_status parse_uint(const vr_option_table *table, const vrec_option *option, const char *text,
                              int64_t *out, vrec_error *err)
{
    char *end;
    errno = 0;
    uintmax_t number = strtoumax(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || number > UINT64_MAX)
        return bad_value(table, option, text, err);
    *out = (int64_t)number;
    return VREC_OK;
}

/* ---- Texts and secrets ---- */

static bool is_secret(const vrec_option *option)
{
    return strcmp(option->type, "secret") == 0;
}

static bool is_text(const vrec_option *option)
{
    return strcmp(option->type, "text") == 0 || is_secret(option);
}

/* Where the text of option i is kept. */
static size_t text_slot(const vr_option_table *table, size_t i)
{
    size_t slot = 0;
    while (i-- > 0)
        slot += is_text(&table->options[i]);
    return slot;
}

const char *vr_options_text(const vr_options *options, size_t i)
{
    return options->text[text_slot(options->table, i)];
}

/* The first line of a file. */
static vrec_status read_secret(const char *path, char out[VR_OPTION_TEXT_MAX], vrec_error *err)
{
    vr_input in;
    vrec_status status = vr_input_open(path, &in, err);
    if (status != VREC_OK)
        return status;
    size_t length = (size_t)(in.size < VR_OPTION_TEXT_MAX ? in.size : VR_OPTION_TEXT_MAX - 1);
    status = vr_input_read(&in, 0, out, length, err);
    vr_input_close(&in);
    out[status == VREC_OK ? length : 0] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return status;
}

static vrec_status parse_secret(const vr_option_table *table, const vrec_option *option, const char *text,
                                char out[VR_OPTION_TEXT_MAX], vrec_error *err)
{
    if (strncmp(text, "file:", 5) == 0)
        return read_secret(text + 5, out, err);
    if (strncmp(text, "env:", 4) == 0) {
        const char *name = text + 4;
        text = getenv(name);
        if (!text)
            return vr_fail(err, VREC_INVALID,
                           "%s: %s names the environment variable %.60s, which isn't set", table->backend,
                           option->key, name);
    }
    memcpy(out, text, strnlen(text, VR_OPTION_TEXT_MAX - 1));
    return VREC_OK;
}

static vrec_status parse_text(vr_options *options, size_t i, const char *text, vrec_error *err)
{
    const vrec_option *option = &options->table->options[i];
    char value[VR_OPTION_TEXT_MAX] = "";
    if (is_secret(option)) {
        vrec_status status = parse_secret(options->table, option, text, value, err);
        if (status != VREC_OK)
            return status;
    } else {
        memcpy(value, text, strnlen(text, sizeof value - 1));
    }
    if (!*value || strlen(text) >= sizeof value)
        return vr_fail(err, VREC_INVALID, "%s: %s is empty or longer than %zu bytes",
                       options->table->backend, option->key, sizeof value - 1);
    memcpy(options->text[text_slot(options->table, i)], value, sizeof value);
    return VREC_OK;
}

static vrec_status parse_value(vr_options *options, size_t i, const char *text, vrec_error *err)
{
    const vr_option_table *table = options->table;
    const vrec_option *option = &table->options[i];
    if (is_text(option))
        return parse_text(options, i, text, err);
    if (is_choice(option))
        return parse_choice(table, option, text, &options->value[i], err);
    if (strcmp(option->type, "uint") == 0)
        return parse_uint(table, option, text, &options->value[i], err);
    return parse_int(table, option, text, &options->value[i], err);
}

static void set_default(vr_options *options, size_t i)
{
    const vrec_option *option = &options->table->options[i];
    options->given[i] = false;
    options->value[i] = 0;
    if (is_text(option))
        options->text[text_slot(options->table, i)][0] = '\0';
    if (strcmp(option->default_value, "none") != 0)
        parse_value(options, i, option->default_value, NULL);
}

void vr_options_init(vr_options *options, const vr_option_table *table)
{
    *options = (vr_options){ .table = table };
    for (size_t i = 0; i < table->count; i++)
        set_default(options, i);
}

static vrec_status set_at(vr_options *options, size_t i, const char *value, vrec_error *err)
{
    if (strcasecmp(value, "none") == 0) {
        set_default(options, i);
        return VREC_OK;
    }
    vrec_status status = parse_value(options, i, value, err);
    if (status == VREC_OK)
        options->given[i] = true;
    return status;
}

vrec_status vr_options_set(vr_options *options, const char *key, const char *value, vrec_error *err)
{
    size_t i;
    if (!key || !value)
        return vr_fail(err, VREC_INVALID, "%s: an option's key or value is NULL", options->table->backend);
    vrec_status status = find(options->table, key, &i, err);
    return status == VREC_OK ? set_at(options, i, value, err) : status;
}

/* ---- The option string ---- */

/* Copies text up to the end of its value: a comma, or the quote that closes it. Returns where the rest
 * begins, NULL if the value is malformed or too long. */
static const char *read_value(const char *text, char out[VR_OPTION_TEXT_MAX])
{
    size_t length = 0;
    bool quoted = *text == '"';
    if (quoted)
        text++;
    for (; *text && (quoted ? *text != '"' || text[1] == '"' : *text != ','); text++) {
        if (length == VR_OPTION_TEXT_MAX - 1 || (!quoted && (*text == '"' || *text == '=')))
            return NULL;
        if (*text == '"')
            text++; /* a doubled quote */
        out[length++] = *text;
    }
    out[length] = '\0';
    if (quoted && *text++ != '"')
        return NULL;
    if (*text && *text != ',')
        return NULL;
    return length > 0 || quoted ? text : NULL;
}

static bool has_secret(const vr_option_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        if (is_secret(&table->options[i]))
            return true;
    return false;
}

static bool follows_secret(const vr_option_table *table, const bool seen[VR_OPTIONS_MAX])
{
    bool found = false;
    for (size_t i = 0; i < table->count; i++)
        found |= seen[i] && is_secret(&table->options[i]);
    return found;
}

static vrec_status parse_pair(vr_options *options, const char **text, bool query_only,
                              bool seen[VR_OPTIONS_MAX], vrec_error *err)
{
    const char *backend = options->table->backend;
    char key[VR_OPTION_TEXT], value[VR_OPTION_TEXT_MAX];
    size_t i, length = strcspn(*text, "=,");
    if ((*text)[length] != '=' || length == 0 || length >= sizeof key)
        return vr_fail(err, VREC_INVALID, "%s: options are key=value,key=value; \"%.60s\" is not", backend,
                       has_secret(options->table) ? "(hidden: it may hold a secret)" : *text);
    memcpy(key, *text, length);
    key[length] = '\0';
    vrec_status status = find(options->table, key, &i, err);
    if (status != VREC_OK && follows_secret(options->table, seen))
        return vr_fail(err, status,
                       "%s has no such option (hidden: it may be the rest of a secret with a comma in it, "
                       "which wants double quotes)",
                       backend);
    if (status != VREC_OK)
        return status;
    if (query_only && strcmp(options->table->options[i].stage, "query") != 0)
        return vr_fail(err, VREC_INVALID, "%s: %s can't be set for one query; set it on the builder",
                       backend, options->table->options[i].key);
    if (seen[i])
        return vr_fail(err, VREC_INVALID, "%s: %s is given twice (last as \"%s\")", backend,
                       options->table->options[i].key, key);
    seen[i] = true;
    const char *rest = read_value(*text + length + 1, value);
    if (!rest)
        return vr_fail(err, VREC_INVALID, "%s: the value of %s is empty, too long or badly quoted", backend,
                       key);
    *text = rest;
    return set_at(options, i, value, err);
}

static vrec_status parse(vr_options *options, const char *text, bool query_only, vrec_error *err)
{
    vr_options parsed = *options;
    bool seen[VR_OPTIONS_MAX] = { false };
    while (text && *text) {
        vrec_status status = parse_pair(&parsed, &text, query_only, seen, err);
        if (status != VREC_OK)
            return status;
        if (*text == ',' && *++text == '\0')
            return vr_fail(err, VREC_INVALID, "%s: the options end in a comma", options->table->backend);
    }
    *options = parsed;
    return VREC_OK;
}

vrec_status vr_options_parse(vr_options *options, const char *text, vrec_error *err)
{
    return parse(options, text, false, err);
}

vrec_status vr_options_override(vr_options *options, const char *text, vrec_error *err)
{
    return parse(options, text, true, err);
}
