/* What a server and a collection on it are. SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/text.h"
#include "milvus/milvus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { LOAD_STATE_LOADED = 3 };

vrec_status vr_milvus_greet(vr_milvus *milvus, const vrec_progress *progress, vrec_error *err)
{
    vr_client *client = &milvus->client;
    ProtobufCMessage *reply;
    char type[] = "C", version[] = "vrec";
    Vr__ClientInfo info = VR__CLIENT_INFO__INIT;
    Vr__ConnectRequest hello = VR__CONNECT_REQUEST__INIT;
    info.sdk_type = type;
    info.sdk_version = version;
    hello.client_info = &info;
    char what[VR_REASON];
    vr_text_print(what, sizeof what, "connecting to %.100s", client->target.shown);
    vr_watch watch = { .progress = progress, .what = what, .unit = "steps" };
    vr_call call = vr_client_call_of(client, &vr_rpc_connect, &watch);
    vrec_status status = vr_client_call(client, &call, &hello.base, &reply, err);
    vr_reply_free(reply);
    if (status != VREC_OK && call.grpc != VR_GRPC_UNIMPLEMENTED) /* Milvus before 2.2.9 */
        return status;
    Vr__VersionRequest ask = VR__VERSION_REQUEST__INIT;
    call = vr_client_call_of(client, &vr_rpc_version, &watch);
    status = vr_client_call(client, &call, &ask.base, &reply, err);
    if (status == VREC_OK) {
        const char *text = ((const Vr__VersionReply *)reply)->version;
        vr_text_fit(milvus->version, sizeof milvus->version, text, strlen(text));
        vr_target_hide(&client->target, milvus->version);
    }
    vr_reply_free(reply);
    return status;
}

/* ---- A collection as a whole ---- */

static vrec_status describe(vr_client *client, vr_watch *watch, vr_call *call, Vr__DescribeReply **out,
                            vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__CollectionRequest request = VR__COLLECTION_REQUEST__INIT;
    request.collection_name = client->collection;
    *call = vr_client_call_of(client, &vr_rpc_describe, watch);
    vrec_status status = vr_client_call(client, call, &request.base, &reply, err);
    *out = (Vr__DescribeReply *)reply;
    return status;
}

vrec_status vr_milvus_exists(vr_client *client, vr_watch *watch, bool *out, vrec_error *err)
{
    vr_call call;
    Vr__DescribeReply *reply;
    vrec_status status = describe(client, watch, &call, &reply, err);
    *out = status == VREC_OK;
    vr_reply_free((ProtobufCMessage *)reply);
    return vr_reply_says_no_collection(&call.said) ? VREC_OK : status;
}

vrec_status vr_milvus_names(vr_client *client, vr_watch *watch, Vr__NamesReply **out, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__CollectionRequest request = VR__COLLECTION_REQUEST__INIT;
    vr_call call = vr_client_call_of(client, &vr_rpc_collections, watch);
    vrec_status status = vr_client_call(client, &call, &request.base, &reply, err);
    *out = (Vr__NamesReply *)reply;
    return status;
}

vrec_status vr_milvus_drop(vr_client *client, int64_t timeout_ms, const vrec_progress *progress,
                           vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__CollectionRequest request = VR__COLLECTION_REQUEST__INIT;
    request.collection_name = client->collection;
    vr_watch watch = { .progress = progress, .what = "dropping", .unit = "steps", .total = 1 };
    vr_call call = { .rpc = &vr_rpc_drop, .timeout_ms = timeout_ms, .watch = &watch, .reports = true };
    vrec_status status = vr_client_call(client, &call, &request.base, &reply, err);
    vr_reply_free(reply);
    return status;
}

/* ---- Its parts ---- */

/* An upsert replaces rows as a whole. What it doesn't name would be gone: also a field that may be empty,
 * has a default, or that no schema names. */
static void explain_read_only(vr_milvus *milvus, const vr_schema *schema)
{
    size_t room = sizeof milvus->read_only;
    if (schema->auto_id)
        vr_text_print(milvus->read_only, room, "the server makes up the ids of this collection itself");
    else if (schema->other_field)
        vr_text_print(milvus->read_only, room,
                      "its rows have more fields than an id and a vector, and what they hold would be gone "
                      "(\"%.60s\" for one)",
                      schema->other_field);
    else if (schema->open_ended)
        vr_text_print(milvus->read_only, room,
                      "its rows may hold more than an id and a vector (dynamic fields, structures or "
                      "namespaces), and that would be gone");
}

static vrec_status inspect_schema(vr_milvus *milvus, const char *vector_field, vr_watch *watch,
                                  vrec_error *err)
{
    vr_call call;
    vr_schema schema;
    Vr__DescribeReply *reply;
    vrec_status status = describe(&milvus->client, watch, &call, &reply, err);
    if (status != VREC_OK)
        return vr_reply_says_no_collection(&call.said)
                   ? vr_fail(err, VREC_INVALID, "milvus: there is no collection %s", milvus->client.where)
                   : status;
    status = vr_reply_schema(reply, milvus->client.collection, vector_field, &schema, err);
    if (status == VREC_OK) {
        snprintf(milvus->id_field, sizeof milvus->id_field, "%s", schema.id_field);
        snprintf(milvus->vector_field, sizeof milvus->vector_field, "%s", schema.vector_field);
        milvus->base.dim = schema.dim;
        explain_read_only(milvus, &schema);
    }
    vr_reply_free(&reply->base);
    return status;
}

/* An upsert that names no partition leaves a row of the same id in another one where it is. */
static vrec_status inspect_partitions(vr_milvus *milvus, vr_watch *watch, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__CollectionRequest request = VR__COLLECTION_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    vr_call call = vr_client_call_of(&milvus->client, &vr_rpc_partitions, watch);
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    if (status == VREC_OK && ((const Vr__NamesReply *)reply)->n_names > 1)
        vr_text_print(milvus->read_only, sizeof milvus->read_only,
                      "it has several partitions, and of a row in one of them there would be two");
    if (status == VREC_INVALID)
        vr_text_print(milvus->read_only, sizeof milvus->read_only,
                      "whether it has several partitions may not be seen by this user");
    vr_reply_free(reply);
    bool told = status == VREC_INVALID || status == VREC_UNSUPPORTED; /* a server without partitions */
    return told ? VREC_OK : status;
}

static vrec_status inspect_index(vr_milvus *milvus, vr_watch *watch, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__DescribeIndexRequest request = VR__DESCRIBE_INDEX_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.field_name = milvus->vector_field;
    vr_call call = vr_client_call_of(&milvus->client, &vr_rpc_describe_index, watch);
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    const Vr__Index *index =
        reply ? vr_reply_index((const Vr__DescribeIndexReply *)reply, milvus->vector_field) : NULL;
    if (index) {
        const char *type = vr_reply_pair(index->params, index->n_params, "index_type");
        const char *metric = vr_reply_pair(index->params, index->n_params, "metric_type");
        vr_text_fit(milvus->index_type, sizeof milvus->index_type, type, strlen(type));
        vr_text_fit(milvus->metric, sizeof milvus->metric, metric, strlen(metric));
    }
    vr_reply_free(reply);
    if (status != VREC_OK && !vr_reply_says_no_index(&call.said))
        return status;
    if (index)
        return VREC_OK;
    return vr_fail(
        err, VREC_UNSUPPORTED,
        "milvus: collection %s has no index on \"%.60s\", so it can't be searched; create one first",
        milvus->client.where, milvus->vector_field);
}

static vrec_status load_if_need_be(vr_milvus *milvus, vr_watch *watch, vrec_error *err)
{
    ProtobufCMessage *reply;
    Vr__LoadStateRequest request = VR__LOAD_STATE_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    vr_call call = vr_client_call_of(&milvus->client, &vr_rpc_load_state, watch);
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    bool loaded = reply && ((const Vr__LoadStateReply *)reply)->state == LOAD_STATE_LOADED;
    vr_reply_free(reply);
    if (status != VREC_OK || loaded)
        return status;
    return vr_milvus_load(milvus, 0, watch->progress, err); /* 0: as many replicas as the server likes */
}

static vrec_status count_rows(vr_milvus *milvus, vr_watch *watch, vrec_error *err)
{
    enum { LEVEL_STRONG = 0 };
    ProtobufCMessage *reply;
    char field[] = "count(*)", *fields[] = { field };
    Vr__CountRequest request = VR__COUNT_REQUEST__INIT;
    request.collection_name = milvus->client.collection;
    request.n_output_fields = 1;
    request.output_fields = fields;
    request.consistency_level = LEVEL_STRONG;
    vr_call call = vr_client_call_of(&milvus->client, &vr_rpc_count, watch);
    vrec_status status = vr_client_call(&milvus->client, &call, &request.base, &reply, err);
    int64_t rows = reply ? vr_reply_count((const Vr__CountReply *)reply) : -1;
    vr_reply_free(reply);
    if (status != VREC_OK)
        return status;
    if (rows < 0)
        return vr_fail(err, VREC_CORRUPT,
                       "milvus: asked for the rows of %s, the server doesn't name a number",
                       milvus->client.where);
    milvus->base.rows = (size_t)rows;
    return VREC_OK;
}

vrec_status vr_milvus_inspect(vr_milvus *milvus, const char *vector_field, const vrec_progress *progress,
                              vrec_error *err)
{
    vr_watch watch = vr_watch_of(progress);
    vrec_status status = inspect_schema(milvus, vector_field, &watch, err);
    if (status == VREC_OK && !*milvus->read_only)
        status = inspect_partitions(milvus, &watch, err);
    if (status == VREC_OK)
        status = inspect_index(milvus, &watch, err);
    if (status == VREC_OK)
        status = load_if_need_be(milvus, &watch, err);
    return status == VREC_OK ? count_rows(milvus, &watch, err) : status;
}

/* ---- In words ---- */

void vr_milvus_describe(vr_milvus *milvus)
{
    vr_index *base = &milvus->base;
    const char *colon = strchr(milvus->client.target.database, ':');
    base->kind = *milvus->index_type ? milvus->index_type : NULL;
    vr_fact(&base->facts, "backend", "milvus");
    vr_fact(&base->facts, "index_type", "%s", milvus->index_type);
    vr_fact(&base->facts, "metric", "%s", milvus->metric);
    vr_fact_integer(&base->facts, "rows", (int64_t)base->rows);
    vr_fact_integer(&base->facts, "dim", (int64_t)base->dim);
    vr_fact(&base->facts, "collection", "%.150s", milvus->client.collection);
    vr_fact(&base->facts, "database", "%.150s", colon ? colon + 2 : "default");
    vr_fact(&base->facts, "server", "%.100s, %.40s", milvus->client.target.shown, milvus->version);
    vr_fact(&base->facts, "id_field", "%.150s", milvus->id_field);
    vr_fact(&base->facts, "vector_field", "%.150s", milvus->vector_field);
    if (milvus->owner)
        vr_fact(&base->facts, "note", "the collection has a made-up name, and is dropped at close");
    if (*milvus->read_only)
        vr_fact(&base->facts, "note", "nothing can be upserted: %s", milvus->read_only);
}
