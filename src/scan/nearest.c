/* Each thread takes a portion of the vectors, and compares it with all rows. SPDX-License-Identifier:
 * Apache-2.0 */
#include "scan/nearest.h"

#include "base/error.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "core/work.h"
#include "scan/scan.h"

enum { PORTION = 192, KEYS = 34 };

_Static_assert(KEYS == 2 * 1 + 32, "vr_topk_capacity(1)");

/* What one thread has. */
typedef struct worker {
    const vr_nearest *given;
    vr_wave wave;
    vr_scanner scanner;
    vr_topk *tops;
    uint64_t *keys;
} worker;

static size_t place(worker *w, void *block)
{
    size_t end = 0;
    uintptr_t base = (uintptr_t)block;
    vr_wave_place(&w->wave, base, &end);
    vr_scanner_place(&w->scanner, &w->wave, base, &end);
    w->tops = (void *)(base + vr_carve(&end, w->wave.room, sizeof *w->tops));
    w->keys = (void *)(base + vr_carve(&end, w->wave.room, KEYS * sizeof *w->keys));
    return end;
}

static void gather(worker *w, size_t first, size_t count)
{
    const vrec_matrix *vectors = w->given->vectors;
    if (w->given->queries) {
        uint32_t picked[PORTION];
        for (size_t i = 0; i < count; i++)
            picked[i] = (uint32_t)(first + i);
        vr_wave_gather(&w->wave, w->given->queries, picked, count, 0);
        return;
    }
    w->wave.count = 0;
    for (size_t i = first; i < first + count; i++) {
        float *vector = vr_wave_next(&w->wave);
        vr_matrix_rows(vectors, i, 1, vector);
        if (vr_find_nonfinite(vector, vectors->dim) == vectors->dim)
            vr_wave_add(&w->wave, i);
        else
            w->given->best[i] = VR_NO_ROW;
    }
    vr_wave_lay_out(&w->wave);
}

static void find(worker *w)
{
    const vr_nearest *given = w->given;
    for (size_t q = 0; q < w->wave.count; q++) {
        vr_topk_init(&w->tops[q], w->keys + q * KEYS, 1);
        w->tops[q].limit = vr_no_limit();
    }
    vr_scanner_start(&w->scanner);
    for (size_t q = 0; q < w->wave.count; q++)
        if (given->best[w->wave.query_of[q]] != VR_NO_ROW)
            vr_scan_listed(&w->scanner, q, &given->best[w->wave.query_of[q]], 1);
    vr_scan(&w->scanner, 0, given->rows->count);
    for (size_t q = 0; q < w->wave.count; q++) {
        size_t vector = w->wave.query_of[q];
        const vr_topk *top = &w->tops[q];
        given->best[vector] = top->count > 0 ? vr_topk_row(top->keys[0]) : VR_NO_ROW;
        if (given->distances && top->count > 0)
            given->distances[vector] = vr_smaller_of(given->rows->metric, vr_topk_value(top->keys[0]));
    }
}

static vrec_status find_portions(void *context, vr_worker *me, vrec_error *err)
{
    const vr_nearest *given = context;
    worker w = { .given = given, .scanner = { .rows = given->rows } };
    vr_wave_plan(&w.wave, given->rows, given->vectors->rows, vr_min(PORTION, given->vectors->rows));
    size_t bytes = place(&w, NULL);
    void *block = vr_scratch_take(given->scratch, bytes);
    if (!block)
        return vr_fail_memory(err, bytes, "finding the nearest rows");
    place(&w, block);
    w.scanner.tops = w.tops;
    for (size_t first, count; vr_work_take(me, &first, &count);) {
        gather(&w, first, count);
        find(&w);
    }
    vr_scratch_give(given->scratch, block);
    return VREC_OK;
}

vrec_status vr_find_nearest(const vr_nearest *given, vrec_error *err)
{
    vr_nearest copy = *given;
    vr_work work = { .threads = given->threads,
                     .count = given->vectors->rows,
                     .portion = PORTION,
                     .run = find_portions,
                     .context = &copy,
                     .progress = given->progress,
                     .phase = given->phase,
                     .unit = "rows",
                     .done_before = given->done_before,
                     .steps = 1,
                     .total_steps = given->total };
    return vr_work_do(&work, err);
}
