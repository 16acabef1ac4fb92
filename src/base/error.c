/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Leaves reserve bytes of the message free. */
static void fill(vrec_error *err, vrec_status status, vr_place place, size_t reserve, const char *format,
                 va_list args)
{
    err->status = status;
    err->system_error = 0;
    err->row = place.row;
    err->offset = place.offset;
    err->done = -1;
    memset(err->subject, 0, sizeof err->subject);
    vr_text_print(err->subject, sizeof err->subject, "%s", place.subject);
    vr_text_format(err->message, sizeof err->message - reserve, format, args);
}

vrec_status vr_fail(vrec_error *err, vrec_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, vr_in(""), 0, format, args);
        va_end(args);
    }
    return status;
}

vrec_status vr_fail_at(vrec_error *err, vrec_status status, vr_place place, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, place, 0, format, args);
        va_end(args);
    }
    return status;
}

vrec_status vr_fail_from(vrec_error *err, const vrec_error *cause, const char *format, ...)
{
    vrec_error told = *cause;
    va_list args;
    va_start(args, format);
    vr_text_format(told.message, sizeof told.message, format, args);
    va_end(args);
    if (err)
        *err = told;
    return told.status;
}

static bool system_words(int errnum, char *out, size_t room)
{
#ifdef _WIN32
    return strerror_s(out, room, errnum) == 0;
#else
    return strerror_r(errnum, out, room) == 0;
#endif
}

vrec_status vr_fail_errno(vrec_error *err, int errnum, const char *format, ...)
{
    vrec_status status = errnum == ENOMEM ? VREC_NO_MEMORY : VREC_IO;
    if (err) {
        va_list args;
        char reason[128] = "";
        if (!system_words(errnum, reason, sizeof reason))
            snprintf(reason, sizeof reason, "error %d", errnum);
        va_start(args, format);
        fill(err, status, vr_in(""), strlen(reason) + 2, format, args);
        va_end(args);
        err->system_error = errnum;
        size_t used = strlen(err->message);
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return status;
}

vrec_status vr_fail_memory(vrec_error *err, size_t bytes, const char *what)
{
    return vr_fail(err, VREC_NO_MEMORY, "out of memory: could not get %zu bytes for %s", bytes, what);
}
