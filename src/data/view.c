/* SPDX-License-Identifier: Apache-2.0 */
#include "data/view.h"

#include "data/npy.h"
#include "data/vectors.h"

vrec_status vr_format_view(const vr_format *format, const vr_map *map, const char *path, vrec_matrix *out,
                           bool *list, vrec_error *err)
{
    *list = false;
    switch (format->layout) {
    case VR_LAYOUT_NPY: return vr_npy_view(map, path, out, list, err);
    case VR_LAYOUT_VECS: return vr_vecs_view(map, path, format->type, out, err);
    default: return vr_bin_view(map, path, format->type, out, err);
    }
}
