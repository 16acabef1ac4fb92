/* Whether digits tell near items apart. Digits of an item are as coarse as its largest value is large. If
 * that says little of the distances to its neighbours, because items lie in groups far from each other, one
 * dimension is much wider than the rest, or a few items are very far out, then what digits estimate is
 * noise where it matters. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_BLUR_H
#define VR_FAISS_HNSW_BLUR_H

#include "core/topk.h"

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

/* How many of a hundred pairs of near neighbours estimates may put in the wrong order: those of a search
 * that keeps as many candidates as it would without estimates, and those of one that keeps more because of
 * them. Measured: searches of real vectors lose nothing at 3 and at 15, respectively. */
enum { VR_HNSW_BLUR_PERCENT = 10, VR_HNSW_BLUR_PERCENT_WIDER = 17 };

/* Pairs of neighbours that are not equally far, and of them those in the wrong order. */
typedef struct vr_hnsw_blur {
    size_t pairs, wrong;
} vr_hnsw_blur;

/* Looks at one item: the true distances of its neighbours, and those that digits estimate. */
static inline void vr_hnsw_blur_look(vr_hnsw_blur *blur, const vr_topk *near, const float *estimates)
{
    for (size_t i = 0; i < near->count; i++)
        for (size_t j = 0; j < near->count; j++) {
            if (!(vr_topk_value(near->keys[i]) < vr_topk_value(near->keys[j])))
                continue;
            blur->pairs++;
            blur->wrong += !(estimates[i] < estimates[j]);
        }
}

static inline bool vr_hnsw_is_blurred(const vr_hnsw_blur *blur, size_t percent)
{
    return 100 * blur->wrong > percent * blur->pairs;
}

#endif
