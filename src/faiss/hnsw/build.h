/* Building a graph over items. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_BUILD_H
#define VR_FAISS_HNSW_BUILD_H

#include "faiss/hnsw/graph.h"
#include "faiss/faiss.h"

#define VR_HNSW_SEED 12345 /* FAISS's, where nobody names another */

typedef struct vr_hnsw_plan {
    vr_metric metric;
    size_t m;                /* as the graph's; 2 to VR_HNSW_M_MAX */
    int32_t ef_construction; /* at least 1; more of it compares each item with more others */
    uint64_t seed;
    size_t threads;
    const vrec_matrix *queries; /* a sample of those to come, checked, of the items' dim; or NULL */

    /* Of a graph that is built on, the items as they are where some have a NaN or Inf, for which zeros are
     * given to the build; else NULL. */
    const vr_stored_f32 *stored;
} vr_hnsw_plan;

/* How many of the nearest in each of its leaves are candidates for a node's links: 14 for m=16 and FAISS's
 * efConstruction of 40. */
size_t vr_hnsw_per_leaf(const vr_hnsw_plan *plan);

/* How many of a node's 2 m links are to company, at the most. */
static inline size_t vr_hnsw_company_width(size_t m)
{
    return m < 128 ? m : 128;
}

/* Whether lengths, which are sorted here, differ so much that inner products and angles are different
 * things: the 95th percentile and the 5th by more than a fifth. */
bool vr_hnsw_lengths_differ(float *lengths, size_t count);

/* Whether there can be a graph over so many items of so many values: else VREC_UNSUPPORTED. */
vrec_status vr_hnsw_check(size_t rows, size_t dim, vrec_error *err);

/* Makes a graph over rows x dim items, which are finite; at least one. The graph is the same for any number
 * of threads, and on every processor. VREC_UNSUPPORTED for more dimensions than VR_HNSW_POINTS_DIM_MAX.
 *
 * Memory while it builds, besides the graph: per item, dim + 16 bytes, rounded up to 64, as digits, for
 * inner products of items whose lengths differ twice; at first 24 to 40 bytes to find equal items, of which
 * 8 stay where there are any, and 8 more while these are linked; then either the candidates for its links,
 * 4 bytes each (80, and 8 times m (efConstruction + 100) / 160, with m at least 10 and the quotient at most
 * 256, and for such inner products 96 more), and 72 bytes of their division into leaves, or 8 m + 12 bytes
 * for links turned around. A sample of queries, which such inner products have always, takes, for a while,
 * 320 bytes for each (at most 32768) and per item the digits once more, 4 m + 21 bytes (of m at most 128),
 * and 8 for every thread.
 */
vrec_status vr_hnsw_build(const vr_hnsw_plan *plan, const float *items, size_t rows, size_t dim,
                          const vrec_progress *progress, vr_hnsw_graph *graph, vrec_error *err);

/* The same for a graph that has its nodes on their levels already, and all slots free. */
vrec_status vr_hnsw_build_links(const vr_hnsw_plan *plan, const float *items, size_t dim,
                                const vrec_progress *progress, vr_hnsw_graph *graph, vrec_error *err);

/* The same for items of which the first, if any, have a graph already: a copy of that, with the others in
 * it. plan says of it m and ef_construction, and the seed that levels are drawn with; no queries. Cost:
 * that of a build of the others, and half as much again where they are as many as the first; twice to three
 * times as much where they are fewer than a third of these; and a pass over all items. Memory: candidates
 * are the others' alone, but 48 bytes for each of the first and, where the others are many, its division
 * into leaves. */
vrec_status vr_hnsw_build_on(const vr_hnsw_plan *plan, const vr_hnsw_graph *old, const float *items,
                             size_t rows, size_t dim, const vrec_progress *progress, vr_hnsw_graph *graph,
                             vrec_error *err);

#endif
