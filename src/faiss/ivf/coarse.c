/* For many queries the centroids are laid out as panels, and a tile kernel says of every query and centroid
 * how near they are, but for rounding. What rounding leaves in doubt around the last list that is wanted
 * is asked of the row kernel.
 *
 * For few queries that would be a waste. Among many centroids the nearest are found as the nearest among
 * many rows are: by their digits, given a limit. There is none at the start, and for as many lists as are
 * wanted it would be long in coming. So a query is compared with a sample of the centroids first, of which
 * one in order is most probably farther away than the last list that is wanted. Where it isn't, all are
 * compared.
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
    SHARE = 8,           /* of the centroids, one is in the sample, */
    SAMPLE_MIN = 32,     /* which is worth while from so many on, */
    PROBED_SHARE = 3,    /* and if not more than one in so many lists is wanted */
    ROOM = 96,           /* queries at a time, */
    KEY_BYTES = 1 << 20, /* as far as candidates */
    SUM_BYTES = 1 << 22, /* and their sums with all centroids allow it; */
    IN_ORDER = 8,        /* for so few, lists are put in order, and found by digits; */
    SORTED = 16,         /* sums that are sorted, of those of a query; */
    HALVES_MAX = 32,
    COLUMN_MIN = 16 /* sums, or the columns take longer than the halves */
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

void vr_ivf_chooser_plan(vr_ivf_chooser *chooser, const vr_ivf *ivf, const vr_blocks *blocks, size_t probes,
                         size_t queries, bool in_order)
{
    const vr_simd *simd = vr_simd_get();
    size_t by_keys = KEY_BYTES / (vr_topk_capacity(probes) * sizeof(uint64_t));
    size_t stride = vr_block_count(simd, ivf->lists) * simd->tile_rows;
    size_t by_sums = SUM_BYTES / (stride * sizeof(float));
    *chooser = (vr_ivf_chooser){ .ivf = ivf,
                                 .probes = probes,
                                 .in_order = in_order,
                                 .room = vr_min(queries, vr_min(vr_max(by_keys, 1), ROOM)),
                                 .rows = { .values = ivf->centroids,
                                           .count = ivf->lists,
                                           .dim = ivf->index.base.dim,
                                           .metric = ivf->quantizer->metric } };
    if (vr_min(chooser->room, by_sums) > IN_ORDER) {
        chooser->room = vr_min(chooser->room, by_sums);
        chooser->stride = stride;
        vr_wave_plan(&chooser->wave, &chooser->rows, chooser->room, chooser->room);
        chooser->by_panels = chooser->wave.way == VR_BY_PANELS;
        if (chooser->by_panels)
            return;
    }
    chooser->rows.blocks = blocks;
    size_t sampled = ivf->lists / SHARE;
    double expected = (double)probes / SHARE;
    if (blocks && sampled >= SAMPLE_MIN && probes <= ivf->lists / PROBED_SHARE) {
        chooser->sampled = sampled;
        chooser->rank = vr_min((size_t)(expected + 2.2 * sqrt(expected) + 1.0), sampled);
    }
    vr_wave_plan(&chooser->wave, &chooser->rows, chooser->room, chooser->room);
}

void vr_ivf_chooser_place(vr_ivf_chooser *chooser, uintptr_t base, size_t *end)
{
    size_t room = chooser->room, keys = vr_topk_capacity(chooser->probes);
    if (chooser->sampled > 0 || chooser->by_panels)
        vr_wave_place(&chooser->wave, base, end);
    if (chooser->sampled > 0)
        vr_scanner_place(&chooser->scanner, &chooser->wave, base, end);
    if (chooser->by_panels) {
        size_t panel = chooser->wave.simd->tile_rows * chooser->rows.dim;
        chooser->panel = (void *)(base + vr_carve(end, panel, sizeof(float)));
        chooser->sums = (void *)(base + vr_carve(end, chooser->wave.room * chooser->stride, sizeof(float)));
        chooser->bits = (void *)(base + vr_carve(end, chooser->stride / 32 + 1, sizeof *chooser->bits));
    }
    chooser->tops = (void *)(base + vr_carve(end, room, sizeof *chooser->tops));
    chooser->keys =
        (void *)(base + vr_carve(end, vr_max(room * keys, chooser->sampled), sizeof *chooser->keys));
    chooser->distances = (void *)(base + vr_carve(end, chooser->ivf->lists, sizeof *chooser->distances));
    chooser->sample =
        (void *)(base + vr_carve(end, chooser->by_panels ? chooser->ivf->lists : chooser->sampled,
                                 sizeof *chooser->sample));
}

/* ---- By panels ---- */

/* Fills in how near the wave's queries are to all centroids: the larger a sum, the nearer. Returns the
 * largest squared length of a centroid, +Inf if one is so long that sums could overflow, or NaN. */
static float add_up(const vr_ivf_chooser *c)
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
    return longest;
}

/* The least and the largest; 8 of each are kept on the way, for the compiler's vectors. */
static void find_range(const float *sums, size_t count, float *least, float *largest)
{
    enum { LANES = 8 };
    float low[LANES], high[LANES];
    for (size_t l = 0; l < LANES; l++)
        low[l] = high[l] = sums[0];
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t l = 0; l < LANES; l++) {
            low[l] = sums[i + l] < low[l] ? sums[i + l] : low[l];
            high[l] = sums[i + l] > high[l] ? sums[i + l] : high[l];
        }
    for (; i < count; i++) {
        low[0] = sums[i] < low[0] ? sums[i] : low[0];
        high[0] = sums[i] > high[0] ? sums[i] : high[0];
    }
    *least = low[0];
    *largest = high[0];
    for (size_t l = 1; l < LANES; l++) {
        *least = low[l] < *least ? low[l] : *least;
        *largest = high[l] > *largest ? high[l] : *largest;
    }
}

/* The sum of the last list that is wanted, which is one of those from low on and below high; above have
 * larger ones. */
static float last_between(const vr_ivf_chooser *c, const float *sums, float low, float high, size_t above)
{
    size_t lists = c->rows.count;
    vr_topk top;
    vr_topk_init(&top, c->keys, c->probes - above);
    c->wave.simd->passing(sums, lists, low, c->bits);
    for (size_t i = 0; i < lists; i += 32)
        for (uint32_t here = c->bits[i / 32]; here; here &= here - 1) {
            float sum = sums[i + (size_t)__builtin_ctz(here)];
            if (sum < high)
                vr_topk_push(&top, vr_topk_key(-sum, 0));
        }
    vr_topk_shrink(&top);
    return -vr_topk_value(top.limit);
}

/* Where not few of the lists are wanted, it is closed in on by halves, which costs a pass without a branch
 * each time, until few sums are left to be sorted. */
static float last_sum(const vr_ivf_chooser *c, const float *sums)
{
    float low, high;
    if (vr_columns_for(c->probes) <= c->rows.count / COLUMN_MIN)
        return last_between(
            c, sums, vr_kth_of_columns(sums, c->rows.count, c->probes, c->distances, c->keys), INFINITY, 0);
    const vr_simd *simd = c->wave.simd;
    size_t lists = c->rows.count, from_low = lists, above = 0; /* sums from low on, from high on */
    find_range(sums, lists, &low, &high);
    high = nextafterf(high, INFINITY);
    for (size_t halves = 0; from_low - above > SORTED && halves < HALVES_MAX; halves++) {
        float middle = low + (high - low) * 0.5f;
        size_t found = simd->passing(sums, lists, middle, c->bits);
        if (found >= c->probes) {
            low = middle;
            from_low = found;
        } else {
            high = middle;
            above = found;
        }
    }
    return last_between(c, sums, low, high, above);
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
        query, c->rows.values, dim * sizeof(float), c->sample, doubtful, dim, c->distances);
    for (size_t i = 0; i < doubtful; i++)
        vr_topk_push(&top, vr_topk_key(vr_smaller_of(c->rows.metric, c->distances[i]), c->sample[i]));
    vr_topk_finish(&top);
    for (size_t i = 0; i < wanted; i++)
        out[i] = vr_topk_row(top.keys[i]);
}

/* Puts the lists of query q of the wave, the nearest first. doubt: how far a sum may be from the row
 * kernel's. */
static void pick_lists(const vr_ivf_chooser *c, size_t q, float doubt, uint32_t *out)
{
    const float *sums = c->sums + q * c->stride;
    float last = last_sum(c, sums), sure = last + 2.0f * doubt, possible = last - 2.0f * doubt;
    size_t found = 0, doubtful = 0, nearest = 0;
    c->wave.simd->passing(sums, c->rows.count, possible, c->bits);
    for (size_t i = 0; i < c->rows.count; i += 32)
        for (uint32_t here = c->bits[i / 32]; here; here &= here - 1) {
            uint32_t list = (uint32_t)i + (uint32_t)__builtin_ctz(here);
            if (sums[list] > sure)
                out[found++] = list;
            else
                c->sample[doubtful++] = list;
        }
    for (size_t i = 1; i < found; i++)
        nearest = sums[out[i]] > sums[out[nearest]] ? i : nearest;
    if (found > 0) {
        uint32_t list = out[0];
        out[0] = out[nearest];
        out[nearest] = list;
    }
    settle(c, c->wave.at[q], doubtful, c->probes - found, out + found);
    if (c->in_order) {
        memcpy(c->sample, out, c->probes * sizeof *out);
        settle(c, c->wave.at[q], c->probes, c->probes, out);
    }
}

static void choose_by_panels(vr_ivf_chooser *c, const vr_queries *queries, const uint32_t *picked,
                             size_t count, uint32_t *out)
{
    vr_wave_gather(&c->wave, queries, picked, count, 0);
    float longest = add_up(c);
    for (size_t q = 0; q < count; q++) {
        uint32_t *lists = out + picked[q] * c->probes;
        float norm = c->wave.norms[q];
        if (norm < VR_HUGE_NORM && longest < VR_HUGE_NORM)
            pick_lists(c, q, vr_slack(c->rows.dim) * (norm + longest) + vr_tiny(c->rows.dim), lists);
        else
            vr_ivf_nearest_lists(c->ivf, c->wave.at[q], c->probes, c->distances, c->keys, lists);
    }
}

/* ---- By digits ---- */

/* A key that most probably is above that of the last list that is wanted. space: sampled keys. */
static uint64_t guess_limit(const vr_ivf_chooser *c, const float *query, uint64_t *space)
{
    const vr_simd *simd = c->wave.simd;
    size_t dim = c->rows.dim;
    (c->rows.metric == VR_METRIC_L2 ? simd->l2_ids : simd->dot_ids)(
        query, c->rows.values, dim * sizeof(float), c->sample, c->sampled, dim, c->distances);
    vr_topk top = { .keys = space, .limit = vr_no_limit(), .k = (uint32_t)c->rank };
    for (size_t i = 0; i < c->sampled; i++)
        if (isfinite(c->distances[i]))
            space[top.count++] = vr_topk_key(vr_smaller_of(c->rows.metric, c->distances[i]), UINT32_MAX);
    vr_topk_shrink(&top);
    return top.limit;
}

/* Among many queries lists are scanned in an order of their own, but for every query's nearest. */
static void put_nearest_first(vr_topk *top)
{
    size_t nearest = 0;
    vr_topk_shrink(top);
    for (size_t i = 1; i < top->count; i++)
        nearest = top->keys[i] < top->keys[nearest] ? i : nearest;
    if (top->count > 0) {
        uint64_t key = top->keys[0];
        top->keys[0] = top->keys[nearest];
        top->keys[nearest] = key;
    }
}

static void choose_by_sample(vr_ivf_chooser *c, const vr_queries *queries, const uint32_t *picked,
                             size_t count, uint32_t *out)
{
    size_t keys = vr_topk_capacity(c->probes);
    for (size_t i = 0; i < c->sampled; i++)
        c->sample[i] = (uint32_t)(i * SHARE);
    c->scanner.rows = &c->rows;
    c->scanner.wave = &c->wave;
    c->scanner.tops = c->tops;
    vr_wave_gather(&c->wave, queries, picked, count, 0);
    for (size_t i = 0; i < count; i++) { /* the first place for keys is the last that is taken */
        size_t q = count - 1 - i;
        uint64_t limit = guess_limit(c, c->wave.at[q], c->keys);
        vr_topk_init(&c->tops[q], c->keys + q * keys, c->probes);
        c->tops[q].limit = limit;
    }
    vr_scanner_start(&c->scanner);
    vr_scan(&c->scanner, 0, c->rows.count);
    for (size_t i = 0; i < count; i++) {
        vr_topk *top = &c->tops[i];
        if (count > IN_ORDER && !c->in_order)
            put_nearest_first(top);
        else
            vr_topk_finish(top);
        for (size_t j = 0; j < top->count; j++)
            out[picked[i] * c->probes + j] = vr_topk_row(top->keys[j]);
    }
}

void vr_ivf_choose(vr_ivf_chooser *chooser, const vr_queries *queries, const uint32_t *picked, size_t count,
                   uint32_t *out)
{
    bool sampled = chooser->sampled > 0;
    if (chooser->by_panels) {
        choose_by_panels(chooser, queries, picked, count, out);
        return;
    }
    if (sampled)
        choose_by_sample(chooser, queries, picked, count, out);
    for (size_t i = 0; i < count; i++)
        if (!sampled || chooser->tops[i].count < chooser->probes)
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
