/* What an IVF index takes, before it is built. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_ESTIMATE_H
#define VR_FAISS_IVF_ESTIMATE_H

#include "faiss/faiss.h"

/* As vr_faiss_kind's verb is. */
vrec_status vr_ivf_estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err);

#endif
