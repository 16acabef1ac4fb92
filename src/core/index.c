/* SPDX-License-Identifier: Apache-2.0 */
#include "core/index.h"

vrec_status vr_refuse_queries(const vrec_build *build, const char *what, vrec_error *err)
{
    if (!build->queries)
        return VREC_OK;
    return vr_fail_at(err, VREC_UNSUPPORTED, vr_in("queries"),
                      "%s can't use a sample of queries, only faiss HNSW can; build without it", what);
}

vrec_status vr_report(const vrec_progress *progress, const char *phase, const char *unit, uint64_t done,
                      uint64_t total, vrec_error *err)
{
    const vrec_progress_report report = {
        .struct_size = sizeof report, .phase = phase, .unit = unit, .done = done, .total = total
    };
    if (progress && progress->report && progress->report(progress->context, &report) != 0)
        return vr_fail(err, VREC_CANCELLED, "%s: stopped by the caller after %llu of %llu %s", phase,
                       (unsigned long long)done, (unsigned long long)total, unit);
    return VREC_OK;
}
