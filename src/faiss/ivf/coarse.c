/* The lists that are chosen are always those that the row kernel finds nearest, but it isn't asked about
 * all of them. A faster kernel gives every query and centroid a sum first: the larger, the nearer. A
 * query's sums aren't exact, but doubt_of() says how far they can be off. So most lists are surely wanted
 * or surely not (pick_lists()), and only those with sums near that of the last one wanted are asked of the
 * row kernel.
 *
 * Sums come from the centroids' digits, where there are any. Else, for many queries, the centroids are laid
 * out as panels for the tile kernel, whose sums are exact but for rounding. For few queries that doesn't
 * pay, and the row kernel is asked about all lists.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/coarse.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "core/scratch.h"
#include "faiss/table.h"
#include "scan/bound.h"
#include "scan/columns.h"

#include <math.h>
#include <string.h>

enum {
    ROOM = 96,               /* queries at a time, or fewer: */
    SUM_BYTES = 1 << 19,     /* about what their sums with all centroids take, so that a cache has them */
    ROOM_MIN = 16,           /* but not fewer than a tile takes, */
    SUM_BYTES_MAX = 1 << 22, /* unless their sums take more than that */
    FEW = 8,                 /* queries whose lists are all put in order, and for whom panels don't pay */
    BETWEEN = 4,             /* sums any of which may be that of the last list that is wanted */
    COLUMN_MIN = 16          /* sums in a column; with fewer, columns take longer than halves */
};

/* ---- One query, all centroids ---- */

void vr_ivf_nearest_lists(const vr_ivf *ivf, const float *query, size_t count, float *distances,
                          uint64_t *keys, uint32_t *out)
{
    const vr_simd *simd = vr_simd_get();
    vr_metric metric = ivf->quantizer->metric;
    vr_topk top;
    vr_topk_init(&top, keys, count);
    (metric == VR_METRIC_L2 ? simd->l2_rows : simd->dot_rows)(query, ivf->centroids, ivf->lists,
                                                              ivf->index.base.dim, distances);
    for (size_t list = 0; list < ivf->lists; list++)
        if (isfinite(distances[list]))
            vr_topk_push(&top, vr_topk_key(vr_smaller_of(metric, distances[list]), (uint32_t)list));
    vr_topk_finish(&top);
    for (size_t i = 0; i < count; i++)
        out[i] = i < top.count ? vr_topk_row(top.keys[i]) : VR_IVF_NO_LIST;
}

/* ---- Several queries ---- */

void vr_ivf_chooser_plan(vr_ivf_chooser *chooser, const vr_ivf *ivf, const vr_ivf_codes *codes,
                         size_t probes, size_t queries, bool in_order)
{
    const vr_simd *simd = vr_simd_get();
    size_t stride = vr_block_count(simd, ivf->lists) * simd->tile_rows;
    size_t bytes = stride * sizeof(float);
    size_t by_sums = vr_max(SUM_BYTES / bytes, vr_min(ROOM_MIN, SUM_BYTES_MAX / bytes));
    *chooser = (vr_ivf_chooser){ .ivf = ivf,
                                 .probes = probes,
                                 .in_order = in_order,
                                 .room = vr_min(vr_min(queries, ROOM), vr_max(by_sums, 1)),
                                 .stride = stride,
                                 .rows = { .values = ivf->centroids,
                                           .count = ivf->lists,
                                           .dim = ivf->index.base.dim,
                                           .metric = ivf->quantizer->metric,
                                           .blocks = codes ? codes->centroids : NULL } };
    if (codes)
        chooser->worst = codes->worst;
    vr_wave_plan(&chooser->wave, &chooser->rows, chooser->room, chooser->room);
    if (chooser->wave.way == VR_BY_PANELS && chooser->room <= FEW)
        chooser->wave.way = VR_BY_ROWS;
}

void vr_ivf_chooser_place(vr_ivf_chooser *chooser, uintptr_t base, size_t *end)
{
    size_t lists = chooser->ivf->lists, room = chooser->wave.room;
    size_t panel = chooser->wave.simd->tile_rows * chooser->rows.dim;
    vr_wave_place(&chooser->wave, base, end);
    if (chooser->wave.way == VR_BY_PANELS)
        chooser->panel = (void *)(base + vr_carve(end, panel, sizeof(float)));
    if (chooser->wave.way != VR_BY_ROWS) {
        chooser->sums = (void *)(base + vr_carve(end, room * chooser->stride, sizeof(float)));
        chooser->bits = (void *)(base + vr_carve(end, chooser->stride / 32 + 1, sizeof *chooser->bits));
        chooser->doubtful = (void *)(base + vr_carve(end, lists, sizeof *chooser->doubtful));
    }
    chooser->keys =
        (void *)(base + vr_carve(end, vr_topk_capacity(chooser->probes), sizeof *chooser->keys));
    chooser->distances = (void *)(base + vr_carve(end, lists, sizeof *chooser->distances));
}

/* ---- By sums ---- */

/* Puts the sums of the wave's queries with all centroids. For doubt_of() it returns the length of the
 * longest centroid, as vr_worst has it: +Inf if one isn't estimated. */
static vr_worst add_up_panels(const vr_ivf_chooser *c)
{
    const vr_wave *wave = &c->wave;
    size_t step = wave->simd->tile_rows, dim = wave->dim;
    float norms[VR_TILE_ROWS_MAX], bias[VR_TILE_ROWS_MAX];
    float factor = wave->metric == VR_METRIC_L2 ? -0.5f : 0.0f, longest = 0.0f;
    for (size_t first = 0; first < c->rows.count; first += step) {
        size_t count = vr_min(step, c->rows.count - first);
        wave->simd->pack(c->rows.values + first * dim, count, dim, c->panel, norms);
        for (size_t i = 0; i < step; i++) {
            bias[i] = i < count ? factor * norms[i] : -INFINITY;
            float norm = norms[i] < VR_HUGE_NORM ? norms[i] : INFINITY;
            longest = norm > longest ? norm : longest;
        }
        for (size_t b = 0; b < wave->count; b += wave->width)
            wave->simd->tile_sums(wave->panels + b * dim, c->panel, dim, bias,
                                  c->sums + b * c->stride + first, c->stride);
    }
    return (vr_worst){ .length = vr_length_bound(longest, dim) };
}

/* The same by digits, whose sums can be off by more: doubt_of() needs all of vr_worst. */
static vr_worst add_up_digits(const vr_ivf_chooser *c)
{
    const vr_wave *wave = &c->wave;
    const vr_blocks *blocks = wave->blocks;
    size_t step = wave->simd->tile_rows;
    vr_wave_begin(wave);
    for (size_t first = 0; first < c->rows.count; first += step) {
        const uint8_t *digits = vr_blocks_digits(blocks, first / step);
        const float *factors = vr_blocks_factors(blocks, first / step);
        for (size_t b = 0; b < wave->count;)
            b += vr_wave_sums(wave, b, digits, factors, c->sums + b * c->stride + first, c->stride);
    }
    vr_wave_end(wave);
    return c->worst;
}

/* Where the sum of the last list that is wanted is, the probes-th largest. If few of the lists are wanted,
 * it is looked for among the few sums that reach a value which columns give. */
static vr_kth_range last_sum(const vr_ivf_chooser *c, const float *sums)
{
    const vr_simd *simd = c->wave.simd;
    size_t lists = c->rows.count, found = 0;
    if (vr_columns_for(c->probes) > lists / COLUMN_MIN)
        return vr_close_in(simd, sums, lists, c->probes, BETWEEN, c->bits);
    float least = vr_kth_of_columns(simd, sums, lists, c->probes, c->distances, c->bits);
    simd->passing(sums, lists, least, c->bits);
    for (size_t i = 0; i < lists; i += 32)
        for (uint32_t here = c->bits[i / 32]; here; here &= here - 1)
            c->distances[found++] = sums[i + (size_t)__builtin_ctz(here)];
    return vr_close_in(simd, c->distances, found, c->probes, BETWEEN, c->bits);
}

/* Puts those of the lists in doubt that are nearest by the row kernel's distance. */
static void settle(const vr_ivf_chooser *c, const float *query, size_t doubtful, size_t wanted,
                   uint32_t *out)
{
    const vr_simd *simd = c->wave.simd;
    size_t dim = c->rows.dim;
    vr_topk top;
    vr_topk_init(&top, c->keys, wanted);
    (c->rows.metric == VR_METRIC_L2 ? simd->l2_ids : simd->dot_ids)(
        query, c->rows.values, dim * sizeof(float), c->doubtful, doubtful, dim, c->distances);
    for (size_t i = 0; i < doubtful; i++)
        vr_topk_push(&top, vr_topk_key(vr_smaller_of(c->rows.metric, c->distances[i]), c->doubtful[i]));
    vr_topk_finish(&top);
    for (size_t i = 0; i < wanted; i++)
        out[i] = vr_topk_row(top.keys[i]);
}

/* By their sums, nearest first. */
static void put_in_order(const vr_ivf_chooser *c, const float *sums, uint32_t *lists)
{
    vr_topk top;
    vr_topk_init(&top, c->keys, c->probes);
    for (size_t i = 0; i < c->probes; i++)
        vr_topk_push(&top, vr_topk_key(-sums[lists[i]], lists[i]));
    vr_topk_finish(&top);
    for (size_t i = 0; i < c->probes; i++)
        lists[i] = vr_topk_row(top.keys[i]);
}

/* For many queries, lists are scanned in an order of their own, but each query's first one before all the
 * others: of the first count lists, that will be the one with the largest sum. */
static void put_nearest_first(const float *sums, size_t count, uint32_t *lists)
{
    size_t nearest = 0;
    for (size_t i = 1; i < count; i++)
        nearest = sums[lists[i]] > sums[lists[nearest]] ? i : nearest;
    if (count > 0) {
        uint32_t list = lists[0];
        lists[0] = lists[nearest];
        lists[nearest] = list;
    }
}

/* Writes the nearest lists of query q of the wave to out: if in_order, nearest first; if the wave has few
 * queries, by their sums; else with the one that has the largest sum first, of those that are sure.
 *
 * doubt is doubt_of()'s: if the row kernel finds list A no nearer than B, then sum(A) <= sum(B) + 2 doubt.
 * Of last_sum(), at least probes sums are >= low, and fewer are >= high. So:
 *
 * - If sum(A) > high + 2 doubt, A is wanted: were it not, all lists that are would be at least as near, and
 *   have sums > high; but fewer than probes have.
 * - If sum(A) < low - 2 doubt, it isn't: the lists with sums >= low are all nearer, and probes or more.
 *
 * The others are in doubt, and the row kernel settles them. */
static void pick_lists(const vr_ivf_chooser *c, size_t q, float doubt, uint32_t *out)
{
    const float *sums = c->sums + q * c->stride;
    vr_kth_range last = last_sum(c, sums);
    float sure = last.high + 2.0f * doubt, possible = last.low - 2.0f * doubt;
    size_t found = 0, doubtful = 0;
    c->wave.simd->passing(sums, c->rows.count, possible, c->bits);
    for (size_t i = 0; i < c->rows.count; i += 32)
        for (uint32_t here = c->bits[i / 32]; here; here &= here - 1) {
            uint32_t list = (uint32_t)i + (uint32_t)__builtin_ctz(here);
            if (sums[list] > sure)
                out[found++] = list;
            else
                c->doubtful[doubtful++] = list;
        }
    settle(c, c->wave.at[q], doubtful, c->probes - found, out + found);
    if (c->in_order) {
        memcpy(c->doubtful, out, c->probes * sizeof *out);
        settle(c, c->wave.at[q], c->probes, c->probes, out);
    } else if (c->wave.count <= FEW) {
        put_in_order(c, sums, out);
    } else {
        put_nearest_first(sums, found, out);
    }
}

/* A bound of |sum - s| for all sums of query q, where s is what the row kernel says, put as a sum: the
 * inner product for IP, (|q|^2 - distance) / 2 for L2. An offset that all sums of the query share doesn't
 * count, as they are only compared with each other.
 *
 * g and slack are bound.c's; x is a centroid, L the largest |x|: worst.length; norm is |q|^2. The row
 * kernel is wrong by g (|q|^2 + |x|^2) at the most, and the squared length in a sum by g |x|^2 / 2.
 *
 * - By panels, a sum adds an error of at most g (|q||x| + |x|^2 / 2).
 * - By digits, all sums share an offset, within vr_wave_error(). For L2 the bias adds slack |x|^2, which is
 *   within 0 and slack L^2: an offset of half of that, give or take as much. Rounding is a few times
 *   2^-24 (|q|^2 + L^2).
 *
 * With |q||x| <= (|q|^2 + |x|^2) / 2 the total is at most slack (|q|^2 + L^2), plus vr_wave_error() for
 * digits, and leaves room for the rounding in pick_lists(). vr_tiny() covers what underflows. */
static float doubt_of(const vr_ivf_chooser *c, size_t q, vr_worst worst)
{
    float norm = c->wave.norms[q];
    float rounding = vr_slack(c->rows.dim) * (norm + worst.length * worst.length) + vr_tiny(c->rows.dim);
    return c->wave.way == VR_BY_PANELS ? rounding : rounding + vr_wave_error(&c->wave, q, worst);
}

static void choose_by_sums(vr_ivf_chooser *c, const vr_queries *queries, const uint32_t *picked,
                           size_t count, uint32_t *out)
{
    vr_wave_gather(&c->wave, queries, picked, count, 0);
    vr_worst worst = c->wave.way == VR_BY_PANELS ? add_up_panels(c) : add_up_digits(c);
    for (size_t q = 0; q < count; q++) {
        uint32_t *lists = out + picked[q] * c->probes;
        if (c->wave.norms[q] < VR_HUGE_NORM && worst.length * worst.length < VR_HUGE_NORM)
            pick_lists(c, q, doubt_of(c, q, worst), lists);
        else
            vr_ivf_nearest_lists(c->ivf, c->wave.at[q], c->probes, c->distances, c->keys, lists);
    }
}

void vr_ivf_choose(vr_ivf_chooser *chooser, const vr_queries *queries, const uint32_t *picked, size_t count,
                   uint32_t *out)
{
    if (chooser->wave.way != VR_BY_ROWS) {
        choose_by_sums(chooser, queries, picked, count, out);
        return;
    }
    for (size_t i = 0; i < count; i++)
        vr_ivf_nearest_lists(chooser->ivf, queries->vectors + picked[i] * queries->dim, chooser->probes,
                             chooser->distances, chooser->keys, out + picked[i] * chooser->probes);
}

/* ---- A quantizer that is a graph ---- */

vrec_status vr_ivf_ask_quantizer(const vr_ivf *ivf, const vr_query *query, size_t first, size_t count,
                                 size_t probes, int64_t *ids, float *distances, uint32_t *out,
                                 vrec_error *err)
{
    vr_options plain;
    vrec_matrix part = *query->queries;
    part.data = vr_matrix_at(&part, first, 0);
    part.rows = count;
    vr_options_init(&plain, &vr_faiss_options);
    vr_query inside = { .queries = &part,
                        .top_k = probes,
                        .threads = query->threads,
                        .options = &plain,
                        .ids = ids,
                        .distances = distances,
                        .plain = query->plain,
                        .compared = query->compared };
    for (size_t i = 0; i < count * probes; i++)
        ids[i] = -1;
    vrec_status status = ivf->quantizer->base.verbs->query(&ivf->quantizer->base, &inside, err);
    for (size_t i = 0; i < count * probes; i++)
        out[i] = ids[i] < 0 ? VR_IVF_NO_LIST : (uint32_t)ids[i];
    vr_options_free(&plain);
    return status;
}
