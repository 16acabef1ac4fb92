/* Codes of items, and who can be dropped because of them.
 *
 * code_ids() adds up, for an item x and a query q,
 *
 *     sum = w <q, x> + bias, rounded up by the error of the codes and of all rounding,
 *
 * and a candidate is dropped if that is below floor(q, T), T being what the k-th nearest so far has in
 * place of a distance. With v for what the row kernel gives, rounded as it may be:
 *
 *     euclidean: v <= T, v being |q - x|^2. w = 1, bias = -|x|^2 / 2, floor = (|q|^2 - T) / 2
 *     dot:       -v <= T.                   w = 1, bias = 0,          floor = -T
 *
 * are the cases of the exact index, and faiss/flat_scan.c shows that vr_slack() and tiny cover them.
 *
 *     angular:   fl(2 - 2 v / S) <= T, with S = fl(sqrt(fl(n |q|^2))) and n the norm that is stored
 *
 * is v / S >= c - 2^-24 (1 + |T|) with c = 1 - T / 2, as the left side is rounded but once to float32, and
 * its steps are monotonic. S is |q| sqrt(n) but for a factor of 1 +- 2^-23, as nothing overflows or
 * underflows: n and |q|^2 are within LEAST_NORM..MOST_NORM, else the item passes, or the query does
 * without codes. So it needs v / sqrt(n) >= |q| (c - 2^-22 (1 + |c|)). Hence w = 1 / sqrt(n), bias = 0,
 * floor = |q| (c - 2^-20 (1 + |c|)). n may be a lie; nothing here supposes that it is |x|^2. That w and its
 * product with the scale are rounded changes the sum by at most 2^-22 of 4 |q||x| w, for which the error
 * has 2^-19 |x| w more; that the error and the length are, by 2^-21 of these, for which they are
 * multiplied by 1 + 2^-20. Underflow changes it by (d + 8) FLT_MIN at the most, and that by w <= 1e9: far
 * less than the 2^-21 |q| >= 2^-21 1e-9 that the floor has left.
 *
 * A zero vector has the angular distance of a right angle whatever the norms: v is 0, as is its sum. An
 * item whose norms aren't to be trusted with this passes: its bias is +Inf. No sum is NaN.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/codes.h"

#include "base/memory.h"
#include "core/topk.h"

#include <float.h>
#include <math.h>

/* Candidates per item. By then, codes would have saved half of what making them costs. */
enum { LINE = 64, SEEN_BEFORE_CODES = 2 };

#define LEAST_NORM 1e-18f
#define MOST_NORM  1e18f

enum { SCALE, ERROR, LENGTH, BIAS, FACTORS };

/* ---- Items ---- */

/* Denormals aren't, even where the processor takes them for it. */
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

static void put_factors(const vr_annoy_layout *layout, vr_coded c, float norm, float weight,
                        float factors[FACTORS])
{
    float more = weight * (1.0f + 0x1p-20f);
    factors[SCALE] = c.scale * weight;
    factors[ERROR] = (c.error + 0x1p-19f * c.length) * more;
    factors[LENGTH] = c.length * more;
    factors[BIAS] = layout->metric == VR_ANNOY_EUCLIDEAN ? (vr_slack(layout->dim) - 0.5f) * norm : 0.0f;
}

static void put_item(const vr_annoy *forest, const vr_annoy_codes *codes, uint32_t item)
{
    const vr_annoy_layout *layout = &forest->layout;
    const uint8_t *node = vr_annoy_node(forest, item);
    const float *x = vr_node_vector(layout, node);
    uint8_t *record = codes->records + item * codes->lines * LINE;
    float factors[FACTORS] = { 0 }, norm;
    codes->simd->dot_rows(x, x, 1, layout->dim, &norm);
    float weight = weight_of(layout, node, norm);
    memset(record, 0, codes->lines * LINE);
    if (vr_node_descendants(node) != 1)
        factors[BIAS] = -INFINITY; /* a hole */
    else if (weight > 0.0f)
        put_factors(layout, vr_encode(x, layout->dim, norm, codes->simd->code_max, (int8_t *)record), norm,
                    weight, factors);
    else if (layout->metric != VR_ANNOY_ANGULAR || !is_zero(x, layout->dim))
        factors[BIAS] = INFINITY;
    for (size_t j = 0; j < layout->dim; j++)
        record[j] = (uint8_t)(record[j] + codes->simd->code_bias);
    memcpy(record + codes->lines * LINE - sizeof factors, factors, sizeof factors);
}

/* ---- Making them ---- */

static void fill_codes(void *context, void *codes, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++)
        put_item(context, codes, (uint32_t)i);
}

static void *create_codes(void *context)
{
    const vr_annoy *forest = context;
    size_t lines = (forest->layout.dim + FACTORS * sizeof(float) + LINE - 1) / LINE;
    vr_annoy_codes *codes = forest->layout.dim <= VR_CODES_DIM_MAX ? vr_alloc(1, sizeof *codes) : NULL;
    if (!codes)
        return NULL;
    *codes = (vr_annoy_codes){ .simd = vr_simd_get(), .lines = lines };
    codes->records = vr_alloc(forest->base.rows, lines * LINE);
    if (!codes->records) {
        vr_free(codes);
        return NULL;
    }
    return codes;
}

void vr_annoy_free_codes(vr_annoy_codes *codes)
{
    if (codes)
        vr_free(codes->records);
    vr_free(codes);
}

static void free_codes(void *codes)
{
    vr_annoy_free_codes(codes);
}

vrec_status vr_annoy_get_codes(vr_annoy *forest, const vr_query *query, size_t candidates, size_t threads,
                               const vr_annoy_codes **out, vrec_error *err)
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
                         .total_steps = query->queries->rows };
    const void *codes;
    vrec_status status = vr_lazy_get(&forest->codes, &recipe, candidates, &codes, err);
    *out = codes;
    return status;
}

/* ---- Queries ---- */

bool vr_annoy_encode(const vr_annoy *forest, const vr_annoy_codes *codes, const float *query, float norm,
                     int8_t *digits, vr_annoy_coded *coded)
{
    bool angular = forest->layout.metric == VR_ANNOY_ANGULAR;
    if (!(norm < VR_HUGE_NORM) || (angular && !(norm >= LEAST_NORM && norm <= MOST_NORM)))
        return false;
    memset(digits, 0, codes->lines * LINE);
    vr_encode_query(codes->simd, query, forest->layout.dim, 0, digits, &coded->query);
    coded->query.digits = digits;
    coded->norm = norm;
    return true;
}

float vr_annoy_floor(const vr_annoy *forest, const vr_annoy_coded *coded, uint64_t limit)
{
    float norm = coded->norm, worst = vr_topk_value(limit), slack = vr_slack(forest->layout.dim);
    float tiny = ((float)forest->layout.dim + 8.0f) * 4.0f * FLT_MIN;
    if (limit == UINT64_MAX)
        return -INFINITY;
    if (forest->layout.metric == VR_ANNOY_EUCLIDEAN)
        return (norm - worst) * 0.5f - slack * (norm + worst) - tiny;
    if (forest->layout.metric == VR_ANNOY_DOT)
        return -worst - slack * fabsf(worst) - tiny;
    double cosine = 1.0 - 0.5 * (double)worst;
    return (float)((cosine - 0x1p-20 * (1.0 + fabs(cosine))) * sqrt((double)norm));
}
