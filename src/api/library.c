/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"
#include "base/threads.h"
#include "simd/simd.h"

#define TEXT(x)                      #x
#define VERSION(major, minor, patch) TEXT(major) "." TEXT(minor) "." TEXT(patch)

const char *vrec_version(void)
{
    return VERSION(VREC_VERSION_MAJOR, VREC_VERSION_MINOR, VREC_VERSION_PATCH);
}

const char *vrec_cpu(void)
{
    return vr_simd_get()->name;
}

vrec_status vrec_set_default_threads(int32_t threads)
{
    return vr_set_default_threads(threads) ? VREC_OK : VREC_INVALID;
}

const char *vrec_status_text(int status)
{
    switch (status) {
    case VREC_OK: return "ok";
    case VREC_INVALID: return "invalid argument";
    case VREC_UNSUPPORTED: return "unsupported";
    case VREC_NO_MEMORY: return "out of memory";
    case VREC_IO: return "input/output error";
    case VREC_CORRUPT: return "corrupt file";
    case VREC_CANCELLED: return "cancelled";
    case VREC_UNAVAILABLE: return "server unavailable";
    case VREC_TIMEOUT: return "timeout";
    default: return "unknown status";
    }
}
