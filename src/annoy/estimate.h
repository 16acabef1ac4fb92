/* What a forest takes, before it is built. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_ESTIMATE_H
#define VR_ANNOY_ESTIMATE_H

#include "annoy/build.h"

/* As the backend's verb. codes: whether queries may make some; mapped: whether its file will be. */
void vr_annoy_estimate(const vr_annoy_plan *forest, const vr_plan *plan, bool codes, bool mapped,
                       vrec_forecast *out, double *work);

#endif
