/* SPDX-License-Identifier: Apache-2.0 */
#include "core/items.h"

#include "base/memory.h"
#include "core/index.h"
#include "core/lanes.h"
#include "core/matrix.h"
#include "core/work.h"

#include <string.h>

enum { BLOCK_VALUES = 1 << 18 /* that a thread takes at a time */ };

/* Of items that are only looked at, out is NULL. */
typedef struct copy {
    const vrec_matrix *items;
    float
        squares; /* of a row's values have to add up to less; of items that are copied it doesn't matter */
    uint8_t *out;
    size_t stride;
} copy;

static vrec_status take_row(const copy *c, size_t row, float *to, vrec_error *err)
{
    vr_matrix_rows(c->items, row, 1, to);
    size_t column = vr_find_nonfinite(to, c->items->dim);
    if (column == c->items->dim)
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in_row("items", row),
                      "items: row %zu, column %zu is not a finite float32 (%g); clean or drop the row", row,
                      column, (double)to[column]);
}

static vrec_status check_length(const copy *c, size_t row, const float *values, vrec_error *err)
{
    float squares = vr_squares(values, c->items->dim);
    if (squares < c->squares)
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in_row("items", row),
                      "items: row %zu is too long: its values' squares add up to %g, and from %g on "
                      "distances could overflow; scale the items down, or drop the row",
                      row, (double)squares, (double)c->squares);
}

static vrec_status copy_blocks(void *context, vr_worker *me, vrec_error *err)
{
    const copy *c = context;
    vrec_status status = VREC_OK;
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count && status == VREC_OK; row++)
            status = take_row(c, row, (float *)(void *)(c->out + row * c->stride), err);
    return status;
}

static vrec_status check_blocks(void *context, vr_worker *me, vrec_error *err)
{
    const copy *c = context;
    float *space = vr_alloc(c->items->dim, sizeof *space);
    vrec_status status =
        space ? VREC_OK : vr_fail_memory(err, c->items->dim * sizeof *space, "looking at the items");
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count && status == VREC_OK; row++)
            if ((status = take_row(c, row, space, err)) == VREC_OK)
                status = check_length(c, row, space, err);
    vr_free(space);
    return status;
}

static vrec_status do_work(copy *c, vrec_status (*run)(void *context, vr_worker *me, vrec_error *err),
                           const char *phase, size_t threads, const vrec_progress *progress,
                           vrec_error *err)
{
    size_t rows = c->items->rows;
    vr_work work = { .threads = threads,
                     .count = rows,
                     .portion = vr_max(1, BLOCK_VALUES / c->items->dim),
                     .run = run,
                     .context = c,
                     .progress = progress,
                     .phase = phase,
                     .unit = "rows",
                     .steps = 1,
                     .total_steps = rows };
    vrec_status status = vr_report(progress, phase, "rows", 0, rows, err);
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    return status == VREC_OK ? vr_report(progress, phase, "rows", rows, rows, err) : status;
}

vrec_status vr_copy_items(const vrec_matrix *items, size_t threads, const vrec_progress *progress,
                          void *out, size_t stride, vrec_error *err)
{
    copy c = { .items = items, .out = out, .stride = stride };
    return do_work(&c, copy_blocks, "copying", threads, progress, err);
}

vrec_status vr_check_items(const vrec_matrix *items, float squares, size_t threads,
                           const vrec_progress *progress, vrec_error *err)
{
    copy c = { .items = items, .squares = squares };
    return do_work(&c, check_blocks, "checking", threads, progress, err);
}

void vr_pick_items(const vr_stored_f32 *items, size_t dim, const size_t *rows, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        memcpy(out + i * dim, items + rows[i] * dim, dim * sizeof *out);
}
