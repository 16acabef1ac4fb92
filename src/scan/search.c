/* Queries are taken in waves. Rows are cut into chunks, which the threads take; each thread keeps the k
 * nearest that it has seen of every query of the wave, and what the threads found is merged at the end. All
 * memory is one block, divided once.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/search.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/work.h"
#include "scan/scan.h"

#include <math.h>
#include <stdatomic.h>

enum {
    CHUNK_BYTES = 2 << 20,     /* of rows that a thread takes at a time */
    WAVE_BYTES = 512 << 10,    /* of queries that are searched together */
    KEY_BYTES = 64 << 20,      /* of candidates kept */
    FLOPS_PER_THREAD = 1 << 21 /* below that, waking a thread costs more than it brings */
};

/* One call. */
typedef struct search {
    const vr_search *given;
    size_t k, threads, chunk;
    vr_wave wave;
    _Atomic uint64_t *limits; /* of the wave's queries */
    vr_scanner *scanners;     /* one for each thread */
    uint64_t *keys;           /* for each thread and query, what its vr_topk keeps */
} search;

/* ---- Set-up ---- */

static void plan(search *s)
{
    const vr_rows *rows = s->given->rows;
    size_t row_bytes = rows->dim * sizeof(float), step = vr_simd_get()->tile_rows;
    size_t queries = s->given->queries->rows;
    s->k = vr_min(s->given->k, rows->count);
    s->chunk = (vr_max(CHUNK_BYTES / row_bytes, 1) + step - 1) / step * step;
    double worth = 1.0 + (double)rows->count * (double)rows->dim * (double)queries / FLOPS_PER_THREAD;
    size_t chunks = (rows->count + s->chunk - 1) / s->chunk;
    s->threads = vr_min(vr_min(s->given->threads, chunks), (size_t)fmin(worth, VR_MAX_THREADS));
    size_t by_cache = WAVE_BYTES / row_bytes;
    size_t by_keys = KEY_BYTES / (vr_topk_capacity(s->k) * sizeof(uint64_t) * s->threads);
    vr_wave_plan(&s->wave, rows, queries, vr_min(queries, vr_max(vr_min(by_cache, by_keys), 1)));
}

/* Divides a block of memory, or measures it if block is NULL. */
static size_t place(search *s, void *block)
{
    size_t end = 0, room = s->wave.room;
    uintptr_t base = (uintptr_t)block;
    vr_wave_place(&s->wave, base, &end);
    s->limits = (void *)(base + vr_carve(&end, room, sizeof *s->limits));
    s->keys = (void *)(base + vr_carve(&end, s->threads * room * vr_topk_capacity(s->k), sizeof *s->keys));
    s->scanners = (void *)(base + vr_carve(&end, s->threads, sizeof *s->scanners));
    for (size_t t = 0; t < s->threads; t++) {
        vr_scanner scanner = { .rows = s->given->rows, .filter = s->given->filter, .limits = s->limits };
        scanner.tops = (void *)(base + vr_carve(&end, room, sizeof *scanner.tops));
        vr_scanner_place(&scanner, &s->wave, base, &end);
        if (block)
            s->scanners[t] = scanner;
    }
    return end;
}

/* Takes queries from row first on until the wave is full; returns the first that it has not taken. One with
 * a NaN or Inf is passed over. */
static size_t gather(search *s, size_t first)
{
    const vrec_matrix *queries = s->given->queries;
    s->wave.count = 0;
    for (; first < queries->rows && s->wave.count < s->wave.room; first++) {
        float *vector = vr_wave_next(&s->wave);
        vr_matrix_rows(queries, first, 1, vector);
        if (vr_find_nonfinite(vector, queries->dim) == queries->dim)
            vr_wave_add(&s->wave, first);
    }
    vr_wave_lay_out(&s->wave);
    return first;
}

/* ---- One wave ---- */

static vrec_status scan_chunks(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    vr_scanner *scanner = &s->scanners[me->number];
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);) {
        vr_scanner_update(scanner);
        vr_scan(scanner, first, count);
    }
    return VREC_OK;
}

/* Puts together what the threads have found, a query at a time. */
static vrec_status merge(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    (void)err;
    for (size_t q, count; vr_work_take(me, &q, &count);) {
        vr_topk *all = &s->scanners[0].tops[q];
        for (size_t t = 1; t < s->threads; t++) {
            const vr_topk *top = &s->scanners[t].tops[q];
            for (size_t i = 0; i < top->count; i++)
                vr_topk_push(all, top->keys[i]);
        }
        vr_topk_finish(all);
        s->given->found(s->given->context, s->wave.query_of[q], all);
    }
    return VREC_OK;
}

static void start_wave(search *s)
{
    size_t capacity = vr_topk_capacity(s->k);
    for (size_t q = 0; q < s->wave.count; q++)
        atomic_init(&s->limits[q], vr_no_limit());
    for (size_t t = 0; t < s->threads; t++) {
        for (size_t q = 0; q < s->wave.count; q++) {
            vr_topk_init(&s->scanners[t].tops[q], s->keys + (t * s->wave.room + q) * capacity, s->k);
            s->scanners[t].tops[q].limit = vr_no_limit();
        }
        vr_scanner_start(&s->scanners[t]);
    }
}

/* done_before: queries of earlier waves. */
static vrec_status search_wave(search *s, size_t done_before, vrec_error *err)
{
    size_t rows = s->given->rows->count, queries = s->wave.count;
    vr_work scan = { .threads = s->threads,
                     .count = rows,
                     .portion = s->chunk,
                     .run = scan_chunks,
                     .context = s,
                     .progress = s->given->progress,
                     .phase = "searching",
                     .unit = "pairs",
                     .done_before = (uint64_t)done_before * rows,
                     .steps = queries,
                     .total_steps = (uint64_t)s->given->queries->rows * rows };
    vr_work merging = { .threads = s->threads, .count = queries, .portion = 1, .run = merge, .context = s };
    start_wave(s);
    vrec_status status = vr_work_do(&scan, err);
    return status == VREC_OK ? vr_work_do(&merging, err) : status;
}

vrec_status vr_search_rows(const vr_search *given, vrec_error *err)
{
    search s = { .given = given };
    vrec_status status = VREC_OK;
    size_t queries = given->queries->rows;
    if (given->rows->count == 0 || queries == 0)
        return VREC_OK;
    plan(&s);
    size_t bytes = place(&s, NULL);
    void *block = vr_scratch_take(given->scratch, bytes);
    if (!block)
        return vr_fail_memory(err, bytes, "a query");
    place(&s, block);
    for (size_t first = 0, next; first < queries && status == VREC_OK; first = next) {
        next = gather(&s, first);
        if (s.wave.count > 0)
            status = search_wave(&s, first, err);
    }
    vr_scratch_give(given->scratch, block);
    return status;
}
