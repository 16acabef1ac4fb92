/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the second byte of a character can follow the first: no longer form than is needed, no half of a
 * UTF-16 pair, nothing past U+10FFFF. */
static bool may_follow(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xe0: return second >= 0xa0;
    case 0xed: return second < 0xa0;
    case 0xf0: return second >= 0x90;
    case 0xf4: return second < 0x90;
    default: return true;
    }
}

size_t cli_shown_bytes(const char *string)
{
    const unsigned char *text = (const unsigned char *)string;
    size_t bytes = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < bytes; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    bool control = text[0] < ' ' || text[0] == 0x7f || (text[0] == 0xc2 && text[1] < 0xa0);
    bool turns = text[0] == 0xe2 && ((text[1] == 0x80 && text[2] >= 0xa8 && text[2] <= 0xae) ||
                                     (text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9));
    bool none = text[0] == 0xef && text[1] == 0xbf && text[2] >= 0xbe; /* U+FFFE and U+FFFF */
    return text[0] > 0xf4 || control || turns || none || !may_follow(text[0], text[1]) ? 0 : bytes;
}

void cli_put(FILE *out, const char *text)
{
    while (*text) {
        size_t bytes = cli_shown_bytes(text);
        if (bytes > 0)
            fwrite(text, 1, bytes, out);
        else
            fprintf(out, "\\x%02x", (unsigned char)*text);
        text += bytes > 0 ? bytes : 1;
    }
}

void cli_put_json(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    putchar('"');
}

/* Words of the command line and names of files stand in a message, and may hold anything. */
static void put_message(const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = length < 0 ? NULL : malloc((size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    fputs("vrec: ", stderr);
    cli_put(stderr, text ? text : "out of memory for what went wrong");
    free(text);
}

void cli_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(format, args);
    fputc('\n', stderr);
    va_end(args);
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_fail_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    put_message(format, args);
    fprintf(stderr, " (see vrec help%s%s)\n", command ? " " : "", command ? command : "");
    va_end(args);
    return CLI_USAGE;
}

int cli_fail_stopped(void)
{
    int number = cli_stop_signal();
    cli_fail("stopped by signal %d (%s)", number, cli_signal_name(number));
    return 128 + number;
}

int cli_fail_library(const vrec_error *err)
{
    return err->status == VREC_CANCELLED ? cli_fail_stopped() : cli_fail("%s", err->message);
}

int cli_flush(void)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    int errnum = errno;
    if (cli_stop_signal())
        return cli_fail_stopped();
    if (errnum == EPIPE) /* the reader has seen enough: not worth a word */
        return CLI_FAILED;
    return cli_fail("writing to standard output: %s", strerror(errnum ? errnum : EIO));
}
