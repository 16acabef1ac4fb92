/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_SEARCH_H
#define VR_FAISS_HNSW_SEARCH_H

#include "faiss/hnsw/hnsw.h"

/* The indexer's verb. */
vrec_status vr_hnsw_query(vr_index *indexer, const vr_query *query, vrec_error *err);

#endif
