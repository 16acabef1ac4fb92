/* What a failure must say. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_FAILED_H
#define VR_TESTS_SUPPORT_FAILED_H

#include "vrec/vrec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

void assert_failed(vrec_status status, const vrec_error *err, vrec_status expected, const char *says);

#endif
