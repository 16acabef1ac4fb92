/* What a failure must say. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_UNIT_FAILED_H
#define VR_TESTS_UNIT_FAILED_H

#include "vrec/vrec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static inline void assert_failed(vrec_status status, const vrec_error *err, vrec_status expected,
                                 const char *says)
{
    if (status != expected || err->status != (int32_t)expected || !strstr(err->message, says))
        fail_msg("status %d, expected %d; \"%s\" should say \"%s\"", status, expected, err->message, says);
}

#endif
