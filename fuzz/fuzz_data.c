/* Any bytes as a file of vectors, in every format: either an error, or a matrix whose values are all
 * there. SPDX-License-Identifier: Apache-2.0 */
#include "core/matrix.h"
#include "data/view.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const vrec_matrix *view)
{
    vrec_matrix matrix;
    vrec_error error;
    if (vr_matrix_check(view, "the view", &matrix, &error) != VREC_OK)
        abort();
    if (matrix.rows == 0)
        return;
    float *row = malloc(matrix.dim * sizeof *row);
    for (size_t i = 0; row && i < matrix.rows; i++)
        vr_matrix_rows(&matrix, i, 1, row);
    free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = { "f.npy",  "f.fvecs", "f.bvecs", "f.ivecs",
                                         "f.fbin", "f.u8bin", "f.i8bin", "f.ibin" };
    vr_map map = { .data = size > 0 ? data : NULL, .size = size };
    vrec_matrix matrix;
    vrec_error error;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (vr_format_view(vr_format_of(names[i], NULL), &map, names[i], &matrix, &(bool){ false },
                           &error) == VREC_OK)
            touch(&matrix);
    return 0;
}
