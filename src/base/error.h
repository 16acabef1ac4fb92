/* How a failure becomes a sentence. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_ERROR_H
#define VR_BASE_ERROR_H

#include "vrec/vrec.h"

/* Where the fault is, for programs, which don't read sentences; -1 and "" where it isn't known. */
typedef struct vr_place {
    const char *subject; /* the caller's argument or option; cut to fit */
    int64_t row;         /* of that argument */
    int64_t offset;      /* in a file */
} vr_place;

static inline vr_place vr_in(const char *subject)
{
    return (vr_place){ subject, -1, -1 };
}

static inline vr_place vr_in_row(const char *subject, size_t row)
{
    return (vr_place){ subject, (int64_t)row, -1 };
}

static inline vr_place vr_at_byte(uint64_t offset)
{
    return (vr_place){ "", -1, offset <= INT64_MAX ? (int64_t)offset : -1 };
}

/* Fills err (unless NULL) with status and the formatted sentence, and returns status. */
vrec_status vr_fail(vrec_error *err, vrec_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, and says where. */
vrec_status vr_fail_at(vrec_error *err, vrec_status status, vr_place place, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for what failed because of something else, which has a message of its own: status, place and the
 * rest are the cause's. */
vrec_status vr_fail_from(vrec_error *err, const vrec_error *cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: appends what errnum means. ENOMEM becomes VREC_NO_MEMORY. */
vrec_status vr_fail_errno(vrec_error *err, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "out of memory: could not get N bytes for WHAT". */
vrec_status vr_fail_memory(vrec_error *err, size_t bytes, const char *what);

#endif
