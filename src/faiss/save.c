/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/save.h"

#include "faiss/format.h"

#include <string.h>

/* An index whose rows have ids of their own stands in an IDMap: a header, the index, the ids. */
static vrec_status write_index(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err)
{
    const vr_index *base = &index->base;
    if (!base->ids || index->ids_inside)
        return index->kind->write(index, writer, err);
    vr_faiss_header header = {
        .rows = base->rows, .dim = base->dim, .trained = true, .metric = index->metric
    };
    memcpy(header.type, index->id_map2 ? "IxM2" : "IxMp", 4);
    vrec_status status = vr_faiss_put_header(writer, &header, err);
    if (status == VREC_OK)
        status = index->kind->write(index, writer, err);
    if (status == VREC_OK)
        status = vr_faiss_put_vector(writer, base->ids, base->rows, sizeof *base->ids, err);
    return status;
}

vrec_status vr_faiss_write(const vr_index *indexer, vr_output *out, const vrec_progress *progress,
                           vrec_error *err)
{
    const vr_faiss_index *index = (const vr_faiss_index *)indexer;
    vr_faiss_writer counting = { .out = NULL };
    vrec_status status = write_index(index, &counting, err);
    vr_faiss_writer writer = { .out = out, .progress = progress, .total = counting.done };
    return status == VREC_OK ? write_index(index, &writer, err) : status;
}
