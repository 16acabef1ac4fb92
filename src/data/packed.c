/* SPDX-License-Identifier: Apache-2.0 */
#include "data/packed.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "data/format.h"

vrec_status vr_packed_view(const vr_map *map, const char *path, size_t offset, size_t rows, size_t dim,
                           int32_t type, vrec_matrix *out, vrec_error *err)
{
    size_t row_bytes, bytes, available = map->size - offset;
    if (dim == 0)
        return vr_fail(err, VREC_UNSUPPORTED, "%s: its %zu rows have no values; a row needs at least one",
                       path, rows);
    if (!vr_mul(dim, vr_type_size(type), &row_bytes) || !vr_mul(rows, row_bytes, &bytes) ||
        row_bytes > PTRDIFF_MAX)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: %zu rows of %zu values (%s) overflow the address space, but the file has "
                       "%zu bytes",
                       path, rows, dim, vr_type_code(type), map->size);
    if (bytes > available)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: cut short: %zu rows of %zu values (%s) need %zu bytes from byte %zu on, but "
                       "the file ends at byte %zu",
                       path, rows, dim, vr_type_code(type), bytes, offset, map->size);
    if (bytes < available)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: %zu rows of %zu values (%s) end at byte %zu, but the file goes on to byte %zu",
                       path, rows, dim, vr_type_code(type), offset + bytes, map->size);
    *out = (vrec_matrix){ .struct_size = sizeof *out,
                          .data = map->data + offset,
                          .rows = rows,
                          .dim = dim,
                          .row_stride = (ptrdiff_t)row_bytes,
                          .col_stride = (ptrdiff_t)vr_type_size(type),
                          .type = type };
    return VREC_OK;
}
