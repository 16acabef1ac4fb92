/* Building a forest. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_BUILD_H
#define VR_ANNOY_BUILD_H

#include "annoy/layout.h"
#include "core/index.h"

typedef struct vr_annoy_plan {
    vr_annoy_layout layout;
    int64_t trees; /* -1: as many as it takes for the trees to have as many nodes as there are items */
    uint64_t seed;
    bool one_stream; /* one random stream through all trees, as Annoy has it; else one for each tree */
    size_t threads;
} vr_annoy_plan;

/* Gives the bytes of a file with a forest over the items, to be freed by the caller. */
vrec_status vr_annoy_build(const vr_annoy_plan *plan, const vrec_matrix *items,
                           const vrec_progress *progress, uint8_t **image, size_t *bytes, vrec_error *err);

/* How many trees a thread grows together. */
size_t vr_annoy_group_size(const vr_annoy_plan *plan);

#endif
