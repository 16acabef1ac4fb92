/* Building forests: Annoy's bytes, the same forest at any number of threads, and data that is hard to
 * divide. SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_sample.h"
#include "support/sha256.h"

#include "annoy/random.h"

#include <math.h>

/* ---- Annoy's bytes ---- */

static void random_numbers_are_annoys(void **state)
{
    (void)state;
    vr_kiss standard = vr_kiss_seed(1234567890987654321), other = vr_kiss_seed(42);
    assert_true(vr_kiss_draw(&standard) == 8932985056925012148u);
    assert_true(vr_kiss_draw(&standard) == 5710300428094272059u);
    assert_true(vr_kiss_draw(&standard) == 18342510866933518593u);
    assert_true(vr_kiss_draw(&other) == 5680804532875375661u);
    assert_true(vr_kiss_draw(&other) == 421217147685971266u);
    assert_true(vr_kiss_draw(&other) == 15020224898898924438u);
}

/* What Annoy 1.17.3 writes, compiled without fast math and for any x86-64. */
static void files_are_what_annoy_writes(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t rows, dim, size;
        const char *hash;
    } golden[] = {
        { "n_trees=2", 10, 3, 432, "2f350f1caeff4e9a56e7e927a39ba3dae3134a02ecd8329eda0179b8f4165913" },
        { "n_trees=2,seed=42", 10, 3, 432,
          "0152925bcb704a8ae3c91c5d20fddd6f68cbaadb0feb5a50ff3643018e707c30" },
        { "n_trees=10", 1000, 10, 176696,
          "ef41ed41296a64f83a036f39345f85556f4f3fe9777a1320aa94372bd0dad4e0" },
        { "n_trees=10,seed=42", 1000, 10, 175968,
          "a7a338dded73f422822378dc97626ee761f0cd48e17f0dac65389bce098616be" },
        { "metric=euclidean,n_trees=2", 10, 3, 504,
          "a9200ed27ffcc3324d08c47d96c0f41f470990872ab2b6221648a37c2e280e17" },
        { "metric=euclidean,n_trees=10", 1000, 10, 189616,
          "3bad1bb1a1d78f1eaaadc268ef64a402709b8ab4bd2641ea09e92c974e224f46" },
        { "metric=dot,n_trees=2", 10, 3, 504,
          "d6e6ed71c4b029e0a377c06e47103b77f227fb01837ea0937f3927bccc4527cc" },
        { "metric=dot,n_trees=10", 1000, 10, 226296,
          "6875ef305cfc208675b9a280ecfa8def8ac42565489d845f342da647e101148f" },
    };
    for (size_t i = 0; i < sizeof golden / sizeof golden[0]; i++) {
        char options[80], hash[65];
        snprintf(options, sizeof options, "stream=annoy,threads=2,%s", golden[i].options);
        forest_file file = build_file(options, golden[i].rows, golden[i].dim);
        sha256(file.bytes, file.size, hash);
        assert_int_equal(file.size, golden[i].size);
        assert_string_equal(hash, golden[i].hash);
        free(file.bytes);
    }
}

/* The sizes, and so the numbers of nodes, are what Annoy's current version makes of these items. */
static void the_current_dot_layout(void **state)
{
    (void)state;
    forest_file small = build_file("metric=dot,dot_layout=current,stream=annoy,n_trees=2", 10, 3);
    forest_file large = build_file("metric=dot,dot_layout=current,stream=annoy,n_trees=10", 1000, 10);
    assert_int_equal(small.size, 648);
    assert_int_equal(large.size, 185472);
    free(small.bytes);
    free(large.bytes);
}

static void automatic_trees_are_annoys(void **state)
{
    (void)state;
    forest_file automatic = build_file("stream=annoy,n_trees=-1", 1000, 10);
    forest_file five = build_file("stream=annoy,n_trees=5", 1000, 10);
    assert_int_equal(automatic.size, five.size);
    assert_memory_equal(automatic.bytes, five.bytes, five.size);
    free(automatic.bytes);
    free(five.bytes);
    for (size_t rows = 1; rows < 14; rows++) { /* around what a bucket holds */
        forest_file file = build_file("n_trees=-1", rows, 10);
        assert_true(file.size >= 2 * rows * 52);
        free(file.bytes);
    }
}

/* ---- Threads ---- */

static forest_file build_scaled(const char *options, size_t rows, size_t dim)
{
    float *items = sample_items(rows, dim);
    for (size_t i = 0; i < rows * dim; i++)
        items[i] *= (float)(1 << i / dim % 13); /* so that a plane divides unevenly */
    vrec_indexer *forest = build_forest(options, items, rows, dim);
    free(items);
    forest_file file = forest_bytes(forest);
    vrec_indexer_free(forest);
    return file;
}

static void check_threads(const char *options, int most, size_t rows, size_t dim)
{
    forest_file one = { 0 };
    for (int threads = 1; threads <= most; threads++) {
        char text[80];
        snprintf(text, sizeof text, "threads=%d,%s", threads, options);
        forest_file file = build_scaled(text, rows, dim);
        if (threads == 1) {
            one = file;
            continue;
        }
        assert_int_equal(file.size, one.size);
        assert_memory_equal(file.bytes, one.bytes, one.size);
        free(file.bytes);
    }
    free(one.bytes);
}

/* The second shape is large enough for levels, and hard enough for trees to leave them at different ones.
 */
static void threads_make_no_difference(void **state)
{
    (void)state;
    static const char *const options[] = { "n_trees=7", "n_trees=-1", "n_trees=7,metric=euclidean",
                                           "n_trees=7,metric=dot",
                                           "n_trees=7,metric=dot,dot_layout=current" };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        check_threads(options[i], 8, 2000, 7);
        check_threads(options[i], 3, 24000, 96);
    }
}

static void seeds_make_a_difference(void **state)
{
    (void)state;
    forest_file a = build_file("seed=1,n_trees=1", 1000, 7), b = build_file("seed=2,n_trees=1", 1000, 7);
    forest_file zero = build_file("seed=0,n_trees=1", 1000, 7);
    forest_file largest = build_file("seed=18446744073709551615,n_trees=1", 1000, 7);
    assert_true(a.size != b.size || memcmp(a.bytes, b.bytes, a.size) != 0);
    assert_true(zero.size != largest.size || memcmp(zero.bytes, largest.bytes, zero.size) != 0);
    free(a.bytes);
    free(b.bytes);
    free(zero.bytes);
    free(largest.bytes);
}

/* ---- Hard data ---- */

enum { ROWS = 3000, DIM = 6 };

static void zeros(float *items)
{
    memset(items, 0, ROWS * DIM * sizeof *items);
}

static void all_the_same(float *items)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = 0.1f * (float)(i % DIM) + 0.3f;
}

static void one_apart(float *items)
{
    all_the_same(items);
    items[5 * DIM] = 1000.0f;
}

static void ever_larger(float *items)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = ldexpf((float)(i % 7) - 3.0f, (int)(i / DIM % 120));
}

static void tiny(float *items)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] *= 1e-30f;
}

static void huge(float *items)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] *= 1e30f;
}

static void few_values(float *items)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = roundf(items[i]);
}

static void hard_data_is_divided(void **state)
{
    (void)state;
    static void (*const spoil[])(float *) = { zeros, all_the_same, one_apart, ever_larger,
                                              tiny,  huge,         few_values };
    static const char *const options[] = { "metric=angular", "metric=euclidean", "metric=dot",
                                           "metric=dot,dot_layout=current" };
    float *items = sample_items(ROWS, DIM);
    for (size_t i = 0; i < sizeof spoil / sizeof spoil[0]; i++) {
        float *spoilt = sample_items(ROWS, DIM);
        spoil[i](spoilt);
        for (size_t o = 0; o < sizeof options / sizeof options[0]; o++)
            for (size_t stream = 0; stream < 2; stream++) {
                char text[80];
                vrec_error err;
                snprintf(text, sizeof text, "%s,d=%d,n_trees=3,stream=%s", options[o], DIM,
                         stream ? "annoy" : "per_tree");
                vrec_indexer *indexer = build_forest(text, spoilt, ROWS, DIM);
                assert_int_equal(vrec_save(indexer, "sample.annoy", NULL, NULL), VREC_OK);
                vrec_indexer_free(indexer);
                if (verify_forest_file(text, "sample.annoy", &err) != VREC_OK)
                    fail_msg("data %zu, %s: %s", i, text, err.message);
            }
        free(spoilt);
    }
    free(items);
}

static void any_number_of_items(void **state)
{
    (void)state;
    static const char *const options[] = { "metric=angular", "metric=euclidean", "metric=dot",
                                           "metric=dot,dot_layout=current" };
    for (size_t o = 0; o < sizeof options / sizeof options[0]; o++)
        for (size_t dim = 1; dim < 5; dim++)
            for (size_t rows = 1; rows < 30; rows++) {
                char text[80];
                vrec_error err;
                snprintf(text, sizeof text, "%s,d=%zu,n_trees=4", options[o], dim);
                forest_file file = build_file(text, rows, dim);
                if (verify_forest_file(text, "sample.annoy", &err) != VREC_OK)
                    fail_msg("%zu rows, %s: %s", rows, text, err.message);
                free(file.bytes);
            }
}

/* ---- Refusals ---- */

static void assert_refused(const char *options, const vrec_matrix *items, vrec_status expected,
                           const char *says)
{
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    vrec_builder *builder = annoy_builder(options);
    assert_failed(vrec_from_embeddings(builder, items, NULL, &indexer, &err), &err, expected, says);
    assert_null(indexer);
    vrec_builder_free(builder);
}

static void bad_items_and_options(void **state)
{
    (void)state;
    vrec_error err;
    vrec_builder *builder;
    float *items = sample_items(100, 4);
    vrec_matrix matrix = vrec_matrix_f32(items, 100, 4);
    assert_refused("d=5", &matrix, VREC_INVALID, "d is 5, but the items have 4");
    assert_refused("n_trees=0", &matrix, VREC_INVALID, "n_trees");
    items[42 * 4 + 3] = NAN;
    assert_refused("", &matrix, VREC_INVALID, "row 42, column 3");
    free(items);
    static const char *const bad[] = {
        "seed=-1",    "seed=18446744073709551616", "seed=",      "seed= 1", "seed=1x",
        "n_trees=-2", "metric=manhattan",          "searchk=-2", "d=0"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vrec_builder_factory("annoy", bad[i], &builder, &err), VREC_INVALID);
}

typedef struct patience {
    int calls, most;
} patience;

static int lose_patience(void *context, const vrec_progress_report *at)
{
    patience *p = context;
    assert_non_null(at->phase);
    assert_true(at->done <= at->total);
    return ++p->calls > p->most;
}

static void a_build_can_be_stopped(void **state)
{
    (void)state;
    float *items = sample_items(20000, 4);
    vrec_matrix matrix = vrec_matrix_f32(items, 20000, 4);
    vrec_builder *builder = annoy_builder("n_trees=20,threads=2");
    patience all = { .most = INT32_MAX };
    vrec_progress progress = { .struct_size = sizeof progress, .report = lose_patience, .context = &all };
    vrec_build build = { .struct_size = sizeof build, .progress = &progress };
    vrec_indexer *indexer;
    assert_int_equal(vrec_from_embeddings(builder, &matrix, &build, &indexer, NULL), VREC_OK);
    assert_true(all.calls > 10);
    vrec_indexer_free(indexer);
    for (int most = 0; most < all.calls; most += 1 + all.calls / 10) {
        vrec_error err = { 0 };
        patience some = { .most = most };
        progress.context = &some;
        vrec_status status = vrec_from_embeddings(builder, &matrix, &build, &indexer, &err);
        if (status == VREC_OK) /* threads make the number of reports vary */
            vrec_indexer_free(indexer);
        else
            assert_failed(status, &err, VREC_CANCELLED, "stopped by the caller");
    }
    vrec_builder_free(builder);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_numbers_are_annoys),  cmocka_unit_test(files_are_what_annoy_writes),
        cmocka_unit_test(the_current_dot_layout),     cmocka_unit_test(automatic_trees_are_annoys),
        cmocka_unit_test(threads_make_no_difference), cmocka_unit_test(seeds_make_a_difference),
        cmocka_unit_test(hard_data_is_divided),       cmocka_unit_test(any_number_of_items),
        cmocka_unit_test(bad_items_and_options),      cmocka_unit_test(a_build_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
