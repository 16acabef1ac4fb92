/* How IVF stands in a file: a header, the number of lists and nprobe (uint64 each), the quantizer, which is
 * another index, the direct map and the lists (layout.c).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/file.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "faiss/flat/kind.h"
#include "faiss/hnsw/kind.h"
#include "faiss/ivf/ivf.h"
#include "faiss/ivf/layout.h"
#include "faiss/table.h"
#include "faiss/types.h"

#include <string.h>

enum { BLOCK = 512 };

/* ---- Reading ---- */

/* What a file says. */
typedef struct parts {
    vr_faiss_header header;
    uint64_t lists, probes;
    vr_faiss_index *quantizer;
    vr_ivf_layout layout;
} parts;

static vrec_status read_head(vr_reader *reader, const vr_faiss_opening *how, parts *p, vrec_error *err)
{
    const vr_options *options = how->options;
    vrec_status status = vr_faiss_get_header(reader, &p->header, err);
    uint64_t at = reader->at;
    if (status == VREC_OK)
        status = vr_reader_u64(reader, &p->lists, "the number of lists", err);
    if (status == VREC_OK)
        status = vr_reader_u64(reader, &p->probes, "nprobe", err);
    if (status == VREC_OK && (p->lists < 1 || p->lists > UINT32_MAX))
        return vr_fail(err, p->lists < 1 ? VREC_CORRUPT : VREC_UNSUPPORTED,
                       "%s: the number of lists at byte %llu is %llu; 1 to %u are supported", reader->path,
                       (unsigned long long)at, (unsigned long long)p->lists, UINT32_MAX);
    if (status == VREC_OK)
        status = vr_faiss_check_metric(reader, how, p->header.metric, err);
    if (status == VREC_OK && options->given[VR_FAISS_NLISTS] &&
        (uint64_t)options->value[VR_FAISS_NLISTS] != p->lists)
        return vr_fail(err, VREC_INVALID, "%s was built with nlists=%llu, but nlists=%lld was asked for",
                       reader->path, (unsigned long long)p->lists,
                       (long long)options->value[VR_FAISS_NLISTS]);
    return status;
}

/* The caller's options are meant for the index around the quantizer, and say nothing of it. */
static vrec_status read_quantizer(vr_reader *reader, const vr_faiss_opening *how, parts *p, vrec_error *err)
{
    char type[5];
    vr_options plain;
    vr_faiss_opening inside = *how;
    vrec_status status = vr_faiss_get_type(reader, type, err);
    if (status != VREC_OK)
        return status;
    const vr_faiss_kind *kind = vr_faiss_reads(&vr_flat_kind, type) ? &vr_flat_kind : &vr_hnsw_kind;
    if (!vr_faiss_reads(kind, type))
        return vr_faiss_refuse(reader, p->header.at, err);
    vr_options_init(&plain, &vr_faiss_options);
    inside.options = &plain;
    status = kind->read(reader, &inside, &p->quantizer, err);
    vr_options_free(&plain);
    if (status != VREC_OK)
        return status;
    p->quantizer->kind = kind;
    p->quantizer->base.verbs = kind->verbs;
    p->quantizer->base.kind = kind->name;
    return VREC_OK;
}

static vrec_status check_quantizer(const vr_reader *reader, const parts *p, vrec_error *err)
{
    const vr_index *base = &p->quantizer->base;
    uint64_t expected = p->header.trained ? p->lists : 0;
    if (base->rows == expected && base->dim == p->header.dim)
        return VREC_OK;
    return vr_fail(
        err, VREC_CORRUPT,
        "%s: the index at byte %llu is %s, with %llu lists and %zu values per item, but its quantizer "
        "has %zu centroids of %zu values",
        reader->path, (unsigned long long)p->header.at, p->header.trained ? "trained" : "not trained",
        (unsigned long long)p->lists, p->header.dim, base->rows, base->dim);
}

static vrec_status read_parts(vr_reader *reader, const vr_faiss_opening *how, parts *p, vrec_error *err)
{
    vrec_status status = read_head(reader, how, p, err);
    if (status == VREC_OK)
        status = read_quantizer(reader, how, p, err);
    if (status == VREC_OK)
        status = check_quantizer(reader, p, err);
    if (status == VREC_OK)
        status = vr_ivf_layout_init(&p->layout, (size_t)p->lists, p->header.dim, p->header.trained, err);
    if (status == VREC_OK)
        status = vr_ivf_layout_read(reader, p->header.type, p->header.rows, &p->layout, err);
    return status;
}

/* Takes quantizer and starts out of the parts. */
static vrec_status make_index(parts *p, bool mapped, vr_ivf **out, vrec_error *err)
{
    vr_faiss_index *quantizer = p->quantizer;
    size_t *starts = p->layout.starts;
    p->quantizer = NULL;
    p->layout.starts = NULL;
    vrec_status status = vr_ivf_create(p->header.metric, p->header.dim, (size_t)p->lists, quantizer, starts,
                                       mapped, out, err);
    if (status != VREC_OK)
        return status;
    (*out)->probes = p->probes;
    (*out)->index.unlisted = p->header.rows - (*out)->index.base.rows;
    (*out)->map = p->layout.map;
    (*out)->mapped = p->layout.map_array.count;
    return VREC_OK;
}

static vrec_status load(const vr_reader *reader, const vr_faiss_opening *how, parts *p, vr_ivf *ivf,
                        vrec_error *err)
{
    size_t rows = ivf->index.base.rows;
    int64_t *ids = vr_alloc(rows, sizeof *ids);
    if (!ids)
        return vr_fail_memory(err, rows * sizeof *ids, "the ids");
    p->layout.starts = ivf->starts;
    for (size_t list = 0; ivf->in_file && ivf->starts && list < ivf->lists; list++)
        ivf->in_file[list] = vr_ivf_layout_point(reader, &p->layout, list);
    vrec_status status =
        vr_ivf_layout_load(reader, &p->layout, how, ivf->own, ids, &ivf->index.nonfinite, err);
    p->layout.starts = NULL;
    if (status == VREC_OK)
        status = vr_ivf_number(ivf, ids, err);
    vr_free(ids);
    return status;
}

vrec_status vr_ivf_read(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                        vrec_error *err)
{
    parts p = { .quantizer = NULL };
    vr_ivf *ivf = NULL;
    bool wants_codes;
    vrec_status status = vr_ivf_wants_codes(how->options, &wants_codes, err);
    if (status == VREC_OK)
        status = read_parts(reader, how, &p, err);
    if (status == VREC_OK)
        status = make_index(&p, !reader->input, &ivf, err);
    if (status == VREC_OK)
        status = load(reader, how, &p, ivf, err);
    if (p.quantizer)
        p.quantizer->base.verbs->free(&p.quantizer->base);
    vr_ivf_layout_free(&p.layout);
    if (status == VREC_OK) {
        ivf->wants_codes = wants_codes;
        vr_ivf_finish(ivf, how->options);
        *out = &ivf->index;
    } else if (ivf) {
        vr_ivf_free(&ivf->index.base);
    }
    return status;
}

/* ---- Writing ---- */

/* Words that are written together, since a call of the system for each would take its time. */
typedef struct words {
    vr_faiss_writer *writer;
    size_t count;
    uint8_t bytes[BLOCK * sizeof(uint64_t)];
} words;

static vrec_status flush(words *w, vrec_error *err)
{
    size_t count = w->count;
    w->count = 0;
    return vr_faiss_put(w->writer, w->bytes, count * sizeof(uint64_t), err);
}

static vrec_status put_word(words *w, uint64_t value, vrec_error *err)
{
    vr_put_u64(w->bytes + w->count++ * sizeof(uint64_t), value);
    return w->count == BLOCK ? flush(w, err) : VREC_OK;
}

static vrec_status put_u64(vr_faiss_writer *writer, uint64_t value, vrec_error *err)
{
    uint8_t bytes[8];
    vr_put_u64(bytes, value);
    return vr_faiss_put(writer, bytes, sizeof bytes, err);
}

/* Where the item with each id is, -1 if none has it. */
static vrec_status put_array(const vr_ivf *ivf, vr_faiss_writer *writer, vrec_error *err)
{
    size_t count = ivf->mapped;
    int64_t *places = writer->out ? vr_alloc(count, sizeof *places) : NULL;
    if (writer->out && !places)
        return vr_fail_memory(err, count * sizeof *places, "the direct map");
    for (size_t i = 0; places && i < count; i++)
        places[i] = -1;
    for (size_t list = 0; places && ivf->starts && list < ivf->lists; list++)
        for (size_t at = ivf->starts[list]; at < ivf->starts[list + 1]; at++) {
            int64_t id = vr_ivf_id(ivf, at);
            if (id >= 0 && (uint64_t)id < count)
                places[id] = (int64_t)(list << 32 | (at - ivf->starts[list]));
        }
    vrec_status status = vr_faiss_put_vector(writer, places, count, sizeof *places, err);
    vr_free(places);
    return status;
}

static vrec_status put_pairs(const vr_ivf *ivf, vr_faiss_writer *writer, vrec_error *err)
{
    words w = { .writer = writer };
    vrec_status status = put_word(&w, ivf->index.base.rows, err);
    for (size_t list = 0; ivf->starts && list < ivf->lists; list++)
        for (size_t at = ivf->starts[list]; at < ivf->starts[list + 1] && status == VREC_OK; at++) {
            status = put_word(&w, (uint64_t)vr_ivf_id(ivf, at), err);
            if (status == VREC_OK)
                status = put_word(&w, (uint64_t)list << 32 | (at - ivf->starts[list]), err);
        }
    return status == VREC_OK ? flush(&w, err) : status;
}

static vrec_status put_map(const vr_ivf *ivf, vr_faiss_writer *writer, vrec_error *err)
{
    vrec_status status = vr_faiss_put(writer, &ivf->map, 1, err);
    if (status == VREC_OK)
        status = ivf->map == VR_IVF_ARRAY_MAP ? put_array(ivf, writer, err) : put_u64(writer, 0, err);
    return status == VREC_OK && ivf->map == VR_IVF_HASH_MAP ? put_pairs(ivf, writer, err) : status;
}

/* As FAISS does it: in full if more than half of the lists aren't empty. */
static vrec_status put_sizes(const vr_ivf *ivf, vr_faiss_writer *writer, vrec_error *err)
{
    words w = { .writer = writer };
    size_t used = 0;
    for (size_t list = 0; ivf->starts && list < ivf->lists; list++)
        used += vr_ivf_size(ivf, list) > 0;
    bool full = used > ivf->lists / 2;
    vrec_status status = vr_faiss_put(writer, full ? "full" : "sprs", 4, err);
    if (status == VREC_OK)
        status = put_word(&w, full ? ivf->lists : 2 * used, err);
    for (size_t list = 0; ivf->starts && list < ivf->lists && status == VREC_OK; list++) {
        size_t size = vr_ivf_size(ivf, list);
        if (!full && size > 0)
            status = put_word(&w, list, err);
        if (status == VREC_OK && (full || size > 0))
            status = put_word(&w, size, err);
    }
    return status == VREC_OK ? flush(&w, err) : status;
}

static vrec_status put_ids(const vr_ivf *ivf, size_t first, size_t end, vr_faiss_writer *writer,
                           vrec_error *err)
{
    words w = { .writer = writer };
    vrec_status status = VREC_OK;
    for (; first < end && status == VREC_OK; first++)
        status = put_word(&w, (uint64_t)vr_ivf_id(ivf, first), err);
    return status == VREC_OK ? flush(&w, err) : status;
}

static vrec_status put_lists(const vr_ivf *ivf, vr_faiss_writer *writer, vrec_error *err)
{
    size_t code_size = ivf->index.base.dim * sizeof(float);
    vrec_status status = vr_faiss_put(writer, "ilar", 4, err);
    if (status == VREC_OK)
        status = put_u64(writer, ivf->lists, err);
    if (status == VREC_OK)
        status = put_u64(writer, code_size, err);
    if (status == VREC_OK)
        status = put_sizes(ivf, writer, err);
    for (size_t list = 0; ivf->starts && list < ivf->lists && status == VREC_OK; list++) {
        size_t first = ivf->starts[list], end = ivf->starts[list + 1];
        status = vr_faiss_put(writer, vr_ivf_items(ivf, list), (end - first) * code_size, err);
        if (status == VREC_OK)
            status = put_ids(ivf, first, end, writer, err);
    }
    return status;
}

vrec_status vr_ivf_write(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err)
{
    const vr_ivf *ivf = (const vr_ivf *)index;
    vr_faiss_header header = { .type = "IwFl",
                               .rows = ivf->index.base.rows + ivf->index.unlisted,
                               .dim = index->base.dim,
                               .trained = ivf->starts != NULL,
                               .metric = index->metric };
    vrec_status status = vr_faiss_put_header(writer, &header, err);
    if (status == VREC_OK)
        status = put_u64(writer, ivf->lists, err);
    if (status == VREC_OK)
        status = put_u64(writer, ivf->probes, err);
    if (status == VREC_OK)
        status = ivf->quantizer->kind->write(ivf->quantizer, writer, err);
    if (status == VREC_OK)
        status = put_map(ivf, writer, err);
    return status == VREC_OK ? put_lists(ivf, writer, err) : status;
}
