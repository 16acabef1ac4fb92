/* SPDX-License-Identifier: Apache-2.0 */
#include "core/indexer.h"

#include "base/memory.h"
#include "core/matrix.h"

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

vrec_status vr_copy_items(const vrec_matrix *items, const vrec_progress *progress, float *out,
                          vrec_error *err)
{
    enum { BLOCK_VALUES = 1 << 20 };
    size_t dim = items->dim, block = vr_max(1, BLOCK_VALUES / dim);
    for (size_t first = 0; first < items->rows; first += block) {
        size_t count = vr_min(block, items->rows - first);
        vrec_status status = vr_report(progress, "copying", first, items->rows, err);
        if (status != VREC_OK)
            return status;
        float *to = out + first * dim;
        vr_matrix_rows(items, first, count, to);
        size_t bad = vr_find_nonfinite(to, count * dim);
        if (bad < count * dim)
            return vr_fail(err, VREC_INVALID,
                           "items: row %zu, column %zu is not a finite float32 (%g); clean or drop the row",
                           first + bad / dim, bad % dim, (double)to[bad]);
    }
    return vr_report(progress, "copying", items->rows, items->rows, err);
}

bool vr_excluded(const vr_query *query, size_t row, int64_t id)
{
    if (!query->exclude_offsets)
        return false;
    int64_t low = query->exclude_offsets[row], end = query->exclude_offsets[row + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (query->exclude_ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && query->exclude_ids[low] == id;
}
