/* Values that fill the rest of a file. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_DATA_PACKED_H
#define VR_DATA_PACKED_H

#include "base/file.h"

/* The view of rows x dim packed values, which must fill the file from offset, within it, to its end. */
vrec_status vr_packed_view(const vr_map *map, const char *path, size_t offset, size_t rows, size_t dim,
                           int32_t type, vrec_matrix *out, vrec_error *err);

#endif
