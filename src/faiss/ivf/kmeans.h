/* Centroids of vectors, as FAISS finds them. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_KMEANS_H
#define VR_FAISS_IVF_KMEANS_H

#include "core/metric.h"
#include "core/scratch.h"

#include "vrec/vrec.h"

typedef struct vr_kmeans {
    const float *vectors; /* count x dim, finite */
    size_t count, dim;
    size_t clusters; /* at most count */
    vr_metric metric;
    uint64_t seed;
    size_t threads;
    vr_scratch_pool *scratch;
    const vrec_progress *progress; /* is told "training" */

    float *centroids;  /* clusters x dim: the answer, */
    uint32_t *nearest; /* and for each vector one that is near */
} vr_kmeans;

vrec_status vr_find_centroids(const vr_kmeans *given, vrec_error *err);

#endif
