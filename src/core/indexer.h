/* What every backend is to the rest: a table of verbs, and the indexers that it makes.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_INDEXER_H
#define VR_CORE_INDEXER_H

#include "core/filter.h"
#include "core/options.h"
#include "core/scratch.h"

/* One checked query call. The results have been filled with padding. */
typedef struct vr_query {
    const vrec_matrix *queries; /* strides written out, dim as the indexer's */
    size_t top_k;
    size_t threads;
    const vr_options *options; /* the indexer's, with this call's overrides */
    vr_filter filter;
    const vrec_progress *progress;
    int64_t *ids;
    float *distances;
    size_t *counts; /* or NULL */
} vr_query;

typedef struct vr_indexer_verbs {
    /* Writes found items over the padding. On failure what it wrote doesn't matter. */
    vrec_status (*query)(vrec_indexer *indexer, const vr_query *query, vrec_error *err);
    vrec_status (*save)(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                        vrec_error *err);
    void (*free)(vrec_indexer *indexer); /* frees the whole indexer */
    /* NULL where the items of an index can't change. items: strides written out, dim as the indexer's,
     * not empty. */
    vrec_status (*upsert)(vrec_indexer *indexer, const int64_t *ids, const vrec_matrix *items,
                          const vrec_progress *progress, vrec_error *err);
    vrec_status (*remove)(vrec_indexer *indexer, const int64_t *ids, size_t count, vrec_error *err);
} vr_indexer_verbs;

enum { VR_FACTS_MAX = 24 };

/* A backend's indexer starts with this. Queries change nothing but the scratch pool. */
struct vrec_indexer {
    const vr_indexer_verbs *verbs;
    size_t rows, dim;
    int64_t *ids; /* of the rows, in any order, also twice; a row whose id is -1 is never returned. NULL:
                     row i is item i */
    bool larger_is_nearer;
    const char *kind;   /* of index, as the option says that decides it; NULL where there is one kind */
    vr_options options; /* what vr_options_keep() keeps; set, and freed, by api/ */
    vr_scratch_pool scratch;
    size_t fact_count;
    struct {
        const char *key;
        char value[160];
    } facts[VR_FACTS_MAX];
};

typedef struct vr_backend {
    const char *name;
    const char *summary;
    const vr_option_table *options;
    /* Whether a builder of it can be made here: built in, and what it needs at run time is there. NULL if
     * it always can. */
    vrec_status (*ready)(vrec_error *err);
    /* items: strides written out, not empty. */
    vrec_status (*from_embeddings)(const vr_options *options, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err);
    vrec_status (*from_index_file)(const vr_options *options, const char *path,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err);
    /* Checks all of a file, where from_index_file() doesn't; else NULL. */
    vrec_status (*verify)(const vr_options *options, const char *path, const vrec_progress *progress,
                          vrec_error *err);
    /* Where indexes are on a server, under a name among the options; else NULL. */
    vrec_status (*attach)(const vr_options *options, const vrec_progress *progress, vrec_indexer **out,
                          vrec_error *err);
    vrec_status (*drop)(const vr_options *options, vrec_error *err);
} vr_backend;

/* Adds one fact for vrec_info(). key is static. */
void vr_fact(vrec_indexer *indexer, const char *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports to the caller, if it wants to know; VREC_CANCELLED if it asks to stop. */
vrec_status vr_report(const vrec_progress *progress, const char *what, uint64_t done, uint64_t total,
                      vrec_error *err);

#endif
