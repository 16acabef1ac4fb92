/* What was found goes into the caller's arrays. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_RESULTS_H
#define VR_CORE_RESULTS_H

#include "core/index.h"
#include "core/topk.h"

/* Puts one item at a place below top_k of the query in that row; places are filled from 0 on, and what is
 * left over stays padding. */
static inline void vr_put_result(const vr_query *query, size_t row, size_t place, int64_t id,
                                 float distance)
{
    query->ids[row * query->top_k + place] = id;
    query->distances[row * query->top_k + place] = distance;
}

/* Says how many places of the query in that row are filled. */
static inline void vr_put_count(const vr_query *query, size_t row, size_t count)
{
    if (query->counts)
        query->counts[row] = (int64_t)count;
}

/* What is reported of what a vr_topk sorts by: squared distances as they are, inner products with their own
 * sign, of which 0 comes out as +0. */
static inline float vr_unchanged(float smaller)
{
    return smaller;
}

static inline float vr_negated(float smaller)
{
    return 0.0f - smaller;
}

/* Puts what a finished vr_topk holds. distance is vr_unchanged, vr_negated, or a backend's own. */
void vr_put_topk(const vr_query *query, size_t row, const vr_topk *top, float (*distance)(float smaller));

#endif
