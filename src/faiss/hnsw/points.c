/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/points.h"

#include "base/memory.h"
#include "core/work.h"
#include "faiss/hnsw/blur.h"
#include "scan/encode.h"

#include <math.h>

enum {
    LINE = 64,
    TAIL = 16,             /* bytes of a record's factors */
    MEAN_VALUES = 1 << 23, /* of items that the mean is taken of, if that is MEAN_ROWS or more */
    MEAN_ROWS = 1024,
    PORTION = 1024
};

typedef struct making {
    vr_hnsw_points *points;
    const float *items;
    bool angles;
    const vr_hnsw_points *like; /* whose mean is taken; or NULL */
    int exponent;               /* items are multiplied by 2^exponent, so that no square is too large */
    float *spaces;              /* dim values of every thread */
} making;

/* ---- Vectors ---- */

static float largest_of(const float *x, size_t dim)
{
    float most = 0.0f;
    for (size_t j = 0; j < dim; j++)
        most = fabsf(x[j]) > most ? fabsf(x[j]) : most;
    return most;
}

/* The power of two that brings values of which this is the largest below 1. */
static int exponent_for(float largest)
{
    int exponent = 0;
    frexpf(largest, &exponent);
    return -exponent;
}

/* out = x * 2^exponent, in two steps where one could be no float. */
static void scale_by(const float *x, size_t dim, int exponent, float *out)
{
    float first = ldexpf(1.0f, exponent / 2), second = ldexpf(1.0f, exponent - exponent / 2);
    for (size_t j = 0; j < dim; j++)
        out[j] = x[j] * first * second;
}

static float product(const float *x, const float *y, size_t dim)
{
    float sum = 0.0f;
    for (size_t j = 0; j < dim; j++)
        sum += x[j] * y[j];
    return sum;
}

/* Puts an item into space, as it is before the mean is taken off; returns its length, times
 * 2^m->exponent. */
static float place(const making *m, size_t row, float *space)
{
    size_t dim = m->points->dim;
    const float *item = m->items + row * dim;
    if (!m->angles) {
        scale_by(item, dim, m->exponent, space);
        return 0.0f;
    }
    int own = exponent_for(largest_of(item, dim));
    scale_by(item, dim, own, space);
    float length = sqrtf(product(space, space, dim));
    for (size_t j = 0; j < dim && length > 0.0f; j++)
        space[j] /= length;
    return ldexpf(length, m->exponent - own);
}

/* ---- What all have in common ---- */

static void find_exponent(making *m)
{
    size_t dim = m->points->dim;
    float largest = 0.0f;
    for (size_t i = 0; i < m->points->count; i++) {
        float here = largest_of(m->items + i * dim, dim);
        largest = here > largest ? here : largest;
    }
    m->exponent = exponent_for(largest);
}

/* Of some items, evenly spread, because more don't change it. */
static void find_mean(const making *m, double *sums)
{
    size_t count = m->points->count, dim = m->points->dim;
    size_t sample = vr_min(count, vr_max(MEAN_ROWS, MEAN_VALUES / dim));
    for (size_t j = 0; j < dim; j++)
        sums[j] = 0.0;
    for (size_t i = 0; i < sample; i++) {
        place(m, (size_t)((uint64_t)i * count / sample), m->spaces);
        for (size_t j = 0; j < dim; j++)
            sums[j] += (double)m->spaces[j];
    }
    for (size_t j = 0; j < dim; j++)
        m->points->mean[j] = (float)(sums[j] / (double)sample);
}

/* ---- Records ---- */

static void put_record(const making *m, size_t row, const int8_t *digits, float scale)
{
    vr_hnsw_points *points = m->points;
    int32_t bias = points->simd->code_bias, sum = 0, squares = 0;
    uint8_t *record = points->records + row * points->lines * LINE;
    for (size_t j = 0; j < points->dim; j++) {
        record[j] = (uint8_t)(digits[j] + bias);
        sum += digits[j];
        squares += digits[j] * digits[j];
    }
    memset(record + points->dim, bias, points->lines * LINE - TAIL - points->dim);
    const float factors[4] = { scale, 0.0f, 0.0f, -0.5f * (scale * (scale * (float)squares)) };
    memcpy(record + points->lines * LINE - TAIL, factors, TAIL);
    points->offsets[row] = sum * bias;
}

static vrec_status put_points(void *context, vr_worker *me, vrec_error *err)
{
    const making *m = context;
    size_t dim = m->points->dim;
    float *space = m->spaces + me->number * dim;
    const float *mean = m->points->mean;
    int8_t digits[VR_HNSW_POINTS_DIM_MAX];
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count; row++) {
            float length = place(m, row, space), lean = product(space, mean, dim);
            for (size_t j = 0; j < dim; j++)
                space[j] -= mean[j];
            put_record(m, row, digits, vr_encode(space, dim, 0.0f, VR_DIGIT_MAX, digits).scale);
            if (m->angles) {
                m->points->lengths[row] = length;
                m->points->leans[row] = lean;
            }
        }
    return VREC_OK;
}

/* ---- Whether digits will do ---- */

enum { OTHERS = 2048 }; /* a sample's neighbours are the nearest of so many */

/* The squared distance, added up in one order everywhere: LANES sums side by side. */
static float squared_distance(const float *x, const float *y, size_t dim)
{
    enum { LANES = 8 };
    float sums[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= dim; j += LANES)
        for (size_t l = 0; l < LANES; l++)
            sums[l] += (x[j + l] - y[j + l]) * (x[j + l] - y[j + l]);
    for (; j < dim; j++)
        sums[0] += (x[j] - y[j]) * (x[j] - y[j]);
    return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

/* Compares an item with others that are evenly spread. space: room for two items. */
static void find_neighbours(const making *m, size_t row, float *space, vr_topk *near)
{
    size_t count = m->points->count, dim = m->points->dim, others = vr_min(count, OTHERS);
    place(m, row, space);
    for (size_t o = 0; o < others; o++) {
        size_t at = (size_t)((uint64_t)o * count / others);
        if (at == row)
            continue;
        place(m, at, space + dim);
        vr_topk_push(near, vr_topk_key(0.5f * squared_distance(space, space + dim, dim), (uint32_t)at));
    }
}

static bool is_blurred(const making *m, float *space, int8_t *digits)
{
    vr_hnsw_blur blur = { 0 };
    size_t count = m->points->count, samples = vr_min(count, VR_HNSW_BLUR_SAMPLES);
    for (size_t s = 0; s < samples; s++) {
        uint32_t row = (uint32_t)((uint64_t)s * count / samples), ids[VR_HNSW_BLUR_NEAREST];
        float estimates[VR_HNSW_BLUR_NEAREST];
        vr_hnsw_near near;
        vr_hnsw_center center;
        vr_topk *found = vr_hnsw_near_init(&near);
        find_neighbours(m, row, space, found);
        for (size_t i = 0; i < found->count; i++)
            ids[i] = vr_topk_row(found->keys[i]);
        vr_hnsw_center_on(m->points, row, digits, &center);
        vr_hnsw_distances(m->points, &center, ids, found->count, estimates);
        vr_hnsw_blur_look(&blur, found, estimates);
    }
    return vr_hnsw_is_blurred(&blur, VR_HNSW_BLUR_PERCENT);
}

/* Keeps the items themselves if digits won't do. */
static vrec_status keep_items(const making *m, vrec_error *err)
{
    vr_hnsw_points *points = m->points;
    float *space = vr_alloc(2 * points->dim, sizeof *space);
    int8_t *digits = vr_alloc(1, vr_hnsw_point_digits(points));
    vrec_status status = VREC_OK;
    if (!space || !digits)
        status = vr_fail_memory(err, 2 * points->dim * sizeof *space, "comparing items");
    else if ((m->like ? m->like->plain != NULL : is_blurred(m, space, digits)) &&
             !(points->plain = vr_alloc(points->count, points->dim * sizeof(float))))
        status = vr_fail_memory(err, points->count * points->dim * sizeof(float),
                                "the items as a build sees them");
    for (size_t row = 0; status == VREC_OK && points->plain && row < points->count; row++)
        place(m, row, points->plain + row * points->dim);
    vr_free(space);
    vr_free(digits);
    return status;
}

void vr_hnsw_plain_distances(const vr_hnsw_points *points, const vr_hnsw_center *center,
                             const uint32_t *ids, size_t count, float *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = 0.5f *
                 squared_distance(center->plain, points->plain + (size_t)ids[i] * points->dim, points->dim);
}

/* ---- Making them ---- */

static vrec_status take_memory(making *m, size_t threads, double **sums, vrec_error *err)
{
    vr_hnsw_points *points = m->points;
    size_t count = points->count, dim = points->dim;
    points->records = vr_alloc(count, points->lines * LINE);
    points->offsets = vr_alloc(count, sizeof *points->offsets);
    points->lengths = m->angles ? vr_alloc(count, sizeof *points->lengths) : NULL;
    points->leans = m->angles ? vr_alloc(count, sizeof *points->leans) : NULL;
    points->mean = vr_alloc(dim, sizeof *points->mean);
    m->spaces = vr_alloc(threads, dim * sizeof *m->spaces);
    *sums = vr_alloc(dim, sizeof **sums);
    if (!points->records || !points->offsets || (m->angles && (!points->lengths || !points->leans)) ||
        !points->mean || !m->spaces || !*sums)
        return vr_fail_memory(err, count * points->lines * LINE, "the items as a build sees them");
    return VREC_OK;
}

static vrec_status fill(making *m, size_t threads, double *sums, const vrec_progress *progress,
                        vrec_error *err)
{
    float *mean = m->points->mean;
    if (m->like) {
        m->exponent = m->like->exponent;
        memcpy(mean, m->like->mean, m->points->dim * sizeof *mean);
    } else {
        find_exponent(m);
        find_mean(m, sums);
    }
    m->points->exponent = m->exponent;
    m->points->mean_square = product(mean, mean, m->points->dim);
    vr_work work = { .threads = threads,
                     .count = m->points->count,
                     .portion = PORTION,
                     .run = put_points,
                     .context = m,
                     .progress = progress,
                     .phase = "preparing",
                     .unit = "rows",
                     .steps = 1,
                     .total_steps = m->points->count };
    return vr_work_do(&work, err);
}

static vrec_status make(making *m, size_t count, size_t dim, size_t threads, const vrec_progress *progress,
                        vrec_error *err)
{
    double *sums = NULL;
    *m->points = (vr_hnsw_points){ .simd = vr_simd_get(),
                                   .count = count,
                                   .dim = dim,
                                   .lines = (dim + TAIL + LINE - 1) / LINE,
                                   .groups = (dim + 7) / 8 * 2 };
    vrec_status status = take_memory(m, threads, &sums, err);
    if (status == VREC_OK)
        status = fill(m, threads, sums, progress, err);
    if (status == VREC_OK && !m->angles)
        status = keep_items(m, err);
    vr_free(sums);
    vr_free(m->spaces);
    if (status != VREC_OK)
        vr_hnsw_points_free(m->points);
    return status;
}

vrec_status vr_hnsw_points_make(const float *items, size_t count, size_t dim, bool angles, size_t threads,
                                const vrec_progress *progress, vr_hnsw_points *points, vrec_error *err)
{
    making m = { .points = points, .items = items, .angles = angles };
    return make(&m, count, dim, threads, progress, err);
}

vrec_status vr_hnsw_points_make_like(const vr_hnsw_points *first, const float *vectors, size_t count,
                                     size_t threads, const vrec_progress *progress, vr_hnsw_points *points,
                                     vrec_error *err)
{
    making m = { .points = points, .items = vectors, .angles = first->lengths != NULL, .like = first };
    return make(&m, count, first->dim, threads, progress, err);
}

bool vr_hnsw_can_compare(const vr_hnsw_points *points, const float *vector)
{
    float largest = largest_of(vector, points->dim);
    return points->lengths ? largest > 0.0f : ldexpf(largest, points->exponent) < 0x1p16f;
}

vrec_status vr_hnsw_products_make(const vr_hnsw_points *directions, vr_hnsw_points *products,
                                  vrec_error *err)
{
    const vr_hnsw_points *from = directions;
    size_t bytes = from->lines * LINE;
    *products = (vr_hnsw_points){ .simd = from->simd,
                                  .count = from->count,
                                  .dim = from->dim,
                                  .lines = from->lines,
                                  .groups = from->groups,
                                  .directions = from };
    products->records = vr_alloc(from->count, bytes);
    if (!products->records)
        return vr_fail_memory(err, from->count * bytes, "the items as a build sees them");
    memcpy(products->records, from->records, from->count * bytes);
    for (size_t i = 0; i < from->count; i++) {
        float factors[4], length = from->lengths[i];
        vr_hnsw_factors(from, (uint32_t)i, factors);
        factors[0] *= length;
        factors[1] = length;
        factors[3] = length * from->leans[i];
        memcpy(products->records + (i + 1) * bytes - TAIL, factors, TAIL);
    }
    return VREC_OK;
}

void vr_hnsw_points_free(vr_hnsw_points *points)
{
    vr_free(points->records);
    vr_free(points->offsets);
    vr_free(points->plain);
    vr_free(points->lengths);
    vr_free(points->leans);
    vr_free(points->mean);
    *points = (vr_hnsw_points){ 0 };
}

/* ---- Centers ---- */

/* All but what depends on whom it is compared with; returns the factors. */
static void center_on(const vr_hnsw_points *points, uint32_t point, int8_t *digits, vr_hnsw_center *center,
                      float factors[4])
{
    size_t bytes = points->lines * LINE;
    const uint8_t *record = points->records + (size_t)point * bytes;
    int bias = points->simd->code_bias;
    for (size_t j = 0; j < bytes - TAIL; j++)
        digits[j] = (int8_t)(record[j] - bias);
    memset(digits + bytes - TAIL, 0, TAIL);
    vr_hnsw_factors(points, point, factors);
    center->coded.digits = digits;
    center->coded.offset[0] = points->offsets[point];
    center->coded.scale[0] = factors[0];
    center->coded.length[0] = center->coded.rest[0] = 0.0f;
}

void vr_hnsw_product_center(const vr_hnsw_points *directions, uint32_t point, int8_t *digits,
                            vr_hnsw_center *center)
{
    float factors[4];
    center_on(directions, point, digits, center, factors);
    center->coded.length[0] = directions->leans[point] - directions->mean_square;
    center->half = 0.0f;
    center->weight = directions->lengths[point];
}

void vr_hnsw_center_on(const vr_hnsw_points *points, uint32_t point, int8_t *digits, vr_hnsw_center *center)
{
    float factors[4];
    if (points->directions) {
        vr_hnsw_product_center(points->directions, point, digits, center);
        return;
    }
    center->plain = points->plain ? points->plain + (size_t)point * points->dim : NULL;
    center_on(points, point, digits, center, factors);
    center->half = -factors[3];
    center->weight = 1.0f;
}
