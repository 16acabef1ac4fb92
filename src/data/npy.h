/* NumPy's files. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_DATA_NPY_H
#define VR_DATA_NPY_H

#include "base/file.h"
#include "data/format.h"

/* As vr_format_view(). */
vrec_status vr_npy_view(const vr_map *map, const char *path, vrec_matrix *out, bool *list, vrec_error *err);

/* The header of a .npy file with a matrix in C order, byte for byte what numpy.save writes. */
void vr_npy_header(int32_t type, size_t rows, size_t dim, uint8_t out[VR_NPY_HEADER]);

#endif
