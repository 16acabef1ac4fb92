/* The nearest of some rows to each of many vectors: the same answer as a scan of all rows would give for k
 * = 1, where rows are few enough for a cache and vectors are many. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_NEAREST_H
#define VR_SCAN_NEAREST_H

#include "core/scratch.h"
#include "scan/wave.h"

#include "vrec/vrec.h"

#define VR_NO_ROW UINT32_MAX

typedef struct vr_nearest {
    const vr_rows *rows;        /* without numbers */
    const vrec_matrix *vectors; /* strides written out, dim as the rows' */
    const vr_queries *queries;  /* the same vectors, all finite, readied for rows of this form; or NULL */

    /* Of every vector. Before: a row that may be near, which saves comparisons if it is; or VR_NO_ROW.
     * After: the nearest row; VR_NO_ROW for a vector with a NaN or Inf, and where no distance is finite. */
    uint32_t *best;
    float *distances; /* to it; or NULL */

    size_t threads;
    vr_scratch_pool *scratch;

    /* Is told phase, and vectors that are done, done_before of which are of earlier calls. */
    const vrec_progress *progress;
    const char *phase;
    uint64_t done_before, total;
} vr_nearest;

vrec_status vr_find_nearest(const vr_nearest *given, vrec_error *err);

#endif
