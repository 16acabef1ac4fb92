/* SPDX-License-Identifier: Apache-2.0 */
#include "core/names.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"
#include "core/ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE = 200 };

struct vr_names_text {
    vr_names_text *before; /* what earlier names stand in */
    char *bytes;
};

/* ---- Lines ---- */

/* What is wrong with a row's line, in a sentence that begins with where it stands. */
static vrec_status fail_line(const vr_lines *lines, size_t row, vrec_error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static vrec_status fail_line(const vr_lines *lines, size_t row, vrec_error *err, const char *format, ...)
{
    char why[MESSAGE];
    va_list args;
    va_start(args, format);
    vr_text_format(why, sizeof why, format, args);
    va_end(args);
    return vr_fail_at(err, *lines->subject ? VREC_INVALID : VREC_CORRUPT, vr_in_row(lines->subject, row),
                      "%sline %zu %s", lines->before, lines->above + row + 1, why);
}

/* How many bytes at the beginning of a line are ASCII alone, looked at eight at a time. */
static size_t skip_ascii(const char *line, size_t length)
{
    size_t i = 0;
    uint64_t eight;
    for (; i + 8 <= length; i += 8) {
        memcpy(&eight, line + i, 8);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

static vrec_status check_line(const char *line, size_t length, const vr_lines *lines, size_t row,
                              vrec_error *err)
{
    if (length == 0)
        return fail_line(lines, row, err, "is empty; every item needs one of its own");
    if (line[length - 1] == '\r')
        return fail_line(
            lines, row, err,
            "ends with CR LF, and lines end with LF alone; tr -d '\\r' <FILE takes the CR out");
    if (row == 0 && length >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
        return fail_line(lines, row, err, "begins with a byte order mark; tail -c +4 FILE takes it out");
    if (memchr(line, '\0', length))
        return fail_line(lines, row, err, "holds a NUL byte");
    for (size_t i = skip_ascii(line, length); i < length;) {
        size_t bytes = vr_text_character(line + i, length - i);
        if (bytes == 0)
            return fail_line(lines, row, err, "is no UTF-8: byte 0x%02x, number %zu of it",
                             (uint8_t)line[i], i + 1);
        i += bytes;
    }
    return VREC_OK;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t count = 0;
    for (const char *end, *at = text; (end = memchr(at, '\n', size - (size_t)(at - text))); at = end + 1)
        count++;
    return count;
}

/* Whether there is a line for each row. */
static vrec_status check_count(const char *text, size_t size, size_t rows, const vr_lines *lines,
                               vrec_error *err)
{
    size_t found = count_lines(text, size);
    if (found > rows)
        return fail_line(lines, rows, err, "is one too many, since there are %zu items", rows);
    if (found < rows)
        return vr_fail_at(err, *lines->subject ? VREC_INVALID : VREC_CORRUPT, vr_in(lines->subject),
                          "%sthere are %zu lines, but %zu items", lines->before, found, rows);
    return VREC_OK;
}

/* ---- The table ---- */

static size_t slot_of(const vr_names *names, const char *name, size_t length)
{
    return (size_t)vr_hash_of(name, length, names->seed) & names->last_slot;
}

/* The slot that holds a name, or the free one where it would stand. */
static size_t look_up(const vr_names *names, const char *name, size_t length)
{
    size_t slot = slot_of(names, name, length);
    for (; names->slots[slot] != 0; slot = (slot + 1) & names->last_slot) {
        size_t row = names->slots[slot] - 1;
        if (strncmp(vr_name_of(names, row), name, length) == 0 && vr_name_of(names, row)[length] == '\0')
            break;
    }
    return slot;
}

/* Puts the lines behind the first names of the list. */
static vrec_status take_lines(vr_names *names, size_t first, char *text, size_t size, const vr_lines *lines,
                              vrec_error *err)
{
    size_t at = 0;
    vrec_status status = VREC_OK;
    for (size_t row = first; row < names->count && status == VREC_OK; row++) {
        char *end = memchr(text + at, '\n', size - at);
        size_t length = (size_t)(end - text) - at;
        status = check_line(text + at, length, lines, row - first, err);
        *end = '\0';
        names->list[row] = text + at;
        at += length + 1;
    }
    return status;
}

/* first: how many names there were before the lines. */
static vrec_status fill_slots(vr_names *names, size_t first, const vr_lines *lines, vrec_error *err)
{
    for (size_t row = 0; row < names->count; row++) {
        const char *name = vr_name_of(names, row);
        size_t slot = look_up(names, name, strlen(name)), known = names->slots[slot];
        if (known > first)
            return fail_line(lines, row - first, err, "is \"%s\", as is line %zu; each may be there once",
                             name, lines->above + known - first);
        if (known > 0)
            return fail_line(lines, row - first, err, "is \"%s\", as item %zu is called already", name,
                             known - 1);
        names->slots[slot] = (uint32_t)row + 1;
    }
    return VREC_OK;
}

static vrec_status take_memory(vr_names *names, vrec_error *err)
{
    size_t slots = 16;
    while (slots / 2 < names->count)
        slots *= 2;
    names->last_slot = slots - 1;
    names->seed = vr_random_u64();
    names->list = vr_alloc(names->count, sizeof *names->list);
    names->slots = vr_alloc_zero(slots, sizeof *names->slots);
    if (!names->list || !names->slots)
        return vr_fail_memory(err, names->count * sizeof *names->list + slots * sizeof *names->slots,
                              "names");
    return VREC_OK;
}

static vrec_status fill(const vr_names *old, vr_names *names, char *text, size_t size,
                        const vr_lines *lines, vrec_error *err)
{
    size_t first = old ? old->count : 0;
    vrec_status status = take_memory(names, err);
    if (status != VREC_OK)
        return status;
    if (old)
        memcpy(names->list, old->list, first * sizeof *names->list);
    status = take_lines(names, first, text, size, lines, err);
    return status == VREC_OK ? fill_slots(names, first, lines, err) : status;
}

/* Names without any, which own the text, and share those of the old ones; NULL if memory is short. */
static vr_names *own_text(const vr_names *old, char *text)
{
    vr_names *names = vr_alloc_zero(1, sizeof *names);
    vr_names_text *own = vr_alloc(1, sizeof *own);
    if (!names || !own) {
        vr_free(names);
        vr_free(own);
        return NULL;
    }
    *own = (vr_names_text){ .before = old ? old->text : NULL, .bytes = text };
    names->text = own;
    return names;
}

vrec_status vr_names_grow(const vr_names *old, char *text, size_t size, size_t rows, const vr_lines *lines,
                          vr_names **out, vrec_error *err)
{
    *out = NULL;
    if (size > 0 && text[size - 1] != '\n')
        text[size++] = '\n';
    vrec_status status = check_count(text, size, rows, lines, err);
    vr_names *names = status == VREC_OK ? own_text(old, text) : NULL;
    if (!names) {
        vr_free(text);
        return status == VREC_OK ? vr_fail_memory(err, sizeof *names, "names") : status;
    }
    names->count = rows + (old ? old->count : 0);
    status = fill(old, names, text, size, lines, err);
    if (status == VREC_OK)
        *out = names;
    else
        vr_names_free_grown(names, old);
    return status;
}

vrec_status vr_names_make(char *text, size_t size, size_t rows, const vr_lines *lines, vr_names **out,
                          vrec_error *err)
{
    return vr_names_grow(NULL, text, size, rows, lines, out, err);
}

void vr_names_free_table(vr_names *names)
{
    if (!names)
        return;
    vr_free(names->list);
    vr_free(names->slots);
    vr_free(names);
}

void vr_names_free_grown(vr_names *names, const vr_names *old)
{
    const vr_names_text *kept = old ? old->text : NULL;
    for (vr_names_text *text = names ? names->text : NULL, *before; text && text != kept; text = before) {
        before = text->before;
        vr_free(text->bytes);
        vr_free(text);
    }
    vr_names_free_table(names);
}

void vr_names_free(vr_names *names)
{
    vr_names_free_grown(names, NULL);
}

size_t vr_names_find(const vr_names *names, const char *name)
{
    uint32_t found = names->slots[look_up(names, name, strlen(name))];
    return found > 0 ? found - 1 : names->count;
}

/* ---- Ids ---- */

/* A whole number as printf("%lld") writes it, and nothing else. */
static bool read_id(const char *line, size_t length, int64_t *out)
{
    char text[24], again[24];
    if (length == 0 || length >= sizeof text)
        return false;
    memcpy(text, line, length);
    text[length] = '\0';
    *out = strtoll(text, NULL, 10);
    snprintf(again, sizeof again, "%lld", (long long)*out);
    return strcmp(text, again) == 0;
}

vrec_status vr_lines_to_ids(const char *text, size_t size, size_t rows, const vr_lines *lines, int64_t *ids,
                            vrec_error *err)
{
    size_t at = 0;
    vrec_status status = check_count(text, size, rows, lines, err);
    for (size_t row = 0; row < rows && status == VREC_OK; row++) {
        size_t length = (size_t)((const char *)memchr(text + at, '\n', size - at) - text) - at;
        if (!read_id(text + at, length, &ids[row]))
            status = fail_line(lines, row, err, "is no whole number of 64 bits");
        at += length + 1;
    }
    if (status != VREC_OK)
        return status;
    vrec_error cause;
    status = vr_ids_check(ids, rows, &cause);
    if (status == VREC_OK)
        return VREC_OK;
    cause.status = status == VREC_INVALID ? VREC_CORRUPT : status;
    return vr_fail_from(err, &cause, "%s%s", lines->before, cause.message);
}
