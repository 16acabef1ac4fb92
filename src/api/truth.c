/* The items are copied out of the index, or from the caller, into an exact one, which is asked. What an
 * index reports of an item is a function of what the exact one does, so right answers are known by their
 * distance alone. Of ties with the last of them any will do, but no more than the exact answers have.
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/truth.h"

#include "base/memory.h"
#include "base/system.h"
#include "core/matrix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIMES = 3, TIMED_US = 100000 }; /* as often is the exact search timed, unless it takes longer */
enum { SAMPLE = 1000 /* items that are asked for where nobody gave queries */ };

/* How an index compares, in terms of the exact one. */
typedef struct comparison {
    const char *metric; /* of the exact one */
    bool unit;          /* over vectors of length 1 */
    float tolerance;    /* relative, where an index adds up otherwise */
    float (*reported)(float exact);
} comparison;

static float as_it_is(float exact)
{
    return exact;
}

static float root(float exact)
{
    return sqrtf(fmaxf(exact, 0));
}

static float chord(float cosine)
{
    return sqrtf(fmaxf(2 - 2 * cosine, 0));
}

static const comparison comparisons[] = { { "L2", false, 0, as_it_is }, { "IP", false, 0, as_it_is } };
static const comparison annoy_comparisons[] = { { "IP", true, 1e-5f, chord },
                                                { "L2", false, 1e-5f, root },
                                                { "IP", false, 1e-5f, as_it_is } };

static const comparison server_comparisons[] = { { "L2", false, 1e-5f, as_it_is },
                                                 { "IP", false, 1e-5f, as_it_is },
                                                 { "IP", true, 1e-5f, as_it_is } };

static const comparison *comparison_of(const vrec_indexer *indexer, bool on_server)
{
    const vrec_fact *fact;
    const char *metric = "";
    for (size_t i = 0; !*metric && (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, "metric") == 0)
            metric = fact->text;
    if (strcmp(metric, "angular") == 0)
        return &annoy_comparisons[0];
    if (strcmp(metric, "euclidean") == 0)
        return &annoy_comparisons[1];
    if (strcmp(metric, "dot") == 0)
        return &annoy_comparisons[2];
    if (strcmp(metric, "COSINE") == 0)
        return &server_comparisons[2];
    return &(on_server ? server_comparisons : comparisons)[strcmp(metric, "IP") == 0];
}

/* ---- The exact index ---- */

/* The items of an index, without rows that are none. */
typedef struct items {
    size_t count, dim;
    int64_t *ids;
    uint32_t *rows; /* where the index has them */
    float *vectors;
} items;

static void free_items(items *all)
{
    vr_free(all->ids);
    vr_free(all->rows);
    vr_free(all->vectors);
}

/* Items with a NaN or Inf, as only a file's may have, are never found. */
static void drop_nonfinite(items *all)
{
    size_t kept = 0, dim = all->dim;
    for (size_t i = 0; i < all->count; i++) {
        const float *vector = all->vectors + i * dim;
        if (vr_find_nonfinite(vector, dim) < dim)
            continue;
        memmove(all->vectors + kept * dim, vector, dim * sizeof *vector);
        all->rows[kept] = all->rows[i];
        all->ids[kept++] = all->ids[i];
    }
    all->count = kept;
}

static vrec_status copy_given(const vr_given_items *given, items *all, vrec_error *err)
{
    size_t rows = given->vectors->rows, bytes;
    *all = (items){ .count = rows, .dim = given->vectors->dim };
    if (!vr_mul(rows, all->dim * sizeof(float), &bytes))
        bytes = SIZE_MAX;
    all->ids = vr_alloc(rows, sizeof *all->ids);
    all->rows = vr_alloc(rows, sizeof *all->rows);
    all->vectors = vr_alloc(bytes, 1);
    if (!all->ids || !all->rows || !all->vectors)
        return vr_fail_memory(err, bytes, "a copy of the items");
    vr_matrix_rows(given->vectors, 0, rows, all->vectors);
    for (size_t i = 0; i < rows; i++) {
        all->ids[i] = given->ids ? given->ids[i] : (int64_t)i;
        all->rows[i] = (uint32_t)i;
    }
    drop_nonfinite(all);
    return all->count > 0
               ? VREC_OK
               : vr_fail_at(err, VREC_INVALID, vr_in("items"), "tuning: no item is without NaN or Inf");
}

static vrec_status copy_items(const vrec_indexer *indexer, items *all, vrec_error *err)
{
    size_t rows = vrec_rows(indexer), bytes;
    *all = (items){ .dim = vrec_dim(indexer),
                    .ids = vr_alloc(vr_max(rows, 1), sizeof *all->ids),
                    .rows = vr_alloc(vr_max(rows, 1), sizeof *all->rows) };
    if (!all->ids || !all->rows)
        return vr_fail_memory(err, rows * sizeof *all->ids, "the ids of the items");
    vrec_status status = vrec_ids(indexer, 0, rows, all->ids, err);
    for (size_t i = 0; i < rows && status == VREC_OK; i++)
        if (all->ids[i] != -1) {
            all->rows[all->count] = (uint32_t)i;
            all->ids[all->count++] = all->ids[i];
        }
    if (status != VREC_OK)
        return status;
    if (all->count == 0)
        return vr_fail(err, VREC_INVALID, "tuning: the index has no items");
    if (!vr_mul(all->count, all->dim * sizeof(float), &bytes) || !(all->vectors = vr_alloc(bytes, 1)))
        return vr_fail_memory(err, bytes, "a copy of the items");
    status = vrec_vectors(indexer, all->ids, all->count, all->vectors, err);
    if (status == VREC_OK)
        drop_nonfinite(all);
    return status == VREC_OK && all->count == 0
               ? vr_fail(err, VREC_INVALID, "tuning: the index has no items without NaN or Inf")
               : status;
}

static void make_unit(float *vectors, size_t count, size_t dim)
{
    for (size_t i = 0; i < count; i++) {
        double sum = 0;
        float *vector = vectors + i * dim;
        for (size_t j = 0; j < dim; j++)
            sum += (double)vector[j] * vector[j];
        for (size_t j = 0; j < dim && sum > 0; j++)
            vector[j] = (float)(vector[j] / sqrt(sum));
    }
}

static vrec_status build_exact(const items *all, const char *metric, vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder;
    vrec_matrix rows = vrec_matrix_f32(all->vectors, all->count, all->dim);
    *out = NULL;
    vrec_status status = vrec_builder_factory("faiss", "index_type=Flat", &builder, err);
    if (status == VREC_OK)
        status = vrec_builder_set(builder, "metric", metric, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &rows, NULL, out, err);
    vrec_builder_free(builder);
    return status;
}

/* ---- Queries ---- */

/* Room for so many, and what is known of each. */
static vrec_status make_room(vr_truth *truth, size_t dim, bool of_items, vrec_error *err)
{
    size_t n = vr_max(truth->queries, 1);
    truth->values = vr_alloc(n, dim * sizeof *truth->values);
    truth->limits = vr_alloc(n, sizeof *truth->limits);
    truth->inner = vr_alloc(n, sizeof *truth->inner);
    truth->nearer = vr_alloc(n, sizeof *truth->nearer);
    truth->wanted = vr_alloc(n, sizeof *truth->wanted);
    truth->nearest = vr_alloc(n, sizeof *truth->nearest);
    truth->own_ids = of_items ? vr_alloc(n, sizeof *truth->own_ids) : NULL;
    truth->own_rows = of_items ? vr_alloc(n, sizeof *truth->own_rows) : NULL;
    truth->offsets = of_items ? vr_alloc(n + 1, sizeof *truth->offsets) : NULL;
    if (!truth->values || !truth->limits || !truth->inner || !truth->nearer || !truth->wanted ||
        !truth->nearest || (of_items && (!truth->own_ids || !truth->own_rows || !truth->offsets)))
        return vr_fail_memory(err, n * dim * sizeof *truth->values, "queries to tune with");
    truth->vectors = vrec_matrix_f32(truth->values, truth->queries, dim);
    return VREC_OK;
}

/* The caller's, or items that stand at even distances. */
static vrec_status choose_queries(const items *all, const vrec_matrix *queries, vr_truth *truth,
                                  int64_t *rows, vrec_error *err)
{
    vrec_status status = make_room(truth, all->dim, !queries, err);
    if (status != VREC_OK)
        return status;
    if (queries) {
        vr_matrix_rows(queries, 0, truth->queries, truth->values);
        return VREC_OK;
    }
    for (size_t i = 0; i < truth->queries; i++) {
        size_t row = i * all->count / truth->queries;
        memcpy(truth->values + i * all->dim, all->vectors + row * all->dim, all->dim * sizeof(float));
        rows[i] = (int64_t)row;
        truth->own_ids[i] = all->ids[row];
        truth->own_rows[i] = all->rows[row];
    }
    for (size_t i = 0; i <= truth->queries; i++)
        truth->offsets[i] = (int64_t)i;
    return VREC_OK;
}

/* ---- The exact answers ---- */

static float farness(const vr_truth *truth, size_t q, float distance, bool larger_is_nearer)
{
    double sum = 0;
    const float *vector = truth->values + q * truth->vectors.dim;
    if (!larger_is_nearer)
        return distance;
    for (size_t i = 0; i < truth->vectors.dim; i++)
        sum += (double)vector[i] * vector[i];
    return sum > 0 ? (float)(-distance / sqrt(sum)) : 0;
}

/* Where the last exact answer lies, as the index would report it, and how many lie nearer than that. */
static void set_limits(vr_truth *truth, size_t q, const comparison *how, bool exact_is_product,
                       const float *distances)
{
    size_t count = (size_t)truth->wanted[q], nearer = 0;
    float limit = how->reported(count > 0 ? distances[count - 1] : 0);
    float slack = how->tolerance * (1 + fabsf(limit));
    bool larger_is_nearer = how->reported == as_it_is && exact_is_product;
    float sign = larger_is_nearer ? -1.0f : 1.0f;
    truth->limits[q] = limit + sign * slack;
    truth->inner[q] = limit - sign * slack;
    while (nearer < count && sign * how->reported(distances[nearer]) < sign * truth->inner[q])
        nearer++;
    truth->nearer[q] = (int64_t)nearer;
}

/* Asks the exact index, so many times at most, to see how long it takes. rows: of each query that is an
 * item, which it mustn't find; else NULL. */
static vrec_status ask(const vrec_indexer *exact, const comparison *how, const int64_t *rows, int times,
                       int32_t threads, const vrec_progress *progress, vr_truth *truth, vrec_error *err)
{
    size_t slots = truth->queries * truth->top_k; /* both are bounded */
    int64_t *ids = vr_alloc(slots, sizeof *ids);
    float *distances = vr_alloc(slots, sizeof *distances);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = threads,
                                   .progress = progress,
                                   .exclude_offsets = rows ? truth->offsets : NULL,
                                   .exclude_ids = rows,
                                   .exclude_count = rows ? truth->queries : 0 };
    const vrec_results results = {
        .struct_size = sizeof results, .ids = ids, .distances = distances, .counts = truth->wanted
    };
    vrec_status status = ids && distances ? VREC_OK : vr_fail_memory(err, slots * 12, "the exact answers");
    int64_t best = INT64_MAX, all = 0;
    for (int i = 0; i < times && all < TIMED_US && status == VREC_OK; i++) {
        int64_t start = vr_now_us();
        status = vrec_query(exact, &truth->vectors, truth->top_k, &options, &results, err);
        int64_t taken = vr_now_us() - start;
        best = taken < best ? taken : best;
        all += taken;
    }
    truth->exact_per_second = (double)truth->queries * 1e6 / (double)vr_max((size_t)best, 1);
    for (size_t i = 0; i < truth->queries && status == VREC_OK; i++) {
        const float *first = distances + i * truth->top_k;
        bool product = vrec_larger_is_nearer(exact);
        truth->nearest[i] = truth->wanted[i] > 0 ? farness(truth, i, *first, product) : 0;
        set_limits(truth, i, how, product, first);
    }
    vr_free(ids);
    vr_free(distances);
    return status;
}

/* ---- Queries beside items ---- */

static int compare_floats(const void *a, const void *b)
{
    float one = *(const float *)a, other = *(const float *)b;
    return (one > other) - (one < other);
}

/* Sorts both. Of all pairs, how many have the larger one from a; equal ones count half. */
static double share_larger(float *a, size_t a_count, float *b, size_t b_count)
{
    size_t below = 0, up_to = 0;
    double pairs = 0;
    qsort(a, a_count, sizeof *a, compare_floats);
    qsort(b, b_count, sizeof *b, compare_floats);
    for (size_t i = 0; i < a_count; i++) {
        while (below < b_count && b[below] < a[i])
            below++;
        while (up_to < b_count && b[up_to] <= a[i])
            up_to++;
        pairs += (double)(below + up_to) / 2;
    }
    return pairs / ((double)a_count * (double)b_count);
}

/* Asks the exact index for items, too, to see whether the queries are distributed as they are. */
static vrec_status compare_with_items(const vrec_indexer *exact, const comparison *how, const items *all,
                                      int32_t threads, const vrec_progress *progress, vr_truth *truth,
                                      vrec_error *err)
{
    vr_truth of_items = { .queries = vr_min(all->count, SAMPLE), .top_k = 1 };
    int64_t *rows = vr_alloc(of_items.queries, sizeof *rows);
    vrec_status status =
        rows ? choose_queries(all, NULL, &of_items, rows, err)
             : vr_fail_memory(err, of_items.queries * sizeof *rows, "items to compare with");
    if (status == VREC_OK)
        status = ask(exact, how, rows, 1, threads, progress, &of_items, err);
    if (status == VREC_OK)
        truth->farther = share_larger(truth->nearest, truth->queries, of_items.nearest, of_items.queries);
    vr_free(rows);
    vr_truth_free(&of_items);
    return status;
}

/* ---- Answers of a server ---- */

/* The truth becomes the owner of the vectors. */
static vrec_status keep_items(const comparison *how, items *all, vr_truth *truth, vrec_error *err)
{
    truth->places = vr_alloc(all->count, sizeof *truth->places);
    if (!truth->places)
        return vr_fail_memory(err, all->count * sizeof *truth->places, "the ids of the items");
    for (size_t i = 0; i < all->count; i++)
        truth->places[i] = (vr_wanted){ all->ids[i], i };
    vr_wanted_sort(truth->places, all->count);
    truth->item_count = all->count;
    truth->by_product = strcmp(how->metric, "IP") == 0;
    truth->items = all->vectors;
    all->vectors = NULL;
    return VREC_OK;
}

/* The place of an item; the number past the last if there is none. */
static size_t place_of(const vr_truth *truth, int64_t id)
{
    size_t i = vr_wanted_find(truth->places, truth->item_count, id);
    return i < truth->item_count && truth->places[i].id == id ? truth->places[i].place : truth->item_count;
}

bool vr_truth_knows(const vr_truth *truth, int64_t id)
{
    return !truth->items || place_of(truth, id) < truth->item_count;
}

static float measure(const vr_truth *truth, size_t q, size_t place)
{
    size_t dim = truth->vectors.dim;
    const float *query = truth->values + q * dim, *item = truth->items + place * dim;
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        double difference = (double)query[i] - item[i];
        sum += truth->by_product ? (double)query[i] * item[i] : difference * difference;
    }
    return (float)sum;
}

vr_verdict vr_truth_judge(const vr_truth *truth, size_t q, int64_t id, float distance,
                          bool larger_is_nearer)
{
    if (truth->items)
        distance = measure(truth, q, place_of(truth, id));
    float sign = larger_is_nearer ? -1.0f : 1.0f, value = sign * distance;
    if (value < sign * truth->inner[q])
        return VR_NEARER;
    return value <= sign * truth->limits[q] ? VR_AS_NEAR : VR_FARTHER;
}

/* ---- The call ---- */

static vrec_status find(const vrec_indexer *indexer, bool on_server, const vrec_matrix *queries,
                        int32_t threads, const vrec_progress *progress, items *all, vr_truth *truth,
                        vrec_error *err)
{
    const comparison *how = comparison_of(indexer, on_server);
    vrec_indexer *exact = NULL;
    int64_t *rows = NULL;
    truth->queries = queries ? queries->rows : vr_min(all->count, SAMPLE);
    if (!queries && !(rows = vr_alloc(truth->queries, sizeof *rows)))
        return vr_fail_memory(err, truth->queries * sizeof *rows, "queries to tune with");
    if (how->unit)
        make_unit(all->vectors, all->count, all->dim);
    vrec_status status = choose_queries(all, queries, truth, rows, err);
    if (status == VREC_OK && how->unit)
        make_unit(truth->values, truth->queries, all->dim);
    if (status == VREC_OK)
        status = build_exact(all, how->metric, &exact, err);
    if (status == VREC_OK)
        status = ask(exact, how, rows, TIMES, threads, progress, truth, err);
    truth->farther = 0.5;
    if (status == VREC_OK && queries && all->count > 1)
        status = compare_with_items(exact, how, all, threads, progress, truth, err);
    if (status == VREC_OK && on_server)
        status = keep_items(how, all, truth, err);
    vrec_indexer_free(exact);
    vr_free(rows);
    return status;
}

vrec_status vr_truth_find(const vrec_indexer *indexer, const vr_given_items *given,
                          const vrec_matrix *queries, size_t top_k, int32_t threads,
                          const vrec_progress *progress, vr_truth *out, vrec_error *err)
{
    items all;
    *out = (vr_truth){ .top_k = top_k };
    vrec_status status = given ? copy_given(given, &all, err) : copy_items(indexer, &all, err);
    if (status == VREC_OK)
        status = find(indexer, given != NULL, queries, threads, progress, &all, out, err);
    free_items(&all);
    if (status != VREC_OK)
        vr_truth_free(out);
    return status;
}

void vr_truth_free(vr_truth *truth)
{
    vr_free(truth->values);
    vr_free(truth->own_ids);
    vr_free(truth->own_rows);
    vr_free(truth->offsets);
    vr_free(truth->limits);
    vr_free(truth->inner);
    vr_free(truth->nearer);
    vr_free(truth->wanted);
    vr_free(truth->nearest);
    vr_free(truth->items);
    vr_free(truth->places);
    *truth = (vr_truth){ 0 };
}
