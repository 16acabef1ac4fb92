/* The formats of .fvecs and .fbin, and their kin. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_DATA_VECTORS_H
#define VR_DATA_VECTORS_H

#include "base/file.h"

/* As vr_format_view(); type is that of the values. */
vrec_status vr_vecs_view(const vr_map *map, const char *path, int32_t type, vrec_matrix *out,
                         vrec_error *err);
vrec_status vr_bin_view(const vr_map *map, const char *path, int32_t type, vrec_matrix *out,
                        vrec_error *err);

#endif
