/* SPDX-License-Identifier: Apache-2.0 */
#include "core/matrix.h"

#include "base/memory.h"
#include "core/structs.h"

#include <stdint.h>
#include <string.h>

size_t vr_type_size(int32_t type)
{
    switch (type) {
    case VREC_I8:
    case VREC_U8: return 1;
    case VREC_F16: return 2;
    case VREC_F32:
    case VREC_I32: return 4;
    case VREC_F64:
    case VREC_I64: return 8;
    default: return 0;
    }
}

vrec_status vr_matrix_check(const vrec_matrix *matrix, const char *what, vrec_matrix *out, vrec_error *err)
{
    vrec_status status = vr_take_matrix(matrix, what, out, err);
    if (status != VREC_OK)
        return status;
    size_t size = vr_type_size(out->type);
    if (size == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in(what), "%s: type %d is no vrec_type", what,
                          (int)out->type);
    if (!out->data && out->rows > 0 && out->dim > 0)
        return vr_fail_at(err, VREC_INVALID, vr_in(what), "%s: data is NULL with %zu rows", what,
                          out->rows);
    size_t row_bytes, bytes, values;
    if (!vr_mul(out->dim, size, &row_bytes) || !vr_mul(out->rows, row_bytes, &bytes) ||
        !vr_mul(out->rows, out->dim, &values) || bytes > PTRDIFF_MAX ||
        values > PTRDIFF_MAX / sizeof(float))
        return vr_fail_at(err, VREC_INVALID, vr_in(what), "%s: %zu x %zu values overflow the address space",
                          what, out->rows, out->dim);
    if (out->col_stride == 0)
        out->col_stride = (ptrdiff_t)size;
    if (out->row_stride == 0)
        out->row_stride = (ptrdiff_t)row_bytes;
    return VREC_OK;
}

vrec_status vr_matrix_check_sample(const vrec_matrix *queries, size_t dim, vrec_matrix *out,
                                   vrec_error *err)
{
    vrec_status status = vr_matrix_check(queries, "queries", out, err);
    if (status == VREC_OK && out->dim != dim)
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "queries: they have %zu values each, but the items have %zu", out->dim, dim);
    if (status == VREC_OK && out->rows == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "queries: none; give some, or do without a sample");
    return status;
}

const void *vr_matrix_at(const vrec_matrix *matrix, size_t row, size_t col)
{
    return (const uint8_t *)matrix->data + (ptrdiff_t)row * matrix->row_stride +
           (ptrdiff_t)col * matrix->col_stride;
}

/* IEEE 754 half precision; exact. */
static float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t exponent = half >> 10 & 0x1f;
    uint32_t fraction = half & 0x3ffu;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction * 0x1p-24f; /* zero or subnormal */
        memcpy(&bits, &value, sizeof bits);
        bits |= sign;
    } else if (exponent == 31) {
        bits = sign | 0x7f800000u | fraction << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* A value of any type at any address, as float32. */
static inline float load(const uint8_t *p, int32_t type)
{
    union {
        float f32;
        double f64;
        uint16_t f16;
        int32_t i32;
        int64_t i64;
    } v;
    switch (type) {
    case VREC_F32: memcpy(&v.f32, p, 4); return v.f32;
    case VREC_F64: memcpy(&v.f64, p, 8); return (float)v.f64;
    case VREC_F16: memcpy(&v.f16, p, 2); return half_to_float(v.f16);
    case VREC_I8: return (float)(int8_t)*p;
    case VREC_U8: return (float)*p;
    case VREC_I32: memcpy(&v.i32, p, 4); return (float)v.i32;
    default: memcpy(&v.i64, p, 8); return (float)v.i64;
    }
}

static void load_row(const uint8_t *from, ptrdiff_t stride, size_t dim, int32_t type, float *out)
{
    for (size_t j = 0; j < dim; j++)
        out[j] = load(from + (ptrdiff_t)j * stride, type);
}

void vr_matrix_rows(const vrec_matrix *matrix, size_t first, size_t count, float *out)
{
    bool plain = matrix->type == VREC_F32 && matrix->col_stride == (ptrdiff_t)sizeof(float);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = vr_matrix_at(matrix, first + i, 0);
        if (plain)
            memcpy(out + i * matrix->dim, row, matrix->dim * sizeof(float));
        else
            load_row(row, matrix->col_stride, matrix->dim, matrix->type, out + i * matrix->dim);
    }
}

int64_t vr_matrix_int(const vrec_matrix *matrix, size_t row, size_t col)
{
    const uint8_t *p = vr_matrix_at(matrix, row, col);
    int32_t i32;
    int64_t i64;
    switch (matrix->type) {
    case VREC_I8: return (int8_t)*p;
    case VREC_U8: return *p;
    case VREC_I32: memcpy(&i32, p, sizeof i32); return i32;
    default: memcpy(&i64, p, sizeof i64); return i64;
    }
}

size_t vr_find_nonfinite(const vr_stored_f32 *values, size_t count)
{
    /* Blocks first, without a branch in the loop, so that the compiler can use vectors. */
    enum { BLOCK = 256 };
    size_t i = 0;
    for (; count - i >= BLOCK; i += BLOCK) {
        uint32_t bad = 0;
        for (size_t j = 0; j < BLOCK; j++) {
            uint32_t bits;
            memcpy(&bits, values + i + j, sizeof bits);
            bad |= (bits & 0x7f800000u) == 0x7f800000u;
        }
        if (bad)
            break;
    }
    for (; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        if ((bits & 0x7f800000u) == 0x7f800000u)
            break;
    }
    return i;
}
