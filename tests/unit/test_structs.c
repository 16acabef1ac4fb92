/* Structs of callers that were compiled with an older or a later version of the header.
 * SPDX-License-Identifier: Apache-2.0 */
#include "core/structs.h"
#include "support/failed.h"

/* A struct that has grown once, as a caller of the first, of this, and of a later version has it. */
typedef struct first_version {
    size_t struct_size;
    int64_t a;
} first_version;

typedef struct ours {
    size_t struct_size;
    int64_t a, b;
} ours;

typedef struct later_version {
    size_t struct_size;
    int64_t a, b;
    char c[9];
} later_version;

static const vr_shape shape = { "vrec_sample", sizeof(first_version), sizeof(ours) };

static void an_older_one_is_filled_up(void **state)
{
    (void)state;
    first_version given = { sizeof given, 7 };
    ours out = { 1, 2, 3 };
    assert_int_equal(vr_take_struct(&given, &shape, "sample", &out, NULL), VREC_OK);
    assert_true(out.struct_size == sizeof out && out.a == 7 && out.b == 0);
}

static void the_same_is_copied(void **state)
{
    (void)state;
    ours given = { sizeof given, 7, 8 }, out;
    assert_int_equal(vr_take_struct(&given, &shape, "sample", &out, NULL), VREC_OK);
    assert_memory_equal(&out, &given, sizeof out);
}

static void a_later_one_is_taken_as_long_as_it_asks_for_nothing_new(void **state)
{
    (void)state;
    later_version given = { .struct_size = sizeof given, .a = 7, .b = 8 };
    ours out;
    vrec_error err;
    assert_int_equal(vr_take_struct(&given, &shape, "sample", &out, NULL), VREC_OK);
    assert_true(out.struct_size == sizeof out && out.a == 7 && out.b == 8);
    for (size_t i = 0; i < sizeof given.c; i++) {
        given.c[i] = 1;
        assert_failed(vr_take_struct(&given, &shape, "sample", &out, &err), &err, VREC_INVALID,
                      "knows only the first 24 bytes");
        assert_string_equal(err.subject, "sample");
        given.c[i] = 0;
    }
}

static void a_size_that_makes_no_sense(void **state)
{
    (void)state;
    static const size_t sizes[] = { 0, sizeof(first_version) - 1, 4097, SIZE_MAX };
    ours out;
    vrec_error err;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ours given = { sizes[i], 7, 8 };
        assert_failed(vr_take_struct(&given, &shape, "sample", &out, &err), &err, VREC_INVALID,
                      "set it to sizeof(vrec_sample)");
    }
}

static void what_is_reserved_is_zero(void **state)
{
    (void)state;
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(NULL, 0, 1), taken;
    vrec_tuning_options options = { .struct_size = sizeof options }, taken_options;
    assert_int_equal(vr_take_matrix(&matrix, "items", &taken, NULL), VREC_OK);
    assert_int_equal(vr_take_tuning_options(&options, &taken_options, NULL), VREC_OK);
    matrix.reserved = 99;
    options.reserved = -1;
    assert_failed(vr_take_matrix(&matrix, "items", &taken, &err), &err, VREC_INVALID,
                  "items: reserved is 99, not 0");
    assert_failed(vr_take_tuning_options(&options, &taken_options, &err), &err, VREC_INVALID,
                  "options: reserved is -1, not 0");
}

static void none_is_the_default(void **state)
{
    (void)state;
    vrec_query_options options;
    vrec_build build;
    vrec_progress room;
    const vrec_progress *progress = &room;
    assert_int_equal(vr_take_query_options(NULL, &options, NULL), VREC_OK);
    assert_true(options.struct_size == sizeof options && options.threads == 0 && !options.allow);
    assert_int_equal(vr_take_build(NULL, &build, NULL), VREC_OK);
    assert_true(build.struct_size == sizeof build && !build.ids && !build.queries && !build.progress);
    assert_int_equal(vr_take_progress(NULL, &room, &progress, NULL), VREC_OK);
    assert_null(progress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_older_one_is_filled_up),
        cmocka_unit_test(the_same_is_copied),
        cmocka_unit_test(a_later_one_is_taken_as_long_as_it_asks_for_nothing_new),
        cmocka_unit_test(a_size_that_makes_no_sense),
        cmocka_unit_test(what_is_reserved_is_zero),
        cmocka_unit_test(none_is_the_default),
    };
    return cmocka_run_group_tests_name("structs", tests, NULL, NULL);
}
