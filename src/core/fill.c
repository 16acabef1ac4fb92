/* SPDX-License-Identifier: Apache-2.0 */
#include "core/fill.h"

#include "base/memory.h"
#include "base/threads.h"

#include <stdatomic.h>

enum { PORTION = 1024 /* rows; a multiple of every tile_rows */ };

typedef struct fill {
    const vr_query *query;
    uint64_t total;
    size_t rows;
    void (*put)(void *context, size_t first, size_t count);
    void *context;
    atomic_size_t next;
    atomic_bool stopped;
    vrec_status status; /* of reporting, by the first thread alone */
    vrec_error error;
} fill;

static void put_portions(void *context, size_t worker)
{
    fill *f = context;
    for (size_t first;
         !atomic_load(&f->stopped) && (first = atomic_fetch_add(&f->next, PORTION)) < f->rows;) {
        f->put(f->context, first, vr_min(PORTION, f->rows - first));
        if (worker > 0)
            continue;
        f->status = vr_report(f->query->progress, "searching", 0, f->total, &f->error);
        if (f->status != VREC_OK)
            atomic_store(&f->stopped, true);
    }
}

vrec_status vr_fill(const vr_query *query, uint64_t total, size_t threads, size_t rows,
                    void (*put)(void *context, size_t first, size_t count), void *context, vrec_error *err)
{
    fill f = { .query = query, .total = total, .rows = rows, .put = put, .context = context };
    vr_parallel(threads, put_portions, &f);
    if (f.status != VREC_OK && err)
        *err = f.error;
    return f.status;
}
