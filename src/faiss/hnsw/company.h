/* Company: for every item, others that the same queries ask for (after RoarGraph, Chen et al., VLDB 2024).
 *
 * A search walks from an item to its neighbours in the graph, so items that one query wants should be
 * linked. Usually they are, being near each other. But queries may be distributed otherwise than items: a
 * user likes several kinds of items, which lie far apart. So a sample of queries is asked which items it
 * wants, and items that many of the same queries want are linked, however far from each other they are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_COMPANY_H
#define VR_FAISS_HNSW_COMPANY_H

#include "faiss/hnsw/building.h"

/* Of a larger sample, so many queries, evenly spread over it, are used. */
enum { VR_HNSW_SAMPLE_MAX = 32768 };

/* The company of node i: counts[i] nodes, at most width, from ids + i * width on, nearest first. */
typedef struct vr_hnsw_company {
    size_t width;
    uint32_t *ids;
    uint8_t *counts;
} vr_hnsw_company;

/* Finds the company of all items, at most width (below 256) for each; copies (copies.h) have none.
 *
 * among: the items as the build compares them, by distance or by inner product; a query wants the nearest
 * of them. queries: the sample, of as many dimensions as the items; one with a NaN or Inf is an error.
 * NULL: queries are made up, from pairs of items.
 *
 * The company is the same for any number of threads. Where no query can be compared with the items
 * (vr_hnsw_can_compare), company->ids is NULL. */
vrec_status vr_hnsw_company_find(vr_hnsw_building *b, const vr_hnsw_points *among,
                                 const vrec_matrix *queries, const float *items, size_t width,
                                 vr_hnsw_company *company, vrec_error *err);

/* Copies a node's company to the front of its row of links; returns how many nodes that are. */
size_t vr_hnsw_company_seat(const vr_hnsw_company *company, uint32_t node, uint32_t *row);

void vr_hnsw_company_free(vr_hnsw_company *company); /* what it holds; zeroed is fine */

#endif
