/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What stands for the middle of a string. */
#define GAP "\xe2\x80\xa6"

/* ---- Characters ---- */

/* How many bytes a character that begins with this byte has; 0 if none does. */
static size_t length_of(uint8_t first)
{
    if (first < 0x80)
        return 1;
    if (first < 0xc2 || first > 0xf4)
        return 0;
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* The character that text, of length > 0 bytes, begins with, and how many bytes it has; 0 if there is none:
 * text is cut short, or no UTF-8. */
static size_t decode(const uint8_t *text, size_t length, uint32_t *code)
{
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t bytes = length_of(text[0]);
    if (bytes == 0 || bytes > length)
        return 0;
    *code = bytes == 1 ? text[0] : text[0] & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (text[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < least[bytes] || *code > 0x10ffff || surrogate ? 0 : bytes;
}

/* Not what moves the cursor, ends the line, or has the line read from right to left or not at all. */
static bool is_printable(uint32_t code)
{
    static const uint32_t no[][2] = { { 0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },
                                      { 0x61c, 0x61c },   { 0x200b, 0x200b }, { 0x200e, 0x200f },
                                      { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
                                      { 0xfff0, 0xfffb }, { 0xfffe, 0xffff }, { 0xe0000, 0xe0fff } };
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (code >= no[i][0] && code <= no[i][1])
            return false;
    return true;
}

size_t vr_text_character(const char *text, size_t length)
{
    uint32_t code;
    return decode((const uint8_t *)text, length, &code);
}

size_t vr_text_cut(const char *text, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 3 && ((uint8_t)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return length;
    size_t bytes = length_of((uint8_t)text[start - 1]);
    return bytes > length - (start - 1) ? start - 1 : length;
}

void vr_text_fit(char *out, size_t room, const char *text, size_t length)
{
    if (length >= room)
        length = vr_text_cut(text, room - 1);
    for (size_t i = 0; i < length; i++)
        out[i] = text[i] == '\n' || text[i] == '\r' || text[i] == '\t' ? ' ' : text[i];
    out[length] = '\0';
}

/* One character of text as it is printed, in out. Returns how many bytes of text it is. */
static size_t print(const char *text, size_t length, char out[16])
{
    static const char names[] = "abtnvfr"; /* of 7 to 13 */
    uint32_t code;
    const uint8_t *bytes = (const uint8_t *)text;
    size_t taken = decode(bytes, length, &code);
    if (taken == 0)
        snprintf(out, 16, "\\x%02x", bytes[0]);
    else if (is_printable(code))
        snprintf(out, 16, "%.*s", (int)taken, text);
    else if (code >= 7 && code <= 13)
        snprintf(out, 16, "\\%c", names[code - 7]);
    else
        snprintf(out, 16, code < 0x80 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    return vr_max(taken, 1);
}

/* ---- A line ---- */

/* What is being written. Goes on counting when the room is used up. */
typedef struct line {
    char *out;
    size_t room, length;
    bool full; /* something didn't fit, and nothing follows it */
} line;

static void put(line *l, const char *text, size_t length)
{
    l->full |= l->length + length >= l->room;
    if (!l->full) {
        memcpy(l->out + l->length, text, length);
        l->out[l->length + length] = '\0';
    }
    l->length += length;
}

/* A string of at most most bytes of what is printed: of a longer one the first third and the end. */
static void put_string(line *l, const char *text, size_t length, size_t most)
{
    char c[16];
    size_t whole = 0, at = 0, head = most / 3, tail = most - head;
    for (size_t i = 0; i < length;) {
        i += print(text + i, length - i, c);
        whole += strlen(c);
    }
    bool gap = false;
    for (size_t i = 0; i < length;) {
        i += print(text + i, length - i, c);
        if (whole <= most || at + strlen(c) <= head || at >= whole - tail) {
            put(l, c, strlen(c));
        } else if (!gap) {
            put(l, GAP, strlen(GAP));
            gap = true;
        }
        at += strlen(c);
    }
}

/* ---- Formats ---- */

/* A conversion: "%-5.60s". */
typedef struct spec {
    char text[16];
    size_t length;
    int precision; /* -1: none */
    char size, kind;
} spec;

static spec read_spec(const char *format, va_list *args)
{
    spec s = { .precision = -1, .length = 1 + strcspn(format + 1, "cdfgsux%") + 1 };
    s.length = vr_min(s.length, sizeof s.text - 1);
    memcpy(s.text, format, s.length);
    s.kind = s.text[s.length - 1];
    s.size = s.text[s.length - 2];
    const char *dot = memchr(s.text, '.', s.length);
    if (dot)
        s.precision = dot[1] == '*' ? va_arg(*args, int) : (int)strtol(dot + 1, NULL, 10);
    return s;
}

static int print_number(char number[64], const spec *s, va_list *args)
{
    if (s->kind == 'f' || s->kind == 'g')
        return snprintf(number, 64, s->text, va_arg(*args, double));
    if (s->size == 'z')
        return snprintf(number, 64, s->text, va_arg(*args, size_t));
    if (s->size == 'l' && s->text[s->length - 3] == 'l')
        return snprintf(number, 64, s->text, va_arg(*args, unsigned long long));
    if (s->size == 'l')
        return snprintf(number, 64, s->text, va_arg(*args, unsigned long));
    return snprintf(number, 64, s->text, va_arg(*args, unsigned));
}

static void put_argument(line *l, const spec *s, size_t most, va_list *args)
{
    char c, number[64];
    if (s->kind == '%') {
        put(l, "%", 1);
    } else if (s->kind == 'c') {
        c = (char)va_arg(*args, int);
        put_string(l, &c, 1, most);
    } else if (s->kind == 's') {
        const char *text = va_arg(*args, const char *);
        size_t length = s->precision < 0 ? strlen(text) : strnlen(text, (size_t)s->precision);
        put_string(l, text, (int)length == s->precision ? vr_text_cut(text, length) : length, most);
    } else {
        print_number(number, s, args);
        put(l, number, strlen(number));
    }
}

/* Writes the line with strings of at most most bytes, and returns how long all of it would be. */
static size_t write_line(char *out, size_t room, const char *format, size_t most, va_list args)
{
    va_list copy;
    line l = { .out = out, .room = room };
    *out = '\0';
    va_copy(copy, args);
    while (*format) {
        size_t literal = strcspn(format, "%");
        put_string(&l, format, literal, SIZE_MAX);
        format += literal;
        if (!*format)
            break;
        spec s = read_spec(format, &copy);
        put_argument(&l, &s, most, &copy);
        format += s.length;
    }
    va_end(copy);
    return l.length;
}

void vr_text_format(char *out, size_t room, const char *format, va_list args)
{
    if (write_line(out, room, format, SIZE_MAX, args) < room)
        return;
    size_t fits = 0;
    for (size_t step = vr_max(room / 2, 1); step > 0; step /= 2)
        while (write_line(out, room, format, fits + step, args) < room)
            fits += step;
    write_line(out, room, format, fits, args);
}

void vr_text_print(char *out, size_t room, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vr_text_format(out, room, format, args);
    va_end(args);
}
