/* The two simple layouts. .fvecs .bvecs .ivecs: every row is its dim (int32) and its values, the same
 * dim for all. .fbin .u8bin .i8bin .ibin: the number of rows and the dim (uint32 each), then the values.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/vectors.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "data/format.h"
#include "data/packed.h"

/* Row dims lie a row apart, so this touches every page of the file once. */
static vrec_status check_rows(const vr_map *map, const char *path, int32_t dim, size_t row_bytes,
                              vrec_error *err)
{
    for (size_t row = 0, at = 0; at < map->size; row++, at += row_bytes) {
        size_t left = map->size - at;
        int32_t other = left < VR_ROW_HEAD ? dim : (int32_t)vr_get_u32(map->data + at);
        if (other != dim)
            return vr_fail(err, VREC_CORRUPT, "%s: row %zu at byte %zu has dim %d, but row 0 has %d", path,
                           row, at, other, dim);
        if (left < row_bytes)
            return vr_fail(err, VREC_CORRUPT,
                           "%s: cut short: row %zu of dim %d needs %zu bytes from byte %zu on, but the "
                           "file ends at byte %zu",
                           path, row, dim, row_bytes, at, map->size);
    }
    return VREC_OK;
}

vrec_status vr_vecs_view(const vr_map *map, const char *path, int32_t type, vrec_matrix *out,
                         vrec_error *err)
{
    size_t row_bytes, size = vr_type_size(type);
    if (map->size < VR_ROW_HEAD)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: %zu bytes are fewer than the %d that say the dim of the first row", path,
                       map->size, VR_ROW_HEAD);
    int32_t dim = (int32_t)vr_get_u32(map->data);
    if (dim < 1)
        return vr_fail(err, VREC_CORRUPT, "%s: row 0 at byte 0 has dim %d; it must be at least 1", path,
                       dim);
    if (!vr_mul((size_t)dim, size, &row_bytes) || !vr_add(row_bytes, VR_ROW_HEAD, &row_bytes))
        return vr_fail(err, VREC_CORRUPT, "%s: a row of dim %d overflows the address space", path, dim);
    vrec_status status = check_rows(map, path, dim, row_bytes, err);
    if (status != VREC_OK)
        return status;
    *out = (vrec_matrix){ .struct_size = sizeof *out,
                          .data = map->data + VR_ROW_HEAD,
                          .rows = map->size / row_bytes,
                          .dim = (size_t)dim,
                          .row_stride = (ptrdiff_t)row_bytes,
                          .col_stride = (ptrdiff_t)size,
                          .type = type };
    return VREC_OK;
}

vrec_status vr_bin_view(const vr_map *map, const char *path, int32_t type, vrec_matrix *out,
                        vrec_error *err)
{
    if (map->size < VR_BIN_HEADER)
        return vr_fail(err, VREC_CORRUPT, "%s: cut short: %zu bytes are fewer than its header's %d", path,
                       map->size, VR_BIN_HEADER);
    return vr_packed_view(map, path, VR_BIN_HEADER, vr_get_u32(map->data), vr_get_u32(map->data + 4), type,
                          out, err);
}
