/* What a graph takes, before it is built. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_ESTIMATE_H
#define VR_FAISS_HNSW_ESTIMATE_H

#include "faiss/hnsw/build.h"

/* What the options say of a build, whose sample of queries may be NULL. */
vr_hnsw_plan vr_hnsw_plan_of(const vr_options *options, const vrec_matrix *queries);

/* As vr_faiss_kind's verb is. */
vrec_status vr_hnsw_estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                             double *work, vrec_error *err);

#endif
