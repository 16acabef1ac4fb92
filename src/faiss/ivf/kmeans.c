/* K-means (Lloyd) as FAISS 1.15 does it with one thread, so that the same seed gives its centroids: as many
 * of the vectors, drawn at random, are the first centroids; then ten times each vector goes to its nearest
 * centroid, and each centroid to the mean of its vectors, added up in their order. A centroid without
 * vectors takes half of those of another one, drawn at random, the larger the likelier, and both move apart
 * a little. For inner products centroids have length 1.
 *
 * Nothing depends on the number of threads: distances don't, and each mean is one thread's. On another
 * instruction set the last bits of a distance differ, and so where two centroids are equally near a vector
 * it may go to the other one.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/kmeans.h"

#include "base/error.h"
#include "base/memory.h"
#include "core/twister.h"
#include "core/work.h"
#include "scan/nearest.h"

#include <math.h>
#include <string.h>

enum {
    ROUNDS = 10,
    SPLIT_SEED = 1234,
    TRIES_MAX = 10000, /* of drawing a centroid that gives half of its vectors away */
    PORTION = 4,       /* centroids that a thread takes at a time, */
    READIED = 1024     /* and vectors */
};

#define APART (1.0f / 1024.0f)

typedef struct training {
    const vr_kmeans *given;
    vr_blocks *blocks; /* of the centroids; NULL if dim is too large for them */
    vr_rows rows;      /* the centroids */
    vr_queries queries;
    void *space;       /* that the queries take */
    float *distances;  /* of each vector to its centroid */
    uint32_t *members; /* vectors, centroid by centroid, each one's in their order */
    size_t *ends;      /* where those of each centroid end */
    float *sizes;      /* how many there are */
} training;

static float *centroid_of(const training *t, size_t c)
{
    return t->given->centroids + c * t->given->dim;
}

/* ---- Parts of a round ---- */

static void normalize(const training *t)
{
    size_t dim = t->given->dim;
    for (size_t c = 0; c < t->given->clusters && t->given->metric == VR_METRIC_IP; c++) {
        float norm = 0.0f, *centroid = centroid_of(t, c);
        for (size_t j = 0; j < dim; j++) /* in this order everywhere */
            norm += centroid[j] * centroid[j];
        if (!(norm > 0.0f))
            continue;
        float factor = 1.0f / sqrtf(norm);
        for (size_t j = 0; j < dim; j++)
            centroid[j] *= factor;
    }
}

static vrec_status assign(const training *t, size_t round, vrec_error *err)
{
    const vr_kmeans *given = t->given;
    vrec_matrix vectors = { .struct_size = sizeof vectors,
                            .data = given->vectors,
                            .rows = given->count,
                            .dim = given->dim,
                            .row_stride = (ptrdiff_t)(given->dim * sizeof(float)),
                            .col_stride = sizeof(float),
                            .type = VREC_F32 };
    vr_nearest nearest = { .rows = &t->rows,
                           .vectors = &vectors,
                           .queries = &t->queries,
                           .best = given->nearest,
                           .distances = t->distances,
                           .threads = given->threads,
                           .scratch = given->scratch,
                           .progress = given->progress,
                           .phase = "training",
                           .done_before = (uint64_t)round * given->count,
                           .total = (uint64_t)ROUNDS * given->count };
    if (t->blocks)
        vr_blocks_fill(t->blocks, given->centroids, given->clusters);
    return vr_find_nearest(&nearest, err);
}

/* Sorts the vectors by their centroids. One that is near none, since all distances overflow, is left out.
 */
static void sort_members(const training *t)
{
    const vr_kmeans *given = t->given;
    memset(t->ends, 0, given->clusters * sizeof *t->ends);
    for (size_t i = 0; i < given->count; i++)
        if (given->nearest[i] != VR_NO_ROW)
            t->ends[given->nearest[i]]++;
    for (size_t c = 0, sum = 0; c < given->clusters; c++) {
        size_t size = t->ends[c];
        t->sizes[c] = (float)size;
        t->ends[c] = sum;
        sum += size;
    }
    for (size_t i = 0; i < given->count; i++)
        if (given->nearest[i] != VR_NO_ROW)
            t->members[t->ends[given->nearest[i]]++] = (uint32_t)i;
}

static void find_mean(const training *t, size_t c)
{
    const vr_simd *simd = vr_simd_get();
    size_t dim = t->given->dim;
    float *centroid = centroid_of(t, c), factor = 1.0f / t->sizes[c];
    memset(centroid, 0, dim * sizeof *centroid);
    for (size_t i = c > 0 ? t->ends[c - 1] : 0; i < t->ends[c]; i++)
        simd->mix(centroid, t->given->vectors + t->members[i] * dim, dim, 1.0f, 1.0f);
    for (size_t j = 0; j < dim && t->sizes[c] > 0.0f; j++)
        centroid[j] *= factor;
}

static vrec_status find_means(void *context, vr_worker *me, vrec_error *err)
{
    const training *t = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t c = first; c < first + count; c++)
            find_mean(t, c);
    return VREC_OK;
}

/* The centroid that gives half of its vectors away. */
static size_t draw_donor(const training *t, vr_twister *random)
{
    const vr_kmeans *given = t->given;
    size_t largest = 0;
    for (size_t tries = 0, c = 0; tries < TRIES_MAX; tries++, c = (c + 1) % given->clusters) {
        float chance =
            (float)(((double)t->sizes[c] - 1.0) / (double)(float)(given->count - given->clusters));
        if (vr_twister_draw_float(random) < chance)
            return c;
    }
    for (size_t c = 1; c < given->clusters; c++)
        largest = t->sizes[c] > t->sizes[largest] ? c : largest;
    return largest;
}

static void split_largest(const training *t)
{
    size_t dim = t->given->dim;
    vr_twister random;
    vr_twister_seed(&random, SPLIT_SEED);
    for (size_t c = 0; c < t->given->clusters; c++) {
        if (t->sizes[c] != 0.0f)
            continue;
        size_t donor = draw_donor(t, &random);
        if (donor == c) /* no centroid has vectors: their distances overflow */
            continue;
        float *to = centroid_of(t, c), *from = centroid_of(t, donor);
        memcpy(to, from, dim * sizeof *to);
        for (size_t j = 0; j < dim; j++) {
            to[j] *= j % 2 == 0 ? 1.0f + APART : 1.0f - APART;
            from[j] *= j % 2 == 0 ? 1.0f - APART : 1.0f + APART;
        }
        t->sizes[c] = t->sizes[donor] / 2.0f;
        t->sizes[donor] -= t->sizes[c];
    }
}

/* ---- All of it ---- */

static float add_up(const float *distances, size_t count)
{
    float sum = 0.0f;
    for (size_t i = 0; i < count; i++)
        sum += distances[i];
    return sum;
}

/* It has come to rest when the sum of distances doesn't change any more, unless that is because it
 * overflows. */
static vrec_status go_round(const training *t, size_t round, float *sum, bool *at_rest, vrec_error *err)
{
    vr_work work = { .threads = t->given->threads,
                     .count = t->given->clusters,
                     .portion = PORTION,
                     .run = find_means,
                     .context = (void *)(uintptr_t)t };
    vrec_status status = assign(t, round, err);
    if (status != VREC_OK)
        return status;
    float before = *sum;
    *sum = add_up(t->distances, t->given->count);
    *at_rest = round > 0 && *sum == before && isfinite(*sum);
    sort_members(t);
    status = vr_work_do(&work, err);
    split_largest(t);
    normalize(t);
    return status;
}

static vrec_status train(const training *t, vrec_error *err)
{
    const vr_kmeans *given = t->given;
    size_t bytes = given->dim * sizeof(float);
    vrec_status status = VREC_OK;
    float sum = 0.0f;
    bool at_rest = false;
    vr_twister_shuffle(given->seed + 1, given->count, given->clusters, t->members);
    for (size_t c = 0; c < given->clusters; c++)
        memcpy(centroid_of(t, c), given->vectors + t->members[c] * given->dim, bytes);
    for (size_t i = 0; i < given->count; i++)
        given->nearest[i] = VR_NO_ROW;
    normalize(t);
    for (size_t round = 0; round < ROUNDS && !at_rest && status == VREC_OK; round++)
        status = go_round(t, round, &sum, &at_rest, err);
    return status;
}

/* Vectors are compared in every round, and made ready for that once. */
static vrec_status ready(void *context, vr_worker *me, vrec_error *err)
{
    training *t = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t i = first; i < first + count; i++)
            vr_queries_ready(&t->queries, i);
    return VREC_OK;
}

static vrec_status prepare(training *t, vrec_error *err)
{
    const vr_kmeans *given = t->given;
    const vr_simd *simd = vr_simd_get();
    size_t bytes = 0, end = 0;
    t->blocks = vr_blocks_create(simd, vr_block_count(simd, given->clusters), given->dim, given->metric,
                                 simd->code_max);
    t->rows = (vr_rows){ .values = given->centroids,
                         .count = given->clusters,
                         .dim = given->dim,
                         .metric = given->metric,
                         .blocks = t->blocks };
    vr_queries_place(&t->queries, &t->rows, given->count, 0, &bytes);
    t->space = vr_alloc(bytes, 1);
    t->distances = vr_alloc_zero(given->count, sizeof *t->distances);
    t->members = vr_alloc(given->count, sizeof *t->members);
    t->ends = vr_alloc(given->clusters, sizeof *t->ends);
    t->sizes = vr_alloc(given->clusters, sizeof *t->sizes);
    if ((!t->blocks && given->dim <= VR_CODES_DIM_MAX) || !t->space || !t->distances || !t->members ||
        !t->ends || !t->sizes)
        return vr_fail_memory(err, bytes + given->count * 8 + given->clusters * 12, "training");
    vr_queries_place(&t->queries, &t->rows, given->count, (uintptr_t)t->space, &end);
    t->queries.vectors = given->vectors;
    vr_work work = {
        .threads = given->threads, .count = given->count, .portion = READIED, .run = ready, .context = t
    };
    return vr_work_do(&work, err);
}

vrec_status vr_find_centroids(const vr_kmeans *given, vrec_error *err)
{
    if (given->count == given->clusters) { /* as FAISS does it: they stay as they are */
        memcpy(given->centroids, given->vectors, given->count * given->dim * sizeof(float));
        for (size_t i = 0; i < given->count; i++)
            given->nearest[i] = (uint32_t)i;
        return VREC_OK;
    }
    training t = { .given = given };
    vrec_status status = prepare(&t, err);
    if (status == VREC_OK)
        status = train(&t, err);
    vr_blocks_free(t.blocks);
    vr_free(t.space);
    vr_free(t.distances);
    vr_free(t.members);
    vr_free(t.ends);
    vr_free(t.sizes);
    return status;
}
