/* Items as small integers, from which a search of the graph estimates distances: a record of one or two
 * cache lines in place of a vector of many. What the search finds by estimates is then compared by the
 * vectors.
 *
 * An item x, less the mean of all, is y = scale * c + rest, with c of integers (digits); so is the query,
 * which for L2 has the mean taken off, too. Then
 *
 *     L2: |q - x|^2 = |p|^2 + |y|^2 - 2 <p, y>     with p = q - mean
 *     IP: <q, x>    = <q, mean> + <q, y>
 *
 * A record has the digits, and in its tail the scale and a bias: -|y|^2 / 2 for L2, 0 for IP. The sum that
 * the kernels give, scale(q) * scale * <c(q), c> + bias, orders the items of a query. Digits have the same
 * range on every processor and sums of them are exact, so estimates have the same bits everywhere.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_CODES_H
#define VR_FAISS_HNSW_CODES_H

#include "faiss/faiss.h"
#include "faiss/hnsw/graph.h"
#include "simd/simd.h"

#include <stdatomic.h>
#include <stdbool.h>

enum { VR_HNSW_CODES_DIM_MAX = 8192 };

typedef enum vr_hnsw_code_kind {
    VR_HNSW_SQ4, /* 4 bits a digit: one cache line up to 112 dimensions */
    VR_HNSW_SQ8  /* 7 bits in 8: one up to 48, two up to 112 */
} vr_hnsw_code_kind;

typedef struct vr_hnsw_codes {
    const vr_simd *simd;
    vr_hnsw_code_kind kind;
    vr_metric metric;
    size_t rows, dim;
    const vr_stored_f32 *items; /* borrowed */
    size_t lines;               /* cache lines of a record */
    float *mean;                /* dim values */
    float most;                 /* the largest |x|^2 of an item, which stands for M^2 of IP (below) */
    uint8_t *records;           /* one for each row: */
    atomic_size_t begun;        /* the first so many have been taken by a thread that makes them; */
    atomic_size_t made;         /* so many are complete, in any order */
} vr_hnsw_codes;

/* Cache lines that a record takes. */
size_t vr_hnsw_code_lines(vr_hnsw_code_kind kind, size_t dim);

/* The kind by which a graph is searched fastest at equal recall. A search waits for memory, record after
 * record, so it is the one whose records have fewer cache lines. */
vr_hnsw_code_kind vr_hnsw_fastest_kind(size_t dim);

/* Codes of an index's items, which must stay where they are. *out is NULL without an error where there
 * can't be any: more dimensions than VR_HNSW_CODES_DIM_MAX, or items so large that their squares overflow.
 * An item with a NaN or Inf is estimated to be infinitely far. */
vrec_status vr_hnsw_codes_create(vr_hnsw_code_kind kind, const vr_faiss_index *index,
                                 const vr_stored_f32 *items, vr_hnsw_codes **out, vrec_error *err);
void vr_hnsw_codes_free(vr_hnsw_codes *codes); /* NULL is fine */

/* Makes some of the records that are missing: for every query that is about to be answered, as many as take
 * a millisecond. Records are made bit by bit, because an index should open quickly, and no query should
 * wait for all of them. Until they are complete, a query makes those that it needs for itself
 * (vr_hnsw_codes_try): answers are the same, and take some three times as long. Fails only with
 * VREC_CANCELLED. */
vrec_status vr_hnsw_codes_go_on(vr_hnsw_codes *codes, size_t queries, size_t threads,
                                const vrec_progress *progress, vrec_error *err);

static inline bool vr_hnsw_codes_complete(const vr_hnsw_codes *codes)
{
    return atomic_load_explicit(&codes->made, memory_order_acquire) == codes->rows;
}

/* Whether estimates are too coarse to rank an item's neighbours (blur.h), which are looked for among those
 * that the graph links it to. */
vrec_status vr_hnsw_codes_blur(const vr_hnsw_codes *codes, const vr_hnsw_graph *graph, bool *blurred,
                               vrec_error *err);

/* How many digits a query has. */
static inline size_t vr_hnsw_codes_digits(const vr_hnsw_codes *codes)
{
    return codes->lines * 64 * (codes->kind == VR_HNSW_SQ4 ? 2 : 1);
}

/* Encodes a finite query. space: scratch of dim values; digits: room that vr_hnsw_codes_digits() measures.
 * False if it is too large for estimates to be finite. *offset - 2 * sum is the estimated distance of the
 * item whose sum it is. For L2 that is the squared distance. For IP it is M^2 + |q|^2 - 2 <q, x>, where M
 * is the length of the longest item: the squared distance once every item has been made as long as the
 * longest by one more dimension. */
bool vr_hnsw_codes_query(const vr_hnsw_codes *codes, const vr_stored_f32 *query, float *space,
                         int8_t *digits, vr_code_queries *coded, float *offset);

static inline const uint8_t *vr_hnsw_record(const vr_hnsw_codes *codes, uint32_t row)
{
    return codes->records + (size_t)row * codes->lines * 64;
}

/* sums[i] of the items ids[i]: the larger, the nearer. The first reads records, which must be complete; the
 * second makes those that it needs for itself. */
void vr_hnsw_codes_sums(const vr_hnsw_codes *codes, const vr_code_queries *coded, const uint32_t *ids,
                        size_t count, float *sums);
void vr_hnsw_codes_try(const vr_hnsw_codes *codes, const vr_code_queries *coded, const uint32_t *ids,
                       size_t count, float *sums);

#endif
