/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fill.h"

#include "core/work.h"

enum { PORTION = 1024 /* rows; a multiple of every tile_rows */ };

typedef struct fill {
    void (*put)(void *context, size_t first, size_t count);
    void *context;
} fill;

static vrec_status put_portions(void *context, vr_worker *me, vrec_error *err)
{
    const fill *f = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        f->put(f->context, first, count);
    return VREC_OK;
}

vrec_status vr_fill(const vr_query *query, uint64_t total, size_t threads, size_t rows,
                    void (*put)(void *context, size_t first, size_t count), void *context, vrec_error *err)
{
    fill f = { put, context };
    return vr_work_do(&(vr_work){ .threads = threads,
                                  .count = rows,
                                  .portion = PORTION,
                                  .run = put_portions,
                                  .context = &f,
                                  .progress = query->progress,
                                  .phase = "searching",
                                  .total_steps = total },
                      err);
}
