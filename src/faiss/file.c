/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/file.h"

#include "base/memory.h"
#include "base/threads.h"
#include "faiss/format.h"
#include "faiss/kinds.h"
#include "faiss/rows.h"
#include "faiss/table.h"
#include "faiss/types.h"

#include <string.h>

/* Reads the index that begins where the reader is, and that starts with this type. */
static vrec_status read_kind(vr_reader *reader, const vr_faiss_kind *kind, const vr_faiss_opening *how,
                             vr_faiss_index **out, vrec_error *err)
{
    vrec_status status = kind->read(reader, how, out, err);
    if (status != VREC_OK)
        return status;
    vr_faiss_adopt(*out, kind);
    vr_faiss_note_nonfinite(*out);
    return VREC_OK;
}

/* ---- Ids ---- */

static vrec_status read_ids(vr_reader *reader, const vr_faiss_header *header, const vr_faiss_opening *how,
                            vr_faiss_index *index, vrec_error *err)
{
    int64_t *own;
    vr_span ids;
    uint64_t at = reader->at;
    vrec_status status = vr_faiss_get_vector(reader, sizeof(int64_t), "the list of ids", &ids, err);
    if (status != VREC_OK)
        return status;
    if (index->unlisted > 0)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "%s: the index in the IDMap at byte %llu has dropped %llu items with a NaN or Inf, whose ids "
            "are still in the map; this version reads it without the map, or with all its items: build "
            "it anew without those items",
            reader->path, (unsigned long long)header->at, (unsigned long long)index->unlisted);
    if (index->ids_inside)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "%s: the index in the IDMap at byte %llu has ids of its own; this version reads one or "
            "the other: add the items to an index without IDMap",
            reader->path, (unsigned long long)header->at);
    if (header->rows != index->base.rows || header->dim != index->base.dim || ids.count != index->base.rows)
        return vr_fail(err, VREC_CORRUPT,
                       "%s: the IDMap at byte %llu has %llu rows of %zu values, and %zu ids at byte %llu, "
                       "but the index in it has %zu rows of %zu values",
                       reader->path, (unsigned long long)header->at, (unsigned long long)header->rows,
                       header->dim, ids.count, (unsigned long long)at, index->base.rows, index->base.dim);
    own = vr_alloc(ids.count, sizeof *own);
    if (!own)
        return vr_fail_memory(err, ids.count * sizeof *own, "the ids");
    status = vr_faiss_load(reader, &ids, how, own, err);
    if (status != VREC_OK) {
        vr_free(own);
        return status;
    }
    index->id_map2 = strcmp(header->type, "IxM2") == 0;
    vr_faiss_give_ids(index, own);
    return VREC_OK;
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
    if (header.metric != index->metric)
        vr_fact(&index->base.facts, "note",
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

static vrec_status open_read(const vr_faiss_opening *how, const char *path, vr_faiss_index **out,
                             vrec_error *err)
{
    vr_input input;
    vrec_status status = vr_input_open(path, &input, err);
    if (status != VREC_OK)
        return status;
    vr_reader reader = vr_reader_of_file(&input);
    status = read_file(&reader, how, out, err);
    vr_input_close(&input);
    return status;
}

/* The index keeps the map, also one that is to be freed for what came after it in the file. */
static vrec_status open_mapped(const vr_faiss_opening *how, const char *path, vr_faiss_index **out,
                               vrec_error *err)
{
    vr_map map;
    vrec_status status = vr_map_open(path, &map, err);
    if (status != VREC_OK)
        return status;
    vr_reader reader = vr_reader_of_bytes(path, map.data, map.size);
    status = read_file(&reader, how, out, err);
    if (*out) {
        (*out)->map = map;
        (*out)->base.mapped = true;
    } else {
        vr_map_close(&map);
    }
    return status;
}

static vrec_status open_index(const vr_options *options, bool mapped, const char *path,
                              const vrec_progress *progress, vr_faiss_index **out, vrec_error *err)
{
    vr_faiss_opening how = { .options = options,
                             .threads = vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]),
                             .progress = progress };
    *out = NULL;
    vrec_status status = (mapped ? open_mapped : open_read)(&how, path, out, err);
    if (status == VREC_OK) {
        vr_fact(&(*out)->base.facts, "load", "%s", mapped ? "map" : "read");
    } else if (*out) {
        (*out)->base.verbs->free(&(*out)->base);
        *out = NULL;
    }
    return status;
}

vrec_status vr_faiss_open(const vr_options *options, const char *path, const vrec_progress *progress,
                          vr_index **out, vrec_error *err)
{
    vr_faiss_index *index;
    vrec_status status = open_index(options, options->value[VR_FAISS_LOAD] == VR_FAISS_LOAD_MAP, path,
                                    progress, &index, err);
    *out = index ? &index->base : NULL;
    return status;
}

/* Opening has checked everything if it has read everything, and refuses nothing that FAISS opens. */
vrec_status vr_faiss_verify(const vr_options *options, const char *path, const vrec_progress *progress,
                            vrec_error *err)
{
    vr_faiss_index *index;
    vrec_status status = open_index(options, false, path, progress, &index, err);
    if (status != VREC_OK)
        return status;
    status = vr_options_check_open(options, index->base.kind, err);
    if (status == VREC_OK && index->nonfinite > 0)
        status = vr_fail(err, VREC_CORRUPT,
                         "%s: %zu of %zu items hold a NaN or Inf, so that no query finds them. Else it is "
                         "sound",
                         path, index->nonfinite, index->base.rows);
    index->base.verbs->free(&index->base);
    return status;
}
