/* Squared Euclidean distance and inner product: which of two is nearer, and what they are called.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_METRIC_H
#define VR_CORE_METRIC_H

#include <stdbool.h>

typedef enum vr_metric { VR_METRIC_IP = 0, VR_METRIC_L2 = 1 } vr_metric; /* numbers as in FAISS's files */

static inline bool vr_larger_is_nearer(vr_metric metric)
{
    return metric == VR_METRIC_IP;
}

static inline const char *vr_metric_name(vr_metric metric)
{
    return metric == VR_METRIC_IP ? "IP" : "L2";
}

/* From a distance to the number that a vr_topk sorts by, of which the smaller is nearer. */
static inline float vr_smaller_of(vr_metric metric, float distance)
{
    return metric == VR_METRIC_IP ? -distance : distance;
}

#endif
