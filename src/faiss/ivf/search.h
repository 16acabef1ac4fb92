/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_SEARCH_H
#define VR_FAISS_IVF_SEARCH_H

#include "faiss/ivf/ivf.h"

/* The indexer's verb. */
vrec_status vr_ivf_query(vr_index *indexer, const vr_query *query, vrec_error *err);

#endif
