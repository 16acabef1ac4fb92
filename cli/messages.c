/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("vrec: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_fail_usage(const char *command, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("vrec: ", stderr);
    vfprintf(stderr, format, args);
    fprintf(stderr, " (see vrec help%s%s)\n", command ? " " : "", command ? command : "");
    va_end(args);
    return CLI_USAGE;
}

int cli_fail_stopped(void)
{
    int number = cli_stop_signal();
    cli_fail("stopped by signal %d (%s)", number, strsignal(number));
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
