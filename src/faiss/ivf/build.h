/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_BUILD_H
#define VR_FAISS_IVF_BUILD_H

#include "faiss/ivf/ivf.h"

/* As vr_faiss_kind's verb is. */
vrec_status vr_ivf_build(const vr_options *options, const vrec_matrix *items, const vrec_build *how,
                         vr_faiss_index **out, vrec_error *err);

/* Whether so many items can be in so many lists. */
vrec_status vr_ivf_check(size_t rows, size_t lists, vrec_error *err);

/* How many of the items lists are trained with. */
size_t vr_ivf_sampled(size_t rows, size_t lists);

#endif
