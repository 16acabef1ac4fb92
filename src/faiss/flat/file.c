/* How Flat stands in a file: its header, and the vector of rows x d float32 values, row by row.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/file.h"

#include "faiss/format.h"
#include "faiss/table.h"

#include <string.h>

vrec_status vr_flat_find(vr_reader *reader, vr_faiss_header *header, vr_span *values, vrec_error *err)
{
    uint64_t at;
    vrec_status status = vr_faiss_get_header(reader, header, err);
    if (status == VREC_OK && !header->trained)
        return vr_fail(err, VREC_CORRUPT, "%s: is_trained of the flat index at byte %llu is 0, not 1",
                       reader->path, (unsigned long long)header->at);
    at = reader->at;
    if (status == VREC_OK)
        status = vr_faiss_get_vector(reader, sizeof(float), "the vectors", values, err);
    if (status != VREC_OK)
        return status;
    if (values->count % header->dim != 0 || values->count / header->dim != header->rows)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: the count at byte %llu is %zu, but the header says %llu rows of %zu values",
                       reader->path, (unsigned long long)at, values->count,
                       (unsigned long long)header->rows, header->dim);
    return VREC_OK;
}

vrec_status vr_flat_read(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                         vrec_error *err)
{
    vr_faiss_header header;
    vr_span values;
    vr_flat *flat;
    bool wants_codes;
    vrec_status status = vr_flat_wants_codes(how->options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_flat_find(reader, &header, &values, err);
    if (status == VREC_OK)
        status = vr_faiss_check_metric(reader, how, header.metric, err);
    if (status == VREC_OK)
        status = vr_flat_create(header.metric, (size_t)header.rows, header.dim,
                                vr_faiss_point(reader, &values), &flat, err);
    if (status != VREC_OK)
        return status;
    if (flat->own)
        status = vr_faiss_load_items(reader, &values, how, &flat->index, flat->own, err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->index.base);
        return status;
    }
    flat->wants_codes = wants_codes;
    vr_flat_describe(flat);
    if ((header.type[3] == 'I') != (header.metric == VR_METRIC_IP))
        vr_fact(&flat->index.base.facts, "note",
                "the file's type and metric disagree; its metric was used");
    *out = &flat->index;
    return VREC_OK;
}

vrec_status vr_flat_write(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err)
{
    const vr_flat *flat = (const vr_flat *)index;
    const vr_index *base = &index->base;
    vr_faiss_header header = {
        .rows = base->rows, .dim = base->dim, .trained = true, .metric = index->metric
    };
    memcpy(header.type, index->metric == VR_METRIC_L2 ? "IxF2" : "IxFI", 4);
    vrec_status status = vr_faiss_put_header(writer, &header, err);
    if (status == VREC_OK)
        status = vr_faiss_put_vector(writer, flat->items, base->rows * base->dim, sizeof(float), err);
    return status;
}
