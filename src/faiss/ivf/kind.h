/* IVF as a kind of index. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_KIND_H
#define VR_FAISS_IVF_KIND_H

#include "faiss/faiss.h"

extern const vr_faiss_kind vr_ivf_kind;

#endif
