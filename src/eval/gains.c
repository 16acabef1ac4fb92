/* SPDX-License-Identifier: Apache-2.0 */
#include "eval/gains.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

vrec_status vr_gains_init(vr_gains *gains, size_t width, vrec_error *err)
{
    *gains = (vr_gains){ .at = vr_alloc(width + 1, sizeof(double)),
                         .inverse = vr_alloc(width + 1, sizeof(double)),
                         .ideal = vr_alloc(width + 1, sizeof(double)) };
    if (!gains->at || !gains->inverse || !gains->ideal) {
        vr_gains_free(gains);
        return vr_fail_memory(err, 3 * (width + 1) * sizeof(double), "what hits are worth");
    }
    gains->at[width] = gains->inverse[width] = gains->ideal[0] = 0.0;
    for (size_t rank = 0; rank < width; rank++) {
        gains->at[rank] = 1.0 / log2((double)rank + 2.0);
        gains->inverse[rank] = 1.0 / ((double)rank + 1.0);
        gains->ideal[rank + 1] = gains->ideal[rank] + gains->at[rank];
    }
    return VREC_OK;
}

void vr_gains_free(vr_gains *gains)
{
    vr_free(gains->at);
    vr_free(gains->inverse);
    vr_free(gains->ideal);
    *gains = (vr_gains){ 0 };
}

void vr_accuracy_at(const vr_gains *gains, const vr_convention *convention, const vr_hits *hits, size_t k,
                    double out[VR_ACCURACY])
{
    double gain = 0.0;
    size_t count = 0;
    for (; count < hits->count && hits->ranks[count] < k; count++)
        gain += gains->at[hits->ranks[count]];
    if (count == 0) {
        memset(out, 0, VR_ACCURACY * sizeof *out);
        return;
    }
    size_t best = convention->ideal_of_hits ? count : vr_min(hits->truth, k);
    out[VR_NDCG] = gain / gains->ideal[best];
    out[VR_MRR] = gains->inverse[hits->ranks[0]];
    out[VR_RECALL] = (double)count / (double)hits->truth;
    out[VR_HIT] = convention->hit_is_share ? (double)count : 1.0;
    out[VR_PRECISION] = (double)count / (double)k;
}
