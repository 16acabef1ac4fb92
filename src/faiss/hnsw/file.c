/* How HNSW stands in a file: its header, the graph (graph_file.c), and a flat index that has the items.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/file.h"

#include "faiss/flat/file.h"
#include "faiss/hnsw/graph_file.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/table.h"
#include "faiss/types.h"

#include <string.h>

/* What a file says. */
typedef struct parts {
    vr_faiss_header header, storage;
    vr_hnsw_graph graph;
    vr_span links, values;
} parts;

/* The flat index inside. */
static vrec_status find_items(vr_reader *reader, parts *p, vrec_error *err)
{
    char type[5];
    vrec_status status = vr_faiss_get_type(reader, type, err);
    if (status == VREC_OK && strcmp(type, "IxF2") != 0 && strcmp(type, "IxFI") != 0)
        return vr_faiss_refuse(reader, p->header.at, err);
    if (status == VREC_OK)
        status = vr_flat_find(reader, &p->storage, &p->values, err);
    if (status != VREC_OK)
        return status;
    if (p->storage.rows != p->header.rows || p->storage.dim != p->header.dim)
        return vr_fail(
            err, VREC_CORRUPT,
            "%s: the graph at byte %llu is of %llu items of %zu values, but the flat index at byte "
            "%llu has %llu of %zu",
            reader->path, (unsigned long long)p->header.at, (unsigned long long)p->header.rows,
            p->header.dim, (unsigned long long)p->storage.at, (unsigned long long)p->storage.rows,
            p->storage.dim);
    return VREC_OK;
}

static vrec_status check_options(const vr_reader *reader, const parts *p, const vr_faiss_opening *how,
                                 vrec_error *err)
{
    const vr_options *options = how->options;
    vrec_status status = vr_faiss_check_metric(reader, how, p->header.metric, err);
    if (status == VREC_OK && options->given[VR_FAISS_M] &&
        2 * (uint64_t)options->value[VR_FAISS_M] != p->graph.degree)
        return vr_fail(err, VREC_INVALID, "%s was built with m=%u, but m=%d was asked for", reader->path,
                       p->graph.degree / 2, (int)options->value[VR_FAISS_M]);
    return status;
}

static vrec_status find_parts(vr_reader *reader, const vr_faiss_opening *how, parts *p, vrec_error *err)
{
    vrec_status status = vr_faiss_get_header(reader, &p->header, err);
    if (status == VREC_OK && !p->header.trained)
        return vr_fail(err, VREC_CORRUPT, "%s: is_trained of the HNSW index at byte %llu is 0, not 1",
                       reader->path, (unsigned long long)p->header.at);
    if (status == VREC_OK)
        status = vr_hnsw_graph_parse(reader, p->header.rows, &p->graph, &p->links, err);
    if (status == VREC_OK)
        status = find_items(reader, p, err);
    return status == VREC_OK ? check_options(reader, p, how, err) : status;
}

/* Mapped items are looked at for codes alone, which want to know the largest. */
static vrec_status load(const vr_reader *reader, const vr_faiss_opening *how, const parts *p, vr_hnsw *hnsw,
                        vrec_error *err)
{
    bool needed = hnsw->own || how->options->value[VR_FAISS_CODES] != VR_FAISS_CODES_OFF;
    vrec_status status = vr_hnsw_graph_load(reader, &p->links, how, &hnsw->graph, err);
    if (status == VREC_OK && needed)
        status = vr_faiss_load_items(reader, &p->values, how, &hnsw->index, hnsw->own, err);
    if (status == VREC_OK)
        status = vr_hnsw_finish(hnsw, how->options, err);
    if (status == VREC_OK && p->storage.metric != p->header.metric)
        vr_fact(&hnsw->index.base.facts, "note",
                "the graph says metric %s, the vectors in it %s; %s was used. If the other was meant, "
                "build anew",
                vr_metric_name(p->header.metric), vr_metric_name(p->storage.metric),
                vr_metric_name(p->header.metric));
    return status;
}

vrec_status vr_hnsw_read(vr_reader *reader, const vr_faiss_opening *how, vr_faiss_index **out,
                         vrec_error *err)
{
    parts p = { 0 };
    vr_hnsw *hnsw = NULL;
    vrec_status status = find_parts(reader, how, &p, err);
    if (status == VREC_OK)
        status = vr_hnsw_create(p.header.metric, (size_t)p.header.rows, p.header.dim,
                                vr_faiss_point(reader, &p.values), &hnsw, err);
    if (status != VREC_OK) {
        vr_hnsw_graph_free(&p.graph);
        return status;
    }
    hnsw->graph = p.graph;
    status = load(reader, how, &p, hnsw, err);
    if (status != VREC_OK) {
        vr_hnsw_free(&hnsw->index.base);
        return status;
    }
    *out = &hnsw->index;
    return VREC_OK;
}

/* The flat index inside gets the metric of the whole, whatever the file said that this one came from. */
vrec_status vr_hnsw_write(const vr_faiss_index *index, vr_faiss_writer *writer, vrec_error *err)
{
    const vr_hnsw *hnsw = (const vr_hnsw *)index;
    const vr_index *base = &index->base;
    vr_faiss_header header = {
        .type = "IHNf", .rows = base->rows, .dim = base->dim, .trained = true, .metric = index->metric
    };
    vrec_status status = vr_faiss_put_header(writer, &header, err);
    if (status == VREC_OK)
        status = vr_hnsw_graph_write(&hnsw->graph, writer, err);
    memcpy(header.type, index->metric == VR_METRIC_L2 ? "IxF2" : "IxFI", 4);
    if (status == VREC_OK)
        status = vr_faiss_put_header(writer, &header, err);
    if (status == VREC_OK)
        status = vr_faiss_put_vector(writer, hnsw->items, base->rows * base->dim, sizeof(float), err);
    return status;
}
