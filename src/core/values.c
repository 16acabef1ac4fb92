/* SPDX-License-Identifier: Apache-2.0 */
#include "core/values.h"

#include "base/file.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *vr_advice(const vr_option_table *table, const char *key, const char *word)
{
    for (size_t i = 0; i < table->hint_count; i++) {
        const vr_hint *hint = &table->hints[i];
        if (strcmp(hint->key, key) == 0 && vr_list_has(hint->words, word))
            return hint->advice;
    }
    return NULL;
}

/* ---- Numbers and choices ---- */

static bool is_choice(const vrec_option *option)
{
    return strcmp(option->type, "choice") == 0;
}

static vrec_status bad_value(const vr_option_table *table, const vrec_option *option, const char *value,
                             vrec_error *err)
{
    const char *advice = vr_advice(table, option->key, value);
    return vr_fail_at(err, VREC_INVALID, vr_in(option->key), "%s: %s is \"%.60s\"; it takes %s%s%s%s",
                      table->backend, option->key, value, is_choice(option) ? "one of " : "", option->range,
                      advice ? "; " : "", advice ? advice : "");
}

static vrec_status parse_choice(const vr_option_table *table, const vrec_option *option, const char *text,
                                int64_t *out, vrec_error *err)
{
    char choice[VR_WORD];
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

/* Digits, a point and digits, or both, whatever the locale's point is. Kept in millionths, cut off. */
static vrec_status parse_float(const vr_option_table *table, const vrec_option *option, const char *text,
                               int64_t *out, vrec_error *err)
{
    int64_t max = strtoimax(strstr(option->range, "..") + 2, NULL, 10) * VR_OPTION_ONE, number = 0;
    int64_t share = VR_OPTION_ONE;
    const char *c = text;
    bool digits = isdigit((unsigned char)text[0]) || (text[0] == '.' && isdigit((unsigned char)text[1]));
    for (; isdigit((unsigned char)*c) && number <= max; c++)
        number = number * 10 + (*c - '0') * share;
    if (*c == '.')
        for (c++; isdigit((unsigned char)*c); c++)
            number += (*c - '0') * (share /= 10);
    if (!digits || *c || number > max)
        return bad_value(table, option, text, err);
    *out = number;
    return VREC_OK;
}

/* ---- Texts and secrets ---- */

bool vr_is_secret(const vrec_option *option)
{
    return strcmp(option->type, "secret") == 0;
}

bool vr_is_text(const vrec_option *option)
{
    return strcmp(option->type, "text") == 0 || vr_is_secret(option);
}

size_t vr_text_slot(const vr_option_table *table, size_t i)
{
    size_t slot = 0;
    while (i-- > 0)
        slot += vr_is_text(&table->options[i]);
    return slot;
}

static bool is_set(const char *default_value)
{
    return strcmp(default_value, "none") != 0;
}

const char *vr_options_text(const vr_options *options, size_t i)
{
    const char *text = options->text[vr_text_slot(options->table, i)];
    const char *default_value = options->table->options[i].default_value;
    return text ? text : is_set(default_value) ? default_value : "";
}

/* What was a secret is wiped, in a way that no compiler leaves out. */
static void free_text(char *text)
{
    for (volatile char *c = text; c && *c; c++)
        *c = '\0';
    vr_free(text);
}

void vr_texts_free(vr_options *options, const vr_options *other)
{
    for (size_t slot = 0; slot < VR_OPTION_TEXTS_MAX; slot++)
        if (!other || options->text[slot] != other->text[slot])
            free_text(options->text[slot]);
}

vrec_status vr_text_copy(const char *text, size_t length, char **out, vrec_error *err)
{
    *out = vr_alloc(length + 1, 1);
    if (!*out)
        return vr_fail_memory(err, length + 1, "the text of an option");
    memcpy(*out, text, length);
    (*out)[length] = '\0';
    return VREC_OK;
}

/* The first line of a file. */
static vrec_status read_secret(const char *path, char out[VR_OPTION_SECRET_MAX], vrec_error *err)
{
    vr_input in;
    vrec_status status = vr_input_open(path, &in, err);
    if (status != VREC_OK)
        return status;
    size_t length = (size_t)(in.size < VR_OPTION_SECRET_MAX ? in.size : VR_OPTION_SECRET_MAX - 1);
    status = vr_input_read(&in, 0, out, length, err);
    vr_input_close(&in);
    if (status != VREC_OK)
        return status;
    out[length] = '\0';
    size_t line = strcspn(out, "\r\n");
    if (line == length && length < in.size)
        return vr_fail(err, VREC_INVALID, "%s: its first line is longer than a secret may be, %d bytes",
                       path, VR_OPTION_SECRET_MAX - 1);
    out[line] = '\0';
    return VREC_OK;
}

/* *secret is what text stands for: the text itself, a variable's value, or what room gets from a file. */
static vrec_status find_secret(const vr_option_table *table, const vrec_option *option, const char *text,
                               char room[VR_OPTION_SECRET_MAX], const char **secret, vrec_error *err)
{
    *secret = text;
    if (strncmp(text, "file:", 5) == 0) {
        *secret = room;
        return read_secret(text + 5, room, err);
    }
    if (strncmp(text, "env:", 4) == 0)
        *secret = getenv(text + 4);
    if (!*secret)
        return vr_fail_at(err, VREC_INVALID, vr_in(option->key),
                          "%s: %s names the environment variable %.60s, which isn't set", table->backend,
                          option->key, text + 4);
    return VREC_OK;
}

/* The text that was there isn't freed: vr_texts_free() knows whose it is. */
static vrec_status parse_text(vr_options *options, size_t i, const char *text, vrec_error *err)
{
    const vr_option_table *table = options->table;
    const vrec_option *option = &table->options[i];
    char room[VR_OPTION_SECRET_MAX];
    size_t max = VR_OPTION_TEXT_MAX - 1;
    if (vr_is_secret(option)) {
        max = VR_OPTION_SECRET_MAX - 1;
        vrec_status status = find_secret(table, option, text, room, &text, err);
        if (status != VREC_OK)
            return status;
    }
    size_t length = strlen(text);
    if (length == 0 || length > max)
        return vr_fail_at(err, VREC_INVALID, vr_in(option->key), "%s: %s is empty or longer than %zu bytes",
                          table->backend, option->key, max);
    return vr_text_copy(text, length, &options->text[vr_text_slot(table, i)], err);
}

vrec_status vr_value_parse(vr_options *options, size_t i, const char *text, vrec_error *err)
{
    const vr_option_table *table = options->table;
    const vrec_option *option = &table->options[i];
    if (vr_is_text(option))
        return parse_text(options, i, text, err);
    if (is_choice(option))
        return parse_choice(table, option, text, &options->value[i], err);
    if (strcmp(option->type, "uint") == 0)
        return parse_uint(table, option, text, &options->value[i], err);
    if (strcmp(option->type, "float") == 0)
        return parse_float(table, option, text, &options->value[i], err);
    return parse_int(table, option, text, &options->value[i], err);
}

/* ---- Any value ---- */

void vr_value_default(vr_options *options, size_t i)
{
    const vrec_option *option = &options->table->options[i];
    options->given[i] = false;
    options->value[i] = 0;
    if (vr_is_text(option))
        options->text[vr_text_slot(options->table, i)] = NULL;
    else if (is_set(option->default_value))
        vr_value_parse(options, i, option->default_value, NULL);
}
