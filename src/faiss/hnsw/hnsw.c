/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/hnsw.h"

#include "base/memory.h"
#include "faiss/table.h"

vrec_status vr_hnsw_create(vr_metric metric, size_t rows, size_t dim, vr_hnsw **out, vrec_error *err)
{
    size_t bytes;
    *out = NULL;
    if (rows > VR_HNSW_ROWS_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "faiss HNSW: %zu rows; at most %d are supported", rows,
                       VR_HNSW_ROWS_MAX);
    if (!vr_mul(rows, dim, &bytes) || !vr_mul(bytes, sizeof(float), &bytes))
        return vr_fail(err, VREC_INVALID, "faiss HNSW: %zu x %zu values overflow", rows, dim);
    vr_hnsw *hnsw = vr_alloc_zero(1, sizeof *hnsw);
    float *items = hnsw ? vr_alloc(bytes, 1) : NULL;
    if (!items) {
        vr_free(hnsw);
        return vr_fail_memory(err, bytes, "the items");
    }
    hnsw->index.base.rows = rows;
    hnsw->index.base.dim = dim;
    hnsw->index.base.larger_is_nearer = vr_larger_is_nearer(metric);
    hnsw->index.metric = metric;
    hnsw->items = items;
    *out = hnsw;
    return VREC_OK;
}

void vr_hnsw_free(vrec_indexer *indexer)
{
    vr_hnsw *hnsw = (vr_hnsw *)indexer;
    vr_hnsw_graph_free(&hnsw->graph);
    vr_hnsw_codes_free(hnsw->codes);
    vr_scratch_clear(&hnsw->marks);
    vr_scratch_clear(&indexer->scratch);
    vr_free(indexer->ids);
    vr_free(hnsw->items);
    vr_free(hnsw);
}

/* Of auto's two the one whose answers at an efSearch are as good as without codes. */
static vrec_status make_codes(vr_hnsw *hnsw, const vr_options *options, size_t threads,
                              const vrec_progress *progress, vrec_error *err)
{
    int64_t wish = options->value[VR_FAISS_CODES];
    if (wish == VR_FAISS_CODES_OFF || hnsw->index.base.rows == 0)
        return VREC_OK;
    return vr_hnsw_codes_make(wish == VR_FAISS_CODES_SQ4 ? VR_HNSW_SQ4 : VR_HNSW_SQ8, hnsw->index.metric,
                              hnsw->items, hnsw->index.base.rows, hnsw->index.base.dim, threads, progress,
                              &hnsw->codes, err);
}

static void describe(vr_hnsw *hnsw)
{
    vrec_indexer *base = &hnsw->index.base;
    const vr_hnsw_graph *graph = &hnsw->graph;
    static const char *const kinds[] = { [VR_HNSW_SQ4] = "sq4", [VR_HNSW_SQ8] = "sq8" };
    size_t bytes = base->rows * (base->dim + graph->degree) * sizeof(float) + graph->upper_size * 4;
    vr_fact(base, "backend", "faiss");
    vr_fact(base, "index_type", "HNSW");
    vr_fact(base, "metric", "%s", vr_metric_name(hnsw->index.metric));
    vr_fact(base, "rows", "%zu", base->rows);
    vr_fact(base, "dim", "%zu", base->dim);
    vr_fact(base, "m", "%u", graph->degree / 2);
    vr_fact(base, "efConstruction", "%d", (int)graph->ef_construction);
    vr_fact(base, "efSearch", "%d", (int)graph->ef_search);
    vr_fact(base, "levels", "%u", base->rows > 0 ? graph->top + 1 : 0);
    vr_fact(base, "codes", "%s", hnsw->codes ? kinds[hnsw->codes->kind] : "off");
    if (hnsw->codes)
        bytes += base->rows * hnsw->codes->lines * 64;
    vr_fact(base, "bytes", "%zu", bytes);
}

vrec_status vr_hnsw_finish(vr_hnsw *hnsw, const vr_options *options, size_t threads,
                           const vrec_progress *progress, vrec_error *err)
{
    if (options->given[VR_FAISS_EF_SEARCH])
        hnsw->graph.ef_search = (int32_t)options->value[VR_FAISS_EF_SEARCH];
    vrec_status status = make_codes(hnsw, options, threads, progress, err);
    if (status == VREC_OK)
        describe(hnsw);
    return status;
}
