/* What the exact answers to some queries would be, against which an index is measured.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_TRUTH_H
#define VR_API_TRUTH_H

#include "api/indexer.h"
#include "api/wanted.h"

/* Items that the caller has, of an index on a server. */
typedef struct vr_given_items {
    const vrec_matrix *vectors; /* strides written out */
    const int64_t *ids;         /* NULL: row numbers */
} vr_given_items;

/* Queries, and how far the k-th nearest item of each is, as the index would report it. */
typedef struct vr_truth {
    size_t queries, top_k;
    vrec_matrix vectors; /* the queries, packed */
    float *values;       /* theirs */
    int64_t *own_ids;    /* of queries that are items, which mustn't find themselves; else NULL */
    uint32_t *own_rows;  /* of those, where the index has them; else NULL */
    int64_t *offsets;    /* of as many lists of one, for vrec_query_options; else NULL */
    float *limits;       /* an answer that is no farther than this is as near as the last exact one, */
    float *inner;        /* and one that is nearer than this is nearer, */
    int64_t *nearer;     /* as so many of the exact ones are */
    int64_t *wanted;     /* how many of them there are: top_k, or all items */
    float *nearest;      /* how far the nearest item of each is; IP: the product per length, negative */
    float *items; /* of an index on a server, by which its answers are judged, as it may report distances of
                     codes; else NULL */
    vr_wanted *places; /* of these by id */
    size_t item_count;
    bool by_product;         /* else by squared distance */
    double exact_per_second; /* queries that the exact search answered */
    double farther; /* of the pairs of a query and an item, in how many the query's nearest is farther
                       than the item's nearest other: .5 for queries that are distributed as items */
} vr_truth;

/* Compares the queries with all items of the index, or with those given, of which it makes a copy. Without
 * queries some of the items themselves are asked for. */
vrec_status vr_truth_find(const vrec_indexer *indexer, const vr_given_items *given,
                          const vrec_matrix *queries, size_t top_k, int32_t threads,
                          const vrec_progress *progress, vr_truth *out, vrec_error *err);

/* What was found for a query, at the distance that the index reported: nearer than the last of the exact
 * answers, and so one of them; as near as that, where others may be, too; or farther. */
typedef enum vr_verdict { VR_NEARER, VR_AS_NEAR, VR_FARTHER } vr_verdict;

vr_verdict vr_truth_judge(const vr_truth *truth, size_t q, int64_t id, float distance,
                          bool larger_is_nearer);

/* Whether it is an item that there is. */
bool vr_truth_knows(const vr_truth *truth, int64_t id);
void vr_truth_free(vr_truth *truth);

#endif
