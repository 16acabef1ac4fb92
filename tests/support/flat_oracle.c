/* SPDX-License-Identifier: Apache-2.0 */
#include "support/flat_oracle.h"

#include "api/indexer.h"
#include "faiss/flat/kind.h"
#include "faiss/kinds.h"
#include "faiss/table.h"
#include "scan/encode.h"

/* ---- Values ---- */

float *new_floats(size_t count)
{
    float *values = malloc((count > 0 ? count : 1) * sizeof *values);
    assert_non_null(values);
    return values;
}

float *new_reals(size_t count, float scale)
{
    float *values = new_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = draw_real() * scale;
    return values;
}

float *new_integers(size_t count)
{
    float *values = new_floats(count);
    for (size_t i = 0; i < count; i++)
        values[i] = draw_below(32) == 0 ? -0.0f : (float)draw_below(7) - 3.0f;
    return values;
}

/* ---- Distances ---- */

float by_row_kernel(vr_metric metric, const float *a, const float *b, size_t dim)
{
    float distance;
    const vr_simd *simd = vr_simd_get();
    (metric == VR_METRIC_L2 ? simd->l2_rows : simd->dot_rows)(a, b, 1, dim, &distance);
    return distance;
}

float in_double(vr_metric metric, const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t j = 0; j < dim; j++) {
        double x = a[j], y = b[j];
        sum += metric == VR_METRIC_L2 ? (x - y) * (x - y) : x * y;
    }
    return (float)sum;
}

/* ---- Answers ---- */

static answers new_answers(const problem *p)
{
    size_t slots = p->queries * p->top_k;
    answers a = { .ids = malloc(slots * sizeof *a.ids),
                  .distances = new_floats(slots),
                  .counts = malloc(p->queries * sizeof *a.counts) };
    assert_true(a.ids && a.counts);
    return a;
}

void free_answers(answers *a)
{
    free(a->ids);
    free(a->distances);
    free(a->counts);
}

typedef struct found {
    float smaller; /* as in core/topk.h */
    int64_t id;
} found;

static int compare_found(const void *left, const void *right)
{
    const found *a = left, *b = right;
    if (a->smaller != b->smaller)
        return a->smaller < b->smaller ? -1 : 1;
    return a->id < b->id ? -1 : 1;
}

static bool is_excluded(const problem *p, size_t query, size_t item)
{
    size_t first = p->exclude_offsets ? (size_t)p->exclude_offsets[query] : 0;
    size_t end = p->exclude_offsets ? (size_t)p->exclude_offsets[query + 1] : p->exclude_count;
    for (size_t i = first; i < end; i++)
        if (p->exclude_ids[i] == (int64_t)item)
            return true;
    return p->allow && !(p->allow[query * p->allow_stride + item / 8] >> item % 8 & 1);
}

static void expect_row(const problem *p, distance_function distance, size_t query, found *all, answers *out)
{
    const float *vector = p->vectors + query * p->dim;
    bool usable = vr_find_nonfinite(vector, p->dim) == p->dim;
    size_t count = 0;
    for (size_t i = 0; usable && i < p->rows; i++) {
        float d = distance(p->metric, vector, p->items + i * p->dim, p->dim);
        if (isfinite(d) && !is_excluded(p, query, i))
            all[count++] = (found){ .smaller = p->metric == VR_METRIC_L2 ? d : -d, .id = (int64_t)i };
    }
    qsort(all, count, sizeof *all, compare_found);
    out->counts[query] = (int64_t)vr_min(count, p->top_k);
    for (size_t i = 0; i < p->top_k; i++) {
        size_t at = query * p->top_k + i;
        float smaller = i < count ? all[i].smaller : INFINITY;
        out->ids[at] = i < count ? all[i].id : -1;
        out->distances[at] = (p->metric == VR_METRIC_L2 ? smaller : -smaller) + 0.0f; /* no -0 */
    }
}

answers expect_answers(const problem *p, distance_function distance)
{
    answers a = new_answers(p);
    found *all = malloc((p->rows + 1) * sizeof *all);
    assert_non_null(all);
    for (size_t q = 0; q < p->queries; q++)
        expect_row(p, distance, q, all, &a);
    free(all);
    return a;
}

vrec_indexer *new_indexer(const problem *p, bool wants_codes)
{
    vr_flat *flat;
    assert_int_equal(vr_flat_create(p->metric, p->rows, p->dim, NULL, &flat, NULL), VREC_OK);
    memcpy(flat->own, p->items, p->rows * p->dim * sizeof(float));
    flat->wants_codes = wants_codes;
    vr_faiss_adopt(&flat->index, &vr_flat_kind);
    vr_options options;
    vrec_indexer *indexer;
    vr_options_init(&options, &vr_faiss_options);
    assert_int_equal(vr_indexer_make(&flat->index.base, &options, &indexer, NULL), VREC_OK);
    vr_options_free(&options);
    return indexer;
}

answers ask(const vrec_indexer *indexer, const problem *p, const vrec_matrix *matrix, size_t batch,
            int32_t threads)
{
    answers a = new_answers(p);
    for (size_t first = 0; first < p->queries; first += batch) {
        vrec_error err;
        vrec_matrix part, checked;
        assert_int_equal(vr_matrix_check(matrix, "queries", &checked, NULL), VREC_OK);
        part = checked;
        part.data = vr_matrix_at(&checked, first, 0);
        part.rows = vr_min(batch, p->queries - first);
        vrec_query_options options = { .struct_size = sizeof options, .threads = threads };
        int64_t *offsets = malloc((part.rows + 1) * sizeof *offsets);
        assert_non_null(offsets);
        for (size_t i = 0; p->exclude_offsets && i <= part.rows; i++)
            offsets[i] = p->exclude_offsets[first + i] - p->exclude_offsets[first];
        if (p->exclude_offsets) {
            options.exclude_offsets = offsets;
            options.exclude_ids = p->exclude_ids + p->exclude_offsets[first];
            options.exclude_count = (size_t)offsets[part.rows];
        } else {
            options.exclude_ids = p->exclude_ids;
            options.exclude_count = p->exclude_count;
        }
        if (p->allow) {
            options.allow = p->allow + first * p->allow_stride;
            options.allow_rows = p->rows;
            options.allow_stride = p->allow_stride;
        }
        size_t at = first * p->top_k;
        if (vrec_query(
                indexer, &part, p->top_k, &options,
                &(vrec_results){ sizeof(vrec_results), a.ids + at, a.distances + at, a.counts + first },
                &err) != VREC_OK)
            fail_msg("%s", err.message);
        free(offsets);
    }
    return a;
}

void assert_same_answers(const problem *p, const answers *expected, const answers *got, const char *what)
{
    for (size_t at = 0; at < p->queries * p->top_k; at++)
        if (expected->ids[at] != got->ids[at] ||
            memcmp(&expected->distances[at], &got->distances[at], sizeof(float)) != 0)
            fail_msg(
                "%s, %s on %s, %zu x %zu, %zu queries, k %zu: query %zu, place %zu: item %lld at %.9g, "
                "expected %lld at %.9g",
                what, p->metric == VR_METRIC_L2 ? "L2" : "IP", vrec_cpu(), p->rows, p->dim, p->queries,
                p->top_k, at / p->top_k, at % p->top_k, (long long)got->ids[at], (double)got->distances[at],
                (long long)expected->ids[at], (double)expected->distances[at]);
    assert_memory_equal(expected->counts, got->counts, p->queries * sizeof *got->counts);
}

void assert_answers(const vrec_indexer *indexer, const problem *p, const answers *expected, size_t batch,
                    int32_t threads, const char *what)
{
    vrec_matrix matrix = vrec_matrix_f32(p->vectors, p->queries, p->dim);
    answers got = ask(indexer, p, &matrix, batch, threads);
    assert_same_answers(p, expected, &got, what);
    free_answers(&got);
}

/* Asks until the index has its codes, and compares all the while. */
static void warm_up(vrec_indexer *indexer, const problem *p, const answers *expected, const char *what)
{
    size_t place;
    vr_flat *flat = (vr_flat *)vr_indexer_enter(indexer, &place);
    for (size_t i = 0; i < 1000 && !atomic_load(&flat->codes.made); i++)
        assert_answers(indexer, p, expected, p->queries, 1, what);
    assert_true(p->dim > VR_CODES_DIM_MAX || atomic_load(&flat->codes.made) != NULL);
    vr_indexer_leave(indexer, place);
}

void assert_solved(const problem *p, distance_function distance, const char *what)
{
    answers expected = expect_answers(p, distance);
    for (size_t codes = 0; codes < 2; codes++) {
        vrec_indexer *indexer = new_indexer(p, codes);
        if (codes)
            warm_up(indexer, p, &expected, what);
        assert_answers(indexer, p, &expected, p->queries, 1, what);
        assert_answers(indexer, p, &expected, 1, 1, what);
        vrec_indexer_free(indexer);
    }
    free_answers(&expected);
}
