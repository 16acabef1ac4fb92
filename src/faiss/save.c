/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/save.h"

#include "faiss/format.h"

#include <string.h>

/* An index whose rows have ids of their own stands in an IDMap: a header, the index, the ids. */
static vrec_status write_index(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err)
{
    const vrec_indexer *base = &index->base;
    if (!base->ids)
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

vrec_status vr_faiss_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                          vrec_error *err)
{
    const vr_faiss_index *index = (const vr_faiss_index *)indexer;
    vr_output out;
    vr_faiss_writer counting = { .out = NULL };
    vrec_status status = write_index(index, &counting, err);
    if (status != VREC_OK)
        return status;
    status = vr_output_create(path, &out, err);
    vr_faiss_writer writer = { .out = &out, .progress = progress, .total = counting.done };
    if (status == VREC_OK)
        status = write_index(index, &writer, err);
    if (status == VREC_OK)
        status = vr_output_commit(&out, err);
    vr_output_close(&out);
    return status;
}
