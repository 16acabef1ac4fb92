/* Building an IVF index. Whether its centroids are FAISS's is for tests/interop to say.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/failed.h"
#include "support/faiss_sample.h"
#include "support/folder.h"

#include <math.h>

enum { ITEMS = 900, WIDTH = 5 };

static float items[ITEMS * WIDTH];

static int set_up(void **state)
{
    uint32_t draw = 17;
    for (size_t i = 0; i < ITEMS * WIDTH; i++) {
        draw = draw * 1664525u + 1013904223u;
        items[i] = (float)(draw >> 8) * 0x1p-23f - 1.0f;
    }
    return enter_folder(state);
}

static vrec_status build_as(const char *options, size_t count, const vrec_build *how, vrec_indexer **out,
                            vrec_error *err)
{
    vrec_matrix matrix = vrec_matrix_f32(items, count, WIDTH);
    vrec_builder *builder = new_builder(options);
    vrec_status status = vrec_from_embeddings(builder, &matrix, how, out, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*out != NULL));
    return status;
}

static vrec_status build_with(const char *options, size_t count, vrec_indexer **out, vrec_error *err)
{
    return build_as(options, count, NULL, out, err);
}

static vrec_indexer *build_good(const char *options, size_t count)
{
    vrec_indexer *indexer;
    vrec_error err;
    if (build_with(options, count, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}

static vrec_status ask(const vrec_indexer *indexer, const vrec_matrix *queries, size_t k, int64_t *ids,
                       float *distances, int64_t *counts)
{
    vrec_results to = { .struct_size = sizeof to, .ids = ids, .distances = distances, .counts = counts };
    return vrec_query(indexer, queries, k, NULL, &to, NULL);
}

static void an_index_is_what_was_asked_for(void **state)
{
    (void)state;
    vrec_indexer *indexer = build_good("index_type=IVF,metric=IP,nlist=20,nprobe=3", ITEMS);
    assert_int_equal(vrec_rows(indexer), ITEMS);
    assert_true(vrec_larger_is_nearer(indexer));
    assert_true(has_fact(indexer, "index_type", "IVF"));
    assert_true(has_fact(indexer, "nlists", "20"));
    assert_true(has_fact(indexer, "nprobe", "3"));
    assert_true(has_fact(indexer, "quantizer", "Flat"));
    assert_false(has_fact(indexer, "note", ""));
    vrec_indexer_free(indexer);
    indexer = build_good("index_type=ivf", ITEMS);
    assert_true(has_fact(indexer, "nlists", "100"));
    assert_true(has_fact(indexer, "nprobe", "1"));
    assert_true(has_fact(indexer, "note", "900 items are few to train 100 lists with; FAISS advises 3900"));
    vrec_indexer_free(indexer);
}

/* In all lists, everything is found. */
static void every_item_is_its_own_neighbour(void **state)
{
    static const char *const options[] = { "index_type=IVF,nlists=1",
                                           "index_type=IVF,nlists=7,nprobe=7",
                                           "index_type=IVF,nlists=7,nprobe=1",
                                           "index_type=IVF,nlists=900",
                                           "index_type=IVF,nlists=40,nprobe=2,codes=off",
                                           "index_type=IVF,nlists=3,nprobe=9" };
    static int64_t ids[ITEMS];
    static float distances[ITEMS];
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        vrec_indexer *indexer = build_good(options[i], ITEMS);
        vrec_matrix matrix = vrec_matrix_f32(items, ITEMS, WIDTH);
        for (size_t time = 0; time < 3; time++) {
            assert_int_equal(ask(indexer, &matrix, 1, ids, distances, NULL), VREC_OK);
            for (size_t row = 0; row < ITEMS; row++) {
                assert_int_equal(ids[row], row);
                assert_true(distances[row] == 0.0f);
            }
        }
        vrec_indexer_free(indexer);
    }
}

static size_t read_whole(const char *path, uint8_t *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    return size;
}

static void the_same_file_at_any_number_of_threads(void **state)
{
    static const char *const options[] = {
        "index_type=IVF,nlists=3,threads=1", "index_type=IVF,nlists=3,threads=2",
        "index_type=IVF,nlists=3,threads=7", "index_type=IVF,nlists=3,seed=1234",
        "index_type=IVF,nlists=3,seed=5",    "index_type=IVF,nlists=3,seed=18446744073709551615"
    };
    static uint8_t first[1 << 16], other[1 << 16];
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        vrec_indexer *indexer = build_good(options[i], ITEMS); /* of which 768 are sampled */
        assert_int_equal(vrec_save(indexer, "a.index", NULL, NULL), VREC_OK);
        vrec_indexer_free(indexer);
        size_t found = read_whole("a.index", i == 0 ? first : other, sizeof first);
        assert_true(found > ITEMS * WIDTH * 4 && found < sizeof first && (i == 0 || found == size));
        size = found;
        if (i > 0)
            assert_true((memcmp(first, other, size) == 0) == (i < 4));
    }
}

static void items_that_are_refused(void **state)
{
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    (void)state;
    assert_failed(build_with("index_type=IVF", 99, &indexer, &err), &err, VREC_INVALID,
                  "99 items are too few for nlists=100");
    assert_failed(build_with("index_type=IVF", 99, &indexer, &err), &err, VREC_INVALID,
                  "set nlists to 99 or less, or take index_type=Flat");
    assert_failed(build_with("index_type=IVF,codes=sq8", 900, &indexer, &err), &err, VREC_INVALID,
                  "codes=sq8 is for HNSW; an IVF index takes auto or off");
    float kept = items[77 * WIDTH + 2];
    items[77 * WIDTH + 2] = NAN;
    assert_failed(build_with("index_type=IVF", 900, &indexer, &err), &err, VREC_INVALID,
                  "row 77, column 2");
    items[77 * WIDTH + 2] = kept;
}

/* What is so long that distances to it could overflow is neither trained with nor added: it might end up in
 * no list, where nobody would find it. */
static void too_long_items(void **state)
{
    float kept[WIDTH];
    vrec_indexer *indexer;
    vrec_error err = { 0 };
    vrec_matrix one = vrec_matrix_f32(items + 500 * WIDTH, 1, WIDTH);
    (void)state;
    vrec_indexer *good = build_good("index_type=IVF,nlists=10", ITEMS);
    memcpy(kept, items + 500 * WIDTH, sizeof kept);
    for (float value = 3e38f; value > 1.5e18f; value /= 1e10f) {
        for (size_t j = 0; j < WIDTH; j++)
            items[500 * WIDTH + j] = -value;
        assert_failed(build_with("index_type=IVF,nlists=10", ITEMS, &indexer, &err), &err, VREC_INVALID,
                      "row 500 is too long");
        assert_failed(vrec_add(good, &one, NULL, &err), &err, VREC_INVALID, "row 0 is too long");
        assert_int_equal(vrec_rows(good), ITEMS);
    }
    for (size_t j = 0; j < WIDTH; j++)
        items[500 * WIDTH + j] = 1.4e18f;
    vrec_indexer_free(build_good("index_type=IVF,nlists=10", ITEMS));
    memcpy(items + 500 * WIDTH, kept, sizeof kept);
    vrec_indexer_free(good);
}

/* Fewer different items than lists. */
static void odd_items(void **state)
{
    static float kept[sizeof items / sizeof items[0]];
    int64_t ids[ITEMS];
    float distances[ITEMS];
    int64_t count;
    (void)state;
    memcpy(kept, items, sizeof items);
    for (size_t i = 0; i < ITEMS * WIDTH; i++)
        items[i] = items[i % (3 * WIDTH)];
    vrec_indexer *indexer = build_good("index_type=IVF,nlists=50,nprobe=50", ITEMS);
    vrec_matrix matrix = vrec_matrix_f32(items, 1, WIDTH);
    assert_int_equal(ask(indexer, &matrix, ITEMS, ids, distances, &count), VREC_OK);
    assert_int_equal(count, ITEMS);
    for (size_t i = 0; i < ITEMS / 3; i++)
        assert_int_equal(ids[i], 3 * i); /* equally near: by id */
    vrec_indexer_free(indexer);
    memcpy(items, kept, sizeof items);
}

/* ---- Ids ---- */

static void ids_go_into_the_lists(void **state)
{
    static int64_t own[ITEMS], ids[ITEMS];
    static float distances[ITEMS];
    vrec_build how = { .struct_size = sizeof how, .ids = own };
    vrec_indexer *indexer;
    vrec_error err = { 0 };
    (void)state;
    for (size_t i = 0; i < ITEMS; i++)
        own[i] = ((int64_t)i * 7919 % ITEMS - 200) * (INT64_C(1) << 40) + 3;
    vrec_matrix matrix = vrec_matrix_f32(items, ITEMS, WIDTH);
    assert_int_equal(build_as("index_type=IVF,nlists=9", ITEMS, &how, &indexer, &err), VREC_OK);
    for (size_t again = 0; again < 2; again++) {
        assert_true(has_fact(indexer, "ids", "own, in the lists"));
        assert_int_equal(ask(indexer, &matrix, 1, ids, distances, NULL), VREC_OK);
        assert_memory_equal(ids, own, sizeof ids);
        assert_int_equal(vrec_save(indexer, "a.index", NULL, NULL), VREC_OK);
        vrec_indexer_free(indexer);
        indexer = open_good("a.index");
    }
    vrec_indexer_free(indexer);
    own[5] = -1;
    assert_failed(build_as("index_type=IVF,nlists=9", ITEMS, &how, &indexer, &err), &err, VREC_INVALID,
                  "ids: that of row 5 is -1, which is no id");
    own[5] = own[800];
    assert_failed(build_as("index_type=IVF,nlists=9", ITEMS, &how, &indexer, &err), &err, VREC_INVALID,
                  "ids: rows 5 and 800 both have the id");
    how = (vrec_build){ .struct_size = sizeof how, .queries = &matrix };
    assert_failed(build_as("index_type=IVF,nlists=9", ITEMS, &how, &indexer, &err), &err, VREC_UNSUPPORTED,
                  "faiss IVF can't use a sample of queries");
}

/* ---- Stopping ---- */

static int stop_at(void *context, const vrec_progress_report *at)
{
    assert_true(at->done <= at->total);
    assert_string_equal(at->unit, "rows");
    return strcmp(at->phase, context) == 0;
}

static void the_caller_stops_it(void **state)
{
    static char phases[][12] = { "checking", "training", "assigning", "copying" };
    (void)state;
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        vrec_progress progress = { .struct_size = sizeof progress,
                                   .report = stop_at,
                                   .context = phases[i] };
        vrec_build how = { .struct_size = sizeof how, .progress = &progress };
        vrec_indexer *indexer;
        vrec_error err = { 0 };
        assert_failed(build_as("index_type=IVF,nlists=20,threads=1", ITEMS, &how, &indexer, &err), &err,
                      VREC_CANCELLED, phases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_is_what_was_asked_for),
        cmocka_unit_test(every_item_is_its_own_neighbour),
        cmocka_unit_test(the_same_file_at_any_number_of_threads),
        cmocka_unit_test(items_that_are_refused),
        cmocka_unit_test(odd_items),
        cmocka_unit_test(too_long_items),
        cmocka_unit_test(ids_go_into_the_lists),
        cmocka_unit_test(the_caller_stops_it),
    };
    return cmocka_run_group_tests(tests, set_up, leave_folder);
}
