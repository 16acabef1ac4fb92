/* SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_pairs.h"

#include "api/indexer.h"

#include <stdatomic.h>

const size_t dims[DIMS] = { 1, 3, 48, 49, 100, DIM_MAX };

const forest_kind kinds[KINDS] = { { "metric=angular", VR_ANNOY_ANGULAR, false },
                                   { "metric=euclidean", VR_ANNOY_EUCLIDEAN, false },
                                   { "metric=dot,dot_layout=1.17.3", VR_ANNOY_DOT, false },
                                   { "metric=dot,dot_layout=current", VR_ANNOY_DOT, true } };

float items[ROWS * DIM_MAX], queries[QUERIES * DIM_MAX];

/* ---- Values ---- */

static float usual(size_t row)
{
    (void)row;
    return draw_real();
}
static float positive(size_t row)
{
    (void)row;
    return fabsf(draw_real()) + 1.0f;
}
static float few_values(size_t row) /* many ties */
{
    (void)row;
    return (float)(draw() % 3) - 1.0f;
}
static float near_copies(size_t row) /* that differ by rounding errors */
{
    return (float)(row % 7 + 1) * (1.0f + (float)(draw() % 5) * 0x1p-23f);
}
static float sparse(size_t row) /* and zero vectors */
{
    return row % 3 ? 0.0f : draw() % 9 ? 0.0f : draw_real();
}
static float all_scales(size_t row)
{
    return draw_real() * powf(10.0f, (float)(row % 35) - 17.0f);
}
static float tiny(size_t row)
{
    (void)row;
    return draw_real() * 1e-19f;
}
static float denormal(size_t row)
{
    (void)row;
    return draw_real() * 1e-39f;
}
static float huge(size_t row)
{
    return draw_real() * (row % 2 ? 1e17f : 3e18f);
}

static float (*const values[])(size_t row) = { usual,      positive, few_values, near_copies, sparse,
                                               all_scales, tiny,     denormal,   huge };
_Static_assert(sizeof values / sizeof values[0] == VALUES, "the header's number");

void draw_values(size_t i, size_t q, size_t dim)
{
    for (size_t n = 0; n < ROWS * dim; n++)
        items[n] = values[i](n / dim);
    for (size_t n = 0; n < QUERIES * dim; n++)
        queries[n] = values[q](n / dim);
    for (size_t n = 0; n < QUERIES; n += 3)
        memcpy(queries + n * dim, items + n * 11 * dim, dim * sizeof(float));
}

/* ---- Two indexers of one file ---- */

forest_file file_of(size_t kind, size_t dim)
{
    char options[96];
    snprintf(options, sizeof options, "%s,n_trees=3", kinds[kind].options);
    vrec_indexer *indexer = build_forest(options, items, ROWS, dim);
    forest_file file = forest_bytes(indexer);
    vrec_indexer_free(indexer);
    return file;
}

static vrec_indexer *open_with(size_t kind, size_t dim, const char *codes)
{
    vrec_error err;
    vrec_indexer *indexer;
    char options[128];
    snprintf(options, sizeof options, "%s,d=%zu,codes=%s", kinds[kind].options, dim, codes);
    if (open_forest(options, "codes.annoy", &indexer, &err) != VREC_OK)
        fail_msg("%s: %s", options, err.message);
    return indexer;
}

vr_annoy *forest_of(const vrec_indexer *indexer)
{
    size_t place;
    vr_annoy *forest = (vr_annoy *)vr_indexer_enter(indexer, &place);
    vr_indexer_leave(indexer, place); /* nothing here changes it */
    return forest;
}

const vr_records *codes_of(const vrec_indexer *indexer)
{
    return atomic_load(&forest_of(indexer)->codes.made);
}

void warm(vrec_indexer *indexer)
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
    int64_t counts[QUERIES];
} answers;

static void assert_same(const answers *a, const answers *b, size_t top_k, const char *what)
{
    for (size_t i = 0; i < QUERIES * top_k; i++)
        if (a->ids[i] != b->ids[i] || memcmp(&a->distances[i], &b->distances[i], sizeof(float)) != 0)
            fail_msg("%s: query %zu, place %zu of %zu: without codes %lld (%.9g), with %lld (%.9g)", what,
                     i / top_k, i % top_k, top_k, (long long)a->ids[i], (double)a->distances[i],
                     (long long)b->ids[i], (double)b->distances[i]);
    assert_memory_equal(a->counts, b->counts, sizeof a->counts);
}

int coded_threads = 3;

/* In a batch, and one by one, by one thread and by several. */
static void assert_same_answers(vrec_indexer *without, vrec_indexer *with, const char *what)
{
    static const size_t top_ks[] = { 1, 10, 150, TOP_K_MAX };
    static answers a, b;
    size_t dim = vrec_dim(with);
    for (size_t i = 0; i < sizeof top_ks / sizeof top_ks[0]; i++)
        for (int searchk = 100; searchk < 3 * ROWS; searchk *= 4) {
            size_t k = top_ks[i];
            ask_forest(without, queries, QUERIES, k, searchk, 1, a.ids, a.distances, a.counts);
            ask_forest(with, queries, QUERIES, k, searchk, coded_threads, b.ids, b.distances, b.counts);
            assert_same(&a, &b, k, what);
            for (size_t q = 0; q < QUERIES; q++)
                ask_forest(with, queries + q * dim, 1, k, searchk, 1, b.ids + q * k, b.distances + q * k,
                           b.counts + q);
            assert_same(&a, &b, k, what);
        }
}

void compare_file(const forest_file *file, size_t kind, size_t dim, const char *what)
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
