/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void fill(vrec_error *err, vrec_status status, const char *format, va_list args)
{
    err->status = (int32_t)status;
    err->system_error = 0;
    vsnprintf(err->message, sizeof err->message, format, args);
}

vrec_status vr_fail(vrec_error *err, vrec_status status, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, format, args);
        va_end(args);
    }
    return status;
}

vrec_status vr_fail_errno(vrec_error *err, int errnum, const char *format, ...)
{
    vrec_status status = errnum == ENOMEM ? VREC_NO_MEMORY : VREC_IO;
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, status, format, args);
        va_end(args);
        err->system_error = errnum;
        size_t used = strlen(err->message);
        char reason[128] = "";
        if (strerror_r(errnum, reason, sizeof reason) != 0)
            snprintf(reason, sizeof reason, "error %d", errnum);
        snprintf(err->message + used, sizeof err->message - used, ": %s", reason);
    }
    return status;
}

vrec_status vr_fail_memory(vrec_error *err, size_t bytes, const char *what)
{
    return vr_fail(err, VREC_NO_MEMORY, "out of memory: could not get %zu bytes for %s", bytes, what);
}
