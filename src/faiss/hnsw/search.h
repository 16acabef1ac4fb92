/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_SEARCH_H
#define VR_FAISS_HNSW_SEARCH_H

#include "faiss/hnsw/hnsw.h"

/* How a query searches. */
typedef struct vr_hnsw_settings {
    size_t ef;   /* efSearch: how many candidates a walk keeps, unless it needs more */
    float gamma; /* stop where all that is left is farther than 1 + gamma times the k-th nearest; negative:
                    don't */
} vr_hnsw_settings;

vrec_status vr_hnsw_search(vr_hnsw *hnsw, const vr_query *query, vr_hnsw_settings settings,
                           vrec_error *err);

/* The indexer's verb: with the settings of the query's options. */
vrec_status vr_hnsw_query(vrec_indexer *indexer, const vr_query *query, vrec_error *err);

#endif
