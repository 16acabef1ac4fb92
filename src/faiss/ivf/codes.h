/* The items of an IVF index in 8 bits: every list has blocks of its own. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_FAISS_IVF_CODES_H
#define VR_FAISS_IVF_CODES_H

#include "faiss/ivf/ivf.h"

typedef struct vr_ivf_codes {
    vr_blocks *items, *centroids;
    vr_worst worst; /* of the centroids */
} vr_ivf_codes;

/* The codes, made now if that pays, for a query that looks into so many lists; *out is NULL where it has
 * to do without. */
vrec_status vr_ivf_get_codes(vr_ivf *ivf, const vr_query *query, size_t probes, const vr_ivf_codes **out,
                             vrec_error *err);

void vr_ivf_codes_free(vr_ivf_codes *codes); /* NULL is fine */

#endif
