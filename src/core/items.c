/* Copying a caller's items: with several threads, since most of the time goes to memory that the system
 * has yet to clear. SPDX-License-Identifier: Apache-2.0 */
#include "core/items.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/indexer.h"
#include "core/matrix.h"

#include <stdatomic.h>

enum { BLOCK_VALUES = 1 << 18 /* that a thread takes at a time */ };

typedef struct copy {
    const vrec_matrix *items;
    const vrec_progress *progress;
    uint8_t *out;
    size_t stride, block;
    atomic_size_t next, done;
    atomic_size_t bad; /* the first row with a NaN or Inf that has been found; else the number of rows */
    atomic_bool stopped;
    vrec_status status; /* of reporting, by the first thread alone */
    vrec_error error;
} copy;

static float *row_at(const copy *c, size_t row)
{
    return (float *)(void *)(c->out + row * c->stride);
}

/* A block that has been begun is finished up to its first bad row, so that of all bad rows the first is
 * found, whichever thread meets another before. */
static void copy_block(copy *c, size_t first, size_t end)
{
    for (size_t row = first; row < end; row++) {
        vr_matrix_rows(c->items, row, 1, row_at(c, row));
        if (vr_find_nonfinite(row_at(c, row), c->items->dim) == c->items->dim)
            continue;
        size_t known = atomic_load(&c->bad);
        while (row < known && !atomic_compare_exchange_weak(&c->bad, &known, row))
            ;
        atomic_store(&c->stopped, true);
        return;
    }
}

static void copy_blocks(void *context, size_t worker)
{
    copy *c = context;
    size_t rows = c->items->rows, first;
    while (!atomic_load(&c->stopped) && (first = atomic_fetch_add(&c->next, c->block)) < rows) {
        size_t end = vr_min(first + c->block, rows);
        copy_block(c, first, end);
        size_t done = atomic_fetch_add(&c->done, end - first) + end - first;
        if (worker > 0 || atomic_load(&c->stopped))
            continue;
        c->status = vr_report(c->progress, "copying", done, rows, &c->error);
        if (c->status != VREC_OK)
            atomic_store(&c->stopped, true);
    }
}

vrec_status vr_copy_items(const vrec_matrix *items, size_t threads, const vrec_progress *progress,
                          void *out, size_t stride, vrec_error *err)
{
    copy c = { .items = items,
               .progress = progress,
               .out = out,
               .stride = stride,
               .block = vr_max(1, BLOCK_VALUES / items->dim),
               .bad = items->rows };
    vrec_status status = vr_report(progress, "copying", 0, items->rows, err);
    if (status != VREC_OK)
        return status;
    vr_parallel(threads, copy_blocks, &c);
    if (c.status != VREC_OK) {
        if (err)
            *err = c.error;
        return c.status;
    }
    size_t row = atomic_load(&c.bad);
    if (row == items->rows)
        return vr_report(progress, "copying", items->rows, items->rows, err);
    size_t column = vr_find_nonfinite(row_at(&c, row), items->dim);
    return vr_fail(err, VREC_INVALID,
                   "items: row %zu, column %zu is not a finite float32 (%g); clean or drop the row", row,
                   column, (double)row_at(&c, row)[column]);
}
