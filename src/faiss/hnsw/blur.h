/* Whether digits tell near items apart. Digits of an item are as coarse as its largest value is large. If
 * that says little of the distances to its neighbours, because items lie in groups far from each other, one
 * dimension is much wider than the rest, or a few items are very far out, then what digits estimate is
 * noise where it matters. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_BLUR_H
#define VR_FAISS_HNSW_BLUR_H

#include "core/topk.h"

#include <math.h>
#include <stdbool.h>

enum {
    VR_HNSW_BLUR_SAMPLES = 64, /* items that are looked at, evenly spread, */
    VR_HNSW_BLUR_NEAREST = 8   /* each with so many of its neighbours */
};

/* The neighbours of one of them: the nearest of those that are pushed. */
typedef struct vr_hnsw_near {
    vr_topk top;
    uint64_t keys[2 * VR_HNSW_BLUR_NEAREST + 32];
} vr_hnsw_near;

static inline vr_topk *vr_hnsw_near_init(vr_hnsw_near *near)
{
    vr_topk_init(&near->top, near->keys, VR_HNSW_BLUR_NEAREST);
    return &near->top;
}

/* What was found of them. */
typedef struct vr_hnsw_blur {
    size_t looked, blurred;
} vr_hnsw_blur;

/* Looks at one item: the true distances of its neighbours, and those that digits estimate. It is blurred if
 * estimates are wrong by as much as a third of what distances differ, whatever is the same for all of them.
 */
static inline void vr_hnsw_blur_look(vr_hnsw_blur *blur, const vr_topk *near, const float *estimates)
{
    double mean = 0, off = 0, spread = 0, wrong = 0;
    size_t count = near->count;
    for (size_t i = 0; i < count; i++) {
        double distance = (double)vr_topk_value(near->keys[i]);
        mean += distance / (double)count;
        off += ((double)estimates[i] - distance) / (double)count;
    }
    for (size_t i = 0; i < count; i++) {
        double distance = (double)vr_topk_value(near->keys[i]);
        double error = (double)estimates[i] - distance - off;
        spread += (distance - mean) * (distance - mean);
        wrong += error * error;
    }
    if (count < 3 || !isfinite(spread) || !isfinite(wrong) || spread <= 1e-12 * mean * mean)
        return;
    blur->looked++;
    blur->blurred += 9 * wrong > spread;
}

static inline bool vr_hnsw_is_blurred(const vr_hnsw_blur *blur)
{
    return 8 * blur->blurred > 3 * blur->looked;
}

#endif
