/* Files of vectors, in and out: every format whole, wrong, cut and flipped.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/data_files.h"
#include "support/folder.h"

#include <math.h>

#include <errno.h>

/* ---- The same six values in every format, as numpy.save and the formats' own tools write them ---- */

#define NPY_BEFORE "\x93NUMPY\1\0v\0{'descr': '"
#define NPY_AFTER                                                                                          \
    "', 'fortran_order': False, 'shape': (2, 3), }"                                                        \
    "                                                          \n"
#define DIM_3        "\3\0\0\0"
#define ROWS_2_DIM_3 "\2\0\0\0\3\0\0\0"
#define I1_123       "\1\2\3"
#define I1_456       "\4\5\6"
#define I4_123       "\1\0\0\0\2\0\0\0\3\0\0\0"
#define I4_456       "\4\0\0\0\5\0\0\0\6\0\0\0"
#define F2_ALL       "\0\x3c\0\x40\0\x42\0\x44\0\x45\0\x46"
#define F8_123       "\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\x08\x40"
#define F8_456       "\0\0\0\0\0\0\x10\x40\0\0\0\0\0\0\x14\x40\0\0\0\0\0\0\x18\x40"
#define I8_123       "\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\3\0\0\0\0\0\0\0"
#define I8_456       "\4\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\6\0\0\0\0\0\0\0"

typedef struct sample {
    const char *path;
    int32_t type;
    const char *bytes;
    size_t size;
    size_t row; /* bytes, where a file may end after any row; else 0 */
} sample;

static const sample samples[] = {
    { "f4.npy", VREC_F32, BYTES(NPY_BEFORE "<f4" NPY_AFTER F4_123 F4_456), 0 },
    { "f2.npy", VREC_F16, BYTES(NPY_BEFORE "<f2" NPY_AFTER F2_ALL), 0 },
    { "f8.npy", VREC_F64, BYTES(NPY_BEFORE "<f8" NPY_AFTER F8_123 F8_456), 0 },
    { "i1.npy", VREC_I8, BYTES(NPY_BEFORE "|i1" NPY_AFTER I1_123 I1_456), 0 },
    { "u1.NPY", VREC_U8, BYTES(NPY_BEFORE "|u1" NPY_AFTER I1_123 I1_456), 0 },
    { "i4.npy", VREC_I32, BYTES(NPY_BEFORE "<i4" NPY_AFTER I4_123 I4_456), 0 },
    { "i8.npy", VREC_I64, BYTES(NPY_BEFORE "<i8" NPY_AFTER I8_123 I8_456), 0 },
    { "a.fvecs", VREC_F32, BYTES(DIM_3 F4_123 DIM_3 F4_456), 16 },
    { "a.BVecs", VREC_U8, BYTES(DIM_3 I1_123 DIM_3 I1_456), 7 },
    { "a.ivecs", VREC_I32, BYTES(DIM_3 I4_123 DIM_3 I4_456), 16 },
    { "a.fbin", VREC_F32, BYTES(ROWS_2_DIM_3 F4_123 F4_456), 0 },
    { "a.u8bin", VREC_U8, BYTES(ROWS_2_DIM_3 I1_123 I1_456), 0 },
    { ".i8bin", VREC_I8, BYTES(ROWS_2_DIM_3 I1_123 I1_456), 0 },
    { "a.b.ibin", VREC_I32, BYTES(ROWS_2_DIM_3 I4_123 I4_456), 0 },
};

enum { SAMPLES = sizeof samples / sizeof samples[0] };

static vrec_matrix six_values(int32_t type)
{
    static const float f32[] = { 1, 2, 3, 4, 5, 6 };
    static const uint16_t f16[] = { 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600 };
    static const double f64[] = { 1, 2, 3, 4, 5, 6 };
    static const uint8_t i8[] = { 1, 2, 3, 4, 5, 6 };
    static const int32_t i32[] = { 1, 2, 3, 4, 5, 6 };
    static const int64_t i64[] = { 1, 2, 3, 4, 5, 6 };
    static const void *const data[] = {
        [VREC_F32] = f32, [VREC_F16] = f16, [VREC_F64] = f64, [VREC_I8] = i8,
        [VREC_U8] = i8,   [VREC_I32] = i32, [VREC_I64] = i64
    };
    return (vrec_matrix){
        .struct_size = sizeof(vrec_matrix), .data = data[type], .rows = 2, .dim = 3, .type = type
    };
}

/* ---- Reading ---- */

static void every_format_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        vrec_data *data;
        write_file(samples[i].path, samples[i].bytes, samples[i].size);
        assert_int_equal(vrec_data_open(samples[i].path, &data, NULL), VREC_OK);
        assert_int_equal(vrec_data_matrix(data)->type, samples[i].type);
        assert_values(vrec_data_matrix(data), 2, 3, one_to_six);
        vrec_data_close(data);
    }
}

static void files_without_rows(void **state)
{
    (void)state;
    uint8_t *copy;
    vrec_matrix matrix;
    assert_int_equal(view_copy("a.fbin", BYTES("\0\0\0\0\3\0\0\0"), &copy, &matrix, NULL), VREC_OK);
    assert_values(&matrix, 0, 3, NULL);
    free(copy);
    assert_refused("a.fvecs", "", 0, VREC_CORRUPT, "0 bytes");
}

static void simple_files_that_are_refused(void **state)
{
    (void)state;
    assert_refused("a.bvecs", BYTES("\0\0\0\0"), VREC_CORRUPT, "dim 0");
    assert_refused("a.bvecs", BYTES("\xff\xff\xff\xff"), VREC_CORRUPT, "dim -1");
    assert_refused("a.fvecs", BYTES("\xff\xff\xff\x7f" F4_123), VREC_CORRUPT, "needs 8589934592 bytes");
    assert_refused("a.bvecs", BYTES(DIM_3 I1_123 "\2\0\0\0"), VREC_CORRUPT,
                   "row 1 at byte 7 has dim 2, but row 0 has 3");
    assert_refused("a.bvecs", BYTES(DIM_3 I1_123 DIM_3 "\1\2"), VREC_CORRUPT,
                   "cut short: row 1 of dim 3 needs 7 bytes from byte 7 on, but the file ends at byte 13");
    assert_refused("a.ibin", BYTES("\1\0\0\0"), VREC_CORRUPT, "4 bytes are fewer than its header's 8");
    assert_refused("a.ibin", BYTES("\1\0\0\0\0\0\0\0"), VREC_UNSUPPORTED, "no values");
    assert_refused("a.ibin", BYTES("\1\0\0\0\3\0\0\0" I1_123), VREC_CORRUPT,
                   "cut short: 1 rows of 3 values (i4) need 12 bytes from byte 8 on");
    assert_refused("a.fbin", BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), VREC_CORRUPT, "overflow");
    assert_refused("a.i8bin", BYTES("\1\0\0\0\3\0\0\0" I4_123), VREC_CORRUPT, "end at byte 11");
}

static void files_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t size = 0; size < samples[i].size; size++) {
            const sample *s = &samples[i];
            if (s->row > 0 && size > 0 && size % s->row == 0)
                continue; /* a whole file of fewer rows */
            assert_refused(s->path, s->bytes, size, VREC_CORRUPT, s->path);
        }
}

static void files_with_a_flipped_bit(void **state)
{
    (void)state;
    char bytes[512];
    float row[512];
    for (size_t i = 0; i < SAMPLES; i++)
        for (size_t bit = 0; bit < 8 * samples[i].size; bit++) {
            uint8_t *copy;
            vrec_matrix matrix;
            memcpy(bytes, samples[i].bytes, samples[i].size);
            bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
            vrec_status status = view_copy(samples[i].path, bytes, samples[i].size, &copy, &matrix, NULL);
            for (size_t r = 0; status == VREC_OK && r < matrix.rows; r++)
                vr_matrix_rows(&matrix, r, 1, row);
            free(copy);
        }
}

static void names_and_arguments_that_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = { "items", "items.txt", "npy", "fvecs.npz", "a.npy/items", "" };
    vrec_matrix six = six_values(VREC_F32);
    vrec_error err;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        vrec_data *data = (vrec_data *)&err;
        assert_failed(vrec_data_open(names[i], &data, &err), &err, VREC_UNSUPPORTED,
                      ".npy, .fvecs, .bvecs, .ivecs, .fbin, .u8bin, .i8bin, .ibin");
        assert_null(data);
        assert_failed(vrec_data_save(names[i], &six, &err), &err, VREC_UNSUPPORTED, ".npy, .fvecs");
    }
    vrec_data *data = (vrec_data *)&err;
    assert_failed(vrec_data_open("missing.npy", &data, &err), &err, VREC_IO, "missing.npy");
    assert_int_equal(err.system_error, ENOENT);
    assert_null(data);
    assert_failed(vrec_data_open(NULL, &data, &err), &err, VREC_INVALID, "path is NULL");
    assert_int_equal(err.system_error, 0);
    assert_failed(vrec_data_open("a.npy", NULL, &err), &err, VREC_INVALID, "out is NULL");
    assert_failed(vrec_data_save(NULL, &six, &err), &err, VREC_INVALID, "path is NULL");
    assert_failed(vrec_data_save("a.npy", NULL, &err), &err, VREC_INVALID, "matrix is NULL");
    assert_failed(vrec_data_save("none/a.npy", &six, &err), &err, VREC_IO, "none/a.npy");
    assert_null(vrec_data_matrix(NULL));
    vrec_data_close(NULL);
}

/* ---- Writing ---- */

static void every_format_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        vrec_matrix six = six_values(samples[i].type);
        assert_int_equal(vrec_data_save(samples[i].path, &six, NULL), VREC_OK);
        assert_file(samples[i].path, samples[i].bytes, samples[i].size);
    }
}

/* By columns, the last row first: the same file as from packed rows. */
static void strides_make_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        vrec_matrix six = six_values(samples[i].type), strided = six;
        size_t size = vr_type_size(six.type);
        uint8_t turned[6 * sizeof(double)];
        for (size_t j = 0; j < 6; j++)
            memcpy(turned + (2 * (j % 3) + 1 - j / 3) * size, (const uint8_t *)six.data + j * size, size);
        strided.data = turned + size;
        strided.row_stride = -(ptrdiff_t)size;
        strided.col_stride = 2 * (ptrdiff_t)size;
        assert_int_equal(vrec_data_save(samples[i].path, &strided, NULL), VREC_OK);
        assert_file(samples[i].path, samples[i].bytes, samples[i].size);
    }
}

static void types_are_converted_without_loss(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int32_t from;
    } cases[] = {
        { "a.fvecs", VREC_F16 }, { "a.fvecs", VREC_I8 },   { "a.fvecs", VREC_U8 },  { "a.fbin", VREC_F16 },
        { "a.fvecs", VREC_F64 }, { "a.fbin", VREC_F64 },   { "a.fbin", VREC_I8 },   { "a.fbin", VREC_U8 },
        { "a.ivecs", VREC_I8 },  { "a.ivecs", VREC_U8 },   { "a.ivecs", VREC_I64 }, { "a.ibin", VREC_I8 },
        { "a.ibin", VREC_U8 },   { "a.b.ibin", VREC_I64 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const sample *same = samples;
        while (!strstr(same->path, strrchr(cases[i].path, '.')))
            same++;
        vrec_matrix six = six_values(cases[i].from);
        assert_int_equal(vrec_data_save(cases[i].path, &six, NULL), VREC_OK);
        assert_file(cases[i].path, same->bytes, same->size);
    }
}

/* Float64 is rounded, but to no infinity that it hasn't been. */
static void values_that_float32_cannot_hold(void **state)
{
    (void)state;
    double values[4] = { 1e-300, 0.1, -INFINITY, NAN };
    vrec_matrix matrix = {
        .struct_size = sizeof matrix, .data = values, .rows = 2, .dim = 2, .type = VREC_F64
    };
    vrec_error err;
    float read[2][3];
    assert_int_equal(vrec_data_save("a.fvecs", &matrix, &err), VREC_OK);
    vr_map map;
    assert_int_equal(vr_map_open("a.fvecs", &map, NULL), VREC_OK);
    assert_int_equal(map.size, sizeof read);
    memcpy(read, map.data, sizeof read);
    vr_map_close(&map);
    assert_true(read[0][1] == 0.0f && read[0][2] == 0.1f && read[1][1] == -INFINITY && isnan(read[1][2]));
    for (size_t i = 0; i < 4; i++) {
        values[i] = i % 2 ? -1e300 : 3.5e38;
        assert_failed(vrec_data_save("b.fbin", &matrix, &err), &err, VREC_INVALID,
                      i < 2 ? "row 0, column" : "row 1, column");
        assert_int_not_equal(access("b.fbin", F_OK), 0);
        values[i] = 0;
    }
}

static void types_that_would_lose_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int32_t from;
        const char *says;
    } cases[] = {
        { "b.fbin", VREC_I32, "i4 without loss; these can: .npy, .ivecs, .ibin" },
        { "b.fbin", VREC_I64, "i8 without loss; these can: .npy, .ivecs, .ibin" },
        { "b.ivecs", VREC_F32, "f4 without loss; these can: .npy, .fvecs, .fbin" },
        { "b.ibin", VREC_F16, "f2 without loss; these can: .npy, .fvecs, .fbin" },
        { "b.bvecs", VREC_I8, "i1 without loss; these can: .npy, .fvecs, .ivecs, .fbin, .i8bin, .ibin" },
        { "b.u8bin", VREC_I32, "b.u8bin" },
        { "b.i8bin", VREC_U8, "u1 without loss" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_matrix six = six_values(cases[i].from);
        vrec_error err;
        assert_failed(vrec_data_save(cases[i].path, &six, &err), &err, VREC_INVALID, cases[i].says);
        assert_int_not_equal(access(cases[i].path, F_OK), 0);
    }
}

static void a_value_above_int32_leaves_the_old_file(void **state)
{
    (void)state;
    static const int64_t limits[] = { INT32_MIN, INT32_MAX }, above[] = { 0, 0, 0, INT64_C(1) << 31 };
    static const int64_t below[] = { 0, -(INT64_C(1) << 31) - 1, 0, 0 };
    vrec_matrix matrix = {
        .struct_size = sizeof matrix, .data = limits, .rows = 1, .dim = 2, .type = VREC_I64
    };
    vrec_error err;
    assert_int_equal(vrec_data_save("c.ivecs", &matrix, NULL), VREC_OK);
    size_t files = for_each_file(NULL);
    matrix.rows = 2;
    matrix.data = above;
    assert_failed(vrec_data_save("c.ivecs", &matrix, &err), &err, VREC_INVALID,
                  "row 1, column 1 is 2147483648");
    matrix.data = below;
    assert_failed(vrec_data_save("c.ivecs", &matrix, &err), &err, VREC_INVALID,
                  "row 0, column 1 is -2147483649");
    assert_file("c.ivecs", BYTES("\2\0\0\0\0\0\0\x80\xff\xff\xff\x7f"));
    assert_int_equal(for_each_file(NULL), files);
}

static void shapes_that_a_format_cannot_say(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        size_t rows, dim;
        const char *says;
    } cases[] = {
        { "d.npy", 3, 0, "no values" },
        { "d.bvecs", 0, 3, "without rows can't say its dim (3)" },
        { "d.bvecs", 1, (size_t)1 << 31, "dim of 2147483648 is above the format's limit of 2147483647" },
        { "d.u8bin", (size_t)1 << 32, 1, "limit of 4294967295" },
        { "d.u8bin", 1, (size_t)1 << 32, "limit of 4294967295" },
        { "d.npy", SIZE_MAX, 2, "overflow" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_matrix matrix = six_values(VREC_U8); /* six values are enough: none is read */
        matrix.rows = cases[i].rows;
        matrix.dim = cases[i].dim;
        vrec_error err;
        assert_failed(vrec_data_save(cases[i].path, &matrix, &err), &err, VREC_INVALID, cases[i].says);
    }
    vrec_matrix none = six_values(VREC_U8);
    none.rows = 0;
    assert_int_equal(vrec_data_save("d.u8bin", &none, NULL), VREC_OK);
    assert_file("d.u8bin", BYTES("\0\0\0\0\3\0\0\0"));
}

/* Many blocks, out and in again, over the very file that is being read. */
static void a_large_matrix_survives(void **state)
{
    (void)state;
    enum { ROWS = 100003, DIM = 7 };
    int32_t *values = malloc(sizeof *values * ROWS * DIM);
    assert_non_null(values);
    for (int32_t i = 0; i < ROWS * DIM; i++)
        values[i] = i;
    vrec_matrix matrix = {
        .struct_size = sizeof matrix, .data = values, .rows = ROWS, .dim = DIM, .type = VREC_I32
    };
    vrec_data *data;
    assert_int_equal(vrec_data_save("e.ivecs", &matrix, NULL), VREC_OK);
    assert_int_equal(vrec_data_open("e.ivecs", &data, NULL), VREC_OK);
    assert_int_equal(vrec_data_save("e.ivecs", vrec_data_matrix(data), NULL), VREC_OK);
    vrec_data_close(data);
    assert_int_equal(vrec_data_open("e.ivecs", &data, NULL), VREC_OK);
    assert_int_equal(vrec_data_matrix(data)->rows, ROWS);
    for (size_t i = 0; i < (size_t)ROWS * DIM; i++)
        assert_true(vr_matrix_int(vrec_data_matrix(data), i / DIM, i % DIM) == values[i]);
    vrec_data_close(data);
    free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_format_is_read),
        cmocka_unit_test(files_without_rows),
        cmocka_unit_test(simple_files_that_are_refused),
        cmocka_unit_test(files_cut_at_every_byte),
        cmocka_unit_test(files_with_a_flipped_bit),
        cmocka_unit_test(names_and_arguments_that_are_refused),
        cmocka_unit_test(every_format_is_written),
        cmocka_unit_test(strides_make_no_difference),
        cmocka_unit_test(types_are_converted_without_loss),
        cmocka_unit_test(values_that_float32_cannot_hold),
        cmocka_unit_test(types_that_would_lose_are_refused),
        cmocka_unit_test(a_value_above_int32_leaves_the_old_file),
        cmocka_unit_test(shapes_that_a_format_cannot_say),
        cmocka_unit_test(a_large_matrix_survives),
    };
    return cmocka_run_group_tests_name("data", tests, enter_folder, leave_folder);
}
