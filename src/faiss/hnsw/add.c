/* Adding to an HNSW index: a copy of its graph is built on. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/add.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/items.h"
#include "core/lanes.h"
#include "core/matrix.h"
#include "faiss/hnsw/build.h"
#include "faiss/hnsw/hnsw.h"
#include "faiss/table.h"

#include <math.h>
#include <string.h>

/* As the graph was built, as far as a file says it. */
static vr_hnsw_plan plan_of(const vr_hnsw *old, const vr_options *options)
{
    bool given = options->given[VR_FAISS_SEED];
    int32_t construction = old->graph.ef_construction;
    return (vr_hnsw_plan){ .metric = old->index.metric,
                           .m = vr_max(2, vr_min(old->graph.degree / 2, VR_HNSW_M_MAX)),
                           .ef_construction = construction < 1 ? 1 : construction,
                           .seed = given ? (uint64_t)options->value[VR_FAISS_SEED] : VR_HNSW_SEED,
                           .threads = vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]) };
}

/* Mapped items may not have been looked at yet. */
static bool may_be_nonfinite(const vr_hnsw *old)
{
    return old->index.nonfinite > 0 || !old->own;
}

/* A graph is built over numbers only: an item with a NaN or Inf, which a file may have and no query finds,
 * is nought while it is built on. */
static void hide_nonfinite(const vr_hnsw *old, float *items)
{
    size_t dim = old->index.base.dim;
    for (size_t i = 0; i < old->index.base.rows; i++)
        if (vr_find_nonfinite(items + i * dim, dim) < dim)
            memset(items + i * dim, 0, dim * sizeof *items);
}

static vrec_status build_on(const vr_hnsw *old, const vr_addition *addition, vr_hnsw *grown,
                            vrec_error *err)
{
    const vr_index *base = &grown->index.base;
    vr_hnsw_plan plan = plan_of(old, addition->options);
    size_t kept = old->index.base.rows * base->dim;
    if (kept > 0)
        memcpy(grown->own, old->items, kept * sizeof *old->items);
    vrec_status status = vr_copy_items(addition->items, plan.threads, addition->progress, grown->own + kept,
                                       base->dim * sizeof *old->items, err);
    if (status != VREC_OK)
        return status;
    if (may_be_nonfinite(old)) {
        hide_nonfinite(old, grown->own);
        plan.stored = old->items;
    }
    status = vr_hnsw_build_on(&plan, &old->graph, grown->own, base->rows, base->dim, addition->progress,
                              &grown->graph, err);
    if (kept > 0 && may_be_nonfinite(old))
        memcpy(grown->own, old->items, kept * sizeof *old->items);
    return status;
}

static vrec_status fill(const vr_hnsw *old, const vr_addition *addition, vr_hnsw *grown, vrec_error *err)
{
    size_t dim = grown->index.base.dim;
    vrec_status status = build_on(old, addition, grown, err);
    if (status != VREC_OK)
        return status;
    grown->index.largest = old->own ? old->index.largest : 0.0f;
    for (size_t i = old->own ? old->index.base.rows : 0; i < grown->index.base.rows; i++)
        if (vr_find_nonfinite(grown->items + i * dim, dim) == dim)
            grown->index.largest = fmaxf(grown->index.largest, vr_squares(grown->items + i * dim, dim));
    return vr_hnsw_finish(grown, addition->options, err);
}

vrec_status vr_hnsw_add(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                        vrec_error *err)
{
    const vr_hnsw *old = (const vr_hnsw *)index;
    vr_hnsw *grown;
    size_t rows;
    if (!vr_add(index->base.rows, addition->items->rows, &rows))
        rows = SIZE_MAX;
    vrec_status status = vr_hnsw_create(index->metric, rows, index->base.dim, NULL, &grown, err);
    if (status != VREC_OK)
        return status;
    status = fill(old, addition, grown, err);
    if (status != VREC_OK) {
        vr_hnsw_free(&grown->index.base);
        return status;
    }
    *out = &grown->index;
    return VREC_OK;
}
