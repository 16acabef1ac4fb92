/* A caller's matrix: what is refused, and what is read of any type through any strides.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"

#include "core/matrix.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* ---- Checks ---- */

static const float six[6] = { 0.0f, 1.0f, 2.0f, 3.0f, 4.0f, 5.0f };

static void a_packed_view_gets_its_strides(void **state)
{
    static const size_t sizes[] = { [VREC_F32] = 4, [VREC_F16] = 2, [VREC_F64] = 8, [VREC_I8] = 1,
                                    [VREC_U8] = 1,  [VREC_I32] = 4, [VREC_I64] = 8 };
    (void)state;
    for (int32_t type = 0; type < 7; type++) {
        vrec_matrix m = vrec_matrix_f32(six, 2, 3), checked;
        m.type = type;
        assert_int_equal(vr_type_size(type), sizes[type]);
        assert_int_equal(vr_matrix_check(&m, "items", &checked, NULL), VREC_OK);
        assert_ptr_equal(checked.data, six);
        assert_int_equal(checked.rows, 2);
        assert_int_equal(checked.dim, 3);
        assert_int_equal(checked.col_stride, sizes[type]);
        assert_int_equal(checked.row_stride, 3 * sizes[type]);
    }
}

static void given_strides_stay(void **state)
{
    vrec_matrix m = vrec_matrix_f32(six, 2, 3), checked;
    (void)state;
    m.row_stride = -4;
    m.col_stride = 8;
    assert_int_equal(vr_matrix_check(&m, "items", &checked, NULL), VREC_OK);
    assert_int_equal(checked.row_stride, -4);
    assert_int_equal(checked.col_stride, 8);
}

static void what_is_no_matrix_is_refused(void **state)
{
    vrec_matrix checked;
    vrec_error err = { 0 };
    const struct {
        vrec_matrix matrix;
        const char *says;
    } cases[] = {
        { { 0, six, 2, 3, 0, 0, VREC_F32, 0 }, "items: struct_size is 0" },
        { { sizeof checked - 1, six, 2, 3, 0, 0, VREC_F32, 0 }, "set it to sizeof(vrec_matrix)" },
        { { sizeof checked, six, 2, 3, 0, 0, 7, 0 }, "items: type 7 is no vrec_type" },
        { { sizeof checked, six, 2, 3, 0, 0, -1, 0 }, "items: type -1 is no vrec_type" },
        { { sizeof checked, NULL, 2, 3, 0, 0, VREC_F32, 0 }, "items: data is NULL with 2 rows" },
    };
    (void)state;
    assert_int_equal(vr_type_size(7), 0);
    assert_int_equal(vr_type_size(-1), 0);
    assert_failed(vr_matrix_check(NULL, "items", &checked, &err), &err, VREC_INVALID,
                  "items: the matrix is NULL");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_status status = vr_matrix_check(&cases[i].matrix, "items", &checked, &err);
        assert_failed(status, &err, VREC_INVALID, cases[i].says);
    }
}

static void nothing_needs_no_data(void **state)
{
    vrec_matrix no_rows = vrec_matrix_f32(NULL, 0, 3), no_dim = vrec_matrix_f32(NULL, 3, 0), checked;
    (void)state;
    assert_int_equal(vr_matrix_check(&no_rows, "queries", &checked, NULL), VREC_OK);
    assert_int_equal(vr_matrix_check(&no_dim, "queries", &checked, NULL), VREC_OK);
}

/* Bytes of the caller and bytes as float32 must both be addressable. */
static void sizes_that_overflow_are_refused(void **state)
{
    static const struct {
        size_t rows, dim;
        int32_t type;
        bool fits;
    } cases[] = {
        { SIZE_MAX, 2, VREC_U8, false },
        { 2, SIZE_MAX, VREC_U8, false },
        { SIZE_MAX, SIZE_MAX, VREC_F64, false },
        { (size_t)1 << 32, (size_t)1 << 32, VREC_I8, false },
        { 1, SIZE_MAX / 8 + 1, VREC_F64, false },
        { SIZE_MAX / 8 + 1, 1, VREC_I64, false },
        { PTRDIFF_MAX / 8 + 1, 1, VREC_F64, false },
        { PTRDIFF_MAX / 8, 1, VREC_F64, true },
        { PTRDIFF_MAX / 4 + 1, 1, VREC_U8, false },
        { 1, PTRDIFF_MAX / 4 + 1, VREC_F16, false },
        { PTRDIFF_MAX / 4, 1, VREC_U8, true },
        { 1, PTRDIFF_MAX / 4, VREC_F32, true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_matrix m = vrec_matrix_f32(six, cases[i].rows, cases[i].dim), checked;
        vrec_error err = { 0 };
        m.type = cases[i].type;
        vrec_status status = vr_matrix_check(&m, "items", &checked, &err);
        if (cases[i].fits)
            assert_int_equal(status, VREC_OK);
        else
            assert_failed(status, &err, VREC_INVALID, "values overflow the address space");
    }
}

/* ---- Values ---- */

static const float f32[6] = { 1.5f, -0.0f, FLT_MAX, 0x1p-149f, INFINITY, -FLT_MIN };
static const uint16_t f16[6] = { 0x3e00, 0x8000, 0x7bff, 0x0001, 0xfc00, 0x0400 };
static const double f64[6] = { 0.1, -1e300, 1e-300, 16777217.0, 3.4028235677973366e38, -2.5 };
static const int8_t i8[6] = { INT8_MIN, -1, 0, 1, 99, INT8_MAX };
static const uint8_t u8[6] = { 0, 1, 127, 128, 200, UINT8_MAX };
static const int32_t i32[6] = { INT32_MIN, -16777217, 0, 1, 16777217, INT32_MAX };
static const int64_t i64[6] = { INT64_MIN, -16777219, 0, 1, 9007199254740993, INT64_MAX };

static const struct {
    int32_t type;
    bool is_int;
    const void *values;
    float expected[6]; /* to the nearest, ties to even */
    int64_t ints[6];
} types[] = {
    { VREC_F32, false, f32, { 1.5f, -0.0f, FLT_MAX, 0x1p-149f, INFINITY, -FLT_MIN }, { 0 } },
    { VREC_F16, false, f16, { 1.5f, -0.0f, 65504.0f, 0x1p-24f, -INFINITY, 0x1p-14f }, { 0 } },
    { VREC_F64, false, f64, { 0.1f, -INFINITY, 0.0f, 16777216.0f, INFINITY, -2.5f }, { 0 } },
    { VREC_I8,
      true,
      i8,
      { -128.0f, -1.0f, 0.0f, 1.0f, 99.0f, 127.0f },
      { INT8_MIN, -1, 0, 1, 99, INT8_MAX } },
    { VREC_U8, true, u8, { 0.0f, 1.0f, 127.0f, 128.0f, 200.0f, 255.0f }, { 0, 1, 127, 128, 200, 255 } },
    { VREC_I32,
      true,
      i32,
      { -0x1p31f, -16777216.0f, 0.0f, 1.0f, 16777216.0f, 0x1p31f },
      { INT32_MIN, -16777217, 0, 1, 16777217, INT32_MAX } },
    { VREC_I64,
      true,
      i64,
      { -0x1p63f, -16777220.0f, 0.0f, 1.0f, 0x1p53f, 0x1p63f },
      { INT64_MIN, -16777219, 0, 1, 9007199254740993, INT64_MAX } },
};

enum { TYPES = sizeof types / sizeof types[0] };

/* Strides in values and bytes beyond, so that views are packed, spaced, transposed, turned and unaligned.
 */
static const struct {
    int rows, cols, odd;
} strides[] = {
    { 3, 1, 0 },  { 1, 2, 0 },  { -3, 1, 0 }, { 3, -1, 0 }, { -1, -2, 0 },
    { 11, 3, 0 }, { -5, 1, 1 }, { 1, -7, 3 }, { 4, 1, 1 },  { 7, 2, 7 },
};

static void assert_bits(const float *got, const float *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_memory_equal(&got[i], &expected[i], sizeof got[i]);
}

/* A view of the type's six values, laid out in room (from its middle on) with the strides. */
static vrec_matrix lay_out(size_t type, size_t stride, uint8_t *room, size_t bytes)
{
    size_t size = vr_type_size(types[type].type);
    ptrdiff_t row = (ptrdiff_t)size * strides[stride].rows + strides[stride].odd;
    ptrdiff_t col = (ptrdiff_t)size * strides[stride].cols;
    vrec_matrix m = { .struct_size = sizeof m,
                      .data = room + bytes / 2 + strides[stride].odd,
                      .rows = 2,
                      .dim = 3,
                      .row_stride = row,
                      .col_stride = col,
                      .type = types[type].type };
    memset(room, 0x7e, bytes);
    for (ptrdiff_t i = 0; i < 6; i++)
        memcpy(room + bytes / 2 + strides[stride].odd + i / 3 * row + i % 3 * col,
               (const uint8_t *)types[type].values + (size_t)i * size, size);
    return m;
}

static void every_type_is_read_through_any_strides(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++)
        for (size_t stride = 0; stride < sizeof strides / sizeof strides[0]; stride++) {
            uint8_t room[512];
            float rows[7] = { 0, 0, 0, 0, 0, 0, -77.0f };
            vrec_matrix m = lay_out(type, stride, room, sizeof room), checked;
            assert_int_equal(vr_matrix_check(&m, "items", &checked, NULL), VREC_OK);
            vr_matrix_rows(&checked, 0, 2, rows);
            assert_bits(rows, types[type].expected, 6);
            vr_matrix_rows(&checked, 1, 1, rows);
            assert_bits(rows, types[type].expected + 3, 3);
            assert_true(rows[6] == -77.0f);
            for (size_t i = 0; i < 6; i++) {
                assert_memory_equal(vr_matrix_at(&checked, i / 3, i % 3),
                                    (const uint8_t *)types[type].values + i * vr_type_size(m.type),
                                    vr_type_size(m.type));
                if (types[type].is_int)
                    assert_int_equal(vr_matrix_int(&checked, i / 3, i % 3), types[type].ints[i]);
            }
        }
}

static void zero_strides_mean_packed(void **state)
{
    (void)state;
    for (size_t type = 0; type < TYPES; type++) {
        vrec_matrix m = vrec_matrix_f32(types[type].values, 3, 2), checked;
        float rows[6];
        m.type = types[type].type;
        assert_int_equal(vr_matrix_check(&m, "items", &checked, NULL), VREC_OK);
        vr_matrix_rows(&checked, 0, 3, rows);
        assert_bits(rows, types[type].expected, 6);
    }
}

/* What a half means, by its definition. */
static float half_value(unsigned half)
{
    unsigned exponent = half >> 10 & 31, fraction = half & 1023;
    float value = exponent == 0    ? ldexpf((float)fraction, -24)
                  : exponent == 31 ? (fraction ? NAN : INFINITY)
                                   : ldexpf((float)(1024 + fraction), (int)exponent - 25);
    return half & 0x8000 ? -value : value;
}

static void every_half_is_exact(void **state)
{
    enum { HALVES = 65536 };
    static uint16_t halves[HALVES];
    static float values[HALVES];
    (void)state;
    for (unsigned i = 0; i < HALVES; i++)
        halves[i] = (uint16_t)i;
    vrec_matrix m = vrec_matrix_f32(NULL, 1, HALVES), checked;
    m.data = halves;
    m.type = VREC_F16;
    assert_int_equal(vr_matrix_check(&m, "items", &checked, NULL), VREC_OK);
    vr_matrix_rows(&checked, 0, 1, values);
    for (unsigned i = 0; i < HALVES; i++) {
        float expected = half_value(i);
        assert_int_equal(isnan(values[i]) != 0, isnan(expected) != 0);
        assert_int_equal(signbit(values[i]) != 0, i >> 15);
        if (!isnan(expected))
            assert_memory_equal(&values[i], &expected, sizeof expected);
    }
}

/* ---- Values that aren't finite ---- */

static void the_first_that_is_not_finite_is_found(void **state)
{
    static const float bad[] = { INFINITY, -INFINITY, NAN, -NAN };
    enum { COUNT = 700 };
    float values[COUNT + 1];
    (void)state;
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i % 3 == 0 ? FLT_MAX : i % 3 == 1 ? -0x1p-149f : -0.0f;
    values[COUNT] = NAN; /* not among them */
    for (size_t count = 0; count <= COUNT; count++)
        assert_int_equal(vr_find_nonfinite(values, count), count);
    for (size_t i = 0; i < COUNT; i++) {
        float good = values[i];
        values[i] = bad[i % 4];
        assert_int_equal(vr_find_nonfinite(values, COUNT), i);
        assert_int_equal(vr_find_nonfinite(values, i), i);
        assert_int_equal(vr_find_nonfinite(values, i + 1), i);
        if (i > 0) { /* an earlier one comes first */
            float before = values[i / 2];
            values[i / 2] = NAN;
            assert_int_equal(vr_find_nonfinite(values, COUNT), i / 2);
            values[i / 2] = before;
        }
        values[i] = good;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_packed_view_gets_its_strides),
        cmocka_unit_test(given_strides_stay),
        cmocka_unit_test(what_is_no_matrix_is_refused),
        cmocka_unit_test(nothing_needs_no_data),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(every_type_is_read_through_any_strides),
        cmocka_unit_test(zero_strides_mean_packed),
        cmocka_unit_test(every_half_is_exact),
        cmocka_unit_test(the_first_that_is_not_finite_is_found),
    };
    return cmocka_run_group_tests_name("matrix", tests, NULL, NULL);
}
