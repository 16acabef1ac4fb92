/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/codes.h"

#include "base/memory.h"
#include "core/lanes.h"
#include "core/matrix.h"
#include "core/work.h"
#include "faiss/hnsw/blur.h"
#include "scan/bound.h"

#include <math.h>
#include <string.h>

enum {
    LINE = 64,
    DIGIT_MAX = 63,
    NIBBLE_QUERY_MAX = 127,
    FACTORS = 4, /* of a record of 8-bit digits: scale, two that are 0 here, bias */
    NIBBLE_FACTORS = 2,
    MEAN_ROWS = 1 << 12,        /* as many rows are enough to know the mean by */
    PORTION = 256,              /* records that a thread makes at a time */
    VALUES_PER_QUERY = 1 << 18, /* that a query encodes for those that come later, about a millisecond's */
    VALUES_PER_TURN = 1 << 24   /* after which the caller is asked whether to go on */
};

/* ---- Vectors ---- */

static float largest_of(const float *x, size_t dim)
{
    float lanes[VR_LANES] = { 0 }, most = 0.0f;
    size_t j = 0;
    for (; j + VR_LANES <= dim; j += VR_LANES)
        for (size_t l = 0; l < VR_LANES; l++)
            lanes[l] = fabsf(x[j + l]) > lanes[l] ? fabsf(x[j + l]) : lanes[l];
    for (; j < dim; j++)
        lanes[0] = fabsf(x[j]) > lanes[0] ? fabsf(x[j]) : lanes[0];
    for (size_t l = 0; l < VR_LANES; l++)
        most = lanes[l] > most ? lanes[l] : most;
    return most;
}

/* To the nearest, halves away from zero. */
static inline int32_t rounded(float x)
{
    return (int32_t)(x + copysignf(0.5f, x));
}

/* Encodes x, of finite values, as digits within -max..max; returns their scale, 0 if there is none. The
 * scale is the one that keeps <x, scale * digits> = |x|^2: products with vectors near x, which are the ones
 * that matter, then come out neither too small nor too large on average. */
static float encode(const float *x, size_t dim, int max, int8_t *digits)
{
    float inverse = (float)max / largest_of(x, dim);
    if (!isfinite(inverse)) {
        memset(digits, 0, dim);
        return 0.0f;
    }
    float products[VR_LANES] = { 0 };
    size_t j = 0;
    for (; j + VR_LANES <= dim; j += VR_LANES)
        for (size_t l = 0; l < VR_LANES; l++) {
            int32_t nearest = rounded(x[j + l] * inverse);
            digits[j + l] = (int8_t)nearest;
            products[l] += x[j + l] * (float)nearest;
        }
    for (; j < dim; j++) {
        digits[j] = (int8_t)rounded(x[j] * inverse);
        products[0] += x[j] * (float)digits[j];
    }
    float scale = vr_squares(x, dim) / vr_sum_lanes(products);
    return isfinite(scale) ? scale : 0.0f;
}

/* ---- Records ---- */

static void put_record(const vr_hnsw_codes *codes, const int8_t *digits, float scale, float bias,
                       uint8_t *record)
{
    size_t bytes = codes->lines * LINE, half = (codes->dim + 1) / 2;
    memset(record, 0, bytes);
    if (codes->kind == VR_HNSW_SQ4) {
        for (size_t j = 0; j < codes->dim; j++) {
            unsigned digit = (unsigned)(digits[j] + VR_NIBBLE_BIAS);
            record[j % half] |= (uint8_t)(j < half ? digit : digit << 4);
        }
        float factors[NIBBLE_FACTORS] = { scale, bias };
        memcpy(record + bytes - sizeof factors, factors, sizeof factors);
    } else {
        for (size_t j = 0; j < codes->dim; j++)
            record[j] = (uint8_t)(digits[j] + codes->simd->code_bias);
        float factors[FACTORS] = { scale, 0.0f, 0.0f, bias };
        memcpy(record + bytes - sizeof factors, factors, sizeof factors);
    }
}

/* An item with a NaN or Inf is infinitely far from every query. */
static void put_item(const vr_hnsw_codes *codes, const vr_stored_f32 *item, uint8_t *record)
{
    int8_t digits[VR_HNSW_CODES_DIM_MAX];
    float space[VR_HNSW_CODES_DIM_MAX];
    for (size_t j = 0; j < codes->dim; j++)
        space[j] = item[j] - codes->mean[j];
    float left = vr_squares(space, codes->dim);
    if (!(left < VR_HUGE_NORM)) {
        memset(digits, 0, codes->dim);
        put_record(codes, digits, 0.0f, -INFINITY, record);
        return;
    }
    float scale = encode(space, codes->dim, codes->kind == VR_HNSW_SQ4 ? VR_NIBBLE_MAX : DIGIT_MAX, digits);
    put_record(codes, digits, scale, codes->metric == VR_METRIC_L2 ? -0.5f * left : 0.0f, record);
}

/* The mean of up to MEAN_ROWS rows that are spread over all. None of them is too large for it. */
static void find_mean(vr_hnsw_codes *codes)
{
    size_t step = (codes->rows + MEAN_ROWS - 1) / MEAN_ROWS, count = 0;
    memset(codes->mean, 0, codes->dim * sizeof(float));
    for (size_t row = 0; row < codes->rows; row += step) {
        const vr_stored_f32 *item = codes->items + row * codes->dim;
        if (vr_find_nonfinite(item, codes->dim) < codes->dim)
            continue;
        float share = 1.0f / (float)++count;
        for (size_t j = 0; j < codes->dim; j++)
            codes->mean[j] += (item[j] - codes->mean[j]) * share;
    }
}

size_t vr_hnsw_code_lines(vr_hnsw_code_kind kind, size_t dim)
{
    size_t bytes = kind == VR_HNSW_SQ4 ? (dim + 1) / 2 + NIBBLE_FACTORS * sizeof(float)
                                       : dim + FACTORS * sizeof(float);
    return (bytes + LINE - 1) / LINE;
}

vr_hnsw_code_kind vr_hnsw_fastest_kind(size_t dim)
{
    bool fewer = vr_hnsw_code_lines(VR_HNSW_SQ4, dim) < vr_hnsw_code_lines(VR_HNSW_SQ8, dim);
    return fewer ? VR_HNSW_SQ4 : VR_HNSW_SQ8;
}

vrec_status vr_hnsw_codes_create(vr_hnsw_code_kind kind, const vr_faiss_index *index,
                                 const vr_stored_f32 *items, vr_hnsw_codes **out, vrec_error *err)
{
    size_t rows = index->base.rows, dim = index->base.dim, lines = vr_hnsw_code_lines(kind, dim);
    *out = NULL;
    if (dim > VR_HNSW_CODES_DIM_MAX ||
        !(index->largest < VR_HUGE_NORM / 4)) /* so that |x - mean|^2 isn't huge */
        return VREC_OK;
    vr_hnsw_codes *codes = vr_alloc_zero(1, sizeof *codes);
    if (!codes)
        return vr_fail_memory(err, sizeof *codes, "codes");
    codes->simd = vr_simd_get();
    codes->kind = kind;
    codes->metric = index->metric;
    codes->rows = rows;
    codes->dim = dim;
    codes->lines = lines;
    codes->items = items;
    codes->most = index->largest;
    codes->mean = vr_alloc(dim, sizeof(float));
    codes->records = vr_alloc(rows, lines * LINE);
    if (!codes->mean || !codes->records) {
        vr_hnsw_codes_free(codes);
        return vr_fail_memory(err, rows * lines * LINE, "codes");
    }
    find_mean(codes);
    *out = codes;
    return VREC_OK;
}

void vr_hnsw_codes_free(vr_hnsw_codes *codes)
{
    if (!codes)
        return;
    vr_free(codes->mean);
    vr_free(codes->records);
    vr_free(codes);
}

/* ---- Making records ---- */

typedef struct making {
    const vr_hnsw_codes *codes;
    size_t first;
} making;

static vrec_status put_items(void *context, vr_worker *me, vrec_error *err)
{
    const making *m = context;
    const vr_hnsw_codes *codes = m->codes;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t row = m->first + first; row < m->first + first + count; row++)
            put_item(codes, codes->items + row * codes->dim, codes->records + row * codes->lines * LINE);
    return VREC_OK;
}

/* Makes up to so many records that nobody else is making. False if there are none. What has been begun is
 * finished, since nobody would make it later. */
static bool make_some(vr_hnsw_codes *codes, size_t rows, size_t threads)
{
    size_t first = atomic_load(&codes->begun);
    do {
        if (first == codes->rows)
            return false;
        rows = vr_min(rows, codes->rows - first);
    } while (!atomic_compare_exchange_weak(&codes->begun, &first, first + rows));
    making m = { codes, first };
    vr_work work = {
        .threads = threads, .count = rows, .portion = PORTION, .run = put_items, .context = &m
    };
    vr_work_do(&work, NULL);
    atomic_fetch_add(&codes->made, rows);
    return true;
}

vrec_status vr_hnsw_codes_go_on(vr_hnsw_codes *codes, size_t queries, size_t threads,
                                const vrec_progress *progress, vrec_error *err)
{
    size_t each = vr_max(1, VALUES_PER_QUERY / codes->dim), turn = vr_max(1, VALUES_PER_TURN / codes->dim);
    size_t left = queries > codes->rows / each ? codes->rows : queries * each;
    while (left > 0 && make_some(codes, vr_min(left, turn), threads)) {
        left -= vr_min(left, turn);
        vrec_status status =
            left > 0 ? vr_report(progress, "searching", "queries", 0, queries, err) : VREC_OK;
        if (status != VREC_OK)
            return status;
    }
    return VREC_OK;
}

/* ---- Queries ---- */

static void sum_records(const vr_hnsw_codes *codes, const vr_code_queries *coded, const uint8_t *records,
                        const uint32_t *ids, size_t count, float *sums)
{
    if (codes->kind == VR_HNSW_SQ4)
        codes->simd->nibble_ids(coded, records, codes->lines, ids, count, sums);
    else
        codes->simd->code_ids(coded, records, codes->lines, ids, count, sums);
}

void vr_hnsw_codes_sums(const vr_hnsw_codes *codes, const vr_code_queries *coded, const uint32_t *ids,
                        size_t count, float *sums)
{
    sum_records(codes, coded, codes->records, ids, count, sums);
}

void vr_hnsw_codes_try(const vr_hnsw_codes *codes, const vr_code_queries *coded, const uint32_t *ids,
                       size_t count, float *sums)
{
    _Alignas(LINE) uint8_t record[(VR_HNSW_CODES_DIM_MAX / LINE + 1) * LINE];
    static const uint32_t only = 0;
    for (size_t i = 0; i < count; i++) {
        put_item(codes, codes->items + (size_t)ids[i] * codes->dim, record);
        sum_records(codes, coded, record, &only, 1, &sums[i]);
    }
}

/* Puts the digits where the kernels look for them; returns what the bias of the rows adds to a sum. */
static int32_t lay_out(const vr_hnsw_codes *codes, const int8_t *plain, int8_t *digits)
{
    size_t half = (codes->dim + 1) / 2, bytes = codes->lines * LINE;
    int32_t sum = 0;
    memset(digits, 0, vr_hnsw_codes_digits(codes));
    for (size_t j = 0; j < codes->dim; j++) {
        size_t at = codes->kind == VR_HNSW_SQ8 || j < half ? j : bytes + j - half;
        digits[at] = plain[j];
        sum += plain[j];
    }
    return sum * (codes->kind == VR_HNSW_SQ8 ? codes->simd->code_bias : VR_NIBBLE_BIAS);
}

bool vr_hnsw_codes_query(const vr_hnsw_codes *codes, const vr_stored_f32 *query, float *space,
                         int8_t *digits, vr_code_queries *coded, float *offset)
{
    int8_t plain[VR_HNSW_CODES_DIM_MAX];
    bool l2 = codes->metric == VR_METRIC_L2;
    float shift = 0.0f;
    for (size_t j = 0; j < codes->dim; j++) {
        space[j] = l2 ? query[j] - codes->mean[j] : query[j];
        shift += query[j] * codes->mean[j];
    }
    float norm = vr_squares(space, codes->dim);
    if (!(norm < VR_HUGE_NORM) || !isfinite(shift))
        return false;
    *offset = l2 ? norm : codes->most + norm - 2.0f * shift;
    memset(coded, 0, sizeof *coded);
    coded->digits = digits;
    coded->scale[0] =
        encode(space, codes->dim, codes->kind == VR_HNSW_SQ4 ? NIBBLE_QUERY_MAX : DIGIT_MAX, plain);
    coded->offset[0] = lay_out(codes, plain, digits);
    return true;
}

/* ---- Whether they will do ---- */

/* Of two items, but for what is the same for all of a query's; the smaller, the nearer. */
static float true_distance(const vr_hnsw_codes *codes, const vr_stored_f32 *x, const vr_stored_f32 *y)
{
    double sum = 0.0;
    for (size_t j = 0; j < codes->dim; j++) {
        double difference = (double)x[j] - (double)y[j];
        sum += codes->metric == VR_METRIC_L2 ? difference * difference : -2.0 * (double)x[j] * (double)y[j];
    }
    return (float)sum;
}

enum { OTHERS = 512 };

/* Compares an item with those that the graph links it to, and with others that are evenly spread, since a
 * graph may be a bad one. */
static void find_near(const vr_hnsw_codes *codes, const vr_hnsw_graph *graph, uint32_t row, vr_topk *near)
{
    const vr_stored_f32 *item = codes->items + (size_t)row * codes->dim;
    const vr_stored_u32 *links = vr_hnsw_row(graph, row, 0);
    size_t others = vr_min(codes->rows, OTHERS), count = 0;
    while (count < graph->degree && links[count] < graph->rows)
        count++;
    for (size_t i = 0; i < count + others; i++) {
        uint32_t id = i < count ? links[i] : (uint32_t)((uint64_t)(i - count) * codes->rows / others);
        bool known = id == row;
        for (size_t n = 0; n < near->count; n++)
            known |= vr_topk_row(near->keys[n]) == id;
        float distance = known ? NAN : true_distance(codes, item, codes->items + (size_t)id * codes->dim);
        if (!isnan(distance)) /* nor is an item that has a NaN near anybody */
            vr_topk_push(near, vr_topk_key(distance, id));
    }
}

static void look_at(const vr_hnsw_codes *codes, const vr_hnsw_graph *graph, uint32_t row, float *space,
                    int8_t *digits, vr_hnsw_blur *blur)
{
    uint32_t ids[VR_HNSW_BLUR_NEAREST];
    float estimates[VR_HNSW_BLUR_NEAREST], offset;
    vr_code_queries coded;
    vr_hnsw_near near;
    vr_topk *found = vr_hnsw_near_init(&near);
    if (!vr_hnsw_codes_query(codes, codes->items + (size_t)row * codes->dim, space, digits, &coded,
                             &offset))
        return;
    find_near(codes, graph, row, found);
    for (size_t i = 0; i < found->count; i++)
        ids[i] = vr_topk_row(found->keys[i]);
    vr_hnsw_codes_try(codes, &coded, ids, found->count, estimates);
    for (size_t i = 0; i < found->count; i++)
        estimates[i] = offset - 2.0f * estimates[i];
    vr_hnsw_blur_look(blur, found, estimates);
}

vrec_status vr_hnsw_codes_blur(const vr_hnsw_codes *codes, const vr_hnsw_graph *graph, bool *blurred,
                               vrec_error *err)
{
    vr_hnsw_blur blur = { 0 };
    size_t samples = vr_min(codes->rows, VR_HNSW_BLUR_SAMPLES);
    float *space = vr_alloc(codes->dim, sizeof *space);
    int8_t *digits = vr_alloc(1, vr_hnsw_codes_digits(codes));
    vrec_status status = VREC_OK;
    if (!space || !digits)
        status = vr_fail_memory(err, codes->dim * sizeof *space, "comparing items");
    for (size_t s = 0; s < samples && status == VREC_OK; s++)
        look_at(codes, graph, (uint32_t)((uint64_t)s * codes->rows / samples), space, digits, &blur);
    vr_free(space);
    vr_free(digits);
    *blurred = vr_hnsw_is_blurred(&blur, codes->kind == VR_HNSW_SQ4 ? VR_HNSW_BLUR_PERCENT_WIDER
                                                                    : VR_HNSW_BLUR_PERCENT);
    return status;
}
