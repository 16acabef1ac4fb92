/* Which lists are near a query. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_IVF_COARSE_H
#define VR_FAISS_IVF_COARSE_H

#include "faiss/ivf/codes.h"
#include "scan/nearest.h"
#include "scan/scan.h"

#define VR_IVF_NO_LIST VR_NO_ROW /* lists are rows of their centroids */

/* Puts the count lists whose centroids are nearest to a finite query, nearest first, then VR_IVF_NO_LIST
 * where there are fewer. distances: one for each list; keys: vr_topk_capacity(count) of them. */
void vr_ivf_nearest_lists(const vr_ivf *ivf, const float *query, size_t count, float *distances,
                          uint64_t *keys, uint32_t *out);

/* What one thread has that finds the nearest lists of several queries together. */
typedef struct vr_ivf_chooser {
    const vr_ivf *ivf;
    size_t probes, room; /* lists of a query; queries at a time */
    bool in_order;       /* lists are wanted nearest first, also of many queries */
    vr_rows rows;        /* the centroids */
    vr_worst worst;      /* of them, by digits */
    vr_wave wave;        /* by rows: every query is compared alone */
    float *panel;        /* by panels: some centroids as the kernel wants them */
    float *sums;         /* of each query with all centroids: the larger, the nearer; */
    size_t stride;       /* from one query's to the next one's, which the last panel or block fills up */
    uint32_t *bits;      /* one for each of a query's sums */
    uint32_t *doubtful;  /* lists that may be wanted: the row kernel is asked */
    uint64_t *keys;
    float *distances;
} vr_ivf_chooser;

/* codes: or NULL. Room is for as many of so many queries as make sense. */
void vr_ivf_chooser_plan(vr_ivf_chooser *chooser, const vr_ivf *ivf, const vr_ivf_codes *codes,
                         size_t probes, size_t queries, bool in_order);
void vr_ivf_chooser_place(vr_ivf_chooser *chooser, uintptr_t base, size_t *end); /* as vr_wave_place() */

/* Finds the lists of count <= room of the queries, which are finite; those of query q go to out + q *
 * probes. Where that is wanted they are in order, the nearest first. Else they are in the order of their
 * sums, or, if there are many queries, one that is nearest or nearly so is first, and the others follow in
 * any order. */
void vr_ivf_choose(vr_ivf_chooser *chooser, const vr_queries *queries, const uint32_t *picked, size_t count,
                   uint32_t *out);

/* The same as the quantizer itself says it, which may be a graph, for count queries from first on: for each
 * probes lists, for whose numbers and distances ids and distances have room. A plain query asks a graph as
 * FAISS does. */
vrec_status vr_ivf_ask_quantizer(const vr_ivf *ivf, const vr_query *query, size_t first, size_t count,
                                 size_t probes, int64_t *ids, float *distances, uint32_t *out,
                                 vrec_error *err);

#endif
