/* Which list items belong to. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_ASSIGN_H
#define VR_FAISS_IVF_ASSIGN_H

#include "base/bytes.h"
#include "core/metric.h"
#include "core/scratch.h"

#include "vrec/vrec.h"

typedef struct vr_ivf_assigning {
    const vr_stored_f32 *centroids; /* lists of them, packed */
    size_t lists;
    vr_metric metric; /* by which the nearest centroid is the nearest */
    const vrec_matrix *items;
    size_t threads;
    vr_scratch_pool *scratch;
    const vrec_progress *progress;
    uint32_t *nearest; /* as vr_nearest's best: before, guesses; after, the list of every item */
} vr_ivf_assigning;

vrec_status vr_ivf_assign(const vr_ivf_assigning *assigning, vrec_error *err);

#endif
