/* Calls of vrec_query() that are refused leave only unused slots; odd calls that are not, are answered.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"
#include "support/faiss_sample.h"

#include <stdlib.h>

enum { QUERIES = 2, TOP_K = 2, SLOTS = QUERIES * TOP_K };
static const float vectors[QUERIES * DIM] = { 1, 1, -5, -2 };

/* A call, and the caller's arrays. */
typedef struct call {
    vrec_matrix queries;
    size_t top_k;
    vrec_query_options options;
    int64_t ids[SLOTS];
    float distances[SLOTS];
    int64_t counts[QUERIES];
    vrec_error err;
} call;

static call new_call(void)
{
    call c = { .queries = vrec_matrix_f32(vectors, QUERIES, DIM),
               .top_k = TOP_K,
               .options = { .struct_size = sizeof(vrec_query_options) },
               .counts = { 77, 77 } };
    for (size_t i = 0; i < SLOTS; i++)
        c.ids[i] = 77;
    return c;
}

static vrec_status run(const vrec_indexer *indexer, call *c)
{
    return vrec_query(indexer, &c->queries, c->top_k, &c->options,
                      &(vrec_results){ sizeof(vrec_results), c->ids, c->distances, c->counts }, &c->err);
}

static void assert_unused(const call *c, float unused)
{
    for (size_t i = 0; i < SLOTS; i++) {
        assert_int_equal(c->ids[i], -1);
        assert_true(c->distances[i] == unused);
    }
    for (size_t i = 0; i < QUERIES; i++)
        assert_int_equal(c->counts[i], 0);
}

static void assert_call_fails(call *c, const char *says)
{
    for (size_t ip = 0; ip < 2; ip++) {
        vrec_indexer *indexer = build(ip ? "metric=IP" : NULL);
        assert_failed(run(indexer, c), &c->err, VREC_INVALID, says);
        assert_unused(c, ip ? -INFINITY : INFINITY);
        vrec_indexer_free(indexer);
    }
}

static void refused_calls_leave_unused_slots(void **state)
{
    (void)state;
    call c = new_call();
    c.queries.dim = 1;
    assert_call_fails(&c, "the queries have 1 values each, the index has 2");
    c.queries.dim = 0;
    assert_call_fails(&c, "the queries have 0 values each, the index has 2");
    c = new_call();
    c.options.threads = -2;
    assert_call_fails(&c, "threads is -2; it takes -1 and up");
    c = new_call();
    c.options.overrides = "metric=IP";
    assert_call_fails(&c, "metric can't be set for one query");
    c.options.overrides = "searchk=4";
    assert_call_fails(&c, "no option \"searchk\"");
    c.options.overrides = "nonsense";
    assert_call_fails(&c, "\"nonsense\" is not");
}

static void exclusions_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        int64_t offsets[QUERIES + 1];
        const char *says;
    } cases[] = {
        { { 1, 1, 1 }, "exclude_offsets starts at 1, not 0" },
        { { -1, 0, 0 }, "exclude_offsets starts at -1, not 0" },
        { { 0, 2, 1 }, "exclude_offsets descend after query 1" },
        { { 0, -1, 0 }, "exclude_offsets descend after query 0" },
        { { 0, 2, 3 }, "exclude_offsets end with 3, but exclude_count is 4" },
        { { 0, 2, 5 }, "exclude_offsets end with 5, but exclude_count is 4" },
        { { 0, 2, 4 }, "exclude_ids of a query must ascend, but 2 comes before 1, which is number 3" },
        { { 0, 4, 4 }, "exclude_ids of a query must ascend, but 2 comes before 1, which is number 3" },
    };
    static const int64_t ids[] = { 0, 1, 2, 1 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        call c = new_call();
        c.options.exclude_offsets = cases[i].offsets;
        c.options.exclude_ids = ids;
        c.options.exclude_count = 4;
        assert_call_fails(&c, cases[i].says);
    }
    call c = new_call();
    c.options.exclude_ids = ids; /* for all queries */
    c.options.exclude_count = 4;
    assert_call_fails(&c, "must ascend, but 2 comes before 1, which is number 3");
    assert_string_equal(c.err.subject, "exclude_ids");
    assert_int_equal(c.err.row, 3);
    c = new_call();
    c.options.exclude_count = 1;
    assert_call_fails(&c, "exclude_ids is NULL, but exclude_count is 1");
    c.options.exclude_offsets = cases[6].offsets;
    assert_call_fails(&c, "exclude_ids is NULL, but exclude_count is 1");
}

static void allowances_that_are_refused(void **state)
{
    (void)state;
    static const uint8_t bitmap[2] = { 7, 7 };
    call c = new_call();
    c.options.allow = bitmap;
    c.options.allow_rows = ROWS + 1;
    assert_call_fails(&c, "allow has bits for 4 rows, but the index has 3 rows");
    assert_string_equal(c.err.subject, "allow_rows");
    c.options.allow_rows = ROWS;
    c.options.allow_stride = SIZE_MAX;
    assert_call_fails(&c, "apart overflow the address space");
    assert_string_equal(c.err.subject, "allow_stride");
    c.options.allow = NULL;
    assert_call_fails(&c, "allow is NULL, but allow_rows is 3");
}

static void allowed_ids_that_are_refused(void **state)
{
    (void)state;
    static const uint8_t bitmap[2] = { 7, 7 };
    static const int64_t ids[4] = { 1, 3, 2, 1 }, backwards[3] = { 0, 2, 1 }, all[3] = { 0, 2, 4 };
    call c = new_call();
    c.options.allow_ids = ids;
    c.options.allow_count = 4;
    assert_call_fails(&c, "allow_ids of a query must ascend, but 3 comes before 2, which is number 2");
    assert_string_equal(c.err.subject, "allow_ids");
    c.options.allow_offsets = backwards;
    assert_call_fails(&c, "allow_offsets descend after query 1");
    c.options.allow_offsets = all;
    assert_call_fails(&c, "allow_ids of a query must ascend, but 2 comes before 1, which is number 3");
    c.options.allow_ids = NULL;
    assert_call_fails(&c, "allow_ids is NULL, but allow_count is 4");
    c = new_call();
    c.options.allow = bitmap;
    c.options.allow_rows = ROWS;
    c.options.allow_ids = ids;
    c.options.allow_count = 1;
    assert_call_fails(&c, "allow and allow_ids are both given");
}

/* Where the arrays' size can't be known, they aren't touched. */
/* Options say how many users there are. */
static void options_without_a_size(void **state)
{
    (void)state;
    call c = new_call();
    vrec_indexer *indexer = build(NULL);
    c.options.struct_size = 8;
    assert_failed(run(indexer, &c), &c.err, VREC_INVALID,
                  "options: struct_size is 8, but a vrec_query_options has at least 120 bytes");
    assert_true(c.ids[0] == 77 && c.counts[0] == 77);
    vrec_indexer_free(indexer);
}

static void calls_without_a_size(void **state)
{
    (void)state;
    vrec_indexer *indexer = build(NULL);
    static const size_t top_ks[] = { 0, VREC_MAX_TOP_K + 1, SIZE_MAX };
    for (size_t i = 0; i < sizeof top_ks / sizeof top_ks[0]; i++) {
        call c = new_call();
        c.top_k = top_ks[i];
        assert_failed(run(indexer, &c), &c.err, VREC_INVALID, "it takes 1 to 16384");
    }
    call c = new_call();
    c.queries.struct_size = 0;
    assert_failed(run(indexer, &c), &c.err, VREC_INVALID, "queries: struct_size is 0");
    c = new_call();
    c.queries.type = 99;
    assert_failed(run(indexer, &c), &c.err, VREC_INVALID, "queries: type 99");
    c = new_call();
    c.queries.data = NULL;
    assert_failed(run(indexer, &c), &c.err, VREC_INVALID, "queries: data is NULL");
    c.queries.rows = SIZE_MAX / 8;
    c.queries.dim = 0;
    c.top_k = VREC_MAX_TOP_K;
    assert_failed(run(indexer, &c), &c.err, VREC_INVALID, "overflow");
    c = new_call();
    assert_failed(run(NULL, &c), &c.err, VREC_INVALID, "the indexer is NULL");
    const vrec_matrix *queries = &c.queries;
    assert_failed(vrec_query(indexer, queries, 1, NULL, NULL, &c.err), &c.err, VREC_INVALID,
                  "results is NULL");
    assert_failed(vrec_query(indexer, NULL, 1, NULL,
                             &(vrec_results){ sizeof(vrec_results), c.ids, c.distances, NULL }, &c.err),
                  &c.err, VREC_INVALID, "queries: the matrix is NULL");
    assert_failed(vrec_query(indexer, queries, 1, NULL,
                             &(vrec_results){ sizeof(vrec_results), NULL, c.distances, NULL }, &c.err),
                  &c.err, VREC_INVALID, "ids is NULL");
    assert_failed(vrec_query(indexer, queries, 1, NULL,
                             &(vrec_results){ sizeof(vrec_results), c.ids, NULL, NULL }, &c.err),
                  &c.err, VREC_INVALID, "distances is NULL");
    assert_int_equal(vrec_query(indexer, queries, 1, NULL,
                                &(vrec_results){ sizeof(vrec_results), NULL, NULL, NULL }, NULL),
                     VREC_INVALID);
    vrec_indexer_free(indexer);
}

static void odd_calls_that_are_answered(void **state)
{
    (void)state;
    static const int64_t none[QUERIES + 1] = { 0 }, all[QUERIES + 1] = { 0, 3, 3 }, ids[] = { 0, 1, 2 };
    vrec_indexer *indexer = build(NULL);
    call c = new_call();
    c.queries.rows = 0;
    assert_int_equal(vrec_query(indexer, &c.queries, 1, NULL,
                                &(vrec_results){ sizeof(vrec_results), NULL, NULL, NULL }, NULL),
                     VREC_OK);
    c = new_call();
    c.options.exclude_offsets = none; /* nothing to exclude: no ids needed */
    assert_int_equal(run(indexer, &c), VREC_OK);
    assert_int_equal(c.ids[0], 2);
    assert_int_equal(c.ids[TOP_K], 0);
    c.options.exclude_offsets = all;
    c.options.exclude_ids = ids;
    c.options.exclude_count = 3;
    c.options.overrides = "";
    assert_int_equal(run(indexer, &c), VREC_OK);
    assert_int_equal(c.counts[0], 0);
    assert_int_equal(c.ids[0], -1);
    assert_int_equal(c.counts[1], 2);
    assert_int_equal(c.ids[TOP_K], 0);
    vrec_indexer_free(indexer);
}

static void the_largest_top_k(void **state)
{
    (void)state;
    vrec_indexer *indexer = build(NULL);
    call c = new_call();
    int64_t *ids = malloc(sizeof *ids * QUERIES * VREC_MAX_TOP_K);
    float *distances = malloc(sizeof *distances * QUERIES * VREC_MAX_TOP_K);
    assert_true(ids && distances);
    assert_int_equal(vrec_query(indexer, &c.queries, VREC_MAX_TOP_K, NULL,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, c.counts }, NULL),
                     VREC_OK);
    for (size_t i = 0; i < QUERIES * VREC_MAX_TOP_K; i++) {
        bool used = i % VREC_MAX_TOP_K < ROWS;
        assert_true(used == (ids[i] >= 0) && used == (distances[i] < INFINITY));
    }
    free(ids);
    free(distances);
    vrec_indexer_free(indexer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused_calls_leave_unused_slots),
        cmocka_unit_test(exclusions_that_are_refused),
        cmocka_unit_test(allowances_that_are_refused),
        cmocka_unit_test(allowed_ids_that_are_refused),
        cmocka_unit_test(calls_without_a_size),
        cmocka_unit_test(options_without_a_size),
        cmocka_unit_test(odd_calls_that_are_answered),
        cmocka_unit_test(the_largest_top_k),
    };
    return cmocka_run_group_tests_name("query", tests, NULL, NULL);
}
