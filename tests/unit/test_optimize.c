/* Giving an index a better graph: it is then the one that a build makes, or what it was before.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/meanwhile.h"
#include "support/random.h"
#include "support/same.h"

#include "api/indexer.h"
#include "faiss/hnsw/hnsw.h"

#include <math.h>
#include <stdbool.h>

enum { ROWS = 2500, USERS = 300, DIM = 9, ASKED = 40, TOP_K = 10, STEPS = 8 };

static float items[ROWS * DIM], users[USERS * DIM];
static int64_t own[ROWS];
static const vrec_matrix sample = {
    .struct_size = sizeof sample, .data = users, .rows = USERS, .dim = DIM
};

static int set_up(void **state)
{
    for (size_t i = 0; i < ROWS; i++) {
        float length = expf(2 * draw_real());
        own[i] = (int64_t)(ROWS - i) * 1000 - 77000;
        for (size_t j = 0; j < DIM; j++)
            items[i * DIM + j] = length * draw_real();
    }
    for (size_t i = 0; i < USERS * DIM; i++)
        users[i] = draw_real();
    return enter_folder(state);
}

static vrec_indexer *build(const char *backend, const char *options, const vrec_build *how)
{
    const vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    return must_build_index(backend, options, &matrix, how);
}

static vr_hnsw *inside(vrec_indexer *indexer)
{
    size_t place;
    vr_hnsw *hnsw = (vr_hnsw *)vr_indexer_enter(indexer, &place);
    vr_indexer_leave(indexer, place);
    return hnsw;
}

/* Takes most links away, on every level, and lets searches begin elsewhere. */
static void spoil(vrec_indexer *indexer)
{
    vr_hnsw_graph *graph = &inside(indexer)->graph;
    for (size_t i = 0; i < graph->rows * graph->degree; i++)
        if (i % graph->degree > i % 3)
            graph->base[i] = (uint32_t)graph->rows;
    for (size_t i = 0; i < graph->upper_size; i++)
        graph->upper[i] = (uint32_t)graph->rows;
    graph->entry = 7;
    graph->top = 0;
}

static double fact(const vrec_indexer *indexer, const char *key)
{
    for (size_t i = 0; vrec_info(indexer, i); i++)
        if (strcmp(vrec_info(indexer, i)->key, key) == 0)
            return vrec_info(indexer, i)->real;
    return NAN;
}

/* With and without a sample, of rows as ids, of own ids, and of names. */
static void equals_a_build(void **state)
{
    static const char *const options[] = {
        "index_type=HNSW,m=4,threads=1",
        "index_type=HNSW,m=9,metric=IP,efSearch=77,codes=sq4,threads=3",
        "index_type=HNSW,m=16,efConstruction=200,codes=off,threads=2",
    };
    (void)state;
    char names[ROWS * 8 + 1];
    for (size_t i = 0; i < ROWS; i++)
        snprintf(names + i * 8, 9, "%7zu\n", ROWS - i);
    for (size_t i = 0; i < 3; i++) {
        vrec_build how = { .struct_size = sizeof how, .ids = i == 1 ? own : NULL };
        how.names = i == 2 ? names : NULL;
        how.names_size = how.names ? ROWS * 8 : 0;
        vrec_indexer *better = build("faiss", options[i], &how);
        for (size_t j = 0; j < 2; j++) {
            how.queries = j ? &sample : NULL;
            vrec_indexer *built = build("faiss", options[i], &how);
            spoil(better);
            assert_int_equal(vrec_optimize(better, how.queries, NULL, NULL), VREC_OK);
            assert_true(fact(better, "reach_entry") == 1.0 && fact(better, "reach_upper") == 1.0);
            assert_same(built, better);
            assert_true(!how.names || vrec_find(better, "   2499") == 1);
            vrec_indexer_free(built);
        }
        vrec_indexer_free(better);
    }
}

static bool ask(const vrec_indexer *indexer, int64_t *ids)
{
    vrec_matrix queries = vrec_matrix_f32(users, ASKED, DIM);
    return find_ids(indexer, &queries, TOP_K, ids);
}

/* Also the graph of a file that is opened, or mapped; and once more changes nothing. */
static void of_a_file(void **state)
{
    (void)state;
    int64_t lost[ASKED * TOP_K], found[ASKED * TOP_K], again[ASKED * TOP_K];
    vrec_build how = { .struct_size = sizeof how, .ids = own };
    vrec_indexer *built = build("faiss", "index_type=HNSW,m=8,metric=IP,efSearch=50", &how);
    spoil(built);
    assert_int_equal(vrec_save(built, "poor.index", NULL, NULL), VREC_OK);
    vrec_indexer *one = open_file("poor.index", "threads=1"),
                 *other = open_file("poor.index", "threads=4,load=map");
    assert_true(fact(one, "reach_entry") < 0.1 && ask(one, lost));
    assert_int_equal(vrec_optimize(one, NULL, NULL, NULL), VREC_OK);
    assert_int_equal(vrec_optimize(other, &sample, NULL, NULL), VREC_OK);
    assert_int_equal(vrec_optimize(other, NULL, NULL, NULL), VREC_OK);
    assert_same(one, other);
    assert_true(ask(one, found) && ask(other, again));
    assert_memory_equal(found, again, sizeof found);
    assert_memory_not_equal(found, lost, sizeof found);
    vrec_indexer_free(built);
    vrec_indexer_free(one);
    vrec_indexer_free(other);
}

/* ---- What can't be ---- */

static int stop(void *context, const vrec_progress_report *report)
{
    size_t *left = context;
    (void)report;
    return (*left)-- == 0;
}

static void failures_change_nothing(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *plain = build("faiss", "index_type=HNSW,m=6", NULL);
    vrec_indexer *same = build("faiss", "index_type=HNSW,m=6", NULL);
    vrec_matrix narrow = vrec_matrix_f32(users, USERS, DIM - 1), none = vrec_matrix_f32(users, 0, DIM);
    assert_failed(vrec_optimize(NULL, NULL, NULL, &err), &err, VREC_INVALID, "NULL");
    assert_failed(vrec_optimize(plain, &narrow, NULL, &err), &err, VREC_INVALID,
                  "8 values each, but the items have 9");
    assert_failed(vrec_optimize(plain, &none, NULL, &err), &err, VREC_INVALID, "none; give some");
    float kept = users[DIM + 2];
    users[DIM + 2] = NAN;
    assert_failed(vrec_optimize(plain, &sample, NULL, &err), &err, VREC_INVALID, "row 1, column 2");
    users[DIM + 2] = kept;
    for (size_t reports = 0; reports < 3; reports++) {
        size_t left = reports;
        vrec_progress stopping = { .struct_size = sizeof stopping, .report = stop, .context = &left };
        assert_failed(vrec_optimize(plain, NULL, &stopping, &err), &err, VREC_CANCELLED, "stopped");
    }
    assert_same(plain, same);
    vrec_indexer_free(plain);
    vrec_indexer_free(same);
}

/* What only files have. */
static void odd_graphs(void **state)
{
    (void)state;
    vrec_error err;
    vrec_indexer *indexer = build("faiss", "index_type=HNSW,m=6", NULL);
    vr_hnsw_graph *graph = &inside(indexer)->graph;
    uint32_t slots = graph->slots[1];
    graph->slots[1] = 3;
    assert_failed(vrec_optimize(indexer, NULL, NULL, &err), &err, VREC_UNSUPPORTED,
                  "room for 3 links on level 0, and 4 to 8192");
    graph->slots[1] = graph->slots[2] - 1;
    assert_failed(vrec_optimize(indexer, NULL, NULL, &err), &err, VREC_UNSUPPORTED,
                  "room for 1 links on level 1, and 2 to 8192");
    graph->slots[1] = slots;
    assert_int_equal(vrec_save(indexer, "whole.index", NULL, NULL), VREC_OK);
    FILE *file = fopen("whole.index", "r+b");
    float bad = NAN;
    assert_true(fseek(file, -4, SEEK_END) == 0 && fwrite(&bad, 4, 1, file) == 1 && fclose(file) == 0);
    for (size_t i = 0; i < 2; i++) {
        vrec_indexer *opened = open_file("whole.index", i ? "load=map,codes=off" : NULL);
        assert_failed(vrec_optimize(opened, NULL, NULL, &err), &err, VREC_UNSUPPORTED,
                      "row 2499, column 8 of the index is not a finite float32 (nan)");
        vrec_indexer_free(opened);
    }
    vrec_indexer_free(indexer);
}

static void others_say_why_not(void **state)
{
    static const struct {
        const char *backend, *options, *says;
    } cases[] = { { "annoy", "metric=euclidean", "an index of annoy: its trees divide at random" },
                  { "faiss", "index_type=Flat", "an index of Flat: it compares with all items" },
                  { "faiss", "index_type=IVF,nlists=5", "an index of IVF: its items are in the lists" } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err;
        vrec_indexer *indexer = build(cases[i].backend, cases[i].options, NULL);
        assert_failed(vrec_optimize(indexer, &sample, NULL, &err), &err, VREC_UNSUPPORTED, cases[i].says);
        vrec_indexer_free(indexer);
    }
}

/* ---- Meanwhile ---- */

static vrec_indexer *shared;
static int64_t answers[2][ASKED * TOP_K]; /* by the graph of the items alone, and by that of a sample */

static bool look(size_t onlooker)
{
    char path[32];
    int64_t ids[ASKED * TOP_K];
    bool fine = ask(shared, ids) &&
                (memcmp(ids, answers[0], sizeof ids) == 0 || memcmp(ids, answers[1], sizeof ids) == 0);
    fine &= vrec_info(shared, 3)->integer == ROWS;
    snprintf(path, sizeof path, "%zu.index", onlooker);
    return vrec_save(shared, path, NULL, NULL) == VREC_OK && fine;
}

static void optimize_by_turns(void)
{
    for (size_t i = 0; i < STEPS; i++)
        assert_int_equal(vrec_optimize(shared, i % 2 ? &sample : NULL, NULL, NULL), VREC_OK);
}

static void others_go_on(void **state)
{
    (void)state;
    shared = build("faiss", "index_type=HNSW,m=4,metric=IP,threads=2", NULL);
    assert_true(ask(shared, answers[0]));
    assert_int_equal(vrec_optimize(shared, &sample, NULL, NULL), VREC_OK);
    assert_true(ask(shared, answers[1]));
    assert_memory_not_equal(answers[0], answers[1], sizeof answers[0]);
    change_meanwhile(optimize_by_turns, look);
    vrec_indexer_free(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_a_build),          cmocka_unit_test(of_a_file),
        cmocka_unit_test(failures_change_nothing), cmocka_unit_test(odd_graphs),
        cmocka_unit_test(others_say_why_not),      cmocka_unit_test(others_go_on),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
