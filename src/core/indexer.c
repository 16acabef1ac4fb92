/* SPDX-License-Identifier: Apache-2.0 */
#include "core/indexer.h"

#include <stdarg.h>
#include <stdio.h>

void vr_fact(vrec_indexer *indexer, const char *key, const char *format, ...)
{
    if (indexer->fact_count == VR_FACTS_MAX)
        return;
    size_t i = indexer->fact_count++;
    va_list args;
    va_start(args, format);
    indexer->facts[i].key = key;
    vsnprintf(indexer->facts[i].value, sizeof indexer->facts[i].value, format, args);
    va_end(args);
}

vrec_status vr_report(const vrec_progress *progress, const char *what, uint64_t done, uint64_t total,
                      vrec_error *err)
{
    if (progress && progress->report && progress->report(progress->context, what, done, total) != 0)
        return vr_fail(err, VREC_CANCELLED, "%s: stopped by the caller after %llu of %llu", what,
                       (unsigned long long)done, (unsigned long long)total);
    return VREC_OK;
}
