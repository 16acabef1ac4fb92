/* The exact index: every query is compared with every item.
 *
 * Items are cut into chunks, which the threads take from a shared counter; each thread keeps the k
 * nearest it has seen of every query, and what the threads found is merged at the end. Two ways to scan
 * a chunk:
 *
 * - By rows, for few queries: the row kernel gives the distances of a block of rows that fits the cache,
 *   to one query after the other.
 * - By panels, for many: rows are laid out anew, a panel of them at a time, and the tile kernel asks for
 *   whole blocks of queries which pairs may be near enough. The few that it lets through are asked of
 *   the row kernel.
 *
 * So distances always come from the row kernel, and have the same bits either way. The tile kernel only
 * filters, and must never drop a pair that the row kernel would accept. What it adds up is
 * bias(x) + <q, x>, and it drops a pair when that is below floor(q). With T the distance of the k-th
 * nearest so far, in the row kernel's arithmetic:
 *
 *     L2: |q - x|^2 <= T       is   <q, x> - |x|^2 / 2 >= (|q|^2 - T) / 2
 *     IP: <q, x> >= T          is   <q, x> >= T
 *
 * Both sides are computed in float32, with errors bounded (Higham, Accuracy and Stability of Numerical
 * Algorithms, 2002, section 3.1) by g = (d + 8) * 2^-24 / (1 - (d + 8) * 2^-24) times the sum of the
 * absolute values added: g * |q||x| for the dot product, g * |x|^2 for a norm, g * |q - x|^2 <=
 * 2g * (|q|^2 + |x|^2) for the row kernel's distance. Added up with |q||x| <= (|q|^2 + |x|^2) / 2, L2
 * needs slack of at most 2.6 g |x|^2 + 1.6 g |q|^2, and IP 2 g |q||x|; SLACK = 3.2 (d + 8) 2^-24 >= 3 g
 * (d <= 2^20) covers either, and TINY what underflows, even with denormals flushed to zero. Norms that
 * could overflow, and NaN, make the pair pass.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/faiss.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/topk.h"
#include "simd/simd.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>

enum {
    BLOCK_ROWS = 1024,          /* whose distances are computed before they are looked at */
    BLOCK_BYTES = 128 << 10,    /* of rows that several queries share: a part of the L2 cache */
    CHUNK_BYTES = 2 << 20,      /* of rows that a thread takes at a time */
    WAVE_BYTES = 512 << 10,     /* of queries that are searched together */
    KEY_BYTES = 64 << 20,       /* of candidates kept */
    FLOPS_PER_THREAD = 1 << 21, /* below that, waking a thread costs more than it brings */
    PANEL_DIM_MAX = 8192        /* above that, a panel is too large for a cache */
};

#define HUGE_NORM     1e37f
#define INITIAL_LIMIT vr_topk_key(FLT_MAX, UINT32_MAX)

/* One call, or rather one wave of its queries: those with a NaN or Inf are left out. */
typedef struct search {
    const vr_flat *flat;
    const vr_query *query;
    const vr_simd *simd;
    size_t k, threads, wave; /* wave: queries at the most, a multiple of tile_queries */
    bool by_panels;
    float slack, tiny;

    size_t count;             /* queries in this wave */
    size_t *row_of;           /* their rows in the caller's matrix */
    float *vectors;           /* count x dim */
    float *blocks;            /* the same as the tile kernel wants it, tile_queries at a time */
    float *norms;             /* |q|^2 */
    float *reaches;           /* by how much a floor sinks per |x| */
    _Atomic uint64_t *limits; /* the least limit that any thread has */

    /* One of each per thread */
    vr_topk *tops;  /* wave of them */
    uint64_t *keys; /* wave x capacity */
    float *floors;  /* wave */
    float *panel;   /* tile_rows x dim, or the distances of BLOCK_ROWS */

    size_t chunk;
    atomic_size_t next; /* the first item, in the merge the first query, that nobody has taken */
    atomic_size_t done;
    atomic_bool stopped;
    size_t base_done, total; /* for reports, in items x queries */
    vrec_status status;      /* of the last report; the calling thread's alone */
    vrec_error error;
} search;

/* ---- Set-up ---- */

static size_t round_up(size_t n, size_t step)
{
    return (n + step - 1) / step * step;
}

/* Divides a block of memory, or measures it if block is NULL. */
static size_t place(search *s, void *block)
{
    size_t dim = s->flat->base.dim, threads = s->threads, end = 0;
    uintptr_t base = (uintptr_t)block;
    s->row_of = (void *)(base + vr_carve(&end, s->wave, sizeof *s->row_of));
    s->vectors = (void *)(base + vr_carve(&end, s->wave * dim, sizeof(float)));
    s->blocks = (void *)(base + vr_carve(&end, s->by_panels ? s->wave * dim : 0, sizeof(float)));
    s->norms = (void *)(base + vr_carve(&end, s->wave, sizeof(float)));
    s->reaches = (void *)(base + vr_carve(&end, s->wave, sizeof(float)));
    s->limits = (void *)(base + vr_carve(&end, s->wave, sizeof *s->limits));
    s->tops = (void *)(base + vr_carve(&end, threads * s->wave, sizeof *s->tops));
    s->keys = (void *)(base + vr_carve(&end, threads * s->wave * vr_topk_capacity(s->k), sizeof *s->keys));
    s->floors = (void *)(base + vr_carve(&end, threads * s->wave, sizeof(float)));
    size_t panel = s->by_panels ? s->simd->tile_rows * dim : BLOCK_ROWS;
    s->panel = (void *)(base + vr_carve(&end, threads * round_up(panel, 16), sizeof(float)));
    return end;
}

static void plan(search *s)
{
    size_t rows = s->flat->base.rows, dim = s->flat->base.dim, nq = s->query->queries->rows;
    size_t tile = s->simd->tile_queries;
    s->k = vr_min(s->query->top_k, rows);
    s->by_panels = nq >= tile / 2 && nq > 1 && dim <= PANEL_DIM_MAX;
    s->chunk = round_up(vr_max(CHUNK_BYTES / (dim * sizeof(float)), 1), s->simd->tile_rows);
    double worth = 1.0 + (double)rows * (double)dim * (double)nq / FLOPS_PER_THREAD;
    size_t chunks = (rows + s->chunk - 1) / s->chunk;
    s->threads = vr_min(vr_min(s->query->threads, chunks), (size_t)fmin(worth, VR_MAX_THREADS));
    size_t by_cache = WAVE_BYTES / (dim * sizeof(float));
    size_t by_keys = KEY_BYTES / (vr_topk_capacity(s->k) * sizeof(uint64_t) * s->threads);
    s->wave = round_up(vr_min(nq, vr_max(vr_min(by_cache, by_keys), 1)), tile);
    s->slack = 3.2f * ((float)dim + 8.0f) * 0x1p-24f;
    s->tiny = ((float)dim + 8.0f) * 4.0f * FLT_MIN;
    s->total = rows * nq;
}

static bool is_finite_vector(const float *vector, size_t dim)
{
    return vr_find_nonfinite(vector, dim) == dim;
}

/* Takes queries from row first on until the wave is full; returns the first that it has not taken. */
static size_t gather(search *s, size_t first)
{
    const vrec_matrix *queries = s->query->queries;
    size_t dim = queries->dim, tile = s->simd->tile_queries;
    for (s->count = 0; first < queries->rows && s->count < s->wave; first++) {
        float *vector = s->vectors + s->count * dim;
        vr_matrix_rows(queries, first, 1, vector);
        if (!is_finite_vector(vector, dim))
            continue;
        s->simd->dot_rows(vector, vector, 1, dim, &s->norms[s->count]);
        s->reaches[s->count] =
            s->flat->metric == VR_METRIC_IP ? s->slack * sqrtf(s->norms[s->count]) : 0.0f;
        atomic_init(&s->limits[s->count], INITIAL_LIMIT);
        s->row_of[s->count++] = first;
    }
    for (size_t q = s->count; q < s->wave; q++)
        s->reaches[q] = 0.0f;
    for (size_t q = 0; s->by_panels && q < round_up(s->count, tile); q++)
        for (size_t j = 0; j < dim; j++)
            s->blocks[(q / tile * dim + j) * tile + q % tile] = q < s->count ? s->vectors[q * dim + j] : 0;
    return first;
}

/* ---- Candidates ---- */

/* Below what sum the tile kernel may drop a pair of this query, before the slack for |x| in IP. */
static float floor_of(const search *s, size_t q, uint64_t limit)
{
    float norm = s->norms[q], worst = vr_topk_value(limit);
    if (!(norm < HUGE_NORM))
        return -INFINITY;
    if (s->flat->metric == VR_METRIC_L2)
        return (norm - worst) * 0.5f - s->slack * (norm + worst) - s->tiny;
    return -worst - s->slack * fabsf(worst) - s->tiny;
}

static void set_limit(search *s, size_t worker, size_t q, uint64_t limit)
{
    s->tops[worker * s->wave + q].limit = limit;
    s->floors[worker * s->wave + q] = floor_of(s, q, limit);
}

/* Considers one pair by its distance from the row kernel. */
static void offer(search *s, size_t worker, size_t q, float distance, size_t row)
{
    vr_topk *top = &s->tops[worker * s->wave + q];
    float smaller = s->flat->base.larger_is_nearer ? -distance : distance;
    if (!isfinite(smaller))
        return;
    uint64_t key = vr_topk_key(smaller, (uint32_t)row), limit = top->limit;
    if (key > limit || vr_excluded(s->query, s->row_of[q], (int64_t)row))
        return;
    vr_topk_push(top, key);
    if (top->limit == limit)
        return;
    set_limit(s, worker, q, top->limit);
    uint64_t shared = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
    while (top->limit < shared &&
           !atomic_compare_exchange_weak_explicit(&s->limits[q], &shared, top->limit, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static void distances_to(const search *s, size_t q, size_t first, size_t count, float *out)
{
    size_t dim = s->flat->base.dim;
    const float *query = s->vectors + q * dim, *rows = s->flat->items + first * dim;
    if (s->flat->metric == VR_METRIC_L2)
        s->simd->l2_rows(query, rows, count, dim, out);
    else
        s->simd->dot_rows(query, rows, count, dim, out);
}

/* ---- Scanning by rows ---- */

/* Offers those of count distances (room for 15 more) that the limit lets through. */
static void offer_block(search *s, size_t worker, size_t q, float *distances, size_t first, size_t count)
{
    const vr_topk *top = &s->tops[worker * s->wave + q];
    float sign = s->flat->base.larger_is_nearer ? -1.0f : 1.0f;
    for (size_t i = count; i % 16; i++)
        distances[i] = NAN;
    for (size_t i = 0; i < count; i += 16) {
        float worst = vr_topk_value(top->limit);
        int any = 0;
        for (size_t j = 0; j < 16; j++)
            any |= sign * distances[i + j] <= worst;
        for (size_t j = i; any && j < vr_min(i + 16, count); j++)
            offer(s, worker, q, distances[j], first + j);
    }
}

static void scan_rows(search *s, size_t worker, size_t first, size_t count)
{
    float *distances = s->panel + worker * BLOCK_ROWS;
    size_t step = BLOCK_ROWS;
    if (s->count > 1)
        step = vr_min(step, vr_max(BLOCK_BYTES / (s->flat->base.dim * sizeof(float)), 4));
    for (size_t i = first; i < first + count; i += step) {
        size_t rows = vr_min(step, first + count - i);
        for (size_t q = 0; q < s->count; q++) {
            distances_to(s, q, i, rows, distances);
            offer_block(s, worker, q, distances, i, rows);
        }
    }
}

/* ---- Scanning by panels ---- */

/* What stands before the dot products of a panel's rows; returns the largest norm (not squared) of those
 * that aren't passed anyway. */
static float set_bias(const search *s, const float *norms, float *bias)
{
    float factor = s->flat->metric == VR_METRIC_L2 ? s->slack - 0.5f : 0.0f, largest = 0.0f;
    for (size_t i = 0; i < s->simd->tile_rows; i++) {
        bool usual = norms[i] < HUGE_NORM;
        bias[i] = usual ? factor * norms[i] : INFINITY;
        largest = usual && norms[i] > largest ? norms[i] : largest;
    }
    return sqrtf(largest);
}

static void offer_masked(search *s, size_t worker, size_t q, uint32_t mask, size_t first, size_t count)
{
    float distances[VR_TILE_ROWS_MAX];
    bool many = mask == UINT32_MAX >> (32 - count); /* at the start, when there is no limit yet */
    if (many)
        distances_to(s, q, first, count, distances);
    for (; mask; mask &= mask - 1) {
        size_t i = (size_t)__builtin_ctz(mask);
        if (!many)
            distances_to(s, q, first + i, 1, &distances[i]);
        offer(s, worker, q, distances[i], first + i);
    }
}

static void scan_panel(search *s, size_t worker, const float *panel, const float *bias, float largest,
                       size_t first, size_t count)
{
    size_t tile = s->simd->tile_queries, dim = s->flat->base.dim;
    uint32_t valid = UINT32_MAX >> (32 - count);
    for (size_t b = 0; b < s->count; b += tile) {
        float floors[VR_TILE_QUERIES_MAX];
        uint32_t masks[VR_TILE_QUERIES_MAX];
        for (size_t q = 0; q < tile; q++)
            floors[q] = s->floors[worker * s->wave + b + q] - s->reaches[b + q] * largest;
        if (!(s->simd->tile(s->blocks + b * dim, panel, dim, bias, floors, masks) & valid))
            continue;
        for (size_t q = 0; q < vr_min(tile, s->count - b); q++)
            offer_masked(s, worker, b + q, masks[q] & valid, first, count);
    }
}

static void scan_panels(search *s, size_t worker, size_t first, size_t count)
{
    size_t dim = s->flat->base.dim, step = s->simd->tile_rows;
    float *panel = s->panel + worker * round_up(step * dim, 16);
    float norms[VR_TILE_ROWS_MAX], bias[VR_TILE_ROWS_MAX];
    for (size_t i = first; i < first + count; i += step) {
        size_t rows = vr_min(step, first + count - i);
        s->simd->pack(s->flat->items + i * dim, rows, dim, panel, norms);
        float largest = set_bias(s, norms, bias);
        scan_panel(s, worker, panel, bias, largest, i, rows);
    }
}

/* ---- Threads ---- */

static void report(search *s, const char *what, size_t done)
{
    s->status = vr_report(s->query->progress, what, s->base_done + done, s->total, &s->error);
    if (s->status != VREC_OK)
        atomic_store(&s->stopped, true);
}

/* Takes chunks until there are none left. */
static void scan(void *context, size_t worker)
{
    search *s = context;
    size_t rows = s->flat->base.rows;
    while (!atomic_load_explicit(&s->stopped, memory_order_relaxed)) {
        size_t first = atomic_fetch_add(&s->next, s->chunk);
        if (first >= rows)
            return;
        size_t count = vr_min(s->chunk, rows - first);
        for (size_t q = 0; q < s->count; q++) { /* what other threads have found meanwhile */
            uint64_t limit = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
            if (limit < s->tops[worker * s->wave + q].limit)
                set_limit(s, worker, q, limit);
        }
        if (s->by_panels)
            scan_panels(s, worker, first, count);
        else
            scan_rows(s, worker, first, count);
        size_t done = atomic_fetch_add(&s->done, count) + count;
        if (worker == 0)
            report(s, "searching", done * s->count);
    }
}

static void write_result(const search *s, size_t q, const vr_topk *top)
{
    const vr_query *query = s->query;
    size_t row = s->row_of[q];
    for (size_t i = 0; i < top->count; i++) {
        float smaller = vr_topk_value(top->keys[i]);
        query->ids[row * query->top_k + i] = vr_topk_row(top->keys[i]);
        query->distances[row * query->top_k + i] =
            s->flat->base.larger_is_nearer ? 0.0f - smaller : smaller;
    }
    if (query->counts)
        query->counts[row] = top->count;
}

/* Takes queries, and puts together what the threads have found for them. */
static void merge(void *context, size_t worker)
{
    search *s = context;
    (void)worker;
    for (size_t q; (q = atomic_fetch_add(&s->next, 1)) < s->count;) {
        vr_topk *all = &s->tops[q];
        for (size_t w = 1; w < s->threads; w++) {
            const vr_topk *top = &s->tops[w * s->wave + q];
            for (size_t i = 0; i < top->count; i++)
                vr_topk_push(all, top->keys[i]);
        }
        vr_topk_finish(all);
        write_result(s, q, all);
    }
}

static void search_wave(search *s)
{
    size_t capacity = vr_topk_capacity(s->k);
    for (size_t i = 0; i < s->threads * s->wave; i++)
        vr_topk_init(&s->tops[i], s->keys + i * capacity, s->k);
    for (size_t worker = 0; worker < s->threads; worker++)
        for (size_t q = 0; q < s->wave; q++)
            if (q < s->count)
                set_limit(s, worker, q, INITIAL_LIMIT);
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
    search s = { .flat = (vr_flat *)indexer, .query = query, .simd = vr_simd_get() };
    if (indexer->rows == 0)
        return VREC_OK;
    plan(&s);
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

/* ---- The indexer ---- */

static const vr_indexer_verbs verbs = { .query = vr_flat_query,
                                        .save = vr_faiss_write,
                                        .free = vr_flat_free };

vrec_status vr_flat_create(vr_metric metric, size_t rows, size_t dim, vr_flat **out, vrec_error *err)
{
    size_t bytes;
    *out = NULL;
    if (rows > UINT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss Flat: %zu rows; at most %u are supported", rows,
                       UINT32_MAX);
    if (!vr_mul(rows, dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss Flat: %zu x %zu values overflow", rows, dim);
    vr_flat *flat = vr_alloc_zero(1, sizeof *flat);
    float *items = flat ? vr_alloc(bytes, 1) : NULL;
    if (!items) {
        vr_free(flat);
        return vr_fail_memory(err, bytes, "the items");
    }
    flat->base.verbs = &verbs;
    flat->base.rows = rows;
    flat->base.dim = dim;
    flat->base.larger_is_nearer = metric == VR_METRIC_IP;
    flat->metric = metric;
    flat->items = items;
    *out = flat;
    return VREC_OK;
}

void vr_flat_free(vrec_indexer *indexer)
{
    vr_flat *flat = (vr_flat *)indexer;
    vr_scratch_clear(&indexer->scratch);
    vr_free(flat->items);
    vr_free(flat);
}

void vr_flat_describe(vr_flat *flat)
{
    vrec_indexer *base = &flat->base;
    vr_fact(base, "backend", "faiss");
    vr_fact(base, "index_type", "Flat");
    vr_fact(base, "metric", "%s", flat->metric == VR_METRIC_L2 ? "L2" : "IP");
    vr_fact(base, "rows", "%zu", base->rows);
    vr_fact(base, "dim", "%zu", base->dim);
    vr_fact(base, "memory", "%zu bytes", base->rows * base->dim * sizeof(float));
}
