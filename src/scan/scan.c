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
 * A query's limit is the key of the k-th nearest that is known so far, and its floor is what a kernel's sum
 * has to reach for a pair to be within the limit. Limits only ever become smaller. Threads share them, so
 * that each drops by what the others have found; one that is out of date only lets more pairs through.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/scan.h"

#include "base/memory.h"
#include "core/scratch.h"
#include "scan/bound.h"

#include <math.h>
#include <stdatomic.h>

enum {
    ROWS_MAX = 1024,         /* whose distances are computed before they are looked at */
    BLOCK_BYTES = 128 << 10, /* of rows that several queries share: a part of the L2 cache */
    TOGETHER = 16,           /* distances that are looked at together */
    LISTED = 64              /* rows of a list whose distances are computed together */
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
    const float *query = wave->vectors + q * wave->dim, *rows = s->rows->values + first * wave->dim;
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

void vr_scan_listed(vr_scanner *s, size_t q, const uint32_t *rows, size_t count)
{
    const vr_wave *wave = s->wave;
    const float *query = wave->vectors + q * wave->dim;
    size_t stride = wave->dim * sizeof(float);
    float distances[LISTED];
    for (size_t i = 0; i < count; i += LISTED) {
        size_t part = vr_min(LISTED, count - i);
        if (wave->metric == VR_METRIC_L2)
            wave->simd->l2_ids(query, s->rows->values, stride, rows + i, part, wave->dim, distances);
        else
            wave->simd->dot_ids(query, s->rows->values, stride, rows + i, part, wave->dim, distances);
        for (size_t j = 0; j < part; j++)
            offer(s, q, distances[j], rows[i + j]);
    }
}

/* ---- What a kernel let through ---- */

static void offer_masked(vr_scanner *s, size_t q, uint32_t mask, size_t first, size_t count)
{
    float distances[VR_TILE_ROWS_MAX];
    bool many = mask == UINT32_MAX >> (32 - count); /* at the start, when there is no limit yet */
    if (many)
        distances_to(s, q, first, count, distances);
    for (; mask; mask &= mask - 1) {
        size_t i = (size_t)__builtin_ctz(mask);
        if (!many)
            distances_to(s, q, first + i, 1, &distances[i]);
        offer(s, q, distances[i], first + i);
    }
}

/* Offers what passed of a kernel call for the queries from b on, and count rows from first on. */
static void offer_tile(vr_scanner *s, size_t b, const uint32_t *masks, size_t first, size_t count)
{
    uint32_t valid = UINT32_MAX >> (32 - count);
    for (size_t q = 0; q < vr_min(s->wave->width, s->wave->count - b); q++)
        if (masks[q] & valid)
            offer_masked(s, b + q, masks[q] & valid, first, count);
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
            offer_tile(s, b, masks, first, count);
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

static void scan_by_blocks(vr_scanner *s, size_t first, size_t count)
{
    const vr_wave *wave = s->wave;
    const vr_blocks *blocks = s->rows->blocks;
    size_t step = wave->simd->tile_rows;
    for (size_t i = first; i < first + count; i += step) {
        size_t block = s->rows->first_block + i / step;
        const uint8_t *digits = vr_blocks_digits(blocks, block);
        const float *factors = vr_blocks_factors(blocks, block);
        for (size_t b = 0; b < wave->count; b += wave->width) {
            uint32_t masks[VR_TILE_QUERIES_MAX];
            const vr_code_queries *queries = &wave->coded[b / wave->width];
            const float *floors = s->floors + b;
            uint32_t any =
                wave->width == 1
                    ? wave->simd->code_one(queries, digits, blocks->groups, factors, floors, masks)
                    : wave->simd->code_tile(queries, digits, blocks->groups, factors, floors, masks);
            if (any)
                offer_tile(s, b, masks, i, vr_min(step, first + count - i));
        }
    }
}

void vr_scan(vr_scanner *s, size_t first, size_t count)
{
    switch (s->wave->way) {
    case VR_BY_ROWS: scan_by_rows(s, first, count); break;
    case VR_BY_PANELS: scan_by_panels(s, first, count); break;
    case VR_BY_BLOCKS: scan_by_blocks(s, first, count); break;
    }
}
