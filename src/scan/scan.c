/* How rows are compared with queries. There are three ways:
 *
 * - By rows, for few queries: the row kernel gives the distances of a block of rows that fits the cache,
 *   to one query after the other.
 * - By panels, for many: rows are laid out anew, a panel of them at a time, and the tile kernel asks for
 *   several queries at once which pairs may be near enough. The few that it lets through are asked of
 *   the row kernel.
 * - By blocks, when the rows stand there as digits, too: the same question is asked of a quarter of the
 *   bytes, without laying anything out.
 *
 * So distances always come from the row kernel, and have the same bits every way. The others only drop
 * pairs, and never one that the row kernel would accept: bound.c shows why.
 *
 * Where a bitmap allows few of the rows, only these are compared, one query after the other. A pair's
 * distance is the same.
 *
 * A query's limit is the key of the k-th nearest that is known so far, and its floor is what a kernel's sum
 * has to reach for a pair to be within the limit. Limits only ever become smaller. Threads share them, so
 * that each drops by what the others have found; one that is out of date only lets more pairs through.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/scan.h"

#include "base/bytes.h" /* whose machines are little-endian: a bitmap's bytes are a word's */
#include "base/memory.h"
#include "core/scratch.h"
#include "scan/bound.h"
#include "scan/columns.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    ROWS_MAX = 1024,         /* whose distances are computed before they are looked at */
    BLOCK_BYTES = 128 << 10, /* of rows that several queries share: a part of the L2 cache */
    TOGETHER = 16,           /* distances that are looked at together */
    LISTED = 64,             /* rows of a list whose distances are computed together */
    AHEAD = 1,               /* blocks that are fetched before they are looked at */
    BEST_MAX = 64,           /* rows that are asked for first, where there is no limit yet */
    COLUMNS_MAX = 192,       /* vr_columns_for(BEST_MAX) */
    FETCHED_BYTES = 512      /* of a row, ahead; processors fetch the rest */
};

/* ---- Limits ---- */

static void set_limit(vr_scanner *s, size_t q, uint64_t limit)
{
    const vr_wave *wave = s->wave;
    s->tops[q].limit = limit;
    s->floors[q] = vr_floor(wave->metric, wave->dim, wave->norms[q], vr_topk_value(limit));
}

void vr_scanner_place(vr_scanner *s, const vr_wave *wave, uintptr_t base, size_t *end)
{
    size_t space = wave->way == VR_BY_PANELS ? wave->simd->tile_rows * wave->dim : ROWS_MAX;
    s->wave = wave;
    s->floors = (void *)(base + vr_carve(end, wave->room, sizeof(float)));
    s->space = (void *)(base + vr_carve(end, space, sizeof(float)));
}

void vr_scanner_start(vr_scanner *s)
{
    for (size_t q = 0; q < s->wave->count; q++)
        set_limit(s, q, s->tops[q].limit);
    for (size_t q = s->wave->count; q < s->wave->room; q++)
        s->floors[q] = INFINITY; /* nothing passes for a query that isn't there */
}

void vr_scanner_update(vr_scanner *s)
{
    for (size_t q = 0; s->limits && q < s->wave->count; q++) {
        uint64_t limit = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
        if (limit < s->tops[q].limit)
            set_limit(s, q, limit);
    }
}

static void share_limit(vr_scanner *s, size_t q)
{
    uint64_t limit = s->tops[q].limit, shared = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
    while (limit < shared && !atomic_compare_exchange_weak_explicit(
                                 &s->limits[q], &shared, limit, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Considers one pair by its distance from the row kernel. */
static void offer(vr_scanner *s, size_t q, float distance, size_t row)
{
    vr_topk *top = &s->tops[q];
    float smaller = vr_smaller_of(s->wave->metric, distance);
    if (!isfinite(smaller))
        return;
    uint32_t number = s->rows->numbers ? s->rows->numbers[row] : (uint32_t)row;
    uint64_t key = vr_topk_key(smaller, number), limit = top->limit;
    if (key > limit || (s->filter && !vr_filter_passes(s->filter, s->wave->query_of[q], number)))
        return;
    vr_topk_push(top, key);
    if (top->limit == limit)
        return;
    set_limit(s, q, top->limit);
    if (s->limits)
        share_limit(s, q);
}

static void distances_to(const vr_scanner *s, size_t q, size_t first, size_t count, float *out)
{
    const vr_wave *wave = s->wave;
    const float *query = wave->at[q];
    const vr_stored_f32 *rows = s->rows->values + first * wave->dim;
    if (wave->metric == VR_METRIC_L2)
        wave->simd->l2_rows(query, rows, count, wave->dim, out);
    else
        wave->simd->dot_rows(query, rows, count, wave->dim, out);
}

/* ---- By rows ---- */

/* Offers those of count distances that the limit lets through. There is room for TOGETHER - 1 more. */
static void offer_all(vr_scanner *s, size_t q, float *distances, size_t first, size_t count)
{
    const vr_topk *top = &s->tops[q];
    float sign = vr_larger_is_nearer(s->wave->metric) ? -1.0f : 1.0f;
    for (size_t i = count; i % TOGETHER; i++)
        distances[i] = NAN;
    for (size_t i = 0; i < count; i += TOGETHER) {
        float worst = vr_topk_value(top->limit);
        int any = 0;
        for (size_t j = 0; j < TOGETHER; j++)
            any |= sign * distances[i + j] <= worst;
        for (size_t j = i; any && j < vr_min(i + TOGETHER, count); j++)
            offer(s, q, distances[j], first + j);
    }
}

static void scan_by_rows(vr_scanner *s, size_t first, size_t count)
{
    size_t step = ROWS_MAX;
    if (s->wave->count > 1)
        step = vr_min(step, vr_max(BLOCK_BYTES / (s->wave->dim * sizeof(float)), 4));
    for (size_t i = first; i < first + count; i += step) {
        size_t rows = vr_min(step, first + count - i);
        for (size_t q = 0; q < s->wave->count; q++) {
            distances_to(s, q, i, rows, s->space);
            offer_all(s, q, s->space, i, rows);
        }
    }
}

/* ---- Rows here and there ---- */

/* Distances of rows that stand here and there. */
static void distances_of(const vr_scanner *s, size_t q, const uint32_t *rows, size_t count, float *out)
{
    const vr_wave *wave = s->wave;
    size_t stride = wave->dim * sizeof(float);
    if (wave->metric == VR_METRIC_L2)
        wave->simd->l2_ids(wave->at[q], s->rows->values, stride, rows, count, wave->dim, out);
    else
        wave->simd->dot_ids(wave->at[q], s->rows->values, stride, rows, count, wave->dim, out);
}

void vr_scan_listed(vr_scanner *s, size_t q, const uint32_t *rows, size_t count)
{
    float distances[LISTED];
    for (size_t i = 0; i < count; i += LISTED) {
        size_t part = vr_min(LISTED, count - i);
        distances_of(s, q, rows + i, part, distances);
        for (size_t j = 0; j < part; j++)
            offer(s, q, distances[j], rows[i + j]);
    }
}

/* ---- What a kernel let through ---- */

static void offer_waiting(vr_scanner *s)
{
    float distances[VR_SCAN_WAITING];
    for (size_t i = 0, count; i < s->waiting; i += count) {
        uint32_t q = s->waiting_queries[i];
        for (count = 1; i + count < s->waiting && s->waiting_queries[i + count] == q;)
            count++;
        distances_of(s, q, s->waiting_rows + i, count, distances);
        for (size_t j = 0; j < count; j++)
            offer(s, q, distances[j], s->waiting_rows[i + j]);
    }
    s->waiting = 0;
}

/* Rows that pass are few, and far apart: memory is asked for each at once, and they are looked at when
 * there are so many that the first has come. */
static void wait_for(vr_scanner *s, size_t q, size_t row)
{
    size_t dim = s->wave->dim;
    vr_prefetch(s->rows->values + row * dim, vr_min(dim * sizeof(float), FETCHED_BYTES));
    s->waiting_queries[s->waiting] = (uint32_t)q;
    s->waiting_rows[s->waiting++] = (uint32_t)row;
    if (s->waiting == VR_SCAN_WAITING)
        offer_waiting(s);
}

static void offer_masked(vr_scanner *s, size_t q, uint32_t mask, size_t first, size_t count)
{
    float distances[VR_TILE_ROWS_MAX];
    if (mask == UINT32_MAX >> (32 - count)) { /* at the start, when there is no limit yet */
        distances_to(s, q, first, count, distances);
        for (size_t i = 0; i < count; i++)
            offer(s, q, distances[i], first + i);
        return;
    }
    for (; mask; mask &= mask - 1)
        wait_for(s, q, first + (size_t)__builtin_ctz(mask));
}

/* Offers what passed of a kernel call for width queries from b on, and count rows from first on. */
static void offer_tile(vr_scanner *s, size_t b, size_t width, const uint32_t *masks, size_t first,
                       size_t count)
{
    uint32_t valid = UINT32_MAX >> (32 - count), some = 0;
    size_t end = vr_min(width, s->wave->count - b);
    for (size_t q = 0; q < end; q++) /* no branch that can't be foreseen */
        some |= (uint32_t)((masks[q] & valid) != 0) << q;
    for (; some; some &= some - 1) {
        size_t q = (size_t)__builtin_ctz(some);
        offer_masked(s, b + q, masks[q] & valid, first, count);
    }
}

/* ---- By panels ---- */

/* What stands before the dot products of a panel's rows; returns the largest length of those that aren't
 * passed anyway. */
static float set_bias(const vr_wave *wave, const float *norms, float *bias)
{
    float factor = vr_bias_factor(wave->metric, wave->dim), largest = 0.0f;
    for (size_t i = 0; i < wave->simd->tile_rows; i++) {
        bool usual = norms[i] < VR_HUGE_NORM;
        bias[i] = usual ? factor * norms[i] : INFINITY;
        largest = usual && norms[i] > largest ? norms[i] : largest;
    }
    return vr_length_bound(largest, wave->dim);
}

static void scan_panel(vr_scanner *s, const float *bias, float largest, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    for (size_t b = 0; b < wave->count; b += wave->width) {
        float floors[VR_TILE_QUERIES_MAX];
        uint32_t masks[VR_TILE_QUERIES_MAX];
        for (size_t q = 0; q < wave->width; q++)
            floors[q] = s->floors[b + q] - wave->reaches[b + q] * largest;
        if (wave->simd->tile(wave->panels + b * wave->dim, s->space, wave->dim, bias, floors, masks))
            offer_tile(s, b, wave->width, masks, first, count);
    }
}

static void scan_by_panels(vr_scanner *s, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    size_t step = wave->simd->tile_rows;
    float norms[VR_TILE_ROWS_MAX], bias[VR_TILE_ROWS_MAX];
    for (size_t i = first; i < first + count; i += step) {
        size_t rows = vr_min(step, first + count - i);
        wave->simd->pack(s->rows->values + i * wave->dim, rows, wave->dim, s->space, norms);
        float largest = set_bias(wave, norms, bias);
        scan_panel(s, bias, largest, i, rows);
    }
}

/* ---- By blocks ---- */

/* Compares one block with the queries from b on that one kernel call takes; returns how many. */
static size_t scan_block(vr_scanner *s, size_t b, size_t block, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    const vr_blocks *blocks = s->rows->blocks;
    const uint8_t *digits = vr_blocks_digits(blocks, block);
    const float *factors = vr_blocks_factors(blocks, block);
    float floors[VR_TILE_QUERIES_MAX], longest = blocks->longest[block];
    uint32_t masks[VR_TILE_QUERIES_MAX], any;
    size_t width = b < wave->wide ? wave->width : 1;
    for (size_t q = 0; q < width; q++)
        floors[q] = s->floors[b + q] - wave->reaches[b + q] * longest;
    const vr_code_queries *queries = vr_wave_coded(wave, b);
    if (b < wave->wide)
        any = wave->simd->code_tile(queries, vr_min(width, wave->count - b), digits, blocks->groups,
                                    factors, floors, masks);
    else
        any = wave->simd->code_one(queries, digits, blocks->groups, factors, floors, masks);
    if (any)
        offer_tile(s, b, width, masks, first, count);
    return width;
}

/* A query that has no limit yet would ask for most of the first rows, and for many more until its limit has
 * come down. If it is compared alone, the bounds of some rows are looked at together instead: some k with
 * the best are asked for first, which gives a limit, and then whoever may still be within it. */
static bool lacks_limit(const vr_scanner *s, size_t q, size_t count)
{
    const vr_topk *top = &s->tops[q];
    return top->limit == vr_no_limit() && top->k <= BEST_MAX && count >= 4 * (size_t)top->k;
}

/* Offers some k rows whose bounds, in space, are the best, and notes them in done, a bit for each. */
static void offer_best(vr_scanner *s, size_t q, size_t first, size_t count, uint32_t *done)
{
    uint32_t rows[2 * BEST_MAX];
    float largest[COLUMNS_MAX];
    size_t dim = s->wave->dim, found = 0;
    float least = vr_kth_of_columns(s->wave->simd, s->space, count, s->tops[q].k, largest, done);
    s->wave->simd->passing(s->space, count, least, done);
    for (size_t i = 0; i < count; i += 32) {
        uint32_t mask = done[i / 32];
        for (; mask && found < 2 * BEST_MAX; mask &= mask - 1) {
            rows[found] = (uint32_t)(first + i) + (uint32_t)__builtin_ctz(mask);
            vr_prefetch(s->rows->values + rows[found++] * dim, vr_min(dim * sizeof(float), FETCHED_BYTES));
        }
        done[i / 32] &= ~mask; /* of many that are as good, those that are too many have to wait */
    }
    vr_scan_listed(s, q, rows, found);
}

/* Compares query q with up to ROWS_MAX rows. */
static void scan_by_bounds(vr_scanner *s, size_t q, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    const vr_blocks *blocks = s->rows->blocks;
    const vr_code_queries *query = vr_wave_coded(wave, q);
    size_t step = wave->simd->tile_rows;
    uint32_t done[ROWS_MAX / 32], near[ROWS_MAX / 32];
    float longest = 0.0f;
    for (size_t i = 0; i < count; i += step) {
        size_t block = s->rows->first_block + (first + i) / step;
        wave->simd->code_sums(query, vr_blocks_digits(blocks, block), blocks->groups,
                              vr_blocks_factors(blocks, block), s->space + i);
        longest = blocks->longest[block] > longest ? blocks->longest[block] : longest;
    }
    offer_best(s, q, first, count, done);
    wave->simd->passing(s->space, count, s->floors[q] - wave->reaches[q] * longest, near);
    for (size_t i = 0; i < count; i += 32)
        for (uint32_t mask = near[i / 32] & ~done[i / 32]; mask; mask &= mask - 1)
            wait_for(s, q, first + i + (size_t)__builtin_ctz(mask));
    offer_waiting(s);
}

static void scan_alone(vr_scanner *s, size_t q, size_t first, size_t count)
{
    size_t step = s->wave->simd->tile_rows, i = 0;
    if (lacks_limit(s, q, vr_min(count, ROWS_MAX))) {
        i = vr_min(count, ROWS_MAX);
        scan_by_bounds(s, q, first, i);
    }
    for (; i < count; i += step)
        scan_block(s, q, s->rows->first_block + (first + i) / step, first + i, vr_min(step, count - i));
}

static void scan_by_blocks(vr_scanner *s, size_t first, size_t count)
{
    size_t step = s->wave->simd->tile_rows;
    if (s->wave->wide == 0 && s->wave->count > 0 && lacks_limit(s, 0, vr_min(count, ROWS_MAX))) {
        for (size_t q = 0; q < s->wave->count; q++)
            scan_alone(s, q, first, count);
        return;
    }
    for (size_t i = first; i < first + count; i += step) {
        if (i + AHEAD * step < first + count)
            vr_prefetch(vr_blocks_digits(s->rows->blocks, s->rows->first_block + i / step + AHEAD),
                        s->rows->blocks->block_bytes);
        for (size_t b = 0; b < s->wave->count;)
            b += scan_block(s, b, s->rows->first_block + i / step, i, vr_min(step, first + count - i));
    }
}

/* ---- Only those that are allowed ---- */

/* Which of up to 64 rows from row on, a multiple of 8, query q of the wave may get: a bit for each. */
static uint64_t allowed_bits(const vr_scanner *s, size_t q, size_t row, size_t count)
{
    const vr_filter *filter = s->filter;
    uint64_t bits = 0;
    if (row >= filter->allow_rows)
        return 0;
    count = vr_min(count, filter->allow_rows - row);
    memcpy(&bits, vr_filter_bitmap(filter, s->wave->query_of[q]) + row / 8, (count + 7) / 8);
    return count < 64 ? bits & ((UINT64_C(1) << count) - 1) : bits;
}

static size_t count_allowed(const vr_scanner *s, size_t q, size_t first, size_t count)
{
    size_t allowed = 0;
    for (size_t i = 0; i < count; i += 64)
        allowed += (size_t)__builtin_popcountll(allowed_bits(s, q, first + i, vr_min(64, count - i)));
    return allowed;
}

/* Whether so few rows are allowed that comparing with these, wherever they are, costs less than asking a
 * kernel about all. The numbers are how many pairs the kernels look at in the time of one that is listed.
 */
static bool is_narrow(const vr_scanner *s, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    static const size_t pays[] = { [VR_BY_ROWS] = 2, [VR_BY_PANELS] = 8, [VR_BY_BLOCKS] = 12 };
    size_t allowed = 0;
    if (!s->filter || !s->filter->allow || s->rows->numbers)
        return false;
    if (s->filter->allow_stride == 0)
        allowed = wave->count * count_allowed(s, 0, first, count);
    for (size_t q = 0; s->filter->allow_stride > 0 && q < wave->count; q++)
        allowed += count_allowed(s, q, first, count);
    return allowed * pays[wave->way] < wave->count * count;
}

static void scan_allowed(vr_scanner *s, size_t q, size_t first, size_t count)
{
    uint32_t listed[LISTED];
    size_t found = 0;
    for (size_t i = 0; i < count; i += 64) {
        uint64_t bits = allowed_bits(s, q, first + i, vr_min(64, count - i));
        for (; bits; bits &= bits - 1) {
            listed[found++] = (uint32_t)(first + i) + (uint32_t)__builtin_ctzll(bits);
            if (found == LISTED) {
                vr_scan_listed(s, q, listed, found);
                found = 0;
            }
        }
    }
    vr_scan_listed(s, q, listed, found);
}

void vr_scan(vr_scanner *s, size_t first, size_t count)
{
    if (is_narrow(s, first, count)) {
        for (size_t q = 0; q < s->wave->count; q++)
            scan_allowed(s, q, first, count);
        return;
    }
    switch (s->wave->way) {
    case VR_BY_ROWS: scan_by_rows(s, first, count); break;
    case VR_BY_PANELS: scan_by_panels(s, first, count); break;
    case VR_BY_BLOCKS:
        vr_wave_begin(s->wave);
        scan_by_blocks(s, first, count);
        vr_wave_end(s->wave);
        break;
    }
    offer_waiting(s);
}
