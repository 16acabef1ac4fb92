/* A forest isn't known before it is built, since planes divide items as these happen to lie. But trees over
 * as many items have nearly as many nodes each.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/estimate.h"

#include "annoy/tree.h"
#include "base/memory.h"
#include "scan/records.h"

#include <math.h>

enum {
    NODES_PER_BUCKET = 29, /* tenths: nodes of a tree, for each bucket that its items would fill; */
    NODES_BY_PRODUCT = 42, /* dot, where lengths divide items unevenly */
    NEAR_BYTES = 640 << 10 /* of a thread, for items near */
};

static uint64_t nodes_of_tree(const vr_annoy_plan *forest, uint64_t rows)
{
    uint64_t capacity = forest->layout.capacity;
    uint64_t nodes = forest->layout.metric == VR_ANNOY_DOT ? NODES_BY_PRODUCT : NODES_PER_BUCKET;
    return rows <= capacity ? 1 : vr_max(3, rows * nodes / (10 * capacity));
}

static uint64_t count_trees(const vr_annoy_plan *forest, uint64_t rows)
{
    uint64_t nodes = nodes_of_tree(forest, rows);
    return forest->trees >= 0 ? (uint64_t)forest->trees : (rows + nodes - 1) / nodes;
}

/* Of every thread. */
static uint64_t tools_bytes(const vr_annoy_plan *forest, uint64_t rows)
{
    return rows * (VR_ANNOY_ORDER_BYTES * vr_annoy_group_size(forest) + 4) + NEAR_BYTES;
}

void vr_annoy_estimate(const vr_annoy_plan *forest, const vr_plan *plan, bool codes, bool mapped,
                       vrec_forecast *out, double *work)
{
    uint64_t rows = plan->rows, trees = count_trees(forest, rows), size = forest->layout.size;
    uint64_t nodes = trees * nodes_of_tree(forest, rows), ids = plan->own_ids ? rows * 8 : 0;
    uint64_t threads = forest->one_stream ? 1 : forest->threads;
    out->file_bytes = (rows + nodes + trees) * size; /* with copies of the roots */
    out->index_bytes = out->file_bytes + ids;
    out->opened_bytes = mapped ? ids : out->index_bytes;
    out->mapped_bytes = mapped ? out->file_bytes : 0;
    if (codes && plan->dim <= VR_CODES_DIM_MAX)
        out->codes_bytes = vr_alloc_bytes(rows * vr_record_bytes(plan->dim));
    /* What trees took is given back late, or not at all. */
    out->peak_bytes = out->file_bytes + nodes * size + ids +
                      rows * (forest->layout.metric == VR_ANNOY_DOT ? 12 : 8) +
                      threads * tools_bytes(forest, rows);
    double levels = log2(fmax(2, (double)rows / forest->layout.capacity));
    *work = (double)trees * (double)rows * levels * (double)plan->dim;
}
