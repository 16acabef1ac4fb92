/* The graph's layout. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/graph.h"
#include "faiss/hnsw/shape.h"

#include "support/failed.h"

#include <math.h>

static void levels_are_as_many_as_in_faiss(void **state)
{
    static const struct {
        size_t m, levels;
    } cases[] = { { 2, 29 }, { 4, 15 }, { 8, 10 }, { 12, 9 }, { 16, 8 }, { 24, 7 },
                  { 32, 6 }, { 48, 6 }, { 64, 5 }, { 96, 5 }, { 128, 5 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vr_hnsw_graph graph;
        double sum = 0.0;
        vr_hnsw_graph_init(&graph, cases[i].m);
        assert_int_equal(graph.level_count, cases[i].levels);
        assert_int_equal(graph.degree, 2 * cases[i].m);
        assert_int_equal(vr_hnsw_degree(&graph, 0), 2 * cases[i].m);
        for (size_t l = 1; l < graph.level_count; l++)
            assert_int_equal(vr_hnsw_degree(&graph, l), cases[i].m);
        for (size_t l = 0; l < graph.level_count; l++)
            sum += graph.chances[l];
        assert_true(sum > 1.0 - 1e-6 && sum < 1.0 + 1e-6);
    }
}

/* FAISS asks the C library. */
static void chances_are_those_of_faiss(void **state)
{
    (void)state;
    for (size_t m = 2; m <= VR_HNSW_M_MAX; m++) {
        vr_hnsw_graph graph;
        float scale = (float)(1.0 / log((double)m));
        vr_hnsw_graph_init(&graph, m);
        for (size_t l = 0; l < graph.level_count; l++) {
            double chance = exp((double)(-(float)l / scale)) * (1.0 - exp((double)(-1.0f / scale)));
            assert_true(graph.chances[l] == (double)(float)chance);
        }
    }
}

static void every_row_has_slots_of_its_own(void **state)
{
    enum { M = 3, ROWS = 100 };
    vr_hnsw_graph graph;
    vrec_error err;
    (void)state;
    vr_hnsw_graph_init(&graph, M);
    assert_int_equal(vr_hnsw_graph_add_levels(&graph, ROWS, &err), VREC_OK);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(graph.levels[i], 1);
        graph.levels[i] = (uint8_t)(1 + i * 7 % 11 % 5);
    }
    assert_int_equal(vr_hnsw_graph_add_rows(&graph, &err), VREC_OK);
    assert_int_equal(graph.levels[graph.entry], 5);
    assert_int_equal(graph.top, 4);
    for (size_t i = 0; i < graph.entry; i++)
        assert_true(graph.levels[i] < 5);
    for (uint32_t i = 0; i < ROWS; i++)
        for (size_t l = 0; l < graph.levels[i]; l++)
            for (size_t j = 0; j < vr_hnsw_degree(&graph, l); j++) {
                assert_int_equal(vr_hnsw_links(&graph, i, l)[j], ROWS); /* free, and nobody else's */
                vr_hnsw_links(&graph, i, l)[j] = i;
            }
    for (size_t i = 0; i < graph.upper_size; i++)
        assert_true(graph.upper[i] < ROWS); /* no slot is left over */
    vr_hnsw_graph_free(&graph);
}

static void no_nodes_need_no_care(void **state)
{
    vr_hnsw_graph graph;
    vrec_error err;
    (void)state;
    vr_hnsw_graph_init(&graph, 16);
    assert_int_equal(vr_hnsw_graph_add_levels(&graph, 0, &err), VREC_OK);
    assert_int_equal(vr_hnsw_graph_add_rows(&graph, &err), VREC_OK);
    assert_int_equal(graph.entry, 0);
    assert_int_equal(graph.top, 0);
    vr_hnsw_graph_free(&graph);
    vr_hnsw_graph_free(&graph);
}

static void too_many_links_are_refused(void **state)
{
    vr_hnsw_graph graph;
    vrec_error err;
    (void)state;
    vr_hnsw_graph_init(&graph, 4);
    graph.slots[2] = UINT32_MAX / 2;
    assert_int_equal(vr_hnsw_graph_add_levels(&graph, 3, &err), VREC_OK);
    memset(graph.levels, 2, 3);
    assert_failed(vr_hnsw_graph_add_rows(&graph, &err), &err, VREC_UNSUPPORTED,
                  "more than 4294967295 links");
    vr_hnsw_graph_free(&graph);
}

/* 0 -> 1 -> 2 -> 0, 1 -> 3; 4 -> 5 -> 6, where 4 is on a higher level; nobody leads to 7. */
static void a_shape_is_what_links_make(void **state)
{
    enum { ROWS = 8, NONE = ROWS };
    static const uint32_t links[ROWS][4] = { { 1, NONE, NONE, NONE }, { 2, 3, NONE, NONE },
                                             { 0, NONE, NONE, NONE }, { NONE, NONE, NONE, NONE },
                                             { 5, NONE, NONE, NONE }, { 6, NONE, NONE, NONE },
                                             { 5, 4, 6, 0 },          { 0, 7, NONE, NONE } };
    vr_hnsw_graph graph;
    vr_hnsw_shape shape;
    vrec_error err;
    (void)state;
    vr_hnsw_graph_init(&graph, 2);
    assert_int_equal(vr_hnsw_graph_add_levels(&graph, ROWS, &err), VREC_OK);
    graph.levels[0] = 3;
    graph.levels[4] = 2;
    assert_int_equal(vr_hnsw_graph_add_rows(&graph, &err), VREC_OK);
    assert_int_equal(graph.entry, 0);
    memcpy(graph.base, links, sizeof links);
    assert_int_equal(vr_hnsw_shape_of(&graph, &shape, &err), VREC_OK);
    assert_int_equal(shape.degree_min, 0);
    assert_int_equal(shape.degree_max, 4);
    assert_true(shape.degree_mean == 12.0 / 8.0);
    assert_int_equal(shape.from_entry, 4);
    assert_int_equal(shape.from_upper, 7);
    vr_hnsw_graph_free(&graph);
}

static void no_nodes_have_no_shape(void **state)
{
    vr_hnsw_graph graph = { .degree = 4 };
    vr_hnsw_shape shape;
    (void)state;
    assert_int_equal(vr_hnsw_shape_of(&graph, &shape, NULL), VREC_OK);
    assert_int_equal(shape.degree_min + shape.from_entry + shape.from_upper, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_are_as_many_as_in_faiss), cmocka_unit_test(chances_are_those_of_faiss),
        cmocka_unit_test(every_row_has_slots_of_its_own), cmocka_unit_test(no_nodes_need_no_care),
        cmocka_unit_test(too_many_links_are_refused),     cmocka_unit_test(a_shape_is_what_links_make),
        cmocka_unit_test(no_nodes_have_no_shape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
