/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/hnsw.h"

#include "base/memory.h"
#include "faiss/hnsw/grow.h"
#include "faiss/hnsw/build.h"
#include "faiss/hnsw/shape.h"
#include "faiss/table.h"

vrec_status vr_hnsw_create(vr_metric metric, size_t rows, size_t dim, const vr_stored_f32 *mapped,
                           vr_hnsw **out, vrec_error *err)
{
    size_t bytes;
    *out = NULL;
    if (rows > VR_HNSW_ROWS_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss HNSW: %zu rows; at most %d are supported", rows,
                       VR_HNSW_ROWS_MAX);
    if (!vr_mul(rows, dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss HNSW: %zu x %zu values overflow", rows, dim);
    vr_hnsw *hnsw = vr_alloc_zero(1, sizeof *hnsw);
    float *own = hnsw && !mapped ? vr_alloc(bytes, 1) : NULL;
    if (!hnsw || (!own && !mapped)) {
        vr_free(hnsw);
        return vr_fail_memory(err, bytes, "the items");
    }
    hnsw->index.base.rows = rows;
    hnsw->index.base.dim = dim;
    hnsw->index.base.larger_is_nearer = vr_larger_is_nearer(metric);
    hnsw->index.metric = metric;
    hnsw->own = own;
    hnsw->items = own ? own : mapped;
    *out = hnsw;
    return VREC_OK;
}

void vr_hnsw_free(vr_index *indexer)
{
    vr_hnsw *hnsw = (vr_hnsw *)indexer;
    vr_hnsw_graph_free(&hnsw->graph);
    vr_hnsw_codes_free(hnsw->codes);
    vr_scratch_clear(&hnsw->marks);
    vr_scratch_clear(&hnsw->excluded);
    vr_scratch_clear(&indexer->scratch);
    vr_free(indexer->ids);
    vr_free(hnsw->own);
    vr_map_close(&hnsw->index.map);
    vr_free(hnsw);
}

/* ---- Codes ---- */

/* Makes the wish for codes without them, and says why. */
static void do_without(vr_hnsw *hnsw, const char *why, const char *note)
{
    vr_hnsw_codes_free(hnsw->codes);
    hnsw->codes = NULL;
    hnsw->without_codes = why;
    if (note)
        vr_fact(&hnsw->index.base.facts, "note", "%s: it is searched without codes", note);
}

/* Codes of one kind, and whether they blur. */
static vrec_status try_codes(vr_hnsw *hnsw, vr_hnsw_code_kind kind, bool *blurred)
{
    *blurred = false;
    vr_hnsw_codes_free(hnsw->codes);
    vrec_status status = vr_hnsw_codes_create(kind, &hnsw->index, hnsw->items, &hnsw->codes, NULL);
    return hnsw->codes ? vr_hnsw_codes_blur(hnsw->codes, &hnsw->graph, blurred, NULL) : status;
}

/* Auto's: the fastest whose answers at an efSearch are as good as without codes. */
static void make_best_codes(vr_hnsw *hnsw)
{
    bool blurred;
    vr_hnsw_code_kind kind = vr_hnsw_fastest_kind(hnsw->index.base.dim);
    vrec_status status = try_codes(hnsw, kind, &blurred);
    if (status == VREC_OK && blurred && kind != VR_HNSW_SQ8)
        status = try_codes(hnsw, VR_HNSW_SQ8, &blurred);
    if (status != VREC_OK)
        do_without(hnsw, "memory was short when it was opened; open it anew, or give efSearch alone",
                   "memory was too short for small copies of the items");
    else if (blurred)
        do_without(hnsw,
                   "8 bits don't tell its items apart; open it with codes=sq8, or give efSearch alone",
                   "its values differ so much in size that 8 bits don't tell near items apart");
}

static vrec_status make_codes(vr_hnsw *hnsw, const vr_options *options, vrec_error *err)
{
    int64_t wish = options->value[VR_FAISS_CODES];
    vrec_status status = VREC_OK;
    hnsw->without_codes = "its items have too many or too large values for codes; give efSearch alone";
    if (wish == VR_FAISS_CODES_OFF || hnsw->index.base.rows == 0)
        do_without(hnsw, "open it with codes=sq8, or give efSearch alone", NULL);
    else if (wish == VR_FAISS_CODES_AUTO)
        make_best_codes(hnsw);
    else
        status = vr_hnsw_codes_create(wish == VR_FAISS_CODES_SQ4 ? VR_HNSW_SQ4 : VR_HNSW_SQ8, &hnsw->index,
                                      hnsw->items, &hnsw->codes, err);
    return status;
}

/* ---- Facts ---- */

static void describe(vr_hnsw *hnsw)
{
    vr_index *base = &hnsw->index.base;
    const vr_hnsw_graph *graph = &hnsw->graph;
    static const char *const kinds[] = { [VR_HNSW_SQ4] = "sq4", [VR_HNSW_SQ8] = "sq8" };
    size_t bytes = base->rows * (base->dim + graph->degree) * sizeof(float) + graph->upper_size * 4;
    vr_fact(&base->facts, "backend", "faiss");
    vr_fact(&base->facts, "index_type", "HNSW");
    vr_fact(&base->facts, "metric", "%s", vr_metric_name(hnsw->index.metric));
    vr_fact_integer(&base->facts, "rows", (int64_t)base->rows);
    vr_fact_integer(&base->facts, "dim", (int64_t)base->dim);
    vr_fact_integer(&base->facts, "m", graph->degree / 2);
    vr_fact_integer(&base->facts, "efConstruction", graph->ef_construction);
    vr_fact_integer(&base->facts, "efSearch", graph->ef_search);
    vr_fact_integer(&base->facts, "levels", (int64_t)(base->rows > 0 ? graph->top + 1 : 0));
    vr_fact(&base->facts, "codes", "%s", hnsw->codes ? kinds[hnsw->codes->kind] : "off");
    if (hnsw->codes)
        bytes += base->rows * hnsw->codes->lines * 64;
    vr_fact_integer(&base->facts, "bytes", (int64_t)bytes);
}

bool vr_hnsw_look_up(const vr_index *indexer, vr_facts *facts)
{
    const vr_hnsw *hnsw = (const vr_hnsw *)indexer;
    vr_hnsw_shape shape;
    if (indexer->rows == 0)
        return true;
    if (vr_hnsw_shape_of(&hnsw->graph, &shape, NULL) != VREC_OK)
        return false;
    double rows = (double)indexer->rows;
    vr_fact_integer(facts, "degree_min", shape.degree_min);
    vr_fact_real(facts, "degree_mean", shape.degree_mean);
    vr_fact_integer(facts, "degree_max", shape.degree_max);
    vr_fact_real(facts, "reach_entry", (double)shape.from_entry / rows);
    vr_fact_real(facts, "reach_upper", (double)shape.from_upper / rows);
    size_t lost = indexer->rows - shape.from_entry;
    if (lost > 0)
        vr_fact(facts, "note",
                "%zu items (%.3g %%) can't be reached from the entry point; vrec optimize makes a graph of "
                "them in which all can",
                lost, 100.0 * (double)lost / rows);
    return true;
}

vrec_status vr_hnsw_finish(vr_hnsw *hnsw, const vr_options *options, vrec_error *err)
{
    if (options->given[VR_FAISS_EF_SEARCH])
        hnsw->graph.ef_search = (int32_t)options->value[VR_FAISS_EF_SEARCH];
    vrec_status status = make_codes(hnsw, options, err);
    if (status == VREC_OK)
        describe(hnsw);
    return status;
}

vrec_status vr_hnsw_copy(const vr_faiss_index *from, vr_faiss_index **out, vrec_error *err)
{
    const vr_hnsw *old = (const vr_hnsw *)from;
    const vr_index *base = &from->base;
    vr_hnsw *hnsw;
    vr_options plain;
    vrec_status status = vr_hnsw_create(from->metric, base->rows, base->dim, NULL, &hnsw, err);
    if (status != VREC_OK)
        return status;
    memcpy(hnsw->own, old->items, base->rows * base->dim * sizeof *hnsw->own);
    hnsw->index.largest = from->largest;
    vr_options_init(&plain, &vr_faiss_options);
    status = vr_hnsw_grow(&old->graph, base->rows, VR_HNSW_SEED, &hnsw->graph, err);
    if (status == VREC_OK)
        status = vr_hnsw_finish(hnsw, &plain, err);
    vr_options_free(&plain);
    if (status != VREC_OK) {
        vr_hnsw_free(&hnsw->index.base);
        return status;
    }
    *out = &hnsw->index;
    return VREC_OK;
}
