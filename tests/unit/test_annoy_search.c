/* Answers from a forest: those of Annoy's algorithm, written down here as plainly as it goes.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_sample.h"
#include "support/random.h"

#include "annoy/annoy.h"
#include "base/memory.h"

#include <math.h>

enum { ROWS = 1500, DIM = 9, QUERIES = 40, TOP_K = 12 };

/* ---- Annoy's algorithm ---- */

typedef struct oracle {
    const forest_file *file;
    vr_annoy_layout layout;
    uint32_t count, items;
    float *keys; /* of the nodes that wait, */
    uint32_t *nodes;
    size_t waiting;
    uint32_t *found; /* with repetitions */
    size_t found_count;
} oracle;

static const uint8_t *node_at(const oracle *o, uint32_t i)
{
    return o->file->bytes + i * o->layout.size;
}

static float product(const oracle *o, const float *query, const uint8_t *node)
{
    float sum = 0.0f;
    for (size_t j = 0; j < o->layout.dim; j++)
        sum += query[j] * vr_node_float(node, o->layout.vector + 4 * j);
    return sum;
}

static float oracle_margin(const oracle *o, const float *query, const uint8_t *node)
{
    float sum = product(o, query, node);
    if (o->layout.metric == VR_ANNOY_EUCLIDEAN)
        sum += vr_node_float(node, o->layout.factor);
    if (o->layout.metric == VR_ANNOY_DOT && !o->layout.current)
        sum += vr_node_float(node, o->layout.factor) * vr_node_float(node, o->layout.factor);
    return sum;
}

static float oracle_distance(const oracle *o, const float *query, const uint8_t *node)
{
    double dot = 0.0, l2 = 0.0, q = 0.0, x = 0.0;
    for (size_t j = 0; j < o->layout.dim; j++) {
        double a = (double)query[j], b = (double)vr_node_float(node, o->layout.vector + 4 * j);
        dot += a * b;
        l2 += (a - b) * (a - b);
        q += a * a;
        x += b * b;
    }
    if (o->layout.metric == VR_ANNOY_EUCLIDEAN)
        return (float)sqrt(l2);
    if (o->layout.metric == VR_ANNOY_DOT)
        return (float)dot;
    return (float)sqrt(q * x > 0.0 ? fmax(2.0 - 2.0 * dot / sqrt(q * x), 0.0) : 2.0);
}

static void push(oracle *o, float key, uint32_t node)
{
    o->keys[o->waiting] = key;
    o->nodes[o->waiting++] = node;
}

static void pop(oracle *o, float *key, uint32_t *node)
{
    size_t best = 0;
    for (size_t i = 1; i < o->waiting; i++)
        if (o->keys[i] > o->keys[best] || (o->keys[i] == o->keys[best] && o->nodes[i] > o->nodes[best]))
            best = i;
    *key = o->keys[best];
    *node = o->nodes[best];
    o->waiting--;
    o->keys[best] = o->keys[o->waiting];
    o->nodes[best] = o->nodes[o->waiting];
}

/* The roots: the last nodes with as many descendants as the last, but not one that is there twice. */
static void oracle_roots(oracle *o)
{
    uint32_t first = o->count - 1, last = o->count - 1;
    o->items = (uint32_t)vr_node_descendants(node_at(o, last));
    while (first > 0 && (uint32_t)vr_node_descendants(node_at(o, first - 1)) == o->items)
        first--;
    size_t at = o->layout.children;
    if (first < last && vr_node_int(node_at(o, first), at) == vr_node_int(node_at(o, last), at))
        first++;
    for (uint32_t i = first; i <= last; i++)
        push(o, INFINITY, i);
}

static float lesser(float key, float margin)
{
    return margin < key ? margin : key;
}

static void oracle_walk(oracle *o, const float *query, size_t searchk)
{
    o->waiting = o->found_count = 0;
    for (oracle_roots(o); o->found_count < searchk && o->waiting > 0;) {
        float key;
        uint32_t i;
        pop(o, &key, &i);
        const uint8_t *node = node_at(o, i);
        int32_t descendants = vr_node_descendants(node);
        if (descendants == 1 && i < o->items) {
            o->found[o->found_count++] = i;
        } else if (descendants <= (int32_t)o->layout.capacity) {
            memcpy(o->found + o->found_count, node + o->layout.children, (size_t)descendants * 4);
            o->found_count += (size_t)descendants;
        } else {
            float m = oracle_margin(o, query, node);
            push(o, lesser(key, m), (uint32_t)vr_node_int(node, o->layout.children + 4));
            push(o, lesser(key, -m), (uint32_t)vr_node_int(node, o->layout.children));
        }
    }
}

static size_t searchk_of(const vrec_indexer *indexer, int searchk)
{
    size_t i = 0;
    while (strcmp(vrec_info(indexer, i)->key, "n_trees") != 0)
        i++;
    return searchk >= 0 ? (size_t)searchk : TOP_K * (size_t)vrec_info(indexer, i)->integer;
}

/* Every id returned is a candidate, every candidate that isn't returned is farther, and the order is by
 * distance. */
static void assert_answer(const oracle *o, const float *query, const int64_t *ids, const float *distances,
                          size_t count)
{
    static bool candidate[ROWS];
    float sign = o->layout.metric == VR_ANNOY_DOT ? -1.0f : 1.0f;
    size_t candidates = 0;
    memset(candidate, 0, sizeof candidate);
    for (size_t i = 0; i < o->found_count; i++)
        candidate[o->found[i]] = vr_node_descendants(node_at(o, o->found[i])) == 1;
    for (size_t i = 0; i < ROWS; i++)
        candidates += candidate[i];
    assert_int_equal(count, vr_min(TOP_K, candidates));
    for (size_t i = 0; i < count; i++) {
        assert_true(candidate[ids[i]]);
        candidate[ids[i]] = false;
        float true_distance = oracle_distance(o, query, node_at(o, (uint32_t)ids[i]));
        assert_true(fabsf(distances[i] - true_distance) < 2e-3f * sqrtf(1e-3f + fabsf(true_distance)));
        assert_true(i == 0 || sign * distances[i] >= sign * distances[i - 1]);
        assert_true(i == 0 || distances[i] != distances[i - 1] || ids[i] > ids[i - 1] ||
                    o->layout.metric == VR_ANNOY_ANGULAR); /* whose root may make two distances one */
    }
    for (size_t i = count; i < TOP_K; i++)
        assert_true(ids[i] == -1 && distances[i] == sign * INFINITY);
    for (uint32_t i = 0; i < ROWS; i++)
        if (candidate[i] && count == TOP_K)
            assert_true(sign * oracle_distance(o, query, node_at(o, i)) >
                        sign * distances[TOP_K - 1] - 2e-3f);
}

static void assert_annoys_answers(const char *options, vr_annoy_layout layout, const forest_file *file)
{
    static const int searchks[] = { -1, 0, 1, 100, 1000, 5000, 2147483647 };
    static int64_t ids[QUERIES * TOP_K], again[QUERIES * TOP_K];
    static float distances[QUERIES * TOP_K];
    int64_t counts[QUERIES];
    vrec_error err;
    vrec_indexer *indexer;
    write_file("oracle.annoy", file->bytes, file->size);
    if (open_forest(options, "oracle.annoy", &indexer, &err) != VREC_OK)
        fail_msg("%s: %s", options, err.message);
    oracle o = { .file = file, .layout = layout, .count = (uint32_t)(file->size / layout.size) };
    o.keys = malloc(2 * o.count * sizeof *o.keys);
    o.nodes = malloc(2 * o.count * sizeof *o.nodes);
    o.found = malloc(64 * ROWS * sizeof *o.found);
    float *queries = sample_items(ROWS + QUERIES, DIM);
    float *last = queries + ROWS * DIM;
    for (size_t s = 0; s < sizeof searchks / sizeof searchks[0]; s++) {
        ask_forest(indexer, last, QUERIES, TOP_K, searchks[s], 1, ids, distances, counts);
        for (size_t q = 0; q < QUERIES; q++) {
            oracle_walk(&o, last + q * DIM, searchk_of(indexer, searchks[s]));
            assert_answer(&o, last + q * DIM, ids + q * TOP_K, distances + q * TOP_K, (size_t)counts[q]);
        }
        ask_forest(indexer, last, QUERIES, TOP_K, searchks[s], 3, again, distances, counts);
        assert_memory_equal(ids, again, sizeof ids);
        for (size_t q = 0; q < QUERIES; q++)
            ask_forest(indexer, last + q * DIM, 1, TOP_K, searchks[s], 1, again + q * TOP_K, distances,
                       counts);
        assert_memory_equal(ids, again, sizeof ids);
    }
    free(queries);
    free(o.keys);
    free(o.nodes);
    free(o.found);
    vrec_indexer_free(indexer);
}

static const struct {
    const char *options;
    vr_annoy_metric metric;
    bool current;
} kinds[] = { { "d=9,metric=angular,n_trees=6", VR_ANNOY_ANGULAR, false },
              { "d=9,metric=euclidean,n_trees=6", VR_ANNOY_EUCLIDEAN, false },
              { "d=9,metric=dot,n_trees=6", VR_ANNOY_DOT, false },
              { "d=9,metric=dot,n_trees=6,dot_layout=current", VR_ANNOY_DOT, true } };

enum { KINDS = sizeof kinds / sizeof kinds[0] };

static void answers_are_annoys(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        forest_file file = build_file(kinds[i].options, ROWS, DIM);
        assert_annoys_answers(kinds[i].options, vr_annoy_layout_of(kinds[i].metric, DIM, kinds[i].current),
                              &file);
        free(file.bytes);
    }
}

/* Zero planes make keys equal, NaN ones keep the parent's key, holes are no answers. */
static void odd_nodes_are_treated_as_annoy_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        vr_annoy_layout layout = vr_annoy_layout_of(kinds[i].metric, DIM, kinds[i].current);
        forest_file file = build_file(kinds[i].options, ROWS, DIM);
        for (size_t n = 0; n < file.size / layout.size; n++) {
            uint8_t *node = file.bytes + n * layout.size;
            if (n < ROWS && n % 10 == 3)
                memset(node, 0, layout.size);
            if (n < ROWS || vr_node_descendants(node) <= (int32_t)layout.capacity)
                continue;
            if (n % 5 == 0)
                memset(node + layout.vector, 0, DIM * sizeof(float));
            if (n % 5 == 1)
                vr_node_put_float(node, layout.vector, NAN);
        }
        assert_annoys_answers(kinds[i].options, layout, &file);
        free(file.bytes);
    }
}

/* ---- What users see ---- */

static void items_in_order(void **state)
{
    (void)state;
    static const float axes[] = { 0, 0, 1, 0, 1, 0, 1, 0, 0 }, query[] = { 3, 2, 1 };
    static const int64_t angular[] = { 2, 1, 0, -1 }, dot[] = { 2, 1, 0, -1 };
    int64_t ids[4];
    float distances[4];
    vrec_indexer *indexer = build_forest("n_trees=10", axes, 3, 3);
    ask_forest(indexer, query, 1, 4, -1, 1, ids, distances, NULL);
    assert_memory_equal(ids, angular, sizeof ids);
    assert_true(distances[3] == INFINITY);
    vrec_indexer_free(indexer);
    indexer = build_forest("n_trees=10,metric=dot", axes, 3, 3);
    ask_forest(indexer, query, 1, 4, -1, 1, ids, distances, NULL);
    assert_memory_equal(ids, dot, sizeof ids);
    assert_true(distances[0] == 3.0f && distances[2] == 1.0f && distances[3] == -INFINITY);
    vrec_indexer_free(indexer);
}

static void zero_vectors(void **state)
{
    (void)state;
    static const float items[] = { 1, 0, 0, 0 }, query[] = { 0, 0 };
    int64_t ids[2];
    float distances[2];
    vrec_indexer *indexer = build_forest("", items, 2, 2);
    ask_forest(indexer, query, 1, 2, -1, 1, ids, distances, NULL);
    assert_true(ids[0] == 0 && ids[1] == 1);
    assert_true(distances[0] == sqrtf(2.0f) && distances[1] == sqrtf(2.0f));
    ask_forest(indexer, items, 1, 2, -1, 1, ids, distances, NULL);
    assert_true(distances[0] == 0.0f && distances[1] == sqrtf(2.0f));
    vrec_indexer_free(indexer);
}

static void a_single_item(void **state)
{
    (void)state;
    static const char *const metrics[] = { "angular", "euclidean", "dot" };
    static const float item[] = { 3, 4 };
    for (size_t i = 0; i < 3; i++) {
        char options[40];
        int64_t ids[5];
        float distances[5];
        int64_t count;
        snprintf(options, sizeof options, "n_trees=4,metric=%s", metrics[i]);
        vrec_indexer *indexer = build_forest(options, item, 1, 2);
        assert_int_equal(vrec_rows(indexer), 1);
        ask_forest(indexer, item, 1, 5, -1, 1, ids, distances, &count);
        assert_true(count == 1 && ids[0] == 0 && ids[1] == -1);
        assert_true(distances[0] == (i == 2 ? 25.0f : 0.0f));
        vrec_indexer_free(indexer);
    }
}

static void bad_queries_get_padding(void **state)
{
    (void)state;
    float queries[8] = { 1, 2, NAN, 1, 1, -INFINITY, 2, 1 }, items[] = { 1, 1, 2, 2 }, distances[8];
    int64_t ids[8];
    int64_t counts[4];
    vrec_indexer *indexer = build_forest("metric=dot", items, 2, 2);
    ask_forest(indexer, queries, 4, 2, -1, 1, ids, distances, counts);
    assert_true(counts[0] == 2 && counts[1] == 0 && counts[2] == 0 && counts[3] == 2);
    assert_true(ids[2] == -1 && distances[3] == -INFINITY && ids[5] == -1);
    vrec_indexer_free(indexer);
}

static void nonfinite_items_of_a_file_are_no_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        vrec_error err;
        vrec_indexer *indexer;
        int64_t ids[200];
        float distances[200], query[DIM] = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
        int64_t count, finite = 0;
        vr_annoy_layout layout = vr_annoy_layout_of(kinds[i].metric, DIM, kinds[i].current);
        forest_file file = build_file(kinds[i].options, 200, DIM);
        for (size_t n = 0; n < 200; n++) {
            static const float bad[] = { NAN, INFINITY, -INFINITY };
            if (n % 4 < 3)
                vr_node_put_float(file.bytes + n * layout.size, layout.vector + n % 9 * 4, bad[n % 3]);
            else
                finite++;
        }
        write_file("odd.annoy", file.bytes, file.size);
        if (open_forest(kinds[i].options, "odd.annoy", &indexer, &err) != VREC_OK)
            fail_msg("%s", err.message);
        ask_forest(indexer, query, 1, 200, 100000, 1, ids, distances, &count);
        assert_int_equal(count, finite);
        for (int64_t n = 0; n < count; n++)
            assert_true(ids[n] % 4 == 3 && isfinite(distances[n]));
        vrec_indexer_free(indexer);
        free(file.bytes);
    }
}

static void excluded_items(void **state)
{
    (void)state;
    float *items = sample_items(ROWS, DIM), distances[2 * TOP_K];
    int64_t all[2 * TOP_K], some[2 * TOP_K], excluded[TOP_K], offsets[] = { 0, TOP_K / 2, TOP_K / 2 };
    vrec_error err;
    vrec_indexer *indexer = build_forest("searchk=100000", items, ROWS, DIM);
    vrec_matrix queries = vrec_matrix_f32(items, 2, DIM);
    ask_forest(indexer, items, 2, TOP_K, 100000, 1, all, distances, NULL);
    memcpy(excluded, all, sizeof excluded);
    for (size_t i = 1; i < TOP_K / 2; i++)
        for (size_t j = i; j > 0 && excluded[j] < excluded[j - 1]; j--) {
            int64_t t = excluded[j];
            excluded[j] = excluded[j - 1];
            excluded[j - 1] = t;
        }
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = offsets,
                                   .exclude_ids = excluded,
                                   .exclude_count = TOP_K / 2 };
    if (vrec_query(indexer, &queries, TOP_K, &options,
                   &(vrec_results){ sizeof(vrec_results), some, distances, NULL }, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(some, all + TOP_K / 2, TOP_K / 2 * sizeof *some);
    assert_memory_equal(some + TOP_K, all + TOP_K, TOP_K * sizeof *some);
    vrec_indexer_free(indexer);
    free(items);
}

/* The first k of a whole ranking that a bitmap allows. */
static size_t pick_allowed(const int64_t *ranking, const uint8_t *bitmap, size_t k, int64_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < ROWS && count < k; i++)
        if (bitmap[ranking[i] / 8] >> ranking[i] % 8 & 1)
            out[count++] = ranking[i];
    return count;
}

/* Few are all compared, so that the answer is exact; of many there are at least as many as were asked for.
 * With a searchk of everything, it is exact however many there are. */
static void allowed_items(void **state)
{
    (void)state;
    enum { STRIDE = (ROWS + 7) / 8 + 3 };
    static int64_t rankings[2 * ROWS], ids[2 * TOP_K], expected[TOP_K];
    static float distances[2 * ROWS];
    static const size_t percents[] = { 0, 1, 5, 30, 90, 100 };
    float *items = sample_items(ROWS, DIM);
    vrec_indexer *indexer = build_forest("metric=euclidean", items, ROWS, DIM);
    vrec_matrix queries = vrec_matrix_f32(items, 2, DIM);
    ask_forest(indexer, items, 2, ROWS, 100000, 1, rankings, distances, NULL);
    for (size_t c = 0; c < 48; c++) {
        uint8_t bitmaps[2 * STRIDE] = { 0 };
        int64_t counts[2];
        size_t stride = c % 2 ? STRIDE : 0, percent = percents[c / 2 % 6];
        bool all = c / 12 % 2;
        for (size_t i = 0; i < 16 * STRIDE; i++)
            bitmaps[i / 8] |= (uint8_t)((draw_below(100) < percent) << i % 8);
        vrec_results results = { sizeof results, ids, distances, counts };
        vrec_query_options options = { .struct_size = sizeof options,
                                       .overrides = all ? "searchk=100000" : "searchk=30",
                                       .allow = bitmaps,
                                       .allow_rows = ROWS,
                                       .allow_stride = stride };
        assert_int_equal(vrec_query(indexer, &queries, TOP_K, &options, &results, NULL), VREC_OK);
        for (size_t q = 0; q < 2; q++) {
            const uint8_t *bitmap = bitmaps + q * stride;
            size_t count = pick_allowed(rankings + q * ROWS, bitmap, TOP_K, expected);
            assert_int_equal(counts[q], count);
            if (all || percent <= 5)
                assert_memory_equal(ids + q * TOP_K, expected, count * sizeof *expected);
            for (size_t i = 0; i < count; i++)
                assert_true(bitmap[ids[q * TOP_K + i] / 8] >> ids[q * TOP_K + i] % 8 & 1);
        }
    }
    vrec_indexer_free(indexer);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_annoys),
        cmocka_unit_test(odd_nodes_are_treated_as_annoy_does),
        cmocka_unit_test(items_in_order),
        cmocka_unit_test(zero_vectors),
        cmocka_unit_test(a_single_item),
        cmocka_unit_test(bad_queries_get_padding),
        cmocka_unit_test(nonfinite_items_of_a_file_are_no_answers),
        cmocka_unit_test(excluded_items),
        cmocka_unit_test(allowed_items),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
