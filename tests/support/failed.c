/* SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"

void assert_failed(vrec_status status, const vrec_error *err, vrec_status expected, const char *says)
{
    if (status != expected || err->status != (int32_t)expected || !strstr(err->message, says))
        fail_msg("status %d, expected %d; \"%s\" should say \"%s\"", status, expected, err->message, says);
}
