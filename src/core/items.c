/* SPDX-License-Identifier: Apache-2.0 */
#include "core/items.h"

#include "base/memory.h"
#include "core/indexer.h"
#include "core/matrix.h"
#include "core/work.h"

enum { BLOCK_VALUES = 1 << 18 /* that a thread takes at a time */ };

typedef struct copy {
    const vrec_matrix *items;
    uint8_t *out;
    size_t stride;
} copy;

static vrec_status copy_row(const copy *c, size_t row, vrec_error *err)
{
    float *to = (float *)(void *)(c->out + row * c->stride);
    vr_matrix_rows(c->items, row, 1, to);
    size_t column = vr_find_nonfinite(to, c->items->dim);
    if (column == c->items->dim)
        return VREC_OK;
    return vr_fail(err, VREC_INVALID,
                   "items: row %zu, column %zu is not a finite float32 (%g); clean or drop the row", row,
                   column, (double)to[column]);
}

static vrec_status copy_blocks(void *context, vr_worker *me, vrec_error *err)
{
    const copy *c = context;
    vrec_status status = VREC_OK;
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count && status == VREC_OK; row++)
            status = copy_row(c, row, err);
    return status;
}

vrec_status vr_copy_items(const vrec_matrix *items, size_t threads, const vrec_progress *progress,
                          void *out, size_t stride, vrec_error *err)
{
    copy c = { .items = items, .out = out, .stride = stride };
    vr_work work = { .threads = threads,
                     .count = items->rows,
                     .portion = vr_max(1, BLOCK_VALUES / items->dim),
                     .run = copy_blocks,
                     .context = &c,
                     .progress = progress,
                     .phase = "copying",
                     .steps = 1,
                     .total_steps = items->rows };
    vrec_status status = vr_report(progress, "copying", 0, items->rows, err);
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    return status == VREC_OK ? vr_report(progress, "copying", items->rows, items->rows, err) : status;
}
