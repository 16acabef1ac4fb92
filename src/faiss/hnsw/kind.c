/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/kind.h"

#include "faiss/hnsw/file.h"
#include "faiss/hnsw/search.h"
#include "faiss/save.h"

static const vr_indexer_verbs verbs = { .query = vr_hnsw_query,
                                        .save = vr_faiss_save,
                                        .free = vr_hnsw_free };

/* Without build(): index_type doesn't offer this kind, which is opened from files that FAISS has written.
 */
const vr_faiss_kind vr_hnsw_kind = { .name = "HNSW",
                                     .types = "IHNf",
                                     .takes_ids = true,
                                     .verbs = &verbs,
                                     .read = vr_hnsw_read,
                                     .write = vr_hnsw_write };
