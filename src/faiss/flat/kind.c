/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/flat/kind.h"

#include "base/threads.h"
#include "core/items.h"
#include "faiss/flat/file.h"
#include "faiss/save.h"
#include "faiss/table.h"

static vrec_status build(const vr_options *options, const vrec_matrix *items, const vrec_progress *progress,
                         vr_faiss_index **out, vrec_error *err)
{
    vr_flat *flat;
    bool wants_codes;
    vrec_status status = vr_flat_wants_codes(options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_flat_create(vr_faiss_metric(options), items->rows, items->dim, &flat, err);
    if (status != VREC_OK)
        return status;
    status = vr_copy_items(items, vr_thread_count((int32_t)options->value[VR_FAISS_THREADS]), progress,
                           flat->items, items->dim * sizeof(float), err);
    if (status != VREC_OK) {
        vr_flat_free(&flat->index.base);
        return status;
    }
    flat->wants_codes = wants_codes;
    vr_flat_describe(flat);
    *out = &flat->index;
    return VREC_OK;
}

static const vr_indexer_verbs verbs = { .query = vr_flat_query,
                                        .save = vr_faiss_save,
                                        .free = vr_flat_free };

const vr_faiss_kind vr_flat_kind = { .name = "Flat",
                                     .types = "IxF2, IxFI",
                                     .takes_ids = true,
                                     .verbs = &verbs,
                                     .build = build,
                                     .read = vr_flat_read,
                                     .write = vr_flat_write };
