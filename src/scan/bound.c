/* Why nobody is dropped who would have been among the k nearest.
 *
 * The distances that callers see come from a row kernel. The tile kernel and the code kernels add up the
 * same products in another order, or bounds of them, so that they can only say who may be near enough. They
 * must never drop a pair that the row kernel would accept. What they add up is bias(x) + <q, x>, and they
 * drop a pair if that is below floor(q). With T for the distance of the k-th nearest so far, in the row
 * kernel's arithmetic, a pair is accepted if
 *
 *     L2: |q - x|^2 <= T       which is   <q, x> - |x|^2 / 2 >= (|q|^2 - T) / 2
 *     IP: <q, x> >= T          which is   <q, x> >= T
 *
 * Both sides are computed in float32. Their errors are bounded (Higham, Accuracy and Stability of Numerical
 * Algorithms, 2002, section 3.1) by g = (d + 8) * 2^-24 / (1 - (d + 8) * 2^-24) times the sum of the
 * absolute values added: g * |q||x| for the dot product, g * |x|^2 for a squared length, and
 * g * |q - x|^2 <= 2g * (|q|^2 + |x|^2) for the row kernel's distance. Added up with
 * |q||x| <= (|q|^2 + |x|^2) / 2, L2 needs a slack of at most 2.6 g |x|^2 + 1.6 g |q|^2, and IP of 2 g
 * |q||x|. vr_slack() = 3.2 (d + 16) 2^-24 covers either, and vr_tiny() covers what underflows, even with
 * denormals flushed to zero. For L2 the part of |x|^2 is in the bias, so that a floor depends on the query
 * alone.
 *
 * The code kernels add up no more than the same bound, with an integer where the sum of d products was, and
 * a few roundings of what is at most 4 |q||x|: the 16 instead of 8 is for these (d <= VR_CODES_DIM_MAX).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "scan/bound.h"

#include <float.h>
#include <math.h>

float vr_slack(size_t dim)
{
    return 3.2f * ((float)dim + 16.0f) * 0x1p-24f;
}

float vr_tiny(size_t dim)
{
    return ((float)dim + 8.0f) * 4.0f * FLT_MIN;
}

float vr_length_bound(float sum, size_t dim)
{
    return sqrtf(sum * (1.0f + vr_slack(dim)) + (float)dim * 2.0f * FLT_MIN) * (1.0f + 0x1p-20f);
}

float vr_bias_factor(vr_metric metric, size_t dim)
{
    return metric == VR_METRIC_L2 ? vr_slack(dim) - 0.5f : 0.0f;
}

float vr_floor(vr_metric metric, size_t dim, float norm, float worst)
{
    float slack = vr_slack(dim), tiny = vr_tiny(dim);
    if (!(norm < VR_HUGE_NORM))
        return -INFINITY;
    if (metric == VR_METRIC_L2)
        return (norm - worst) * 0.5f - slack * (norm + worst) - tiny;
    return -worst - slack * fabsf(worst) - tiny;
}
