/* SPDX-License-Identifier: Apache-2.0 */
#include "core/options.h"

#include "base/memory.h"
#include "core/values.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- One option ---- */

static bool is_named(const vrec_option *option, const char *key)
{
    char alias[VR_WORD];
    if (strcmp(option->key, key) == 0)
        return true;
    for (size_t i = 0; vr_list_item(option->aliases, i, alias); i++)
        if (strcmp(alias, key) == 0)
            return true;
    return false;
}

static bool is_for_kind(const vrec_option *option, const char *kind)
{
    return !kind || !*option->kinds || vr_list_has(option->kinds, kind);
}

/* Which options may be named: those of a stage ("query"; NULL: all), for a kind of index (NULL: all). */
typedef struct scope {
    const char *stage, *kind;
} scope;

/* The argument that an option string comes in. */
static const char *given_as(const scope *within)
{
    return within->stage ? "overrides" : "options";
}

static bool is_in_scope(const vrec_option *option, const scope *within)
{
    return (!within->stage || vr_list_has(option->stage, within->stage)) &&
           is_for_kind(option, within->kind);
}

/* How much of an unknown key may be repeated. It ends at an equals sign or a colon, and after the name of a
 * secret: what follows may be that. */
static size_t shown_length(const vr_option_table *table, const char *key)
{
    char alias[VR_WORD];
    size_t length = strcspn(key, "=:");
    for (size_t i = 0; i < table->count; i++) {
        const vrec_option *option = &table->options[i];
        if (!vr_is_secret(option))
            continue;
        if (strncmp(key, option->key, strlen(option->key)) == 0)
            length = vr_min(length, strlen(option->key));
        for (size_t j = 0; vr_list_item(option->aliases, j, alias); j++)
            if (strncmp(key, alias, strlen(alias)) == 0)
                length = vr_min(length, strlen(alias));
    }
    return length;
}

static vrec_status fail_unknown(const vr_option_table *table, const char *key, const scope *within,
                                vrec_error *err)
{
    char alias[VR_WORD], named[VR_WORD];
    snprintf(named, sizeof named, "%.*s", (int)vr_min(shown_length(table, key), 60), key);
    const char *advice = vr_advice(table, "", key);
    vr_guess guess = vr_guess_start(key);
    for (size_t i = 0; i < table->count; i++) {
        const vrec_option *option = &table->options[i];
        if (!is_in_scope(option, within))
            continue;
        vr_guess_try(&guess, option->key, option->key);
        for (size_t j = 0; vr_list_item(option->aliases, j, alias); j++)
            vr_guess_try(&guess, alias, option->key);
    }
    if (advice)
        return vr_fail_at(err, VREC_INVALID, vr_in(named), "%s has no option \"%s\"; %s", table->backend,
                          named, advice);
    return vr_fail_at(err, VREC_INVALID, vr_in(named), "%s has no option \"%s\"%s%s%s", table->backend,
                      named, guess.word ? "; did you mean \"" : "", guess.word ? guess.word : "",
                      guess.word ? "\"?" : "");
}

static vrec_status find(const vr_option_table *table, const char *key, const scope *within, size_t *out,
                        vrec_error *err)
{
    for (size_t i = 0; i < table->count; i++)
        if (is_named(&table->options[i], key)) {
            *out = i;
            return VREC_OK;
        }
    return fail_unknown(table, key, within, err);
}

/* ---- All options ---- */

void vr_options_init(vr_options *options, const vr_option_table *table)
{
    *options = (vr_options){ .table = table };
    for (size_t i = 0; i < table->count; i++)
        vr_value_default(options, i);
}

void vr_options_free(vr_options *options)
{
    vr_texts_free(options, NULL);
}

static vrec_status set_at(vr_options *options, size_t i, const char *value, vrec_error *err)
{
    if (strcasecmp(value, "none") == 0) {
        vr_value_default(options, i);
        return VREC_OK;
    }
    vrec_status status = vr_value_parse(options, i, value, err);
    if (status == VREC_OK)
        options->given[i] = true;
    return status;
}

/* Puts a changed copy in the place of options, or throws it away if the change failed. */
static vrec_status finish(vr_options *options, vr_options *changed, vrec_status status)
{
    vr_texts_free(status == VREC_OK ? options : changed, status == VREC_OK ? changed : options);
    if (status == VREC_OK)
        *options = *changed;
    return status;
}

vrec_status vr_options_set(vr_options *options, const char *key, const char *value, vrec_error *err)
{
    size_t i = 0;
    if (!key || !value)
        return vr_fail_at(err, VREC_INVALID, vr_in(key ? "value" : "key"),
                          "%s: an option's key or value is NULL", options->table->backend);
    vrec_status status = find(options->table, key, &(scope){ NULL, NULL }, &i, err);
    if (status != VREC_OK)
        return status;
    vr_options changed = *options;
    return finish(options, &changed, set_at(&changed, i, value, err));
}

/* ---- Kinds of index ---- */

static vrec_status fail_kind(const vr_option_table *table, const vrec_option *option, const char *kind,
                             vrec_error *err)
{
    return vr_fail_at(err, VREC_INVALID, vr_in(option->key), "%s: %s is for %s=%s, but it is %.60s",
                      table->backend, option->key, table->kind->key, option->kinds, kind);
}

static const char *kind_of(const vr_options *options, char room[VR_WORD])
{
    const vrec_option *kind = options->table->kind;
    size_t i = (size_t)(kind - options->table->options);
    if (vr_is_text(kind))
        return vr_options_text(options, i);
    vr_list_item(kind->range, (size_t)options->value[i], room);
    return room;
}

bool vr_options_any_kind(const vr_options *options)
{
    char room[VR_WORD];
    const vr_option_table *table = options->table;
    return table->any_kind && strcmp(kind_of(options, room), table->any_kind) == 0;
}

vrec_status vr_options_check_build(const vr_options *options, vrec_error *err)
{
    char room[VR_WORD];
    const vr_option_table *table = options->table;
    if (!table->kind)
        return VREC_OK;
    const char *kind = kind_of(options, room);
    for (size_t i = 0; i < table->count; i++)
        if (options->given[i] && !is_for_kind(&table->options[i], kind))
            return fail_kind(table, &table->options[i], kind, err);
    return VREC_OK;
}

vrec_status vr_options_check_open(const vr_options *options, const char *kind, vrec_error *err)
{
    char room[VR_WORD];
    const vr_option_table *table = options->table;
    if (!table->kind || !kind)
        return VREC_OK;
    if (vr_options_any_kind(options))
        return VREC_OK;
    if (options->given[table->kind - table->options] && strcasecmp(kind_of(options, room), kind) != 0)
        return vr_fail_at(err, VREC_INVALID, vr_in(table->kind->key),
                          "%s: %s is %.60s, but that of the index is %.60s", table->backend,
                          table->kind->key, kind_of(options, room), kind);
    for (size_t i = 0; i < table->count; i++)
        if (options->given[i] && strcmp(table->options[i].stage, "build") != 0 &&
            !is_for_kind(&table->options[i], kind))
            return fail_kind(table, &table->options[i], kind, err);
    return VREC_OK;
}

/* ---- The option string ---- */

/* Copies text up to the end of its value: a comma, or the quote that closes it. Returns where the rest
 * begins, NULL if the value is malformed or too long. */
static const char *read_value(const char *text, char out[VR_OPTION_SECRET_MAX])
{
    size_t length = 0;
    bool quoted = *text == '"';
    if (quoted)
        text++;
    for (; *text && (quoted ? *text != '"' || text[1] == '"' : *text != ','); text++) {
        if (length == VR_OPTION_SECRET_MAX - 1 || (!quoted && (*text == '"' || *text == '=')))
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
        if (vr_is_secret(&table->options[i]))
            return true;
    return false;
}

static bool follows_secret(const vr_option_table *table, const bool seen[VR_OPTIONS_MAX])
{
    bool found = false;
    for (size_t i = 0; i < table->count; i++)
        found |= seen[i] && vr_is_secret(&table->options[i]);
    return found;
}

static vrec_status parse_pair(vr_options *options, const char **text, const scope *within,
                              bool seen[VR_OPTIONS_MAX], vrec_error *err)
{
    const char *backend = options->table->backend;
    char key[VR_WORD], value[VR_OPTION_SECRET_MAX];
    size_t i = 0, length = strcspn(*text, "=,");
    if ((*text)[length] != '=' || length == 0 || length >= sizeof key)
        return vr_fail_at(err, VREC_INVALID, vr_in(given_as(within)),
                          "%s: options are key=value,key=value; \"%.60s\" is not", backend,
                          has_secret(options->table) ? "(hidden: it may hold a secret)" : *text);
    memcpy(key, *text, length);
    key[length] = '\0';
    vrec_status status = find(options->table, key, within, &i, err);
    if (status != VREC_OK && follows_secret(options->table, seen))
        return vr_fail_at(
            err, status, vr_in(given_as(within)),
            "%s has no such option (hidden: it may be the rest of a secret with a comma in it, "
            "which wants double quotes)",
            backend);
    if (status != VREC_OK)
        return status;
    const vrec_option *option = &options->table->options[i];
    if (within->stage && !vr_list_has(option->stage, within->stage))
        return vr_fail_at(err, VREC_INVALID, vr_in(key),
                          "%s: %s can't be set for one query; set it on the builder", backend, option->key);
    if (!is_for_kind(option, within->kind))
        return fail_kind(options->table, option, within->kind, err);
    if (seen[i])
        return vr_fail_at(err, VREC_INVALID, vr_in(key), "%s: %s is given twice (last as \"%s\")", backend,
                          option->key, key);
    seen[i] = true;
    const char *rest = read_value(*text + length + 1, value);
    if (!rest)
        return vr_fail_at(err, VREC_INVALID, vr_in(key),
                          "%s: the value of %s is empty, too long or badly quoted", backend, key);
    *text = rest;
    options->by_query[i] = within->stage != NULL;
    return set_at(options, i, value, err);
}

static vrec_status parse_pairs(vr_options *options, const char *text, const scope *within, vrec_error *err)
{
    bool seen[VR_OPTIONS_MAX] = { false };
    while (text && *text) {
        vrec_status status = parse_pair(options, &text, within, seen, err);
        if (status != VREC_OK)
            return status;
        if (*text == ',' && *++text == '\0')
            return vr_fail_at(err, VREC_INVALID, vr_in(given_as(within)), "%s: the options end in a comma",
                              options->table->backend);
    }
    return VREC_OK;
}

vrec_status vr_options_parse(vr_options *options, const char *text, vrec_error *err)
{
    vr_options changed = *options;
    return finish(options, &changed, parse_pairs(&changed, text, &(scope){ NULL, NULL }, err));
}

size_t vr_options_place(const vr_options *options, const char *key)
{
    size_t i = 0;
    while (i < options->table->count && strcmp(options->table->options[i].key, key) != 0)
        i++;
    return i;
}

/* ---- Queries ---- */

vrec_status vr_options_keep(vr_options *out, const vr_options *given, vrec_error *err)
{
    const vr_option_table *table = given->table;
    *out = *given;
    memset(out->text, 0, sizeof out->text);
    for (size_t i = 0; i < table->count; i++) {
        const vrec_option *option = &table->options[i];
        const char *text = vr_is_text(option) ? given->text[vr_text_slot(table, i)] : NULL;
        if (!text || !vr_list_has(option->stage, "query"))
            continue;
        vrec_status status = vr_text_copy(text, strlen(text), &out->text[vr_text_slot(table, i)], err);
        if (status != VREC_OK) {
            vr_options_free(out);
            return status;
        }
    }
    return VREC_OK;
}

vrec_status vr_options_query(vr_options *out, const vr_options *base, const char *kind, const char *text,
                             vrec_error *err)
{
    *out = *base;
    vrec_status status = parse_pairs(out, text, &(scope){ "query", kind }, err);
    if (status != VREC_OK)
        vr_options_end_query(out, base);
    return status;
}

void vr_options_end_query(vr_options *options, const vr_options *base)
{
    vr_texts_free(options, base);
}
