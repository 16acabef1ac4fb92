/* The faiss backend: from what an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/backend.h"

#include "base/threads.h"
#include "core/items.h"
#include "faiss/flat/flat.h"
#include "faiss/table.h"

static const vr_metric metrics[] = { VR_METRIC_L2, VR_METRIC_IP }; /* as the option's range lists them */

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_flat *flat;
    vrec_status status =
        vr_flat_create(metrics[given->value[VR_FAISS_METRIC]], items->rows, items->dim, &flat, err);
    if (status != VREC_OK)
        return status;
    status = vr_copy_items(items, vr_thread_count((int32_t)given->value[VR_FAISS_THREADS]), progress,
                           flat->items, items->dim * sizeof(float), err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->base);
        return status;
    }
    flat->wants_codes = given->value[VR_FAISS_CODES] == 0;
    vr_flat_describe(flat);
    *out = &flat->base;
    return VREC_OK;
}

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vrec_indexer **out, vrec_error *err)
{
    const vr_metric *metric =
        given->given[VR_FAISS_METRIC] ? &metrics[given->value[VR_FAISS_METRIC]] : NULL;
    size_t threads = vr_thread_count((int32_t)given->value[VR_FAISS_THREADS]);
    return vr_faiss_read(path, metric, given->value[VR_FAISS_CODES] == 0, threads, progress, out, err);
}

const vr_backend vr_faiss_backend = { .name = "faiss",
                                      .summary = "exact search; reads and writes FAISS's files",
                                      .options = &vr_faiss_options,
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = from_index_file };
