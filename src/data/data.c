/* SPDX-License-Identifier: Apache-2.0 */
#include "data/format.h"

#include "base/memory.h"
#include "core/matrix.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

struct vrec_data {
    vr_map map;
    vrec_matrix matrix; /* a view of map */
};

/* ---- Formats ---- */

static const vr_format formats[] = {
    { ".npy", VR_LAYOUT_NPY, VR_ANY_TYPE }, { ".fvecs", VR_LAYOUT_VECS, VREC_F32 },
    { ".bvecs", VR_LAYOUT_VECS, VREC_U8 },  { ".ivecs", VR_LAYOUT_VECS, VREC_I32 },
    { ".fbin", VR_LAYOUT_BIN, VREC_F32 },   { ".u8bin", VR_LAYOUT_BIN, VREC_U8 },
    { ".i8bin", VR_LAYOUT_BIN, VREC_I8 },   { ".ibin", VR_LAYOUT_BIN, VREC_I32 },
};

enum { FORMATS = sizeof formats / sizeof formats[0] };

const vr_format *vr_format_of(const char *path, vrec_error *err)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < FORMATS; i++) {
        size_t tail = strlen(formats[i].ending);
        if (length >= tail && strcasecmp(path + length - tail, formats[i].ending) == 0)
            return &formats[i];
    }
    char endings[VR_ENDINGS_MAX];
    vr_endings_for(VR_ANY_TYPE, endings);
    vr_fail(err, VREC_UNSUPPORTED, "%s: a name's ending says the format of the vectors in it: %s", path,
            endings);
    return NULL;
}

bool vr_format_takes(const vr_format *format, int32_t type)
{
    if (type == VR_ANY_TYPE || format->type == VR_ANY_TYPE || type == format->type)
        return true;
    if (format->type == VREC_F32)
        return type == VREC_F16 || type == VREC_I8 || type == VREC_U8;
    if (format->type == VREC_I32)
        return type == VREC_I64 || type == VREC_I8 || type == VREC_U8;
    return false;
}

void vr_endings_for(int32_t type, char out[VR_ENDINGS_MAX])
{
    size_t used = 0;
    for (size_t i = 0; i < FORMATS; i++)
        if (vr_format_takes(&formats[i], type))
            used += (size_t)snprintf(out + used, VR_ENDINGS_MAX - used, "%s%s", used ? ", " : "",
                                     formats[i].ending);
}

const char *vr_type_code(int32_t type)
{
    static const char codes[][3] = {
        [VREC_F32] = "f4", [VREC_F16] = "f2", [VREC_F64] = "f8", [VREC_I8] = "i1",
        [VREC_U8] = "u1",  [VREC_I32] = "i4", [VREC_I64] = "i8"
    };
    return codes[type];
}

/* ---- Views ---- */

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

vrec_status vr_format_view(const vr_format *format, const vr_map *map, const char *path, vrec_matrix *out,
                           vrec_error *err)
{
    switch (format->layout) {
    case VR_LAYOUT_NPY: return vr_npy_view(map, path, out, err);
    case VR_LAYOUT_VECS: return vr_vecs_view(map, path, format->type, out, err);
    default: return vr_bin_view(map, path, format->type, out, err);
    }
}

vrec_status vrec_data_open(const char *path, vrec_data **out, vrec_error *err)
{
    if (!out)
        return vr_fail(err, VREC_INVALID, "opening a data file: out is NULL");
    *out = NULL;
    if (!path)
        return vr_fail(err, VREC_INVALID, "opening a data file: path is NULL");
    const vr_format *format = vr_format_of(path, err);
    if (!format)
        return VREC_UNSUPPORTED;
    vrec_data *data = vr_alloc_zero(1, sizeof *data);
    if (!data)
        return vr_fail_memory(err, sizeof *data, "a data file");
    vrec_status status = vr_map_open(path, &data->map, err);
    if (status == VREC_OK)
        status = vr_format_view(format, &data->map, path, &data->matrix, err);
    if (status == VREC_OK)
        *out = data;
    else
        vrec_data_close(data);
    return status;
}

const vrec_matrix *vrec_data_matrix(const vrec_data *data)
{
    return data ? &data->matrix : NULL;
}

void vrec_data_close(vrec_data *data)
{
    if (!data)
        return;
    vr_map_close(&data->map);
    vr_free(data);
}
