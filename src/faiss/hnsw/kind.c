/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/kind.h"

#include "base/threads.h"
#include "core/items.h"
#include "core/lanes.h"
#include "faiss/add.h"
#include "faiss/hnsw/add.h"
#include "faiss/hnsw/build.h"
#include "faiss/hnsw/estimate.h"
#include "faiss/hnsw/file.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/hnsw/optimize.h"
#include "faiss/hnsw/search.h"
#include "faiss/save.h"
#include "faiss/table.h"

#include <math.h>

vr_hnsw_plan vr_hnsw_plan_of(const vr_options *options, const vrec_matrix *queries)
{
    bool given = options->given[VR_FAISS_SEED];
    return (vr_hnsw_plan){ .metric = vr_faiss_metric(options),
                           .m = (size_t)options->value[VR_FAISS_M],
                           .ef_construction = (int32_t)options->value[VR_FAISS_EF_CONSTRUCTION],
                           .seed = given ? (uint64_t)options->value[VR_FAISS_SEED] : VR_HNSW_SEED,
                           .threads = vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]),
                           .queries = queries };
}

static vrec_status fill(vr_hnsw *hnsw, const vr_options *options, const vrec_matrix *items,
                        const vrec_build *how, vrec_error *err)
{
    const vrec_progress *progress = how->progress;
    vr_hnsw_plan plan = vr_hnsw_plan_of(options, how->queries);
    vrec_status status =
        vr_copy_items(items, plan.threads, progress, hnsw->own, items->dim * sizeof(float), err);
    if (status == VREC_OK)
        status = vr_hnsw_build(&plan, hnsw->own, items->rows, items->dim, progress, &hnsw->graph, err);
    for (size_t i = 0; i < items->rows && status == VREC_OK; i++)
        hnsw->index.largest =
            fmaxf(hnsw->index.largest, vr_squares(hnsw->items + i * items->dim, items->dim));
    return status == VREC_OK ? vr_hnsw_finish(hnsw, options, err) : status;
}

static vrec_status build(const vr_options *options, const vrec_matrix *items, const vrec_build *how,
                         vr_faiss_index **out, vrec_error *err)
{
    vr_hnsw *hnsw;
    vrec_status status =
        vr_hnsw_create(vr_faiss_metric(options), items->rows, items->dim, NULL, &hnsw, err);
    if (status != VREC_OK)
        return status;
    status = fill(hnsw, options, items, how, err);
    if (status != VREC_OK) {
        vr_hnsw_free(&hnsw->index.base);
        return status;
    }
    *out = &hnsw->index;
    return VREC_OK;
}

static vrec_status copy_vectors(const vr_index *indexer, const size_t *rows, size_t count, float *out,
                                vrec_error *err)
{
    (void)err;
    vr_pick_items(((const vr_hnsw *)indexer)->items, indexer->dim, rows, count, out);
    return VREC_OK;
}

static void keep_setting(vr_index *index, const vr_options *options)
{
    vr_hnsw *hnsw = (vr_hnsw *)index;
    if (!options->given[VR_FAISS_EF_SEARCH])
        return;
    hnsw->graph.ef_search = (int32_t)options->value[VR_FAISS_EF_SEARCH];
    vr_fact_set_integer(&index->facts, "efSearch", hnsw->graph.ef_search);
}

static const vr_index_verbs verbs = { .query = vr_hnsw_query,
                                      .write = vr_faiss_write,
                                      .free = vr_hnsw_free,
                                      .vectors = copy_vectors,
                                      .keep_setting = keep_setting,
                                      .look_up = vr_hnsw_look_up,
                                      .optimize = vr_hnsw_optimize,
                                      .add = vr_faiss_add };

const vr_faiss_kind vr_hnsw_kind = { .name = "HNSW",
                                     .types = "IHNf",
                                     .takes_ids = true,
                                     .verbs = &verbs,
                                     .build = build,
                                     .read = vr_hnsw_read,
                                     .add = vr_hnsw_add,
                                     .write = vr_hnsw_write,
                                     .estimate = vr_hnsw_estimate };
