/* SPDX-License-Identifier: Apache-2.0 */
#include "support/data_files.h"

void assert_values(const vrec_matrix *matrix, size_t rows, size_t dim, const float *values)
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

vrec_status view_copy(const char *path, const void *bytes, size_t size, uint8_t **copy, vrec_matrix *out,
                      vrec_error *err)
{
    const vr_format *format = vr_format_of(path, NULL);
    assert_non_null(format);
    *copy = malloc(size > 0 ? size : 1);
    assert_non_null(*copy);
    memcpy(*copy, bytes, size);
    vr_map map = { .data = *copy, .size = size };
    return vr_format_view(format, &map, path, out, &(bool){ false }, err);
}

void assert_refused(const char *path, const void *bytes, size_t size, vrec_status expected,
                    const char *says)
{
    uint8_t *copy;
    vrec_matrix matrix;
    vrec_error err = { 0 };
    vrec_status status = view_copy(path, bytes, size, &copy, &matrix, &err);
    free(copy);
    assert_failed(status, &err, expected, says);
}
