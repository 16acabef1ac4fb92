/* What every backend is to the rest: a table of verbs, and the indexes that it makes. A caller's indexer
 * (api/indexer.h) has one of them at a time.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_INDEX_H
#define VR_CORE_INDEX_H

#include "base/file.h"
#include "core/facts.h"
#include "core/filter.h"
#include "core/names.h"
#include "core/options.h"
#include "core/scratch.h"

#include <stdatomic.h>

/* One checked query call. The results have been filled with padding. */
typedef struct vr_query {
    const vrec_matrix *queries; /* strides written out, dim as the index's */
    size_t top_k;
    size_t threads;
    const vr_options *options; /* the indexer's, with this call's overrides */
    vr_filter filter;
    const vrec_progress *progress;
    const int64_t *names; /* what rows are called in the results, each; NULL: by their numbers */
    int64_t *ids;
    float *distances;
    int64_t *counts; /* or NULL */

    bool plain; /* HNSW: walk as FAISS does: by the vectors, one node after the other, and with no more
                   candidates than efSearch or k */
    const uint32_t
        *absent; /* HNSW: of each query a row that is passed by as if it weren't there; or NULL */
    _Atomic uint64_t *compared; /* is raised by the distances that are computed; or NULL */
} vr_query;

static inline void vr_count_compared(const vr_query *query, uint64_t distances)
{
    if (query->compared)
        atomic_fetch_add_explicit(query->compared, distances, memory_order_relaxed);
}

/* Items for an index to have, too. */
typedef struct vr_addition {
    const vrec_matrix *items;  /* strides written out, dim as the index's, not empty */
    const int64_t *ids;        /* one for each of them; or NULL */
    const vr_options *options; /* the indexer's */
    const vrec_progress *progress;
} vr_addition;

/* What making an index better goes by. */
typedef struct vr_optimizing {
    const vrec_matrix *queries; /* a sample of those to come: strides written out, dim as the index's, not
                                   empty; or NULL */
    const vr_options *options;  /* the indexer's */
    const vrec_progress *progress;
} vr_optimizing;

typedef struct vr_index vr_index;

typedef struct vr_index_verbs {
    /* Writes found items over the padding. On failure what it wrote doesn't matter. */
    vrec_status (*query)(vr_index *index, const vr_query *query, vrec_error *err);
    /* Writes all of its file, in the backend library's own format. NULL where it is on a server. */
    vrec_status (*write)(const vr_index *index, vr_output *out, const vrec_progress *progress,
                         vrec_error *err);
    void (*free)(vr_index *index); /* frees all of it */
    /* Copies the vectors of rows, one after the other. NULL where they are on a server. */
    vrec_status (*vectors)(const vr_index *index, const size_t *rows, size_t count, float *out,
                           vrec_error *err);
    /* Whether no item is in a row; NULL where one is in each. */
    bool (*is_hole)(const vr_index *index, size_t row);
    /* Adds the facts that take time to find out. False if memory is short. NULL where there are none. */
    bool (*look_up)(const vr_index *index, vr_facts *facts);
    /* Takes what the options say of queries as the index's own, which its file holds. NULL where none does.
     */
    void (*keep_setting)(vr_index *index, const vr_options *options);
    /* Makes an index that has more items, and needs nothing of the old one. NULL where that can't be. */
    vrec_status (*add)(const vr_index *index, const vr_addition *addition, vr_index **out, vrec_error *err);
    /* Makes an index of the same items, of which there are some, that is searched faster, and needs nothing
     * of the old one. NULL where there is nothing to gain. */
    vrec_status (*optimize)(const vr_index *index, const vr_optimizing *how, vr_index **out,
                            vrec_error *err);
    /* NULL where an index can't change in its place. options: the indexer's; items: strides written out,
     * dim as the index's, not empty. */
    vrec_status (*upsert)(vr_index *index, const vr_options *options, const int64_t *ids,
                          const vrec_matrix *items, const vrec_progress *progress, vrec_error *err);
    vrec_status (*remove)(vr_index *index, const int64_t *ids, size_t count, const vrec_progress *progress,
                          vrec_error *err);
} vr_index_verbs;

/* A backend's index starts with this. Queries change nothing but the scratch pool, and what they make for
 * those that come later. */
struct vr_index {
    const vr_index_verbs *verbs;
    size_t rows, dim;
    int64_t *ids;    /* of the rows, in any order, also twice; a row whose id is -1 is never returned. NULL:
                        row i is item i */
    vr_names *names; /* of the rows, which are their ids then; or NULL. api/ sets and frees it */
    bool ids_beside; /* its file has no room for ids: they go to another beside it, FILE.ids */
    bool mapped;     /* its file is used where it is, and was read by sample */
    bool larger_is_nearer;
    uint64_t changes; /* that the indexer had before it was given this index; api/ counts them */
    const char *kind; /* of index, as the option says that decides it; NULL where there is one kind */
    vr_scratch_pool scratch;
    vr_facts facts;
};

/* An index that is to be built. */
typedef struct vr_plan {
    size_t rows, dim;
    bool own_ids;
    const vrec_matrix
        *sample; /* items that are like its own, strides written out; NULL: nobody knows any */
} vr_plan;

typedef struct vr_backend {
    const char *name;
    const char *summary;
    const vr_option_table *options;
    uint32_t can; /* VREC_CAN_..., but for VREC_CAN_AVAILABLE */
    /* Whether a builder of it can be made here: built in, and what it needs at run time is there. NULL if
     * it always can. */
    vrec_status (*ready)(vrec_error *err);
    /* items: strides written out, not empty. build: with every field, its queries as items are. */
    vrec_status (*from_embeddings)(const vr_options *options, const vrec_matrix *items,
                                   const vrec_build *build, vr_index **out, vrec_error *err);
    vrec_status (*from_index_file)(const vr_options *options, const char *path,
                                   const vrec_progress *progress, vr_index **out, vrec_error *err);
    /* Whether a build learns from a sample of queries. NULL: none does. */
    bool (*learns)(const vr_options *options);
    /* What such an index takes: all of a zeroed forecast but the time; and how much work building it is, in
     * a unit of the backend's. NULL where indexes are on a server. */
    vrec_status (*estimate)(const vr_options *options, const vr_plan *plan, vrec_forecast *out,
                            double *work, vrec_error *err);
    /* Changes options so that a build of rows out of all is a small copy of that of all. NULL: any options
     * do. */
    void (*shrink)(vr_options *options, size_t rows, size_t all);
    /* Checks all of a file, where from_index_file() doesn't; else NULL. */
    vrec_status (*verify)(const vr_options *options, const char *path, const vrec_progress *progress,
                          vrec_error *err);
    /* Where indexes are on a server, under a name among the options; else NULL. */
    vrec_status (*attach)(const vr_options *options, const vrec_progress *progress, vr_index **out,
                          vrec_error *err);
    vrec_status (*list)(const vr_options *options, void (*name)(void *context, const char *name),
                        void *context, const vrec_progress *progress, vrec_error *err);
    vrec_status (*drop)(const vr_options *options, const vrec_progress *progress, vrec_error *err);
} vr_backend;

/* Reports to the caller, if it wants to know; VREC_CANCELLED if it asks to stop. unit is one of those that
 * the public header names. */
vrec_status vr_report(const vrec_progress *progress, const char *phase, const char *unit, uint64_t done,
                      uint64_t total, vrec_error *err);

/* Whether a build was told something that what is being built ("annoy", "faiss HNSW") can't use yet: a
 * sample of queries. VREC_UNSUPPORTED names the way out. */
vrec_status vr_refuse_queries(const vrec_build *build, const char *what, vrec_error *err);

#endif
