/* How a failure becomes a sentence. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_ERROR_H
#define VR_BASE_ERROR_H

#include "vrec/vrec.h"

/* Fills err (unless NULL) with status and the formatted sentence, and returns status. */
vrec_status vr_fail(vrec_error *err, vrec_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends what errnum means. ENOMEM becomes VREC_NO_MEMORY. */
vrec_status vr_fail_errno(vrec_error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "out of memory: could not get N bytes for WHAT". */
vrec_status vr_fail_memory(vrec_error *err, size_t bytes, const char *what);

#endif
