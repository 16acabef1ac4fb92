/* The milvus room's own: what its indexer is, and the phases of its life.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_MILVUS_H
#define VR_MILVUS_MILVUS_H

#include "milvus/client.h"
#include "milvus/table.h"

typedef struct vr_milvus {
    vr_index base;
    vr_client client;
    char id_field[VR_CLIENT_NAME], vector_field[VR_CLIENT_NAME];
    char index_type[VR_OPTION_TEXT]; /* as the server calls it; "" if there is none */
    char metric[VR_OPTION_TEXT];
    char version[VR_OPTION_TEXT]; /* of the server */
    char read_only[VR_REASON];    /* why nothing can be upserted; "" if it can */
    uint64_t owner;               /* the process that drops the collection at close; 0: nobody */
    atomic_bool wrote;            /* this indexer has changed the collection */
    atomic_bool unstamped;        /* once without hearing when */
    _Atomic uint64_t last_write;  /* when, in the server's terms */
} vr_milvus;

/* ---- Options (options.c): what those of the table mean ---- */

typedef struct vr_milvus_plan {
    char collection[VR_CLIENT_NAME];
    bool generated; /* the name is ours: drop it at close, and after a failure */
    const char *vector_field;
    char index_type[VR_OPTION_TEXT];
    const char *metric;
    char params[VR_OPTION_TEXT_MAX]; /* of the index, JSON */
    int32_t replicas, shards;
    size_t batch_bytes, threads;
} vr_milvus_plan;

/* Where the server is and how long it may take. */
vrec_status vr_milvus_client_options(const vr_options *given, vr_client *client, vrec_error *err);

/* What to build. */
vrec_status vr_milvus_plan_options(const vr_options *given, const vrec_matrix *items, vr_milvus_plan *plan,
                                   vrec_error *err);

/* The collection that attach, drop and their kin need. */
vrec_status vr_milvus_collection_option(const vr_options *given, const char **out, vrec_error *err);
const char *vr_milvus_vector_field_option(const vr_options *given); /* "" for any */

/* Whether what the caller set contradicts the collection that was found. */
vrec_status vr_milvus_compare_options(const vr_options *given, const vr_milvus *found, vrec_error *err);

/* The parameters of a search that wants limit results, as JSON. */
void vr_milvus_search_params(const vr_options *given, const char *index_type, size_t limit,
                             char out[VR_OPTION_TEXT_MAX]);

/* What a search must have seen: the server's level and timestamp. */
void vr_milvus_consistency(const vr_options *given, vr_milvus *milvus, int32_t *level, uint64_t *timestamp);

size_t vr_milvus_batch_bytes(const vr_options *given);
size_t vr_milvus_threads(const vr_options *given);

/* ---- Build (build.c) ---- */

vrec_status vr_milvus_create(vr_milvus *milvus, const vr_milvus_plan *plan, size_t dim, vr_watch *watch,
                             vrec_error *err);
vrec_status vr_milvus_flush(vr_milvus *milvus, const vrec_progress *progress, vrec_error *err);
vrec_status vr_milvus_make_index(vr_milvus *milvus, const vr_milvus_plan *plan,
                                 const vrec_progress *progress, vrec_error *err);
vrec_status vr_milvus_load(vr_milvus *milvus, int32_t replicas, const vrec_progress *progress,
                           vrec_error *err);

/* ---- Attach (attach.c) ---- */

/* Says hello, and learns the server's version. */
vrec_status vr_milvus_greet(vr_milvus *milvus, const vrec_progress *progress, vrec_error *err);

/* Whether the collection that the client names exists. */
vrec_status vr_milvus_exists(vr_client *client, vr_watch *watch, bool *out, vrec_error *err);
/* The names of all collections; to free with vr_reply_free(), also after a failure. */
vrec_status vr_milvus_names(vr_client *client, vr_watch *watch, Vr__NamesReply **out, vrec_error *err);
vrec_status vr_milvus_drop(vr_client *client, int64_t timeout_ms, const vrec_progress *progress,
                           vrec_error *err);

/* Learns fields, dimension, index and rows of the client's collection, and loads it if need be. */
vrec_status vr_milvus_inspect(vr_milvus *milvus, const char *vector_field, const vrec_progress *progress,
                              vrec_error *err);
void vr_milvus_describe(vr_milvus *milvus);

/* ---- Write (write.c) ---- */

typedef struct vr_milvus_rows {
    const vrec_matrix *items;
    const int64_t *ids; /* or NULL: row numbers */
    size_t batch_bytes, threads;
    const vrec_progress *progress;
} vr_milvus_rows;

/* rpc: vr_rpc_insert or vr_rpc_upsert. The error says which rows are in. */
vrec_status vr_milvus_write(vr_milvus *milvus, const vr_rpc *rpc, const vr_milvus_rows *rows,
                            vrec_error *err);
vrec_status vr_milvus_delete(vr_milvus *milvus, const int64_t *ids, size_t count,
                             const vrec_progress *progress, vrec_error *err);

/* ---- Filters (filter.c): who may be found, as the server reads it ---- */

/* As many bytes as a filter may have. The server takes more, but reads some 300 KB a second. */
enum { VR_MILVUS_FILTER = 1 << 20 };

/* "id in [1,2,3]" of as many ids as fit; how: "in" or "not in". Returns how many. */
size_t vr_milvus_write_filter(char *out, size_t room, const char *field, const char *how,
                              const int64_t *ids, size_t count);

/* Of one query, or of all. Starts as zeros: everybody may be found. */
typedef struct vr_milvus_filter {
    char *text; /* or NULL */
    bool nobody;
} vr_milvus_filter;

/* Query q's: its allowance without its exclusions, or everybody but these. */
vrec_status vr_milvus_filter_of(const vr_milvus *milvus, const vr_filter *filter, size_t q,
                                vr_milvus_filter *out, vrec_error *err);
void vr_milvus_filter_free(vr_milvus_filter *filter);

/* ---- Search (search.c) ---- */

vrec_status vr_milvus_query(vr_index *indexer, const vr_query *query, vrec_error *err);

#endif
