/* Whose candidates can be dropped because of their codes.
 *
 * A record (scan/records.h) gives, for an item x and a query q,
 *
 *     sum = w <q, x> + bias, rounded up by the error of the codes and of all rounding.
 *
 * A candidate is dropped if its sum is below a floor that depends on q and on T, which is what the k-th
 * nearest so far sorts by. v is what the row kernel gives for the pair, with the rounding that it has:
 *
 *     euclidean: accepted if v <= T, v being |q - x|^2. w = 1, bias = -|x|^2 / 2, floor = (|q|^2 - T) / 2
 *     dot:       accepted if -v <= T, v being <q, x>.   w = 1, bias = 0,          floor = -T
 *
 * These are the exact index's L2 and IP, for which scan/bound.c shows that slack and tiny cover all
 * rounding.
 *
 *     angular:   accepted if fl(2 - 2 v / S) <= T, v being <q, x>, with S = fl(sqrt(fl(n |q|^2))) and n the
 *                squared length that is stored with the item
 *
 * That is v / S >= c - 2^-24 (1 + |T|) with c = 1 - T / 2, as the left side is rounded but once to float32
 * and rounding keeps the order. S is |q| sqrt(n) but for a factor of 1 +- 2^-23, since nothing overflows or
 * underflows: n and |q|^2 are within LEAST_NORM..MOST_NORM, else the item always passes, or the query does
 * without codes. So an accepted item has v / sqrt(n) >= |q| (c - 2^-22 (1 + |c|)). Hence w = 1 / sqrt(n),
 * bias = 0, floor = |q| (c - 2^-20 (1 + |c|)). A file may give a wrong n; nothing here supposes that it is
 * |x|^2.
 *
 * w and its product with the scale are rounded, which changes the sum by at most 2^-22 of 4 |q||x| w; for
 * that a record's error has 2^-19 |x| w more. The error and the length are rounded, by 2^-21 of themselves;
 * for that both are multiplied by 1 + 2^-20. What underflows is at most (d + 8) FLT_MIN, times w <= 1e9:
 * far less than the 2^-21 |q| >= 2^-21 1e-9 that the floor has left.
 *
 * A zero vector has the angular distance of a right angle whatever the norms: v is 0, as is its sum. An
 * item whose norm is outside these limits always passes: its bias is +Inf. No sum is NaN.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/codes.h"

#include "core/topk.h"
#include "scan/bound.h"

#include <math.h>

/* Candidates per item. By then, codes would have saved half of what making them costs. */
enum { SEEN_BEFORE_CODES = 2 };

#define LEAST_NORM 1e-18f
#define MOST_NORM  1e18f

/* ---- Items ---- */

/* Whether every value is +0 or -0. Asked of the bits, because a processor that is told to flush denormals
 * to zero would call a vector of these zero, too. */
static bool is_zero(const float *x, size_t count)
{
    uint32_t all = 0, bits;
    for (size_t j = 0; j < count; j++) {
        memcpy(&bits, x + j, sizeof bits);
        all |= bits & 0x7fffffffu;
    }
    return all == 0;
}

/* What the item's products with queries are multiplied by; 0 if that can't be told. */
static float weight_of(const vr_annoy_layout *layout, const uint8_t *node, float norm)
{
    if (!(norm < VR_HUGE_NORM))
        return 0.0f;
    if (layout->metric != VR_ANNOY_ANGULAR)
        return 1.0f;
    float stored = vr_node_float(node, layout->norm);
    if (is_zero(&stored, 1))
        stored = norm;
    return stored >= LEAST_NORM && stored <= MOST_NORM ? 1.0f / sqrtf(stored) : 0.0f;
}

static void put_item(const vr_annoy *forest, vr_records *records, uint32_t item)
{
    const vr_annoy_layout *layout = &forest->layout;
    const uint8_t *node = vr_annoy_node(forest, item);
    const float *x = vr_node_vector(layout, node);
    float norm;
    records->simd->dot_rows(x, x, 1, layout->dim, &norm);
    float weight = weight_of(layout, node, norm);
    bool euclidean = layout->metric == VR_ANNOY_EUCLIDEAN;
    if (vr_node_descendants(node) != 1)
        vr_records_put_bias(records, item, -INFINITY); /* a hole */
    else if (weight > 0.0f)
        vr_records_put(records, item, x, norm, weight,
                       euclidean ? vr_bias_factor(VR_METRIC_L2, layout->dim) * norm : 0.0f);
    else if (layout->metric == VR_ANNOY_ANGULAR && is_zero(x, layout->dim))
        vr_records_put_bias(records, item, 0.0f);
    else
        vr_records_put_bias(records, item, INFINITY);
}

/* ---- Making them ---- */

static void *create_codes(void *context)
{
    const vr_annoy *forest = context;
    const vr_simd *simd = vr_simd_get();
    return vr_records_create(simd, forest->base.rows, forest->layout.dim, simd->code_max);
}

static void fill_codes(void *context, void *codes, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        put_item(context, codes, (uint32_t)i);
}

static void free_codes(void *codes)
{
    vr_records_free(codes);
}

vrec_status vr_annoy_get_codes(vr_annoy *forest, const vr_query *query, size_t candidates, size_t threads,
                               const vr_records **out, vrec_error *err)
{
    *out = NULL;
    if (!forest->wants_codes)
        return VREC_OK;
    vr_recipe recipe = { .pays_after = SEEN_BEFORE_CODES * forest->base.rows,
                         .rows = forest->base.rows,
                         .create = create_codes,
                         .fill = fill_codes,
                         .free = free_codes,
                         .context = forest,
                         .threads = threads,
                         .progress = query->progress,
                         .unit = "queries",
                         .total_steps = query->queries->rows };
    const void *codes;
    vrec_status status = vr_lazy_get(&forest->codes, &recipe, candidates, &codes, err);
    *out = codes;
    return status;
}

/* ---- Queries ---- */

bool vr_annoy_encode(const vr_annoy *forest, const vr_records *codes, const float *query, float norm,
                     int8_t *digits, vr_annoy_coded *coded)
{
    bool angular = forest->layout.metric == VR_ANNOY_ANGULAR;
    if (!(norm < VR_HUGE_NORM) || (angular && !(norm >= LEAST_NORM && norm <= MOST_NORM)))
        return false;
    vr_records_query(codes, query, digits, &coded->query);
    coded->norm = norm;
    return true;
}

float vr_annoy_floor(const vr_annoy *forest, const vr_annoy_coded *coded, uint64_t limit)
{
    const vr_annoy_layout *layout = &forest->layout;
    float norm = coded->norm, worst = vr_topk_value(limit);
    if (limit == UINT64_MAX)
        return -INFINITY;
    if (layout->metric == VR_ANNOY_EUCLIDEAN)
        return vr_floor(VR_METRIC_L2, layout->dim, norm, worst);
    if (layout->metric == VR_ANNOY_DOT)
        return vr_floor(VR_METRIC_IP, layout->dim, norm, worst);
    double cosine = 1.0 - 0.5 * (double)worst;
    return (float)((cosine - 0x1p-20 * (1.0 + fabs(cosine))) * sqrt((double)norm));
}
