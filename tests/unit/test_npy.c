/* The headers of .npy files, right and wrong. SPDX-License-Identifier: Apache-2.0 */
#include "support/data_files.h"

#include "base/bytes.h"

#include <stdio.h>

/* A .npy file with this header in bytes, which has room for 512; returns its size. */
static size_t make_npy(int major, const char *header, const void *values, size_t size, uint8_t *bytes)
{
    size_t length = strlen(header), at = major == 1 ? 10 : 12;
    memcpy(bytes, "\x93NUMPY", 6);
    bytes[6] = (uint8_t)major;
    bytes[7] = 0;
    vr_put_u32(bytes + 8, (uint32_t)length);
    memcpy(bytes + at, header, length);
    memcpy(bytes + at + length, values, size);
    return at + length + size;
}

static void headers_that_are_read(void **state)
{
    (void)state;
    static const float by_columns[] = { 1, 3, 5, 2, 4, 6 };
    static const struct {
        int major;
        size_t rows, dim;
        const float *values;
        const char *header;
    } cases[] = {
        { 1, 2, 3, one_to_six, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n" },
        { 2, 2, 3, one_to_six, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n" },
        { 3, 3, 2, one_to_six, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n" },
        { 1, 2, 3, by_columns, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }\n" },
        { 1, 6, 1, one_to_six, "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }\n" },
        { 1, 6, 1, one_to_six, "{'descr': '<f4', 'fortran_order': True, 'shape': (6,), }\n" },
        { 1, 1, 6, one_to_six, "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 6), }\n" },
        { 1, 2, 3, one_to_six, "{\"shape\":(2,3,),\"descr\":\"<f4\",\"fortran_order\":False}" },
        { 1, 2, 3, one_to_six, "{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }\n" },
        { 1, 6, 1, one_to_six, "{'descr': 'f4', 'fortran_order': False, 'shape': (6L,), }\n" },
        { 1, 2, 3, one_to_six, "{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3), }\n" },
        { 2, 2, 3, one_to_six, " {\t'fortran_order' :False\n,'shape': ( 2 , 3 ) ,\r\n'descr':'<f4' } " },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[512], *copy;
        vrec_matrix matrix;
        size_t size = make_npy(cases[i].major, cases[i].header, BYTES(F4_123 F4_456), bytes);
        assert_int_equal(view_copy("a.npy", bytes, size, &copy, &matrix, NULL), VREC_OK);
        assert_values(&matrix, cases[i].rows, cases[i].dim, cases[i].values);
        free(copy);
    }
}

static void an_array_without_rows(void **state)
{
    (void)state;
    uint8_t bytes[512], *copy;
    vrec_matrix matrix;
    size_t size = make_npy(1, "{'descr': '<f8', 'fortran_order': True, 'shape': (0, 3)}", "", 0, bytes);
    assert_int_equal(view_copy("a.npy", bytes, size, &copy, &matrix, NULL), VREC_OK);
    assert_values(&matrix, 0, 3, NULL);
    free(copy);
}

typedef struct refusal {
    const char *text;
    vrec_status status;
    const char *says;
} refusal;

/* Headers with a text between before and after, and six float32 values behind. */
static void assert_headers_refused(const char *before, const char *after, const refusal *cases,
                                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char header[256];
        uint8_t bytes[512];
        snprintf(header, sizeof header, "%s%s%s", before, cases[i].text, after);
        size_t size = make_npy(1, header, BYTES(F4_123 F4_456), bytes);
        assert_refused("a.npy", bytes, size, cases[i].status, cases[i].says);
    }
}

static void types_that_are_refused(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { "'>f4'", VREC_UNSUPPORTED, "(>f4) are big-endian; save array.astype('<f4')" },
        { "'|O'", VREC_UNSUPPORTED, "pickled Python objects" },
        { "[('a', '<f4')]", VREC_UNSUPPORTED, "a structured dtype" },
        { "'<u2'", VREC_UNSUPPORTED, "type <u2" },
        { "'<c8'", VREC_UNSUPPORTED, "type <c8" },
        { "'<f44'", VREC_UNSUPPORTED, "type <f44" },
        { "''", VREC_UNSUPPORTED, "type ;" },
        { "None", VREC_CORRUPT, "byte 61: expected a type" },
        { "'<f4", VREC_CORRUPT, "byte 61: expected a type" },
        { "'<\n4'", VREC_CORRUPT, "byte 61: expected a type" },
    };
    assert_headers_refused("{'fortran_order': False, 'shape': (2, 3), 'descr': ", "}", cases,
                           sizeof cases / sizeof cases[0]);
}

static void shapes_that_are_refused(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { "()", VREC_UNSUPPORTED, "0 dimensions" },
        { "(1, 2, 3)", VREC_UNSUPPORTED, "3 dimensions" },
        { "(6, 0)", VREC_UNSUPPORTED, "6 rows have no values" },
        { "(6)", VREC_CORRUPT, "byte 63: expected a comma before the )" },
        { "(2 3)", VREC_CORRUPT, "byte 63: expected a comma or )" },
        { "(-2, 3)", VREC_CORRUPT, "byte 61: expected a number" },
        { "(2,, 3)", VREC_CORRUPT, "byte 63: expected a number" },
        { "(2, 3", VREC_CORRUPT, "expected a number" },
        { "6", VREC_CORRUPT, "byte 60: expected a shape" },
        { "(2, 4)", VREC_CORRUPT, "(f4) need 32 bytes from byte 69 on, but the file ends at byte 93" },
        { "(5, 1)", VREC_CORRUPT, "(f4) end at byte 89, but the file goes on to byte 93" },
        { "(9223372036854775808, 2)", VREC_CORRUPT, "overflow" },
        { "(4611686018427387904, 4)", VREC_CORRUPT, "overflow" },
        { "(0, 4611686018427387903)", VREC_CORRUPT, "overflow" },
        { "(99999999999999999999, 1)", VREC_CORRUPT, "byte 61: expected a number within" },
    };
    assert_headers_refused("{'descr': '<f4', 'fortran_order': False, 'shape': ", ", }", cases,
                           sizeof cases / sizeof cases[0]);
}

static void headers_that_are_refused(void **state)
{
    (void)state;
    static const refusal cases[] = {
        { "{'descr': '<f4', 'fortran_order': 0, 'shape': (6,), }", VREC_CORRUPT, "expected True or False" },
        { "{'descr' '<f4', 'fortran_order': False, 'shape': (6,), }", VREC_CORRUPT, "expected a colon" },
        { "{'descr': '<f4' 'shape': (6,), }", VREC_CORRUPT, "byte 26: expected a comma or }" },
        { "{'descr': '<f4', 'fortran_order': False, }", VREC_CORRUPT, "doesn't say 'shape'" },
        { "{'descr': '<f4', 'descr': '<f4', }", VREC_CORRUPT, "says 'descr' twice" },
        { "{'descr': '<f4', 'order': 'C', }", VREC_CORRUPT, "unknown key 'order'" },
        { "{'d\\x65scr': '<f4', }", VREC_CORRUPT, "byte 11: expected 'descr'" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), } #", VREC_CORRUPT, "after the }" },
        { "['descr']", VREC_CORRUPT, "byte 10: expected {" },
        { "", VREC_CORRUPT, "byte 10: expected {" },
    };
    assert_headers_refused("", "", cases, sizeof cases / sizeof cases[0]);
}

static void files_that_are_refused(void **state)
{
    (void)state;
    assert_refused("a.npy", BYTES("version https://git-lfs"), VREC_CORRUPT,
                   "doesn't begin with \\x93NUMPY");
    assert_refused("a.npy", BYTES("\x93NUMPY\4\0\0\0\0\0"), VREC_UNSUPPORTED, "version 4.0");
    assert_refused("a.npy", BYTES("\x93NUMPY\1\1\0\0\0\0"), VREC_UNSUPPORTED, "version 1.1");
    assert_refused("a.npy", BYTES("\x93NUMPY\1\0\xff\xff{}"), VREC_CORRUPT, "header of 65535 bytes");
    assert_refused("a.npy", BYTES("\x93NUMPY\2\0\xff\xff\xff\xff{}"), VREC_CORRUPT, "header of 4294967295");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_are_read),    cmocka_unit_test(an_array_without_rows),
        cmocka_unit_test(types_that_are_refused),   cmocka_unit_test(shapes_that_are_refused),
        cmocka_unit_test(headers_that_are_refused), cmocka_unit_test(files_that_are_refused),
    };
    return cmocka_run_group_tests_name("npy", tests, NULL, NULL);
}
