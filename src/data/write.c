/* Matrices into files, block by block. SPDX-License-Identifier: Apache-2.0 */
#include "data/write.h"

#include "base/bytes.h"
#include "base/file.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "data/format.h"
#include "data/npy.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    BLOCK = 1 << 20 /* bytes written at a time, or one row if that is more */
};

typedef struct writer {
    const char *path;
    const vr_format *format;
    vrec_matrix matrix;
    int32_t type;     /* of the values in the file */
    size_t row_head;  /* bytes before the values of each row */
    size_t row_bytes; /* of a row in the file */
} writer;

/* ---- What fits ---- */

static vrec_status check_shape(const writer *w, vrec_error *err)
{
    size_t rows = w->matrix.rows, dim = w->matrix.dim;
    if (dim == 0)
        return vr_fail(err, VREC_INVALID, "writing %s: %zu rows have no values; a row needs at least one",
                       w->path, rows);
    if (w->format->layout == VR_LAYOUT_VECS && rows == 0)
        return vr_fail(err, VREC_INVALID,
                       "writing %s: a %s file without rows can't say its dim (%zu); use .npy", w->path,
                       w->format->ending, dim);
    if (w->format->layout == VR_LAYOUT_VECS && dim > INT32_MAX)
        return vr_fail(err, VREC_INVALID, "writing %s: a dim of %zu is above the format's limit of %d",
                       w->path, dim, INT32_MAX);
    if (w->format->layout == VR_LAYOUT_BIN && (rows > UINT32_MAX || dim > UINT32_MAX))
        return vr_fail(err, VREC_INVALID,
                       "writing %s: %zu rows of %zu values are above the format's limit of %" PRIu32
                       " for each",
                       w->path, rows, dim, UINT32_MAX);
    return VREC_OK;
}

static vrec_status prepare(writer *w, const vrec_matrix *matrix, vrec_error *err)
{
    vrec_status status = vr_matrix_check(matrix, "the matrix to save", &w->matrix, err);
    if (status != VREC_OK)
        return status;
    w->format = vr_format_of(w->path, err);
    if (!w->format)
        return VREC_UNSUPPORTED;
    if (!vr_format_takes(w->format, matrix->type)) {
        char endings[VR_ENDINGS_MAX];
        vr_endings_for(matrix->type, endings);
        return vr_fail(err, VREC_INVALID,
                       "writing %s: a %s file can't hold values of type %s without loss; these can: %s",
                       w->path, w->format->ending, vr_type_code(matrix->type), endings);
    }
    status = check_shape(w, err);
    if (status != VREC_OK)
        return status;
    w->type = w->format->type == VR_ANY_TYPE ? matrix->type : w->format->type;
    w->row_head = w->format->layout == VR_LAYOUT_VECS ? VR_ROW_HEAD : 0;
    if (!vr_mul(matrix->dim, vr_type_size(w->type), &w->row_bytes) ||
        !vr_add(w->row_bytes, w->row_head, &w->row_bytes))
        return vr_fail(err, VREC_INVALID, "writing %s: rows of %zu values overflow the address space",
                       w->path, matrix->dim);
    return VREC_OK;
}

/* ---- Rows ---- */

static void copy_row(const vrec_matrix *m, size_t row, uint8_t *to)
{
    size_t size = vr_type_size(m->type);
    if (m->col_stride == (ptrdiff_t)size)
        memcpy(to, vr_matrix_at(m, row, 0), m->dim * size);
    else
        for (size_t j = 0; j < m->dim; j++)
            memcpy(to + j * size, vr_matrix_at(m, row, j), size);
}

static vrec_status narrow_row(const writer *w, size_t row, uint8_t *to, vrec_error *err)
{
    for (size_t j = 0; j < w->matrix.dim; j++) {
        int64_t value = vr_matrix_int(&w->matrix, row, j);
        if (value < INT32_MIN || value > INT32_MAX)
            return vr_fail(err, VREC_INVALID,
                           "writing %s: row %zu, column %zu is %" PRId64
                           ", more than %s's int32 can hold; use .npy",
                           w->path, row, j, value, w->format->ending);
        vr_put_u32(to + 4 * j, (uint32_t)value);
    }
    return VREC_OK;
}

/* Rounds to float32. A value that would become infinite is none that the file can hold. */
static vrec_status round_row(const writer *w, size_t row, float *to, vrec_error *err)
{
    vr_matrix_rows(&w->matrix, row, 1, to);
    for (size_t j = vr_find_nonfinite(to, w->matrix.dim); j < w->matrix.dim;
         j += 1 + vr_find_nonfinite(to + j + 1, w->matrix.dim - j - 1)) {
        double value;
        memcpy(&value, vr_matrix_at(&w->matrix, row, j), sizeof value);
        if (isfinite(value))
            return vr_fail(err, VREC_INVALID,
                           "writing %s: row %zu, column %zu is %g, more than float32 can hold; use .npy",
                           w->path, row, j, value);
    }
    return VREC_OK;
}

static vrec_status encode_row(const writer *w, size_t row, uint8_t *to, vrec_error *err)
{
    if (w->row_head > 0)
        vr_put_u32(to, (uint32_t)w->matrix.dim);
    to += w->row_head;
    if (w->type == VREC_I32 && w->matrix.type != VREC_I32)
        return narrow_row(w, row, to, err);
    if (w->type == VREC_F32 && w->matrix.type == VREC_F64)
        return round_row(w, row, (float *)(void *)to, err);
    if (w->type == w->matrix.type)
        copy_row(&w->matrix, row, to);
    else
        vr_matrix_rows(&w->matrix, row, 1, (float *)(void *)to);
    return VREC_OK;
}

/* ---- The file ---- */

static vrec_status write_header(const writer *w, vr_output *out, vrec_error *err)
{
    uint8_t header[VR_NPY_HEADER];
    switch (w->format->layout) {
    case VR_LAYOUT_NPY:
        vr_npy_header(w->type, w->matrix.rows, w->matrix.dim, header);
        return vr_output_write(out, header, VR_NPY_HEADER, err);
    case VR_LAYOUT_BIN:
        vr_put_u32(header, (uint32_t)w->matrix.rows);
        vr_put_u32(header + 4, (uint32_t)w->matrix.dim);
        return vr_output_write(out, header, VR_BIN_HEADER, err);
    default: return VREC_OK;
    }
}

static vrec_status write_rows(const writer *w, vr_output *out, vrec_error *err)
{
    size_t rows = w->matrix.rows, block = vr_min(vr_max(1, BLOCK / w->row_bytes), rows);
    uint8_t *buffer = vr_alloc(block, w->row_bytes);
    if (!buffer)
        return vr_fail_memory(err, block * w->row_bytes, "rows to write");
    vrec_status status = VREC_OK;
    for (size_t first = 0; first < rows && status == VREC_OK; first += block) {
        size_t count = vr_min(block, rows - first);
        for (size_t i = 0; i < count && status == VREC_OK; i++)
            status = encode_row(w, first + i, buffer + i * w->row_bytes, err);
        if (status == VREC_OK)
            status = vr_output_write(out, buffer, count * w->row_bytes, err);
    }
    vr_free(buffer);
    return status;
}

vrec_status vr_data_write(const char *path, const vrec_matrix *matrix, vrec_error *err)
{
    vr_output out;
    writer w = { .path = path };
    vrec_status status = prepare(&w, matrix, err);
    if (status != VREC_OK)
        return status;
    status = vr_output_create(path, &out, err);
    if (status == VREC_OK)
        status = write_header(&w, &out, err);
    if (status == VREC_OK)
        status = write_rows(&w, &out, err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}
