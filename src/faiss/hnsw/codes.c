/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/codes.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "core/work.h"
#include "scan/bound.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

enum {
    LINE = 64,
    LANES = 8, /* values at a time, for the compiler's vectors */
    DIGIT_MAX = 63,
    NIBBLE_QUERY_MAX = 127,
    FACTORS = 4, /* of a record of 8-bit digits: scale, two that are 0 here, bias */
    NIBBLE_FACTORS = 2,
    MEAN_ROWS = 1 << 16, /* as many rows are enough to know the mean by */
    PORTION = 1024
};

/* ---- Vectors ---- */

static float sum_lanes(const float lanes[LANES])
{
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
           ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}

static float squares(const float *x, size_t dim)
{
    float sums[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t l = 0; l < LANES; l++)
            sums[l] += x[j + l] * x[j + l];
    for (; j < dim; j++)
        sums[0] += x[j] * x[j];
    return sum_lanes(sums);
}

static float largest_of(const float *x, size_t dim)
{
    float most = 0.0f;
    for (size_t j = 0; j < dim; j++)
        most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
    return most;
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
    float product = 0.0f;
    for (size_t j = 0; j < dim; j++) {
        float scaled = x[j] * inverse;
        int32_t nearest = (int32_t)(scaled + copysignf(0.5f, scaled));
        digits[j] = (int8_t)nearest;
        product += x[j] * (float)nearest;
    }
    float scale = squares(x, dim) / product;
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

/* False if the item is too large for codes. */
static bool put_item(const vr_hnsw_codes *codes, const float *item, float *space, uint8_t *record)
{
    int8_t digits[VR_HNSW_CODES_DIM_MAX];
    if (vr_find_nonfinite(item, codes->dim) < codes->dim) {
        memset(digits, 0, codes->dim);
        put_record(codes, digits, 0.0f, -INFINITY, record);
        return true;
    }
    for (size_t j = 0; j < codes->dim; j++)
        space[j] = item[j] - codes->mean[j];
    float left = squares(space, codes->dim);
    if (!(squares(item, codes->dim) < VR_HUGE_NORM) || !(left < VR_HUGE_NORM))
        return false;
    float scale = encode(space, codes->dim, codes->kind == VR_HNSW_SQ4 ? VR_NIBBLE_MAX : DIGIT_MAX, digits);
    put_record(codes, digits, scale, codes->metric == VR_METRIC_L2 ? -0.5f * left : 0.0f, record);
    return true;
}

/* ---- Making them ---- */

typedef struct making {
    const vr_hnsw_codes *codes;
    const float *items;
    float *spaces;    /* dim values of every thread */
    atomic_bool huge; /* some item is too large */
} making;

static vrec_status put_items(void *context, vr_worker *me, vrec_error *err)
{
    making *m = context;
    const vr_hnsw_codes *codes = m->codes;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count; row++)
            if (!put_item(codes, m->items + row * codes->dim, m->spaces + me->number * codes->dim,
                          codes->records + row * codes->lines * LINE))
                atomic_store(&m->huge, true);
    return VREC_OK;
}

/* The mean of up to MEAN_ROWS rows that are spread over all. */
static void find_mean(vr_hnsw_codes *codes, const float *items, float *space)
{
    size_t step = (codes->rows + MEAN_ROWS - 1) / MEAN_ROWS, count = 0;
    memset(codes->mean, 0, codes->dim * sizeof(float));
    for (size_t row = 0; row < codes->rows; row += step) {
        const float *item = items + row * codes->dim;
        if (vr_find_nonfinite(item, codes->dim) < codes->dim)
            continue;
        float share = 1.0f / (float)++count;
        for (size_t j = 0; j < codes->dim; j++)
            space[j] = codes->mean[j] + (item[j] - codes->mean[j]) * share;
        memcpy(codes->mean, space, codes->dim * sizeof(float));
    }
    if (vr_find_nonfinite(codes->mean, codes->dim) < codes->dim)
        memset(codes->mean, 0, codes->dim * sizeof(float)); /* overflown; put_item() will say so */
}

/* *huge: the items can't be encoded. */
static vrec_status fill(vr_hnsw_codes *codes, const float *items, size_t threads,
                        const vrec_progress *progress, bool *huge, vrec_error *err)
{
    making m = { .codes = codes, .items = items };
    size_t bytes = threads * codes->dim * sizeof *m.spaces;
    m.spaces = vr_alloc_zero(bytes, 1);
    if (!m.spaces)
        return vr_fail_memory(err, bytes, "making codes");
    find_mean(codes, items, m.spaces);
    vr_work work = { .threads = threads,
                     .count = codes->rows,
                     .portion = PORTION,
                     .run = put_items,
                     .context = &m,
                     .progress = progress,
                     .phase = "making codes",
                     .steps = 1,
                     .total_steps = codes->rows };
    vrec_status status = vr_work_do(&work, err);
    *huge = atomic_load(&m.huge);
    vr_free(m.spaces);
    return status;
}

static size_t lines_of(vr_hnsw_code_kind kind, size_t dim)
{
    size_t bytes = kind == VR_HNSW_SQ4 ? (dim + 1) / 2 + NIBBLE_FACTORS * sizeof(float)
                                       : dim + FACTORS * sizeof(float);
    return (bytes + LINE - 1) / LINE;
}

vrec_status vr_hnsw_codes_make(vr_hnsw_code_kind kind, vr_metric metric, const float *items, size_t rows,
                               size_t dim, size_t threads, const vrec_progress *progress,
                               vr_hnsw_codes **out, vrec_error *err)
{
    *out = NULL;
    if (dim > VR_HNSW_CODES_DIM_MAX)
        return VREC_OK;
    size_t lines = lines_of(kind, dim);
    vr_hnsw_codes *codes = vr_alloc(1, sizeof *codes);
    if (!codes)
        return vr_fail_memory(err, sizeof *codes, "codes");
    *codes = (vr_hnsw_codes){
        .simd = vr_simd_get(), .kind = kind, .metric = metric, .rows = rows, .dim = dim, .lines = lines
    };
    codes->mean = vr_alloc(dim, sizeof(float));
    codes->records = vr_alloc(rows, lines * LINE);
    bool huge = false;
    vrec_status status = codes->mean && codes->records ? fill(codes, items, threads, progress, &huge, err)
                                                       : vr_fail_memory(err, rows * lines * LINE, "codes");
    if (status != VREC_OK || huge) {
        vr_hnsw_codes_free(codes);
        return status;
    }
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

/* ---- Queries ---- */

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

bool vr_hnsw_codes_query(const vr_hnsw_codes *codes, const float *query, float *space, int8_t *digits,
                         vr_code_queries *coded)
{
    int8_t plain[VR_HNSW_CODES_DIM_MAX];
    bool l2 = codes->metric == VR_METRIC_L2;
    for (size_t j = 0; j < codes->dim; j++)
        space[j] = l2 ? query[j] - codes->mean[j] : query[j];
    if (!(squares(space, codes->dim) < VR_HUGE_NORM))
        return false;
    memset(coded, 0, sizeof *coded);
    coded->digits = digits;
    coded->scale[0] =
        encode(space, codes->dim, codes->kind == VR_HNSW_SQ4 ? NIBBLE_QUERY_MAX : DIGIT_MAX, plain);
    coded->offset[0] = lay_out(codes, plain, digits);
    return true;
}
