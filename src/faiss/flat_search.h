/* One search of the exact index: what its driver (flat_search.c) and its scans (flat_scan.c) share.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_FLAT_SEARCH_H
#define VR_FAISS_FLAT_SEARCH_H

#include "core/topk.h"
#include "faiss/flat/flat.h"
#include "simd/simd.h"

#include <float.h>

/* How a chunk of items is compared with the queries; flat_scan.c says more. */
typedef enum vr_scan { VR_SCAN_ROWS, VR_SCAN_PANELS, VR_SCAN_CODES } vr_scan;

enum { VR_SCAN_BLOCK = 1024 }; /* rows whose distances are computed before they are looked at */

/* One call, or rather one wave of its queries: those with a NaN or Inf are left out. */
typedef struct vr_flat_search {
    vr_flat *flat;
    const vr_query *query;
    const vr_simd *simd;
    size_t k, threads, wave; /* wave: queries at the most, a multiple of tile_queries */
    vr_scan scan;
    const vr_codes *codes;
    float slack, tiny;

    size_t count;           /* queries in this wave */
    size_t *row_of;         /* their rows in the caller's matrix */
    float *vectors;         /* count x dim */
    float *blocks;          /* by panels: the same as the tile kernel wants it, tile_queries at a time */
    vr_code_queries *coded; /* by codes: width queries each */
    int8_t *digits;
    size_t width;             /* queries that one kernel call compares */
    float *norms;             /* |q|^2 */
    float *reaches;           /* by how much a floor sinks per |x| */
    _Atomic uint64_t *limits; /* the least limit that any thread has */

    /* One of each per thread */
    vr_topk *tops;  /* wave of them */
    uint64_t *keys; /* wave x capacity */
    float *floors;  /* wave */
    float *space;   /* space_size: a panel, or distances */
    size_t space_size;

    size_t chunk;
    atomic_size_t next; /* the first item, in the merge the first query, that nobody has taken */
    atomic_size_t done;
    atomic_bool stopped;
    size_t base_done, total; /* for reports, in items x queries */
    vrec_status status;      /* of the last report; the calling thread's alone */
    vrec_error error;
} vr_flat_search;

/* Nothing is farther than that and still returned. */
static inline uint64_t vr_flat_no_limit(void)
{
    return vr_topk_key(FLT_MAX, UINT32_MAX);
}

/* Sets a worker's limit for a query: keys above it aren't wanted. */
void vr_flat_set_limit(vr_flat_search *s, size_t worker, size_t q, uint64_t limit);

/* Compares all queries of the wave with count items from first on, which is a multiple of tile_rows. */
void vr_flat_scan(vr_flat_search *s, size_t worker, size_t first, size_t count);

#endif
