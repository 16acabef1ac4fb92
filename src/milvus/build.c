/* From an empty server to a collection that answers: create, flush, index, load, each waited for.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/system.h"
#include "milvus/milvus.h"

#include <stdio.h>
#include <string.h>

enum {
    POLL_FIRST_MS = 20,
    POLL_MAX_MS = 500,
    TYPE_INT64 = 5,
    TYPE_FLOAT_VECTOR = 101,
    LEVEL_BOUNDED = 2,
    INDEX_FINISHED = 3,
    INDEX_FAILED = 4,
    LOADED_PERCENT = 100
};

/* protobuf-c's structures hold text that isn't const, and don't change it. */
static char *text(const char *constant)
{
    return (char *)(uintptr_t)constant;
}

/* ---- Waiting ---- */

/* One thing that the server does meanwhile. */
typedef struct wait {
    vr_milvus *milvus;
    vr_watch watch;
    vr_call call;
    const ProtobufCMessage *request; /* asks how far it is */
    /* Reads the reply: sets watch's done and total, and says whether that's all; or fails. */
    vrec_status (*look)(struct wait *wait, const ProtobufCMessage *reply, bool *over, vrec_error *err);
} wait;

static vrec_status fail_late(const wait *w, vrec_error *err)
{
    const vr_client *client = &w->milvus->client;
    return vr_fail(err, VREC_TIMEOUT,
                   "milvus: %s %s isn't done after %lld s (%llu of %llu); the server goes on with it",
                   w->watch.what, client->where, (long long)(client->build_ms / 1000),
                   (unsigned long long)w->watch.done, (unsigned long long)w->watch.total);
}

/* Asks again and again, at growing intervals, until it's over. */
static vrec_status wait_until_over(wait *w, const vr_rpc *rpc, vrec_error *err)
{
    vr_client *client = &w->milvus->client;
    int64_t end = vr_now_ms() + client->build_ms;
    for (int64_t pause = POLL_FIRST_MS;; pause = pause * 2 < POLL_MAX_MS ? pause * 2 : POLL_MAX_MS) {
        bool over = false;
        ProtobufCMessage *reply;
        w->call =
            (vr_call){ .rpc = rpc, .timeout_ms = client->call_ms, .watch = &w->watch, .reports = true };
        vrec_status status = vr_client_call(client, &w->call, w->request, &reply, err);
        if (status == VREC_OK)
            status = w->look(w, reply, &over, err);
        vr_reply_free(reply);
        if (status != VREC_OK || over)
            return status;
        if (vr_now_ms() + pause >= end)
            return fail_late(w, err);
        status = vr_client_wait(&w->call, pause, err);
        if (status != VREC_OK)
            return status;
    }
}

/* ---- Create ---- */

static vrec_status create(vr_milvus *milvus, const vr_milvus_plan *plan, const uint8_t *schema, size_t size,
                          vr_watch *watch, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__CreateRequest request = VR__CREATE_REQUEST__INIT;
    request.collection_name = text(plan->collection);
    request.schema.data = (uint8_t *)(uintptr_t)schema;
    request.schema.len = size;
    request.shards_num = plan->shards;
    request.consistency_level = LEVEL_BOUNDED;
    vr_call call = vr_client_call_of(&milvus->client, &vr_rpc_create, watch);
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    vr_reply_free(reply);
    return status;
}

vrec_status vr_milvus_create(vr_milvus *milvus, const vr_milvus_plan *plan, size_t dim, vr_watch *watch,
                             vrec_error *err)
{
    char dim_text[24];
    Vr__Pair pair = VR__PAIR__INIT, *pairs[] = { &pair };
    Vr__Field id = VR__FIELD__INIT, vectors = VR__FIELD__INIT, *fields[] = { &id, &vectors };
    Vr__Schema schema = VR__SCHEMA__INIT;
    snprintf(dim_text, sizeof dim_text, "%zu", dim);
    pair.key = text("dim");
    pair.value = dim_text;
    id.name = milvus->id_field;
    id.is_primary_key = true;
    id.data_type = TYPE_INT64;
    vectors.name = milvus->vector_field;
    vectors.data_type = TYPE_FLOAT_VECTOR;
    vectors.n_type_params = 1;
    vectors.type_params = pairs;
    schema.name = text(plan->collection);
    schema.n_fields = 2;
    schema.fields = fields;
    size_t size = vr__schema__get_packed_size(&schema);
    uint8_t *bytes = vr_alloc(size, 1);
    if (!bytes)
        return vr_fail_memory(err, size, "a schema");
    vr__schema__pack(&schema, bytes);
    vrec_status status = create(milvus, plan, bytes, size, watch, err);
    vr_free(bytes);
    return status;
}

/* ---- Flush ---- */

static vrec_status look_at_flush(wait *w, const ProtobufCMessage *reply, bool *over, vrec_error *err)
{
    (void)w, (void)err;
    *over = ((const Vr__FlushStateReply *)reply)->flushed;
    return VREC_OK;
}

static vrec_status wait_for_flush(vr_milvus *milvus, const Vr__FlushReply *flush,
                                  const vrec_progress *progress, vrec_error *err)
{
    const char *collection = milvus->client.collection;
    Vr__FlushStateRequest request = VR__FLUSH_STATE_REQUEST__INIT;
    request.collection_name = text(collection);
    for (size_t i = 0; i < flush->n_segments; i++)
        if (flush->segments[i]->value && strcmp(flush->segments[i]->key, collection) == 0) {
            request.n_segment_ids = flush->segments[i]->value->n_data;
            request.segment_ids = flush->segments[i]->value->data;
        }
    for (size_t i = 0; i < flush->n_times; i++)
        if (strcmp(flush->times[i]->key, collection) == 0)
            request.flush_ts = flush->times[i]->value;
    if (request.n_segment_ids == 0 && request.flush_ts == 0)
        return VREC_OK; /* nothing to wait for */
    wait w = { .milvus = milvus,
               .watch = { .progress = progress, .what = "flushing", .unit = "steps", .total = 1 },
               .request = &request.base,
               .look = look_at_flush };
    return wait_until_over(&w, &vr_rpc_flush_state, err);
}

vrec_status vr_milvus_flush(vr_milvus *milvus, const vrec_progress *progress, vrec_error *err)
{
    ProtobufCMessage *reply;
    char *name = milvus->client.collection;
    Vr__FlushRequest request = VR__FLUSH_REQUEST__INIT;
    request.n_collection_names = 1;
    request.collection_names = &name;
    vr_watch watch = { .progress = progress, .what = "flushing", .unit = "steps", .total = 1 };
    vr_call call = {
        .rpc = &vr_rpc_flush, .timeout_ms = milvus->client.build_ms, .watch = &watch, .reports = true
    };
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    if (status == VREC_OK)
        status = wait_for_flush(milvus, (const Vr__FlushReply *)reply, progress, err);
    vr_reply_free(reply);
    return status;
}

/* ---- Index ---- */

static vrec_status look_at_index(wait *w, const ProtobufCMessage *reply, bool *over, vrec_error *err)
{
    const vr_client *client = &w->milvus->client;
    const Vr__Index *index = vr_reply_index((const Vr__DescribeIndexReply *)reply, w->milvus->vector_field);
    if (!index)
        return vr_fail(err, VREC_UNAVAILABLE, "milvus: the index on %s has gone while it was being built",
                       client->where);
    if (index->state == INDEX_FAILED)
        return vr_fail(err, VREC_UNAVAILABLE, "milvus: the server failed to build the index on %s: %.200s",
                       client->where, *index->fail_reason ? index->fail_reason : "it gives no reason");
    w->watch.done = index->indexed_rows > 0 ? (uint64_t)index->indexed_rows : 0;
    w->watch.total = index->total_rows > 0 ? (uint64_t)index->total_rows : w->milvus->base.rows;
    *over = index->state == INDEX_FINISHED && index->pending_rows <= 0;
    return VREC_OK;
}

static vrec_status create_index(vr_milvus *milvus, const vr_milvus_plan *plan,
                                const vrec_progress *progress, vrec_error *err)
{
    enum { PARAMS = 3 };
    const char *const pairs[PARAMS][2] = { { "index_type", plan->index_type },
                                           { "metric_type", plan->metric },
                                           { "params", plan->params } };
    Vr__Pair pair[PARAMS], *params[PARAMS];
    for (size_t i = 0; i < PARAMS; i++) {
        vr__pair__init(&pair[i]);
        pair[i].key = text(pairs[i][0]);
        pair[i].value = text(pairs[i][1]);
        params[i] = &pair[i];
    }
    ProtobufCMessage *reply;
    Vr__CreateIndexRequest request = VR__CREATE_INDEX_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.field_name = milvus->vector_field;
    request.n_extra_params = PARAMS;
    request.extra_params = params;
    vr_watch watch = {
        .progress = progress, .what = "indexing", .unit = "rows", .total = milvus->base.rows
    };
    vr_call call = {
        .rpc = &vr_rpc_create_index, .timeout_ms = milvus->client.build_ms, .watch = &watch, .reports = true
    };
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    vr_reply_free(reply);
    return status;
}

vrec_status vr_milvus_make_index(vr_milvus *milvus, const vr_milvus_plan *plan,
                                 const vrec_progress *progress, vrec_error *err)
{
    vrec_status status = create_index(milvus, plan, progress, err);
    if (status != VREC_OK)
        return status;
    Vr__DescribeIndexRequest request = VR__DESCRIBE_INDEX_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.field_name = milvus->vector_field;
    wait w = {
        .milvus = milvus,
        .watch = { .progress = progress, .what = "indexing", .unit = "rows", .total = milvus->base.rows },
        .request = &request.base,
        .look = look_at_index
    };
    return wait_until_over(&w, &vr_rpc_describe_index, err);
}

/* ---- Load ---- */

static vrec_status look_at_load(wait *w, const ProtobufCMessage *reply, bool *over, vrec_error *err)
{
    (void)err;
    int64_t percent = ((const Vr__LoadProgressReply *)reply)->progress;
    w->watch.done = percent > 0 ? (uint64_t)percent : 0;
    *over = percent >= LOADED_PERCENT;
    return VREC_OK;
}

vrec_status vr_milvus_load(vr_milvus *milvus, int32_t replicas, const vrec_progress *progress,
                           vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__LoadRequest request = VR__LOAD_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.replica_number = replicas;
    Vr__LoadStateRequest state = VR__LOAD_STATE_REQUEST__INIT;
    state.collection_name = milvus->client.collection;
    wait w = {
        .milvus = milvus,
        .watch = { .progress = progress, .what = "loading", .unit = "percent", .total = LOADED_PERCENT },
        .request = &state.base,
        .look = look_at_load
    };
    vr_call call = {
        .rpc = &vr_rpc_load, .timeout_ms = milvus->client.build_ms, .watch = &w.watch, .reports = true
    };
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    vr_reply_free(reply);
    return status == VREC_OK ? wait_until_over(&w, &vr_rpc_load_progress, err) : status;
}
