/* Views of mapped files. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_DATA_VIEW_H
#define VR_DATA_VIEW_H

#include "base/file.h"
#include "data/format.h"

/* Views a mapped file as a matrix, all sizes checked against the file's; nothing is copied. path is for
 * errors. */
vrec_status vr_format_view(const vr_format *format, const vr_map *map, const char *path, vrec_matrix *out,
                           bool *list, vrec_error *err);

#endif
