/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/nearest.h"

#include "base/memory.h"

#include <math.h>

enum {
    SCALE = 0, /* of a record's factors */
    LENGTH = 1,
    BIAS = 3,
    FACTORS = 3,                     /* of a row of the kernel's */
    WAITING = 32 + VR_TILE_ROWS_MAX, /* room for points that may be near, */
    BUNCH = 12                       /* which are compared when they are as many as this */
};

/* ---- Groups ---- */

vrec_status vr_hnsw_group_init(vr_hnsw_group *group, const vr_hnsw_points *points, size_t room,
                               vrec_error *err)
{
    size_t rows = points->simd->tile_rows, blocks = room / rows + (room % rows > 0);
    size_t bytes = rows * (points->groups * 4 + FACTORS * sizeof(float));
    *group = (vr_hnsw_group){ .points = points, .room = room, .block_bytes = bytes };
    group->blocks = vr_alloc(blocks, bytes);
    return group->blocks ? VREC_OK : vr_fail_memory(err, blocks * bytes, "comparing items");
}

void vr_hnsw_group_free(vr_hnsw_group *group)
{
    vr_free(group->blocks);
    *group = (vr_hnsw_group){ 0 };
}

static void put_point(vr_hnsw_group *group, uint8_t *block, size_t i, uint32_t id)
{
    const vr_hnsw_points *points = group->points;
    size_t rows = points->simd->tile_rows;
    const uint8_t *record = points->records + (size_t)id * points->lines * 64;
    float *factors = (float *)(void *)(block + rows * points->groups * 4), own[4];
    for (size_t g = 0; g < points->groups; g++)
        memcpy(block + (g * rows + i) * 4, record + g * 4, 4);
    vr_hnsw_factors(points, id, own);
    factors[i] = own[SCALE];
    factors[rows + i] = own[LENGTH];
    factors[2 * rows + i] = own[BIAS];
    float length = points->directions ? own[LENGTH] : sqrtf(-2.0f * own[BIAS]);
    group->longest = length > group->longest ? length : group->longest;
}

void vr_hnsw_group_set(vr_hnsw_group *group, const uint32_t *ids, size_t count)
{
    size_t rows = group->points->simd->tile_rows;
    group->ids = ids;
    group->count = count;
    group->longest = 0.0f;
    for (size_t first = 0; first < count; first += rows) {
        uint8_t *block = group->blocks + first / rows * group->block_bytes;
        size_t here = vr_min(rows, count - first);
        if (here < rows)
            memset(block, 0, group->block_bytes);
        for (size_t i = 0; i < here; i++)
            put_point(group, block, i, ids[first + i]);
    }
}

/* ---- The nearest ---- */

/* One center, while the group is gone through. */
typedef struct asking {
    vr_hnsw_center at;
    uint64_t *keys; /* the k nearest so far, ascending */
    size_t count;
    uint32_t *waiting; /* points that may be near enough */
    size_t waiting_count;
    float slack; /* what rounding can make of a sum of the kernel's */
} asking;

struct vr_hnsw_nearest {
    const vr_hnsw_points *points;
    size_t k, width;
    asking centers[VR_TILE_QUERIES_MAX];
    vr_code_queries coded; /* all of them, for the kernel */
    float floors[VR_TILE_QUERIES_MAX];
    uint64_t *keys;
    uint32_t *waiting;
    int8_t *digits, *tile_digits;
};

vrec_status vr_hnsw_nearest_create(const vr_hnsw_points *points, size_t k, vr_hnsw_nearest **out,
                                   vrec_error *err)
{
    size_t width = vr_hnsw_nearest_width(points);
    vr_hnsw_nearest *nearest = *out = vr_alloc_zero(1, sizeof *nearest);
    if (!nearest)
        return vr_fail_memory(err, sizeof *nearest, "comparing items");
    nearest->points = points;
    nearest->k = k;
    nearest->width = width;
    nearest->keys = vr_alloc(width * k, sizeof *nearest->keys);
    nearest->waiting = vr_alloc(width * WAITING, sizeof *nearest->waiting);
    nearest->digits = vr_alloc(width, vr_hnsw_point_digits(points));
    nearest->tile_digits = vr_alloc_zero(width, points->groups * 4);
    if (!nearest->keys || !nearest->waiting || !nearest->digits || !nearest->tile_digits)
        return vr_fail_memory(err, width * (k * 8 + 2 * points->lines * 64), "comparing items");
    for (size_t q = 0; q < width; q++) {
        nearest->centers[q].keys = nearest->keys + q * k;
        nearest->centers[q].waiting = nearest->waiting + q * WAITING;
    }
    return VREC_OK;
}

void vr_hnsw_nearest_free(vr_hnsw_nearest *nearest)
{
    if (!nearest)
        return;
    vr_free(nearest->keys);
    vr_free(nearest->waiting);
    vr_free(nearest->digits);
    vr_free(nearest->tile_digits);
    vr_free(nearest);
}

/* Every step of the sums that are compared, the kernel's and code_ids()'s, is rounded by 2^-24 of what is
 * at most (|a| + |b|)^2, or 7 |b| for an inner product with a direction, and there are fewer than eight;
 * slack is twice that. */
static float slack_of(const vr_hnsw_group *group, const asking *a)
{
    float length = sqrtf(2.0f * a->at.half);
    if (group->points->directions)
        return 0x1p-20f * 7.0f * group->longest;
    return 0x1p-20f * (length + group->longest) * (length + group->longest);
}

/* Readies the center at place q of the tile. */
static void start(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const vr_hnsw_points *others,
                  size_t q, uint32_t center)
{
    const vr_hnsw_points *points = nearest->points;
    asking *a = &nearest->centers[q];
    int8_t *digits = nearest->digits + q * vr_hnsw_point_digits(points);
    a->count = a->waiting_count = 0;
    if (others && points->directions)
        vr_hnsw_product_center(others, center, digits, &a->at);
    else
        vr_hnsw_center_on(others ? others : points, center, digits, &a->at);
    a->at.weight = 1.0f; /* what is the same for all is left out */
    vr_put_digits(points->simd, digits, points->groups, q, nearest->width, nearest->tile_digits);
    nearest->coded.offset[q] = a->at.coded.offset[0];
    nearest->coded.scale[q] = a->at.coded.scale[0];
    nearest->coded.length[q] = a->at.coded.length[0];
    nearest->floors[q] = -INFINITY;
    a->slack = slack_of(group, a);
}

static void set_floor(vr_hnsw_nearest *nearest, size_t q)
{
    const asking *a = &nearest->centers[q];
    if (a->count == nearest->k)
        nearest->floors[q] = a->at.half - vr_topk_value(a->keys[nearest->k - 1]) - a->slack;
}

static void insert(asking *a, size_t k, uint64_t key)
{
    size_t i = a->count;
    if (i == k) {
        if (key >= a->keys[k - 1])
            return;
        i--;
    } else {
        a->count++;
    }
    for (; i > 0 && a->keys[i - 1] > key; i--)
        a->keys[i] = a->keys[i - 1];
    a->keys[i] = key;
}

/* Compares the points that wait. */
static void compare(vr_hnsw_nearest *nearest, size_t q)
{
    asking *a = &nearest->centers[q];
    float distances[WAITING];
    vr_hnsw_distances(nearest->points, &a->at, a->waiting, a->waiting_count, distances);
    for (size_t i = 0; i < a->waiting_count; i++)
        insert(a, nearest->k, vr_topk_key(distances[i], a->waiting[i]));
    a->waiting_count = 0;
    set_floor(nearest, q);
}

static void take(vr_hnsw_nearest *nearest, size_t q, uint32_t mask, const uint32_t *ids)
{
    asking *a = &nearest->centers[q];
    for (; mask; mask &= mask - 1)
        a->waiting[a->waiting_count++] = ids[__builtin_ctz(mask)];
    if (a->waiting_count >= BUNCH)
        compare(nearest, q);
}

/* Where items are compared and not digits, all are. */
static void find_plainly(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const vr_hnsw_points *others,
                         const uint32_t *centers, size_t count)
{
    for (size_t q = 0; q < count; q++) {
        asking *a = &nearest->centers[q];
        start(nearest, group, others, q, centers[q]);
        for (size_t i = 0; i < group->count; i++) {
            a->waiting[a->waiting_count++] = group->ids[i];
            if (a->waiting_count == WAITING || i + 1 == group->count)
                compare(nearest, q);
        }
    }
}

static void find(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const vr_hnsw_points *others,
                 const uint32_t *centers, size_t count)
{
    if (nearest->points->plain) {
        find_plainly(nearest, group, others, centers, count);
        return;
    }
    const vr_hnsw_points *points = nearest->points;
    const vr_simd *simd = points->simd;
    size_t rows = simd->tile_rows;
    uint32_t masks[VR_TILE_QUERIES_MAX];
    for (size_t q = 0; q < count; q++)
        start(nearest, group, others, q, centers[q]);
    for (size_t q = count; q < nearest->width; q++)
        nearest->floors[q] = INFINITY; /* nobody asks: nothing is near enough */
    nearest->coded.digits = nearest->tile_digits;
    simd->begin(points->groups);
    for (size_t first = 0; first < group->count; first += rows) {
        const uint8_t *block = group->blocks + first / rows * group->block_bytes;
        const float *factors = (const float *)(const void *)(block + rows * points->groups * 4);
        size_t here = vr_min(rows, group->count - first);
        uint32_t there = here < 32 ? (1u << here) - 1 : UINT32_MAX;
        if (!(simd->code_tile(&nearest->coded, count, block, points->groups, factors, nearest->floors,
                              masks) &
              there))
            continue;
        for (size_t q = 0; q < count; q++)
            if (masks[q] & there)
                take(nearest, q, masks[q] & there, group->ids + first);
    }
    simd->end();
    for (size_t q = 0; q < count; q++)
        compare(nearest, q);
}

void vr_hnsw_nearest_find(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const uint32_t *centers,
                          size_t count)
{
    find(nearest, group, NULL, centers, count);
}

void vr_hnsw_nearest_to(vr_hnsw_nearest *nearest, const vr_hnsw_group *group, const vr_hnsw_points *others,
                        const uint32_t *centers, size_t count)
{
    find(nearest, group, others, centers, count);
}

size_t vr_hnsw_nearest_found(const vr_hnsw_nearest *nearest, size_t i, const uint64_t **keys)
{
    *keys = nearest->centers[i].keys;
    return nearest->centers[i].count;
}
