/* All rows are compared with all queries, by several threads. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_SEARCH_H
#define VR_SCAN_SEARCH_H

#include "core/filter.h"
#include "core/scratch.h"
#include "core/topk.h"
#include "scan/wave.h"

#include "vrec/vrec.h"

typedef struct vr_search {
    const vr_rows *rows;
    const vrec_matrix *queries; /* strides written out, dim as the rows' */
    const vr_filter *filter;    /* or NULL */
    size_t k;                   /* at least 1 */
    size_t threads;
    vr_scratch_pool *scratch;      /* where its memory comes from, and goes back to */
    const vrec_progress *progress; /* or NULL; is told "searching" */

    /* Is given the k nearest rows, or fewer, of each query without NaN and Inf, sorted; by any thread, in
     * any order. */
    void (*found)(void *context, size_t query, const vr_topk *top);
    void *context;
} vr_search;

vrec_status vr_search_rows(const vr_search *given, vrec_error *err);

#endif
