/* The files that hold matrices. SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "base/memory.h"
#include "data/format.h"
#include "data/view.h"
#include "data/write.h"

struct vrec_data {
    vr_map map;
    vrec_matrix matrix; /* a view of map */
    bool list;          /* of one dimension */
};

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
        status = vr_format_view(format, &data->map, path, &data->matrix, &data->list, err);
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

int vrec_data_is_list(const vrec_data *data)
{
    return data && data->list;
}

void vrec_data_close(vrec_data *data)
{
    if (!data)
        return;
    vr_map_close(&data->map);
    vr_free(data);
}

vrec_status vrec_data_save(const char *path, const vrec_matrix *matrix, vrec_error *err)
{
    if (!path)
        return vr_fail(err, VREC_INVALID, "saving a matrix: path is NULL");
    return vr_data_write(path, matrix, err);
}
