/* The items in 8-bit codes, for candidates to be dropped without their nodes being read: scan/encode.h says
 * why that changes no answer. An item has a record (scan/records.h).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_CODES_H
#define VR_ANNOY_CODES_H

#include "annoy/annoy.h"
#include "scan/records.h"

/* *out is the codes for a call that will look at that many candidates; NULL if there are none yet. Makes
 * them when they pay. Fails only if the caller stops it. */
vrec_status vr_annoy_get_codes(vr_annoy *forest, const vr_query *query, size_t candidates, size_t threads,
                               const vr_records **out, vrec_error *err);

/* A query that has codes, too. */
typedef struct vr_annoy_coded {
    vr_code_queries query;
    float norm; /* squared length */
} vr_annoy_coded;

/* digits: room for lines * 64 of them. False for a query that does without codes. */
bool vr_annoy_encode(const vr_annoy *forest, const vr_records *codes, const float *query, float norm,
                     int8_t *digits, vr_annoy_coded *coded);

/* A candidate whose sum, from vr_records_bounds(), is below this is farther than the last of the k nearest,
 * of which limit is the key; with UINT64_MAX for none, nothing is below. */
float vr_annoy_floor(const vr_annoy *forest, const vr_annoy_coded *coded, uint64_t limit);

#endif
