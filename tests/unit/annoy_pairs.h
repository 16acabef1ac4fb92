/* Forests with codes and without, of the same file, and what to ask them. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_TESTS_UNIT_ANNOY_PAIRS_H
#define VR_TESTS_UNIT_ANNOY_PAIRS_H

#include "support/annoy_sample.h"

#include "annoy/codes.h"

#include <math.h>

enum { ROWS = 700, QUERIES = 24, DIM_MAX = 130, TOP_K_MAX = 800 };

static const size_t dims[] = { 1, 3, 48, 49, 100, DIM_MAX };
enum { DIMS = sizeof dims / sizeof dims[0] };

static const struct {
    const char *options;
    vr_annoy_metric metric;
    bool current;
} kinds[] = { { "metric=angular", VR_ANNOY_ANGULAR, false },
              { "metric=euclidean", VR_ANNOY_EUCLIDEAN, false },
              { "metric=dot,dot_layout=1.17.3", VR_ANNOY_DOT, false },
              { "metric=dot,dot_layout=current", VR_ANNOY_DOT, true } };
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static float items[ROWS * DIM_MAX], queries[QUERIES * DIM_MAX];

/* ---- Values ---- */

static inline uint32_t draw(void)
{
    static uint32_t state = 5;
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static inline float draw_real(void)
{
    return (float)draw() * 0x1p-23f - 1.0f;
}

static inline float usual(size_t row)
{
    (void)row;
    return draw_real();
}
static inline float positive(size_t row)
{
    (void)row;
    return fabsf(draw_real()) + 1.0f;
}
static inline float few_values(size_t row) /* many ties */
{
    (void)row;
    return (float)(draw() % 3) - 1.0f;
}
static inline float near_copies(size_t row) /* that differ by rounding errors */
{
    return (float)(row % 7 + 1) * (1.0f + (float)(draw() % 5) * 0x1p-23f);
}
static inline float sparse(size_t row) /* and zero vectors */
{
    return row % 3 ? 0.0f : draw() % 9 ? 0.0f : draw_real();
}
static inline float all_scales(size_t row)
{
    return draw_real() * powf(10.0f, (float)(row % 35) - 17.0f);
}
static inline float tiny(size_t row)
{
    (void)row;
    return draw_real() * 1e-19f;
}
static inline float denormal(size_t row)
{
    (void)row;
    return draw_real() * 1e-39f;
}
static inline float huge(size_t row)
{
    return draw_real() * (row % 2 ? 1e17f : 3e18f);
}

static float (*const values[])(size_t row) = { usual,      positive, few_values, near_copies, sparse,
                                               all_scales, tiny,     denormal,   huge };
enum { VALUES = sizeof values / sizeof values[0] };

/* Items of one kind, and queries of another; every third query is an item. */
static inline void draw_values(size_t i, size_t q, size_t dim)
{
    for (size_t n = 0; n < ROWS * dim; n++)
        items[n] = values[i](n / dim);
    for (size_t n = 0; n < QUERIES * dim; n++)
        queries[n] = values[q](n / dim);
    for (size_t n = 0; n < QUERIES; n += 3)
        memcpy(queries + n * dim, items + n * 11 * dim, dim * sizeof(float));
}

/* ---- Two indexers of one file ---- */

static inline forest_file file_of(size_t kind, size_t dim)
{
    char options[96];
    snprintf(options, sizeof options, "%s,n_trees=3", kinds[kind].options);
    vrec_indexer *indexer = build_forest(options, items, ROWS, dim);
    forest_file file = forest_bytes(indexer);
    vrec_indexer_free(indexer);
    return file;
}

static inline vrec_indexer *open_with(size_t kind, size_t dim, const char *codes)
{
    vrec_error err;
    vrec_indexer *indexer;
    char options[128];
    snprintf(options, sizeof options, "%s,d=%zu,codes=%s", kinds[kind].options, dim, codes);
    if (open_forest(options, "codes.annoy", &indexer, &err) != VREC_OK)
        fail_msg("%s: %s", options, err.message);
    return indexer;
}

static inline const vr_annoy_codes *codes_of(vrec_indexer *indexer)
{
    return atomic_load(&((vr_annoy *)indexer)->codes.made);
}

/* Asks until the codes are there. */
static inline void warm(vrec_indexer *indexer)
{
    int64_t id;
    float distance;
    for (size_t i = 0; i < 100 && !codes_of(indexer); i++)
        ask_forest(indexer, queries, 1, 1, INT32_MAX, 1, &id, &distance, NULL);
    assert_non_null(codes_of(indexer));
}

typedef struct answers {
    int64_t ids[QUERIES * TOP_K_MAX];
    float distances[QUERIES * TOP_K_MAX];
    size_t counts[QUERIES];
} answers;

static inline void assert_same(const answers *a, const answers *b, size_t top_k, const char *what)
{
    for (size_t i = 0; i < QUERIES * top_k; i++)
        if (a->ids[i] != b->ids[i] || memcmp(&a->distances[i], &b->distances[i], sizeof(float)) != 0)
            fail_msg("%s: query %zu, place %zu of %zu: without codes %lld (%.9g), with %lld (%.9g)", what,
                     i / top_k, i % top_k, top_k, (long long)a->ids[i], (double)a->distances[i],
                     (long long)b->ids[i], (double)b->distances[i]);
    assert_memory_equal(a->counts, b->counts, sizeof a->counts);
}

static int threads = 3; /* of queries with codes */

/* In a batch, and one by one, by one thread and by several. */
static inline void assert_same_answers(vrec_indexer *without, vrec_indexer *with, const char *what)
{
    static const size_t top_ks[] = { 1, 10, 150, TOP_K_MAX };
    static answers a, b;
    size_t dim = vrec_dim(with);
    for (size_t i = 0; i < sizeof top_ks / sizeof top_ks[0]; i++)
        for (int searchk = 100; searchk < 3 * ROWS; searchk *= 4) {
            size_t k = top_ks[i];
            ask_forest(without, queries, QUERIES, k, searchk, 1, a.ids, a.distances, a.counts);
            ask_forest(with, queries, QUERIES, k, searchk, threads, b.ids, b.distances, b.counts);
            assert_same(&a, &b, k, what);
            for (size_t q = 0; q < QUERIES; q++)
                ask_forest(with, queries + q * dim, 1, k, searchk, 1, b.ids + q * k, b.distances + q * k,
                           b.counts + q);
            assert_same(&a, &b, k, what);
        }
}

static inline void compare_file(const forest_file *file, size_t kind, size_t dim, const char *what)
{
    char text[160];
    write_file("codes.annoy", file->bytes, file->size);
    vrec_indexer *without = open_with(kind, dim, "off"), *with = open_with(kind, dim, "auto");
    snprintf(text, sizeof text, "%s, dim %zu, %s", kinds[kind].options, dim, what);
    warm(with);
    assert_same_answers(without, with, text);
    assert_null(codes_of(without));
    vrec_indexer_free(without);
    vrec_indexer_free(with);
}

#endif
