/* The milvus backend: from what an indexer is made, and its verbs. SPDX-License-Identifier: Apache-2.0 */
#include "milvus/backend.h"

#include "base/memory.h"
#include "base/system.h"
#include "core/ids.h"
#include "milvus/curl.h"
#include "milvus/milvus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FAREWELL_MS = 5000, /* to drop a collection with, when nobody listens to errors any more, */
    HURRIED_MS = 1000   /* and when somebody has asked for an end */
};

/* ---- Life and death ---- */

static void close_milvus(vr_milvus *milvus)
{
    vr_client_close(&milvus->client);
    vr_free(milvus);
}

/* Whatever happens to the server, this is over in time. */
static bool drop_generated(vr_milvus *milvus, int64_t within_ms)
{
    vr_client *client = &milvus->client;
    client->connect_ms = client->connect_ms < within_ms ? client->connect_ms : within_ms;
    return vr_milvus_drop(client, within_ms, NULL, NULL) == VREC_OK;
}

static void free_milvus(vr_index *indexer)
{
    vr_milvus *milvus = (vr_milvus *)indexer;
    if (milvus->owner == vr_process_id())
        drop_generated(milvus, FAREWELL_MS);
    close_milvus(milvus);
}

static vrec_status upsert(vr_index *indexer, const vr_options *options, const int64_t *ids,
                          const vrec_matrix *items, const vrec_progress *progress, vrec_error *err)
{
    vr_milvus *milvus = (vr_milvus *)indexer;
    const vr_milvus_rows rows = { .items = items,
                                  .ids = ids,
                                  .batch_bytes = vr_milvus_batch_bytes(options),
                                  .threads = vr_milvus_threads(options),
                                  .progress = progress };
    if (*milvus->read_only)
        return vr_fail(err, VREC_UNSUPPORTED, "milvus: can't upsert into collection %s, because %s",
                       milvus->client.where, milvus->read_only);
    return vr_milvus_write(milvus, &vr_rpc_upsert, &rows, err);
}

static vrec_status remove_ids(vr_index *indexer, const int64_t *ids, size_t count,
                              const vrec_progress *progress, vrec_error *err)
{
    return vr_milvus_delete((vr_milvus *)indexer, ids, count, progress, err);
}

static const vr_index_verbs verbs = {
    .query = vr_milvus_query, .free = free_milvus, .upsert = upsert, .remove = remove_ids
};

/* An indexer that has met its server. */
static vrec_status open_milvus(const vr_options *given, const vrec_progress *progress, vr_milvus **out,
                               vrec_error *err)
{
    vr_milvus *milvus = vr_alloc_zero(1, sizeof *milvus);
    if (!milvus)
        return vr_fail_memory(err, sizeof *milvus, "an indexer");
    milvus->base.verbs = &verbs;
    vrec_status status = vr_milvus_client_options(given, &milvus->client, err);
    if (status == VREC_OK)
        status = vr_client_open(&milvus->client, err);
    if (status != VREC_OK) {
        vr_free(milvus);
        return status;
    }
    status = vr_milvus_greet(milvus, progress, err);
    if (status == VREC_OK)
        *out = milvus;
    else
        close_milvus(milvus);
    return status;
}

/* ---- Build ---- */

/* A collection of that name must not be there: its items would mix with these. */
static vrec_status check_absent(vr_milvus *milvus, vr_watch *watch, vrec_error *err)
{
    bool exists;
    vrec_status status = vr_milvus_exists(&milvus->client, watch, &exists, err);
    if (status != VREC_OK || !exists)
        return status;
    return vr_fail(
        err, VREC_INVALID,
        "milvus: collection %s exists already; attach to it, drop it, or build under another name",
        milvus->client.where);
}

/* The server indexes segments of that many rows and more, and flushing is what closes segments; what is
 * smaller it searches row by row in any case. A collection that is dropped at close needn't be on its
 * disks. */
static bool wants_flush(const vr_milvus_plan *plan, size_t rows)
{
    enum { INDEXED_FROM = 1024 };
    return !plan->generated || rows >= INDEXED_FROM;
}

static vrec_status fill(vr_milvus *milvus, const vr_milvus_plan *plan, const vrec_matrix *items,
                        const vrec_build *told, vrec_error *err)
{
    const vrec_progress *progress = told->progress;
    const vr_milvus_rows rows = { .items = items,
                                  .ids = told->ids,
                                  .batch_bytes = plan->batch_bytes,
                                  .threads = plan->threads,
                                  .progress = progress };
    vrec_status status = vr_milvus_write(milvus, &vr_rpc_insert, &rows, err);
    if (status == VREC_OK && wants_flush(plan, items->rows))
        status = vr_milvus_flush(milvus, progress, err);
    if (status == VREC_OK)
        status = vr_milvus_make_index(milvus, plan, progress, err);
    if (status == VREC_OK)
        status = vr_milvus_load(milvus, plan->replicas, progress, err);
    return status;
}

/* What becomes of the collection of a failed build. */
static void abandon(vr_milvus *milvus, const vr_milvus_plan *plan, vrec_status status, vrec_error *err)
{
    vrec_error cause = err ? *err : (vrec_error){ .status = status };
    const char *fate = "it is kept";
    if (plan->generated)
        fate = drop_generated(milvus, status == VREC_CANCELLED ? HURRIED_MS : FAREWELL_MS)
                   ? "it was dropped"
                   : "it could not be dropped";
    vr_fail_from(err, &cause, "%s; collection \"%s\": %s", cause.message, plan->collection, fate);
}

static vrec_status build(vr_milvus *milvus, const vr_milvus_plan *plan, const vrec_matrix *items,
                         const vrec_build *told, vrec_error *err)
{
    vr_watch watch = vr_watch_of(told->progress);
    vrec_status status = plan->generated ? VREC_OK : check_absent(milvus, &watch, err);
    if (status == VREC_OK)
        status = vr_milvus_create(milvus, plan, items->dim, &watch, err);
    if (status == VREC_CANCELLED || status == VREC_TIMEOUT) /* it may be there nevertheless */
        abandon(milvus, plan, status, err);
    if (status != VREC_OK)
        return status;
    status = fill(milvus, plan, items, told, err);
    if (status != VREC_OK)
        abandon(milvus, plan, status, err);
    return status;
}

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_build *told, vr_index **out, vrec_error *err)
{
    vr_milvus *milvus;
    vr_milvus_plan plan;
    vrec_status status = vr_refuse_queries(told, "milvus", err);
    if (status == VREC_OK && told->ids)
        status = vr_ids_check(told->ids, items->rows, err);
    if (status == VREC_OK)
        status = vr_milvus_plan_options(given, items, &plan, err);
    if (status == VREC_OK)
        status = open_milvus(given, told->progress, &milvus, err);
    if (status != VREC_OK)
        return status;
    vr_client_use(&milvus->client, plan.collection);
    snprintf(milvus->id_field, sizeof milvus->id_field, "id");
    snprintf(milvus->vector_field, sizeof milvus->vector_field, "%s", plan.vector_field);
    snprintf(milvus->index_type, sizeof milvus->index_type, "%s", plan.index_type);
    snprintf(milvus->metric, sizeof milvus->metric, "%s", plan.metric);
    milvus->base.rows = items->rows;
    milvus->base.dim = items->dim;
    milvus->base.larger_is_nearer = strcmp(plan.metric, "L2") != 0;
    status = build(milvus, &plan, items, told, err);
    if (status != VREC_OK) {
        close_milvus(milvus);
        return status;
    }
    milvus->owner = plan.generated ? vr_process_id() : 0;
    vr_milvus_describe(milvus);
    *out = &milvus->base;
    return VREC_OK;
}

/* ---- Open ---- */

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vr_index **out, vrec_error *err)
{
    (void)given, (void)progress, (void)out;
    return vr_fail(err, VREC_UNSUPPORTED,
                   "milvus: can't open %s, because an index of Milvus is on its server and not in a file; "
                   "attach to it with collection=NAME",
                   path);
}

static vrec_status attach(const vr_options *given, const vrec_progress *progress, vr_index **out,
                          vrec_error *err)
{
    vr_milvus *milvus;
    const char *collection;
    vrec_status status = vr_milvus_collection_option(given, &collection, err);
    if (status == VREC_OK)
        status = open_milvus(given, progress, &milvus, err);
    if (status != VREC_OK)
        return status;
    vr_client_use(&milvus->client, collection);
    status = vr_milvus_inspect(milvus, vr_milvus_vector_field_option(given), progress, err);
    if (status == VREC_OK)
        status = vr_milvus_compare_options(given, milvus, err);
    if (status != VREC_OK) {
        close_milvus(milvus);
        return status;
    }
    milvus->base.larger_is_nearer = strcmp(milvus->metric, "L2") != 0;
    vr_milvus_describe(milvus);
    *out = &milvus->base;
    return VREC_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static vrec_status list(const vr_options *given, void (*name)(void *context, const char *name),
                        void *context, const vrec_progress *progress, vrec_error *err)
{
    vr_milvus *milvus;
    Vr__NamesReply *reply;
    vrec_status status = open_milvus(given, progress, &milvus, err);
    if (status != VREC_OK)
        return status;
    vr_watch watch = vr_watch_of(progress);
    status = vr_milvus_names(&milvus->client, &watch, &reply, err);
    if (status == VREC_OK && reply->n_names > 0)
        qsort(reply->names, reply->n_names, sizeof *reply->names, compare_names);
    for (size_t i = 0; status == VREC_OK && i < reply->n_names; i++)
        name(context, reply->names[i]);
    vr_reply_free((ProtobufCMessage *)reply);
    close_milvus(milvus);
    return status;
}

static vrec_status drop(const vr_options *given, const vrec_progress *progress, vrec_error *err)
{
    vr_milvus *milvus;
    const char *collection;
    bool exists = false;
    vrec_status status = vr_milvus_collection_option(given, &collection, err);
    if (status == VREC_OK)
        status = open_milvus(given, progress, &milvus, err);
    if (status != VREC_OK)
        return status;
    vr_client_use(&milvus->client, collection);
    vr_watch watch = vr_watch_of(progress);
    status = vr_milvus_exists(&milvus->client, &watch, &exists, err);
    if (status == VREC_OK && !exists)
        status = vr_fail(err, VREC_INVALID, "milvus: there is no collection %s", milvus->client.where);
    if (status == VREC_OK)
        status = vr_milvus_drop(&milvus->client, milvus->client.call_ms, progress, err);
    close_milvus(milvus);
    return status;
}

static vrec_status ready(vrec_error *err)
{
    return vr_curl_get(err) ? VREC_OK : VREC_UNSUPPORTED;
}

const vr_backend vr_milvus_backend = { .name = "milvus",
                                       .summary = "collections on a Milvus server, local or distributed",
                                       .options = &vr_milvus_options,
                                       .can = VREC_CAN_BUILD | VREC_CAN_ATTACH | VREC_CAN_CHANGE,
                                       .ready = ready,
                                       .from_embeddings = from_embeddings,
                                       .from_index_file = from_index_file,
                                       .attach = attach,
                                       .list = list,
                                       .drop = drop };
