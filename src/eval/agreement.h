/* How much of what an exact search finds an index finds. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_EVAL_AGREEMENT_H
#define VR_EVAL_AGREEMENT_H

#include "base/error.h"

/* What a distance is; for whom a smaller number is nearer here, always. */
typedef enum vr_nearness { VR_SQUARED_L2, VR_INNER_PRODUCT, VR_COSINE } vr_nearness;

/* A comparison that has been checked. */
typedef struct vr_agreement {
    const vrec_comparison *comparison;
    const vrec_matrix *queries, *items; /* strides written out; NULL: an item is found by its id alone */
    vr_nearness nearness;
    size_t threads;
    double *recall;   /* of each k, the mean */
    double *per_user; /* k_count x users; NaN: the exact search found nothing */
} vr_agreement;

vrec_status vr_agree(const vr_agreement *agreement, vrec_error *err);

#endif
