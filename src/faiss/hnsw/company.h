/* Who belongs together, as a sample of queries says: items that the same queries want (after RoarGraph,
 * Chen et al., VLDB 2024). Queries are often distributed otherwise than items, as users are, and then what
 * is near says little of what is asked for together. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_COMPANY_H
#define VR_FAISS_HNSW_COMPANY_H

#include "faiss/hnsw/building.h"

enum { VR_HNSW_SAMPLE_MAX = 32768 /* queries that are looked at; of more, so many, evenly spread */ };

/* Of every node, the nearest company: counts[i] nodes from ids + i * width on. */
typedef struct vr_hnsw_company {
    size_t width;
    uint32_t *ids;
    uint8_t *counts;
} vr_hnsw_company;

/* among: what a query's best are looked for in, points by distance or products, of the items. queries have
 * been checked, and are of the same dim; a NaN or Inf is refused. NULL: some are made of the items. width
 * is below 256. The company is the same for any number of threads; it is empty, without ids, if no query
 * says anything. */
vrec_status vr_hnsw_company_find(vr_hnsw_building *b, const vr_hnsw_points *among,
                                 const vrec_matrix *queries, const float *items, size_t width,
                                 vr_hnsw_company *company, vrec_error *err);
/* Puts a node's company to the front of its row; returns how many they are. */
size_t vr_hnsw_company_seat(const vr_hnsw_company *company, uint32_t node, uint32_t *row);

void vr_hnsw_company_free(vr_hnsw_company *company); /* what it holds; zeroed is fine */

#endif
