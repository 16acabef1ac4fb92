/* What the tests of the data room share: bytes as a file, and what must come of them.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_UNIT_DATA_FILES_H
#define VR_TESTS_UNIT_DATA_FILES_H

#include "failed.h"

#include "core/matrix.h"
#include "data/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A literal and its length, which may have zeros in it. */
#define BYTES(literal) (literal), sizeof(literal) - 1

/* 1 to 6 as float32, and as they stand in a file. */
static const float one_to_six[] = { 1, 2, 3, 4, 5, 6 };
#define F4_123 "\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40"
#define F4_456 "\0\0\x80\x40\0\0\xa0\x40\0\0\xc0\x40"

static inline void assert_values(const vrec_matrix *matrix, size_t rows, size_t dim, const float *values)
{
    float row[8];
    assert_int_equal(matrix->rows, rows);
    assert_int_equal(matrix->dim, dim);
    for (size_t i = 0; i < rows; i++) {
        vr_matrix_rows(matrix, i, 1, row);
        for (size_t j = 0; j < dim; j++)
            assert_true(row[j] == values[i * dim + j]);
    }
}

/* Views size bytes as the file path. They are copied to *copy, a block of exactly that size, so that a
 * sanitizer sees what is read past its end; the caller frees it. */
static inline vrec_status view_copy(const char *path, const void *bytes, size_t size, uint8_t **copy,
                                    vrec_matrix *out, vrec_error *err)
{
    const vr_format *format = vr_format_of(path, NULL);
    assert_non_null(format);
    *copy = malloc(size > 0 ? size : 1);
    assert_non_null(*copy);
    memcpy(*copy, bytes, size);
    vr_map map = { .data = *copy, .size = size };
    return vr_format_view(format, &map, path, out, err);
}

static inline void assert_refused(const char *path, const void *bytes, size_t size, vrec_status expected,
                                  const char *says)
{
    uint8_t *copy;
    vrec_matrix matrix;
    vrec_error err = { 0 };
    vrec_status status = view_copy(path, bytes, size, &copy, &matrix, &err);
    free(copy);
    assert_failed(status, &err, expected, says);
}

#endif
