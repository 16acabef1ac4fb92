/* Text that comes from outside: file names, fields of files, what a server says. It may hold anything, and
 * stands in messages that go to terminals and logs. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_TEXT_H
#define VR_BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf() does it, but the result is one printable line of UTF-8 that ends with a whole character.
 * What a string has of control characters, line ends, characters that reverse the direction of writing, and
 * bytes that are no UTF-8, is written as C has it: \n, \x1b, \u202e. If the line doesn't fit the room, the
 * longest strings lose their middle, and the format's own words lose nothing. Knows the conversions c, d,
 * f, g, s, u and x. */
void vr_text_format(char *out, size_t room, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* The same with the arguments at hand. */
void vr_text_print(char *out, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies as many whole characters of length bytes of a sentence as fit; its line ends and tabs become
 * spaces. */
void vr_text_fit(char *out, size_t room, const char *text, size_t length);

/* How many bytes the character has that text, of length > 0 bytes, begins with; 0 if it is no UTF-8. */
size_t vr_text_character(const char *text, size_t length);

/* How many of the first length bytes of text are whole characters: fewer only if length cuts one in two. */
size_t vr_text_cut(const char *text, size_t length);

#endif
