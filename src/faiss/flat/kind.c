/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/kind.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/items.h"
#include "faiss/add.h"
#include "faiss/flat/file.h"
#include "faiss/flat/flat.h"
#include "faiss/format.h"
#include "faiss/save.h"
#include "faiss/table.h"
#include "scan/blocks.h"

static vrec_status build(const vr_options *options, const vrec_matrix *items, const vrec_build *how,
                         vr_faiss_index **out, vrec_error *err)
{
    vr_flat *flat;
    bool wants_codes;
    vrec_status status = vr_flat_wants_codes(options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_refuse_queries(how, "faiss Flat", err);
    if (status == VREC_OK)
        status = vr_flat_create(vr_faiss_metric(options), items->rows, items->dim, NULL, &flat, err);
    if (status != VREC_OK)
        return status;
    status = vr_copy_items(items, vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]), how->progress,
                           flat->own, items->dim * sizeof(float), err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->index.base);
        return status;
    }
    flat->wants_codes = wants_codes;
    vr_flat_describe(flat);
    *out = &flat->index;
    return VREC_OK;
}

/* What queries have gained so far counts for the codes of the new index, too: the next one makes them where
 * the old index had any. */
static vrec_status add(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                       vrec_error *err)
{
    const vr_flat *old = (const vr_flat *)index;
    vr_flat *flat;
    size_t rows = index->base.rows, dim = index->base.dim, all;
    if (!vr_add(rows, addition->items->rows, &all))
        all = SIZE_MAX;
    vrec_status status = vr_flat_create(index->metric, all, dim, NULL, &flat, err);
    if (status != VREC_OK)
        return status;
    memcpy(flat->own, old->items, rows * dim * sizeof(float));
    status =
        vr_copy_items(addition->items, vr_thread_count((int32_t)addition->options->value[VR_FAISS_THREADS]),
                      addition->progress, flat->own + rows * dim, dim * sizeof(float), err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->index.base);
        return status;
    }
    flat->wants_codes = old->wants_codes;
    atomic_init(&flat->codes.gained, atomic_load(&old->codes.gained));
    vr_flat_describe(flat);
    *out = &flat->index;
    return VREC_OK;
}

static vrec_status copy_vectors(const vr_index *indexer, const size_t *rows, size_t count, float *out,
                                vrec_error *err)
{
    (void)err;
    vr_pick_items(((const vr_flat *)indexer)->items, indexer->dim, rows, count, out);
    return VREC_OK;
}

static vrec_status estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err)
{
    const vr_simd *simd = vr_simd_get();
    vr_faiss_index index = { .metric = vr_faiss_metric(options),
                             .base = { .rows = plan->rows, .dim = plan->dim } };
    vr_flat flat = { .index = index };
    vr_faiss_writer counting = { .out = NULL };
    bool wants_codes;
    vrec_status status = vr_flat_wants_codes(options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_flat_write(&flat.index, &counting, err);
    if (status != VREC_OK)
        return status;
    out->file_bytes = counting.done;
    out->index_bytes = out->peak_bytes = vr_alloc_bytes((uint64_t)plan->rows * plan->dim * sizeof(float));
    if (wants_codes && plan->dim <= VR_CODES_DIM_MAX)
        out->codes_bytes =
            vr_alloc_bytes((uint64_t)vr_block_count(simd, plan->rows) * vr_block_bytes(simd, plan->dim));
    *work = (double)plan->rows * (double)plan->dim;
    return VREC_OK;
}

static const vr_index_verbs verbs = { .query = vr_flat_query,
                                      .write = vr_faiss_write,
                                      .free = vr_flat_free,
                                      .vectors = copy_vectors,
                                      .add = vr_faiss_add };

const vr_faiss_kind vr_flat_kind = { .name = "Flat",
                                     .types = "IxF2, IxFI",
                                     .takes_ids = true,
                                     .verbs = &verbs,
                                     .build = build,
                                     .read = vr_flat_read,
                                     .add = add,
                                     .write = vr_flat_write,
                                     .estimate = estimate };
