/* From candidates to the k nearest. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_SCORE_H
#define VR_ANNOY_SCORE_H

#include "annoy/codes.h"
#include "annoy/walk.h"
#include "core/topk.h"

/* What one thread needs for it. */
typedef struct vr_annoy_scorer {
    const vr_annoy *forest;
    const vr_filter *filter; /* NULL: everybody may be returned */
    const vr_simd *simd;
    const vr_records *codes; /* or NULL; then so are digits, bounds and best */
    int8_t *digits;          /* of the query: lines * 64 */
    float *bounds;           /* one for every candidate */
    uint64_t *best;          /* as many as a vr_topk of the query has */
} vr_annoy_scorer;

/* Whether there are enough candidates for most of them to be dropped. */
static inline bool vr_annoy_wants_codes(size_t candidates, size_t k)
{
    return candidates / 4 > k;
}

/* Puts the walk's candidates into top, which may hold others. The same with and without codes. */
void vr_annoy_score(const vr_annoy_scorer *scorer, const vr_annoy_walk *walk, vr_topk *top);

#endif
