/* Exact search: every query is compared with every item.
 *
 * Queries are taken in waves that fit the caches. Items are cut into chunks, which the threads take from a
 * shared counter; each thread keeps the k nearest that it has seen of every query, and what the threads
 * found is merged at the end. How a chunk is scanned is flat_scan.c's.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat_search.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/results.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    CHUNK_BYTES = 2 << 20,      /* of rows that a thread takes at a time */
    WAVE_BYTES = 512 << 10,     /* of queries that are searched together */
    KEY_BYTES = 64 << 20,       /* of candidates kept */
    FLOPS_PER_THREAD = 1 << 21, /* below that, waking a thread costs more than it brings */
    PANEL_DIM_MAX = 8192        /* above that, a panel is too large for a cache */
};

/* ---- Set-up ---- */

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* Divides a block of memory, or measures it if block is NULL. */
static size_t place(vr_flat_search *s, void *block)
{
    size_t dim = s->flat->index.base.dim, threads = s->threads, end = 0;
    uintptr_t base = (uintptr_t)block;
    s->row_of = (void *)(base + vr_carve(&end, s->wave, sizeof *s->row_of));
    s->vectors = (void *)(base + vr_carve(&end, s->wave * dim, sizeof(float)));
    bool by_panels = s->scan == VR_SCAN_PANELS, by_codes = s->scan == VR_SCAN_CODES;
    s->blocks = (void *)(base + vr_carve(&end, by_panels ? s->wave * dim : 0, sizeof(float)));
    s->coded = (void *)(base + vr_carve(&end, by_codes ? s->wave / s->width : 0, sizeof *s->coded));
    s->digits = (void *)(base + vr_carve(&end, by_codes ? s->wave * s->codes->groups : 0, 4));
    s->norms = (void *)(base + vr_carve(&end, s->wave, sizeof(float)));
    s->reaches = (void *)(base + vr_carve(&end, s->wave, sizeof(float)));
    s->limits = (void *)(base + vr_carve(&end, s->wave, sizeof *s->limits));
    s->tops = (void *)(base + vr_carve(&end, threads * s->wave, sizeof *s->tops));
    s->keys = (void *)(base + vr_carve(&end, threads * s->wave * vr_topk_capacity(s->k), sizeof *s->keys));
    s->floors = (void *)(base + vr_carve(&end, threads * s->wave, sizeof(float)));
    s->space_size = by_panels ? round_up(s->simd->tile_rows * dim, 16) : VR_SCAN_BLOCK;
    s->space = (void *)(base + vr_carve(&end, threads * s->space_size, sizeof(float)));
    return end;
}

/* Which way to scan, and how many queries one kernel call then compares. For fewer queries than half of
 * what a tile takes, one at a time is faster. */
static void choose_scan(vr_flat_search *s, size_t queries)
{
    s->width = 1;
    s->scan = VR_SCAN_ROWS;
    if (s->codes) {
        s->scan = VR_SCAN_CODES;
        if (queries >= s->simd->code_queries / 2)
            s->width = s->simd->code_queries;
    } else if (queries > 1 && queries >= s->simd->tile_queries / 2 &&
               s->flat->index.base.dim <= PANEL_DIM_MAX) {
        s->scan = VR_SCAN_PANELS;
        s->width = s->simd->tile_queries;
    }
}

static vrec_status plan(vr_flat_search *s, vrec_error *err)
{
    size_t rows = s->flat->index.base.rows, dim = s->flat->index.base.dim, nq = s->query->queries->rows;
    s->k = vr_min(s->query->top_k, rows);
    s->chunk = round_up(vr_max(CHUNK_BYTES / (dim * sizeof(float)), 1), s->simd->tile_rows);
    double worth = 1.0 + (double)rows * (double)dim * (double)nq / FLOPS_PER_THREAD;
    size_t chunks = (rows + s->chunk - 1) / s->chunk;
    s->threads = vr_min(vr_min(s->query->threads, chunks), (size_t)fmin(worth, VR_MAX_THREADS));
    vrec_status status = vr_flat_codes(s->flat, s->query, s->threads, &s->codes, err);
    if (status != VREC_OK)
        return status;
    choose_scan(s, nq);
    size_t by_cache = WAVE_BYTES / (dim * sizeof(float));
    size_t by_keys = KEY_BYTES / (vr_topk_capacity(s->k) * sizeof(uint64_t) * s->threads);
    s->wave = round_up(vr_min(nq, vr_max(vr_min(by_cache, by_keys), 1)), s->width);
    s->slack = vr_slack(dim);
    s->tiny = ((float)dim + 8.0f) * 4.0f * FLT_MIN;
    s->total = rows * nq;
    return VREC_OK;
}

/* Lays the wave's queries out as its way to scan wants them. The last block may lack queries: what stands
 * there instead doesn't matter as long as it is finite, since nobody looks at its masks. */
static void lay_out(vr_flat_search *s)
{
    size_t dim = s->flat->index.base.dim, width = s->width;
    for (size_t q = s->count; q < round_up(s->count, width); q++) {
        memset(s->vectors + q * dim, 0, dim * sizeof(float));
        s->norms[q] = s->reaches[q] = 0.0f;
    }
    for (size_t q = 0; q < round_up(s->count, width); q++) {
        const float *vector = s->vectors + q * dim;
        size_t block = q / width, place = q % width;
        for (size_t j = 0; s->scan == VR_SCAN_PANELS && j < dim; j++)
            s->blocks[(block * dim + j) * width + place] = vector[j];
        if (s->scan == VR_SCAN_CODES)
            vr_codes_query(s->codes, vector, place, width, s->digits + block * width * s->codes->groups * 4,
                           &s->coded[block]);
    }
}

/* Takes queries from row first on until the wave is full; returns the first that it has not taken. */
static size_t gather(vr_flat_search *s, size_t first)
{
    const vrec_matrix *queries = s->query->queries;
    size_t dim = queries->dim;
    for (s->count = 0; first < queries->rows && s->count < s->wave; first++) {
        float *vector = s->vectors + s->count * dim, norm;
        vr_matrix_rows(queries, first, 1, vector);
        if (vr_find_nonfinite(vector, dim) < dim)
            continue; /* its row of results stays padding */
        s->simd->dot_rows(vector, vector, 1, dim, &norm);
        s->norms[s->count] = norm;
        s->reaches[s->count] =
            s->flat->index.metric == VR_METRIC_IP ? s->slack * vr_length_bound(norm, dim) : 0.0f;
        atomic_init(&s->limits[s->count], vr_flat_no_limit());
        s->row_of[s->count++] = first;
    }
    lay_out(s);
    return first;
}

/* ---- Threads ---- */

static void report(vr_flat_search *s, const char *what, size_t done)
{
    s->status = vr_report(s->query->progress, what, s->base_done + done, s->total, &s->error);
    if (s->status != VREC_OK)
        atomic_store(&s->stopped, true);
}

/* Takes chunks until there are none left. */
static void scan(void *context, size_t worker)
{
    vr_flat_search *s = context;
    size_t rows = s->flat->index.base.rows;
    while (!atomic_load_explicit(&s->stopped, memory_order_relaxed)) {
        size_t first = atomic_fetch_add(&s->next, s->chunk);
        if (first >= rows)
            return;
        size_t count = vr_min(s->chunk, rows - first);
        for (size_t q = 0; q < s->count; q++) { /* what other threads have found meanwhile */
            uint64_t limit = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
            if (limit < s->tops[worker * s->wave + q].limit)
                vr_flat_set_limit(s, worker, q, limit);
        }
        vr_flat_scan(s, worker, first, count);
        size_t done = atomic_fetch_add(&s->done, count) + count;
        if (worker == 0)
            report(s, "searching", done * s->count);
    }
}

/* Takes queries, and puts together what the threads have found for them. */
static void merge(void *context, size_t worker)
{
    vr_flat_search *s = context;
    (void)worker;
    for (size_t q; (q = atomic_fetch_add(&s->next, 1)) < s->count;) {
        vr_topk *all = &s->tops[q];
        for (size_t w = 1; w < s->threads; w++) {
            const vr_topk *top = &s->tops[w * s->wave + q];
            for (size_t i = 0; i < top->count; i++)
                vr_topk_push(all, top->keys[i]);
        }
        vr_topk_finish(all);
        vr_put_topk(s->query, s->row_of[q], all, s->flat->index.base.ids,
                    s->flat->index.base.larger_is_nearer ? vr_negated : vr_unchanged);
    }
}

static void search_wave(vr_flat_search *s)
{
    size_t capacity = vr_topk_capacity(s->k);
    for (size_t i = 0; i < s->threads * s->wave; i++)
        vr_topk_init(&s->tops[i], s->keys + i * capacity, s->k);
    for (size_t worker = 0; worker < s->threads; worker++)
        for (size_t q = 0; q < s->wave; q++)
            if (q < s->count)
                vr_flat_set_limit(s, worker, q, vr_flat_no_limit());
            else
                s->floors[worker * s->wave + q] = INFINITY; /* the rest of the last block: nothing passes */
    atomic_store(&s->next, 0);
    atomic_store(&s->done, 0);
    vr_parallel(s->threads, scan, s);
    if (s->status != VREC_OK)
        return;
    atomic_store(&s->next, 0);
    vr_parallel(vr_min(s->threads, s->count), merge, s);
}

vrec_status vr_flat_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err)
{
    vr_flat_search s = { .flat = (vr_flat *)indexer, .query = query, .simd = vr_simd_get() };
    if (indexer->rows == 0)
        return VREC_OK;
    vrec_status status = plan(&s, err);
    if (status != VREC_OK)
        return status;
    size_t bytes = place(&s, NULL);
    void *block = vr_scratch_take(&indexer->scratch, bytes);
    if (!block)
        return vr_fail_memory(err, bytes, "a query");
    place(&s, block);
    for (size_t first = 0; first < query->queries->rows && s.status == VREC_OK;) {
        first = gather(&s, first);
        if (s.count > 0)
            search_wave(&s);
        s.base_done = first * indexer->rows;
    }
    vr_scratch_give(&indexer->scratch, block);
    if (s.status != VREC_OK && err)
        *err = s.error;
    return s.status;
}
