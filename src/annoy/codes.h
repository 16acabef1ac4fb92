/* The items in 8-bit codes, for candidates to be dropped without their nodes being read. core/codes.h says
 * why that is exact. An item has a record of whole cache lines, as simd.h's code_ids() wants them.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_CODES_H
#define VR_ANNOY_CODES_H

#include "annoy/annoy.h"
#include "core/codes.h"

struct vr_annoy_codes {
    const vr_simd *simd;
    size_t lines; /* of a record */
    uint8_t *records;
};

/* *out is the codes for a call that will look at that many candidates; NULL if there are none yet. Makes
 * them when they pay. Fails only if the caller stops it. */
vrec_status vr_annoy_get_codes(vr_annoy *forest, const vr_query *query, size_t candidates, size_t threads,
                               const vr_annoy_codes **out, vrec_error *err);
void vr_annoy_free_codes(vr_annoy_codes *codes);

/* A query that has codes, too. */
typedef struct vr_annoy_coded {
    vr_code_queries query;
    float norm; /* squared length */
} vr_annoy_coded;

/* digits: room for lines * 64 of them. False for a query that does without codes. */
bool vr_annoy_encode(const vr_annoy *forest, const vr_annoy_codes *codes, const float *query, float norm,
                     int8_t *digits, vr_annoy_coded *coded);

/* A candidate whose sum, from code_ids(), is below this is farther than the last of the k nearest, of which
 * limit is the key; with UINT64_MAX for none, nothing is below. */
float vr_annoy_floor(const vr_annoy *forest, const vr_annoy_coded *coded, uint64_t limit);

#endif
