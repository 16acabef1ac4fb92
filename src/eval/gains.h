/* The metrics that tell how well one user's list met its truth. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_EVAL_GAINS_H
#define VR_EVAL_GAINS_H

#include "eval/convention.h"
#include "eval/hits.h"

/* What a hit is worth by its rank, for lists of some width. */
typedef struct vr_gains {
    double *at;      /* rank r: 1 / log2(r + 2); past the last: 0 */
    double *inverse; /* rank r: 1 / (r + 1); past the last: 0 */
    double *ideal;   /* of so many hits at the best ranks, for 0 to width of them */
} vr_gains;

vrec_status vr_gains_init(vr_gains *gains, size_t width, vrec_error *err);
void vr_gains_free(vr_gains *gains);

/* The numbers of a user, in this order. */
enum { VR_NDCG, VR_MRR, VR_RECALL, VR_HIT, VR_PRECISION, VR_ACCURACY };

/* Those of a user with truth, for the first k of its list; and those of one who found nothing. */
void vr_accuracy_at(const vr_gains *gains, const vr_convention *convention, const vr_hits *hits, size_t k,
                    double out[VR_ACCURACY]);

/* The same of a user with one item of truth, which stands at this rank alone, or nowhere: at the width. As
 * many tests have no other users, it is without a branch and a division. */
static inline void vr_accuracy_of_one(const vr_gains *gains, size_t rank, size_t k, double out[VR_ACCURACY])
{
    double found = (double)(rank < k);
    out[VR_NDCG] = found * gains->at[rank]; /* the ideal is 1 */
    out[VR_MRR] = found * gains->inverse[rank];
    out[VR_RECALL] = found;
    out[VR_HIT] = found;
    out[VR_PRECISION] = found * gains->inverse[k - 1];
}

#endif
