/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/file.h"

#include "base/memory.h"
#include "base/threads.h"
#include "faiss/format.h"
#include "faiss/kinds.h"
#include "faiss/table.h"
#include "faiss/types.h"

#include <string.h>

/* Reads the index that begins where the reader is, and that starts with this type. */
static vrec_status read_kind(vr_reader *reader, const vr_faiss_kind *kind, const vr_faiss_opening *how,
                             vr_faiss_index **out, vrec_error *err)
{
    vrec_status status = kind->read(reader, how, out, err);
    if (status == VREC_OK)
        vr_faiss_adopt(*out, kind);
    return status;
}

/* ---- Ids ---- */

static void describe_ids(vr_faiss_index *index)
{
    for (size_t i = 0; i < index->base.rows; i++)
        index->hidden += index->base.ids[i] == -1;
    vr_fact(&index->base, "ids", "own, in an %s", index->id_map2 ? "IDMap2" : "IDMap");
    if (index->hidden > 0)
        vr_fact(&index->base, "note", "%zu rows have the id -1 and are never returned", index->hidden);
}

static vrec_status read_ids(vr_reader *reader, const vr_faiss_header *header, const vr_faiss_opening *how,
                            vr_faiss_index *index, vrec_error *err)
{
    vr_span ids;
    uint64_t at = reader->at;
    vrec_status status = vr_faiss_get_vector(reader, sizeof(int64_t), "the list of ids", &ids, err);
    if (status != VREC_OK)
        return status;
    if (header->rows != index->base.rows || header->dim != index->base.dim || ids.count != index->base.rows)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: the IDMap at byte %llu has %llu rows of %zu values, and %zu ids at byte %llu, "
                       "but the index in it has %zu rows of %zu values",
                       reader->path, (unsigned long long)header->at, (unsigned long long)header->rows,
                       header->dim, ids.count, (unsigned long long)at, index->base.rows, index->base.dim);
    index->base.ids = vr_alloc(ids.count, sizeof(int64_t));
    if (!index->base.ids)
        return vr_fail_memory(err, ids.count * sizeof(int64_t), "the ids");
    return vr_faiss_load(reader, &ids, how, index->base.ids, err);
}

static vrec_status read_id_map(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                               vrec_error *err)
{
    vr_faiss_header header;
    char type[5];
    vrec_status status = vr_faiss_get_header(reader, &header, err);
    if (status == VREC_OK)
        status = vr_faiss_get_type(reader, type, err);
    if (status != VREC_OK)
        return status;
    const vr_faiss_kind *kind = vr_faiss_kind_of(type);
    if (!kind || !kind->takes_ids)
        return vr_faiss_refuse(reader, header.at, err);
    status = read_kind(reader, kind, how, out, err);
    if (status == VREC_OK)
        status = read_ids(reader, &header, how, *out, err);
    if (status != VREC_OK)
        return status;
    vr_faiss_index *index = *out;
    index->id_map2 = strcmp(header.type, "IxM2") == 0;
    describe_ids(index);
    if (header.metric != index->metric)
        vr_fact(&index->base, "note",
                "the IDMap and the index in it name different metrics; that of the index was used");
    return VREC_OK;
}

/* ---- Opening ---- */

static vrec_status read_index(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                              vrec_error *err)
{
    char type[5];
    vrec_status status = vr_faiss_get_type(reader, type, err);
    if (status != VREC_OK)
        return status;
    if (strcmp(type, "IxMp") == 0 || strcmp(type, "IxM2") == 0)
        return read_id_map(reader, how, out, err);
    const vr_faiss_kind *kind = vr_faiss_kind_of(type);
    return kind ? read_kind(reader, kind, how, out, err) : vr_faiss_refuse(reader, 0, err);
}

static vrec_status read_file(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                             vrec_error *err)
{
    if (reader->size < 4)
        return vr_fail(err, VREC_CORRUPT, "%s is no FAISS index: it has %llu bytes", reader->path,
                       (unsigned long long)reader->size);
    vrec_status status = read_index(reader, how, out, err);
    if (status == VREC_OK && reader->at < reader->size)
        status = vr_fail(err, VREC_CORRUPT, "%s: the index ends at byte %llu, but the file has %llu bytes",
                         reader->path, (unsigned long long)reader->at, (unsigned long long)reader->size);
    return status;
}

vrec_status vr_faiss_open(const vr_options *options, const char *path, const vrec_progress *progress,
                          vrec_indexer **out, vrec_error *err)
{
    vr_input input;
    vr_faiss_index *index = NULL;
    vr_faiss_opening how = { .options = options,
                             .threads = vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]),
                             .progress = progress };
    *out = NULL;
    vrec_status status = vr_input_open(path, &input, err);
    if (status != VREC_OK)
        return status;
    vr_reader reader = vr_reader_of_file(&input);
    status = read_file(&reader, &how, &index, err);
    vr_input_close(&input);
    if (status == VREC_OK)
        *out = &index->base;
    else if (index)
        index->base.verbs->free(&index->base);
    return status;
}
