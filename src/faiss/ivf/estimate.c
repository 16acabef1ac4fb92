/* SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/estimate.h"

#include "base/memory.h"
#include "core/ids.h"
#include "faiss/format.h"
#include "faiss/ivf/build.h"
#include "faiss/table.h"

#include <math.h>

enum {
    ROUNDS = 10,      /* of training */
    VECTOR_WORK = 400 /* what a vector takes in each of them, whatever the lists: in lists */
};

typedef struct lists_plan {
    uint64_t rows, lists, sampled;
    uint64_t vector; /* bytes of an item */
    uint64_t digits; /* and as digits, */
    size_t together; /* in blocks of so many */
    bool own_ids;
} lists_plan;

/* In full, and no map. */
static uint64_t file_bytes(const lists_plan *p)
{
    uint64_t head = VR_FAISS_HEADER_BYTES + 8 + 8, map = 1 + 8, lists = 4 + 8 + 8 + 4 + 8;
    uint64_t quantizer = VR_FAISS_HEADER_BYTES + 8 + p->lists * p->vector;
    return head + quantizer + map + lists + p->lists * 8 + p->rows * (p->vector + 8);
}

/* Lists are as uneven as if every item decided anew whether its list ends: of the last block of a long one
 * half is empty, and a short one has one block. */
static uint64_t codes_bytes(const lists_plan *p)
{
    double blocks_long = (double)p->rows / (double)p->lists / (double)p->together;
    double blocks = (double)p->lists / (1 - exp(-1 / blocks_long));
    return vr_alloc_bytes((uint64_t)blocks * p->together * p->digits) + p->lists * p->digits;
}

/* Training, with a sample and what it is compared by; or filling the lists, with ids that are put in order.
 */
static uint64_t peak_bytes(const lists_plan *p, uint64_t index)
{
    uint64_t kept = p->rows * 8 + p->lists * p->vector;
    uint64_t training = vr_alloc_bytes(p->sampled * p->vector) + vr_alloc_bytes(p->sampled * p->digits) +
                        p->sampled * 12 + p->lists * p->digits;
    uint64_t ids = p->own_ids ? p->rows * (8 + 2 * sizeof(vr_id_entry)) : p->rows * 8;
    return vr_max(kept + training, p->rows * 8 + index + ids);
}

vrec_status vr_ivf_estimate(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err)
{
    const vr_simd *simd = vr_simd_get();
    size_t lists = (size_t)options->value[VR_FAISS_NLISTS];
    bool wants_codes;
    vrec_status status = vr_ivf_wants_codes(options, &wants_codes, err);
    if (status == VREC_OK)
        status = vr_ivf_check(plan->rows, lists, err);
    if (status != VREC_OK)
        return status;
    const lists_plan p = { .rows = plan->rows,
                           .lists = lists,
                           .sampled = vr_ivf_sampled(plan->rows, lists),
                           .vector = plan->dim * sizeof(float),
                           .digits = vr_block_bytes(simd, plan->dim) / simd->tile_rows,
                           .together = simd->tile_rows,
                           .own_ids = plan->own_ids };
    out->file_bytes = file_bytes(&p);
    out->index_bytes =
        vr_alloc_bytes(p.rows * p.vector) + p.lists * (p.vector + 16) + p.rows * (p.own_ids ? 4 + 8 : 4);
    out->opened_bytes = p.lists * 24 + p.rows * (p.own_ids ? 4 + 8 : 4);
    out->codes_bytes = wants_codes && plan->dim <= VR_CODES_DIM_MAX ? codes_bytes(&p) : 0;
    out->peak_bytes = peak_bytes(&p, out->index_bytes);
    double compared = (double)(p.sampled == p.lists ? 0 : ROUNDS * p.sampled) + (double)p.rows;
    *work = compared * ((double)p.lists + VECTOR_WORK) * (double)plan->dim;
    return VREC_OK;
}
