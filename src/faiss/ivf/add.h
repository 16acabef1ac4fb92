/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_ADD_H
#define VR_FAISS_IVF_ADD_H

#include "faiss/ivf/ivf.h"

/* As vr_faiss_kind's verb is. The centroids stay; each new item goes to the end of the list of its nearest
 * one. */
vrec_status vr_ivf_add(const vr_faiss_index *index, const vr_addition *addition, vr_faiss_index **out,
                       vrec_error *err);

#endif
