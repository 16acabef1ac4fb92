/* Ids of rows, and vectors by ids. SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"
#include "support/annoy_sample.h"

#include "annoy/layout.h"

#include <stdlib.h>
#include <string.h>

enum { ROWS = 200, DIM = 5 };

static vrec_indexer *build(const char *backend, const char *options, const float *items)
{
    const vrec_matrix rows = vrec_matrix_f32(items, ROWS, DIM);
    return must_build_index(backend, options, &rows, NULL);
}

/* Every vector is there, whatever the order in which it is asked for. */
static void assert_holds(vrec_indexer *indexer, const float *items)
{
    vrec_error err;
    int64_t ids[ROWS + 1], asked[ROWS + 1];
    float vectors[(ROWS + 1) * DIM];
    assert_int_equal(vrec_ids(indexer, 0, ROWS, ids, &err), VREC_OK);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(ids[i], i);
        asked[i] = (int64_t)(i * 77 % ROWS);
    }
    asked[ROWS] = asked[3];
    assert_int_equal(vrec_vectors(indexer, asked, ROWS + 1, vectors, &err), VREC_OK);
    for (size_t i = 0; i <= ROWS; i++)
        assert_memory_equal(vectors + i * DIM, items + (size_t)asked[i] * DIM, DIM * sizeof(float));
    assert_int_equal(vrec_ids(indexer, ROWS - 1, 1, ids, &err), VREC_OK);
    assert_int_equal(ids[0], ROWS - 1);
    assert_int_equal(vrec_ids(indexer, ROWS, 0, NULL, &err), VREC_OK);
    assert_int_equal(vrec_vectors(indexer, NULL, 0, NULL, &err), VREC_OK);
}

static void assert_refuses(vrec_indexer *indexer)
{
    vrec_error err;
    int64_t ids[] = { 3, ROWS, -1, INT64_MIN, INT64_MAX };
    float vectors[5 * DIM];
    for (size_t i = 1; i < 5; i++) {
        int64_t pair[] = { ids[0], ids[i] };
        assert_failed(vrec_vectors(indexer, pair, 2, vectors, &err), &err, VREC_INVALID,
                      "which is number 1 of ids");
        assert_int_equal(err.row, 1);
    }
    assert_failed(vrec_ids(indexer, ROWS, 1, ids, &err), &err, VREC_INVALID, "but the index has 200");
    assert_failed(vrec_ids(indexer, SIZE_MAX, 2, ids, &err), &err, VREC_INVALID, "but the index has 200");
    assert_failed(vrec_ids(indexer, 0, 1, NULL, &err), &err, VREC_INVALID, "ids is NULL");
    assert_failed(vrec_vectors(indexer, NULL, 1, vectors, &err), &err, VREC_INVALID, "ids is NULL");
    assert_failed(vrec_vectors(indexer, ids, 1, NULL, &err), &err, VREC_INVALID, "vectors is NULL");
}

static void every_kind(void **state)
{
    (void)state;
    vrec_error err;
    float *items = sample_items(ROWS, DIM);
    static const char *const kinds[][2] = { { "faiss", "index_type=Flat" },
                                            { "faiss", "index_type=HNSW,m=8" },
                                            { "faiss", "index_type=IVF,nlists=7" },
                                            { "annoy", "metric=angular" },
                                            { "annoy", "metric=dot" },
                                            { "annoy", "metric=euclidean" } };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        vrec_indexer *indexer = build(kinds[i][0], kinds[i][1], items);
        assert_holds(indexer, items);
        assert_refuses(indexer);
        vrec_indexer_free(indexer);
    }
    free(items);
    assert_failed(vrec_vectors(NULL, NULL, 0, NULL, &err), &err, VREC_INVALID, "the indexer is NULL");
    assert_failed(vrec_ids(NULL, 0, 0, NULL, &err), &err, VREC_INVALID, "the indexer is NULL");
}

/* An id that nobody added is no item: its node has no descendant. */
static void holes_of_a_forest(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *forest;
    int64_t ids[ROWS];
    float vector[DIM], *items = sample_items(ROWS, DIM);
    vrec_indexer *built = build("annoy", "metric=euclidean,n_trees=1", items);
    forest_file file = forest_bytes(built);
    memset(file.bytes + 7 * vr_annoy_layout_of(VR_ANNOY_EUCLIDEAN, DIM, false).size, 0, 4);
    vrec_indexer_free(built);
    free(items);
    write_file("holes.ann", file.bytes, file.size);
    free(file.bytes);
    if (open_forest("metric=euclidean,d=5", "holes.ann", &forest, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(vrec_ids(forest, 0, ROWS, ids, &err), VREC_OK);
    assert_int_equal(ids[6], 6);
    assert_int_equal(ids[7], -1);
    assert_failed(vrec_vectors(forest, &(int64_t){ 7 }, 1, vector, &err), &err, VREC_INVALID,
                  "no item has id 7");
    vrec_indexer_free(forest);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(every_kind), cmocka_unit_test(holes_of_a_forest) };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
