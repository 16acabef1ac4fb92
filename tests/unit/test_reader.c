/* The cursor: nothing is read, counted or handed out past the end, from a file or from memory.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/reader.h"

#include "support/failed.h"
#include "support/folder.h"

static const uint8_t bytes[] = { 1, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 10, 11, 12, 13, 14, 15 };

static void walk(vr_reader reader)
{
    uint8_t small, out[4];
    uint32_t middle;
    uint64_t count;
    vr_span span;
    assert_int_equal(vr_reader_u8(&reader, &small, "a byte", NULL), VREC_OK);
    assert_int_equal(vr_reader_u32(&reader, &middle, "a number", NULL), VREC_OK);
    assert_int_equal(vr_reader_u64(&reader, &count, "a count", NULL), VREC_OK);
    assert_int_equal(small, 1);
    assert_int_equal(middle, 2);
    assert_int_equal(count, 3);
    assert_int_equal(vr_reader_span(&reader, count, 2, "pairs", &span, NULL), VREC_OK);
    assert_int_equal(span.at, 13);
    assert_int_equal(vr_reader_left(&reader), 0);
    assert_int_equal(vr_reader_copy(&reader, &span, 1, 2, out, NULL), VREC_OK);
    assert_memory_equal(out, bytes + 15, 4);
    if (reader.input)
        assert_null(vr_reader_point(&reader, &span));
    else
        assert_ptr_equal(vr_reader_point(&reader, &span), bytes + 13);
}

/* What doesn't fit is refused, and leaves the cursor where it was. */
static void overreach(vr_reader reader)
{
    static const uint64_t counts[] = { 4, 7, UINT64_MAX / 2 + 1, UINT64_MAX / 2 + 4, UINT64_MAX };
    uint8_t out[32];
    vr_span span;
    vrec_error err;
    assert_int_equal(vr_reader_bytes(&reader, out, 13, "the head", NULL), VREC_OK);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        vrec_status status = vr_reader_span(&reader, counts[i], 2, "pairs", &span, &err);
        assert_failed(status, &err, VREC_CORRUPT, "cut short: from byte 13 on pairs should have ");
        assert_int_equal(reader.at, 13);
    }
    vrec_status status = vr_reader_bytes(&reader, out, 7, "seven", &err);
    assert_failed(status, &err, VREC_CORRUPT,
                  "cut short: seven, 7 bytes from byte 13 on, goes past its end at byte 19");
    assert_int_equal(reader.at, 13);
    assert_int_equal(vr_reader_span(&reader, 0, 8, "none", &span, NULL), VREC_OK);
    assert_int_equal(span.count, 0);
}

static void both(void (*test)(vr_reader reader))
{
    vr_input input;
    write_file("bytes", bytes, sizeof bytes);
    assert_int_equal(vr_input_open("bytes", &input, NULL), VREC_OK);
    test(vr_reader_of_file(&input));
    vr_input_close(&input);
    test(vr_reader_of_bytes("bytes", bytes, sizeof bytes));
}

static void reads_what_is_there(void **state)
{
    (void)state;
    both(walk);
}

static void refuses_what_is_not(void **state)
{
    (void)state;
    both(overreach);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads_what_is_there),
                                        cmocka_unit_test(refuses_what_is_not) };
    return cmocka_run_group_tests_name("reader", tests, enter_folder, leave_folder);
}
