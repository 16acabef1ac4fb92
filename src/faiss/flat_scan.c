/* How a chunk of items is compared with the queries. There are three ways:
 *
 * - By rows, for few queries: the row kernel gives the distances of a block of rows that fits the cache,
 *   to one query after the other.
 * - By panels, for many: rows are laid out anew, a panel of them at a time, and the tile kernel asks for
 *   whole blocks of queries which pairs may be near enough. The few that it lets through are asked of
 *   the row kernel.
 *
 * - By codes, when the index has them: the same question is asked of a quarter of the bytes, without
 *   laying anything out. See core/codes.h.
 *
 * So distances always come from the row kernel, and have the same bits every way. The others only filter,
 * and must never drop a pair that the row kernel would accept. What the tile kernel adds up is
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
 * needs slack of at most 2.6 g |x|^2 + 1.6 g |q|^2, and IP 2 g |q||x|; vr_slack() = 3.2 (d + 16) 2^-24
 * covers either, and tiny what underflows, even with denormals flushed to zero. Norms that could overflow,
 * and NaN, make the pair pass. The code kernels add up no more than the same bound, with an integer where
 * the sum of d products was and a few roundings of what is at most 4 |q||x|, which is what the 16 instead
 * of 8 is for (d <= 8192).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat_search.h"

#include "base/memory.h"

#include <math.h>

enum { BLOCK_BYTES = 128 << 10 }; /* of rows that several queries share: a part of the L2 cache */

/* ---- Candidates ---- */

/* Below what sum the tile kernel may drop a pair of this query, before the slack for |x| in IP. */
static float floor_of(const vr_flat_search *s, size_t q, uint64_t limit)
{
    float norm = s->norms[q], worst = vr_topk_value(limit);
    if (!(norm < VR_HUGE_NORM))
        return -INFINITY;
    if (s->flat->index.metric == VR_METRIC_L2)
        return (norm - worst) * 0.5f - s->slack * (norm + worst) - s->tiny;
    return -worst - s->slack * fabsf(worst) - s->tiny;
}

void vr_flat_set_limit(vr_flat_search *s, size_t worker, size_t q, uint64_t limit)
{
    s->tops[worker * s->wave + q].limit = limit;
    s->floors[worker * s->wave + q] = floor_of(s, q, limit);
}

/* Considers one pair by its distance from the row kernel. */
static void offer(vr_flat_search *s, size_t worker, size_t q, float distance, size_t row)
{
    vr_topk *top = &s->tops[worker * s->wave + q];
    float smaller = s->flat->index.base.larger_is_nearer ? -distance : distance;
    if (!isfinite(smaller))
        return;
    uint64_t key = vr_topk_key(smaller, (uint32_t)row), limit = top->limit;
    if (key > limit || !vr_filter_passes(&s->query->filter, s->row_of[q], row))
        return;
    vr_topk_push(top, key);
    if (top->limit == limit)
        return;
    vr_flat_set_limit(s, worker, q, top->limit);
    uint64_t shared = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
    while (top->limit < shared &&
           !atomic_compare_exchange_weak_explicit(&s->limits[q], &shared, top->limit, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static void distances_to(const vr_flat_search *s, size_t q, size_t first, size_t count, float *out)
{
    size_t dim = s->flat->index.base.dim;
    const float *query = s->vectors + q * dim, *rows = s->flat->items + first * dim;
    if (s->flat->index.metric == VR_METRIC_L2)
        s->simd->l2_rows(query, rows, count, dim, out);
    else
        s->simd->dot_rows(query, rows, count, dim, out);
}

/* ---- Scanning by rows ---- */

/* Offers those of count distances (room for 15 more) that the limit lets through. */
static void offer_block(vr_flat_search *s, size_t worker, size_t q, float *distances, size_t first,
                        size_t count)
{
    const vr_topk *top = &s->tops[worker * s->wave + q];
    float sign = s->flat->index.base.larger_is_nearer ? -1.0f : 1.0f;
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

static void scan_rows(vr_flat_search *s, size_t worker, size_t first, size_t count)
{
    float *distances = s->space + worker * s->space_size;
    size_t step = VR_SCAN_BLOCK;
    if (s->count > 1)
        step = vr_min(step, vr_max(BLOCK_BYTES / (s->flat->index.base.dim * sizeof(float)), 4));
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
static float set_bias(const vr_flat_search *s, const float *norms, float *bias)
{
    float factor = vr_flat_bias(s->flat), largest = 0.0f;
    for (size_t i = 0; i < s->simd->tile_rows; i++) {
        bool usual = norms[i] < VR_HUGE_NORM;
        bias[i] = usual ? factor * norms[i] : INFINITY;
        largest = usual && norms[i] > largest ? norms[i] : largest;
    }
    return vr_length_bound(largest, s->flat->index.base.dim);
}

static void offer_masked(vr_flat_search *s, size_t worker, size_t q, uint32_t mask, size_t first,
                         size_t count)
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

/* Offers what passed of a kernel call for width queries from b on, and count rows from first on. */
static void offer_tile(vr_flat_search *s, size_t worker, size_t b, const uint32_t *masks, size_t first,
                       size_t count)
{
    uint32_t valid = UINT32_MAX >> (32 - count);
    for (size_t q = 0; q < vr_min(s->width, s->count - b); q++)
        if (masks[q] & valid)
            offer_masked(s, worker, b + q, masks[q] & valid, first, count);
}

static void scan_panel(vr_flat_search *s, size_t worker, const float *panel, const float *bias,
                       float largest, size_t first, size_t count)
{
    size_t dim = s->flat->index.base.dim;
    for (size_t b = 0; b < s->count; b += s->width) {
        float floors[VR_TILE_QUERIES_MAX];
        uint32_t masks[VR_TILE_QUERIES_MAX];
        for (size_t q = 0; q < s->width; q++)
            floors[q] = s->floors[worker * s->wave + b + q] - s->reaches[b + q] * largest;
        if (s->simd->tile(s->blocks + b * dim, panel, dim, bias, floors, masks))
            offer_tile(s, worker, b, masks, first, count);
    }
}

static void scan_panels(vr_flat_search *s, size_t worker, size_t first, size_t count)
{
    size_t dim = s->flat->index.base.dim, step = s->simd->tile_rows;
    float *panel = s->space + worker * s->space_size;
    float norms[VR_TILE_ROWS_MAX], bias[VR_TILE_ROWS_MAX];
    for (size_t i = first; i < first + count; i += step) {
        size_t rows = vr_min(step, first + count - i);
        s->simd->pack(s->flat->items + i * dim, rows, dim, panel, norms);
        float largest = set_bias(s, norms, bias);
        scan_panel(s, worker, panel, bias, largest, i, rows);
    }
}

/* ---- Scanning by codes ---- */

static void scan_codes(vr_flat_search *s, size_t worker, size_t first, size_t count)
{
    const vr_codes *codes = s->codes;
    size_t step = s->simd->tile_rows;
    const float *floors = s->floors + worker * s->wave;
    for (size_t i = first; i < first + count; i += step) {
        const uint8_t *block = vr_codes_block(codes, i / step);
        const float *factors = vr_codes_factors(codes, i / step);
        for (size_t b = 0; b < s->count; b += s->width) {
            uint32_t masks[VR_TILE_QUERIES_MAX];
            const vr_code_queries *queries = &s->coded[b / s->width];
            uint32_t any =
                s->width == 1
                    ? s->simd->code_one(queries, block, codes->groups, factors, floors + b, masks)
                    : s->simd->code_tile(queries, block, codes->groups, factors, floors + b, masks);
            if (any)
                offer_tile(s, worker, b, masks, i, vr_min(step, first + count - i));
        }
    }
}

void vr_flat_scan(vr_flat_search *s, size_t worker, size_t first, size_t count)
{
    switch (s->scan) {
    case VR_SCAN_ROWS: scan_rows(s, worker, first, count); break;
    case VR_SCAN_PANELS: scan_panels(s, worker, first, count); break;
    case VR_SCAN_CODES: scan_codes(s, worker, first, count); break;
    }
}
