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

int32_t vrec_abi(void)
{
    return VREC_ABI;
}

vrec_status vrec_set_default_threads(int32_t threads, vrec_error *err)
{
    if (vr_set_default_threads(threads))
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in("threads"),
                      "set_default_threads: threads is %d; it takes -1 (all cores), or 1 and up",
                      (int)threads);
}

int32_t vrec_default_threads(void)
{
    return vr_default_threads();
}

const char *vrec_status_text(vrec_status status)
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
