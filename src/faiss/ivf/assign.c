/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/assign.h"

#include "base/error.h"
#include "scan/nearest.h"

vrec_status vr_ivf_assign(const vr_ivf_assigning *a, vrec_error *err)
{
    size_t dim = a->items->dim;
    const vr_simd *simd = vr_simd_get();
    vr_blocks *blocks =
        vr_blocks_create(simd, vr_block_count(simd, a->lists), dim, a->metric, simd->code_max);
    if (!blocks && dim <= VR_CODES_DIM_MAX)
        return vr_fail_memory(err, a->lists * dim, "codes of the centroids");
    if (blocks)
        vr_blocks_fill(blocks, a->centroids, a->lists);
    vr_rows rows = {
        .values = a->centroids, .count = a->lists, .dim = dim, .metric = a->metric, .blocks = blocks
    };
    vr_nearest nearest = { .rows = &rows,
                           .vectors = a->items,
                           .best = a->nearest,
                           .threads = a->threads,
                           .scratch = a->scratch,
                           .progress = a->progress,
                           .phase = "assigning",
                           .total = a->items->rows };
    vrec_status status = vr_find_nearest(&nearest, err);
    vr_blocks_free(blocks);
    return status;
}
