/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_ADD_H
#define VR_FAISS_HNSW_ADD_H

#include "faiss/faiss.h"

/* As vr_faiss_kind's verb is. */
vrec_status vr_hnsw_add(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                        vrec_error *err);

#endif
