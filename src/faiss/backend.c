/* The faiss backend: how an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "faiss/backend.h"

#include "faiss/file.h"
#include "faiss/kinds.h"
#include "faiss/table.h"

static vrec_status from_embeddings(const vr_options *options, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_faiss_index *index;
    const vr_faiss_kind *kind = vr_faiss_kind_wanted(options);
    vrec_status status = kind->build(options, items, progress, &index, err);
    if (status != VREC_OK)
        return status;
    vr_faiss_adopt(index, kind);
    *out = &index->base;
    return VREC_OK;
}

const vr_backend vr_faiss_backend = { .name = "faiss",
                                      .summary = "exact search; reads and writes FAISS's files",
                                      .options = &vr_faiss_options,
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = vr_faiss_open };
