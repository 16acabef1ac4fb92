/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/client.h"

#include "base/memory.h"
#include "base/system.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
    REPLY_MAX = 128 << 20, /* four times what a portion of a search is planned for */
    LOOK_MS = 50,          /* how often a wait looks at the caller's wishes */
    PAUSE_FIRST_MS = 10,   /* between attempts, and three times as long each time */
    PAUSE_MAX_MS = 3000,
    PAUSE_THROTTLED_MS = 1000, /* a server that limits its calls wants to be left alone */
};

const vr_rpc vr_rpc_connect = { "Connect", true, false, NULL, &vr__connect_reply__descriptor };
const vr_rpc vr_rpc_version = { "GetVersion", true, false, NULL, &vr__version_reply__descriptor };
const vr_rpc vr_rpc_describe = { "DescribeCollection", true, false, NULL, &vr__describe_reply__descriptor };
const vr_rpc vr_rpc_partitions = { "ShowPartitions", true, false, NULL, &vr__names_reply__descriptor };
const vr_rpc vr_rpc_collections = { "ShowCollections", true, false, NULL, &vr__names_reply__descriptor };
const vr_rpc vr_rpc_create = { "CreateCollection", false, true, NULL, &vr__status__descriptor };
const vr_rpc vr_rpc_drop = { "DropCollection", true, true, NULL, &vr__status__descriptor };
const vr_rpc vr_rpc_upsert = { "Upsert", true, false, NULL, &vr__mutation_reply__descriptor };
const vr_rpc vr_rpc_insert = { "Insert", false, false, &vr_rpc_upsert, &vr__mutation_reply__descriptor };
const vr_rpc vr_rpc_delete = { "Delete", true, false, NULL, &vr__mutation_reply__descriptor };
const vr_rpc vr_rpc_count = { "Query", true, false, NULL, &vr__count_reply__descriptor };
const vr_rpc vr_rpc_flush = { "Flush", true, false, NULL, &vr__flush_reply__descriptor };
const vr_rpc vr_rpc_flush_state = { "GetFlushState", true, false, NULL,
                                    &vr__flush_state_reply__descriptor };
const vr_rpc vr_rpc_create_index = { "CreateIndex", true, true, NULL, &vr__status__descriptor };
const vr_rpc vr_rpc_describe_index = { "DescribeIndex", true, false, NULL,
                                       &vr__describe_index_reply__descriptor };
const vr_rpc vr_rpc_load = { "LoadCollection", true, true, NULL, &vr__status__descriptor };
const vr_rpc vr_rpc_load_state = { "GetLoadState", true, false, NULL, &vr__load_state_reply__descriptor };
const vr_rpc vr_rpc_load_progress = { "GetLoadingProgress", true, false, NULL,
                                      &vr__load_progress_reply__descriptor };
const vr_rpc vr_rpc_search = { "Search", true, false, NULL, &vr__search_reply__descriptor };

/* ---- Connections ---- */

/* A forked child must not speak on its parent's connections, nor close them: it forgets them. */
static void forget_parents_connections(vr_client *client)
{
    if (atomic_load(&client->process) == vr_process_id())
        return;
    for (size_t i = 0; i < VR_CLIENT_IDLE; i++)
        atomic_store(&client->idle[i], NULL);
    atomic_store(&client->process, vr_process_id());
}

static vr_channel *take_channel(vr_client *client)
{
    forget_parents_connections(client);
    for (size_t i = 0; i < VR_CLIENT_IDLE; i++) {
        vr_channel *channel = atomic_exchange(&client->idle[i], NULL);
        if (channel)
            return channel;
    }
    return vr_channel_open(client->curl, &client->target);
}

static void give_channel(vr_client *client, vr_channel *channel, bool sound)
{
    for (size_t i = 0; sound && channel && i < VR_CLIENT_IDLE; i++) {
        vr_channel *empty = NULL;
        if (atomic_compare_exchange_strong(&client->idle[i], &empty, channel))
            channel = NULL;
    }
    vr_channel_close(channel);
}

vrec_status vr_client_open(vr_client *client, vrec_error *err)
{
    client->curl = vr_curl_get(err);
    if (!client->curl)
        return VREC_UNSUPPORTED;
    atomic_store(&client->process, vr_process_id());
    vr_client_use(client, "");
    return VREC_OK;
}

void vr_client_close(vr_client *client)
{
    forget_parents_connections(client);
    for (size_t i = 0; i < VR_CLIENT_IDLE; i++)
        vr_channel_close(atomic_exchange(&client->idle[i], NULL));
}

void vr_client_use(vr_client *client, const char *collection)
{
    const char *colon = strchr(client->target.database, ':'); /* of the header line */
    snprintf(client->collection, sizeof client->collection, "%s", collection);
    char database[VR_REASON] = "";
    if (colon)
        vr_text_print(database, sizeof database, " (database \"%.60s\")", colon + 2);
    if (*collection)
        vr_text_print(client->where, sizeof client->where, "\"%.100s\"%s at %.100s", client->collection,
                      database, client->target.shown);
    else
        vr_text_print(client->where, sizeof client->where, "the server at %.100s", client->target.shown);
}

/* ---- Stopping and waiting ---- */

static bool must_stop(void *context)
{
    vr_call *call = context;
    vr_watch *watch = call->watch;
    if (!watch)
        return false;
    int64_t now = vr_now_ms();
    if (call->reports && now - call->looked_at >= LOOK_MS) {
        call->looked_at = now;
        if (vr_report(watch->progress, watch->what, watch->unit, atomic_load(&watch->done), watch->total,
                      NULL) != VREC_OK)
            atomic_store(&watch->stopped, true);
    }
    return atomic_load(&watch->stopped);
}

vr_watch vr_watch_of(const vrec_progress *progress)
{
    return (vr_watch){ .progress = progress, .what = "asking the server", .unit = "steps" };
}

void vr_watch_enter(vr_watch *watch, size_t worker)
{
    if (worker > 0)
        atomic_fetch_add(&watch->helpers, 1);
}

void vr_watch_leave(vr_watch *watch, size_t worker)
{
    enum { LOOK_US = 200 };
    vr_call look = { .watch = watch, .reports = true };
    if (worker > 0)
        atomic_fetch_sub(&watch->helpers, 1);
    while (worker == 0 && atomic_load(&watch->helpers) > 0) {
        must_stop(&look);
        vr_sleep_us(LOOK_US);
    }
}

static vrec_status fail_stopped(const vr_call *call, vrec_error *err)
{
    if (call->watch->total == 0)
        return vr_fail(err, VREC_CANCELLED, "milvus: %s: stopped by the caller", call->watch->what);
    return vr_fail(err, VREC_CANCELLED, "milvus: %s: stopped by the caller after %llu of %llu",
                   call->watch->what, (unsigned long long)atomic_load(&call->watch->done),
                   (unsigned long long)call->watch->total);
}

vrec_status vr_client_wait(vr_call *call, int64_t milliseconds, vrec_error *err)
{
    for (int64_t end = vr_now_ms() + milliseconds, left; (left = end - vr_now_ms()) > 0;) {
        if (must_stop(call))
            return fail_stopped(call, err);
        vr_sleep_us(1000 * (left < LOOK_MS ? left : LOOK_MS));
    }
    return VREC_OK;
}

/* ---- Failures ---- */

/* Whether the server blames the request. */
static bool is_callers_fault(const vr_reply_status *said)
{
    int code = said->code;
    return vr_reply_says_no_collection(said) || vr_reply_says_no_index(said) ||
           (code >= 100 && code < 200) || (code >= 700 && code <= 800) || (code >= 1100 && code < 1500) ||
           code == 6 || code == 35;
}

static vrec_status fail_said(const vr_client *client, const vr_call *call, vrec_error *err)
{
    const vr_reply_status *said = &call->said;
    int code = said->code ? said->code : said->legacy;
    return vr_fail(err, is_callers_fault(said) ? VREC_INVALID : VREC_UNAVAILABLE,
                   "milvus: %s on %s failed: %s (code %d)", call->rpc->name, client->where,
                   *said->reason ? said->reason : "the server gives no reason", code);
}

static vrec_status fail_grpc(const vr_client *client, const vr_call *call, const vr_exchange *exchange,
                             vrec_error *err)
{
    vrec_status status = VREC_UNAVAILABLE;
    const char *hint = "";
    switch (exchange->grpc) {
    case VR_GRPC_UNIMPLEMENTED: status = VREC_UNSUPPORTED; break;
    case VR_GRPC_UNAUTHENTICATED:
        status = VREC_INVALID;
        hint = "; check token, or user and password";
        break;
    case VR_GRPC_PERMISSION_DENIED: status = VREC_INVALID; break;
    default: break;
    }
    return vr_fail(err, status, "milvus: %s on %s failed: %s (gRPC %s)%s", call->rpc->name, client->where,
                   *exchange->reason ? exchange->reason : "the server gives no reason",
                   vr_grpc_name(exchange->grpc), hint);
}

static vrec_status fail(const vr_client *client, const vr_call *call, const vr_exchange *exchange,
                        vrec_error *err)
{
    bool first = call->rpc == &vr_rpc_connect && !client->target.is_tls;
    const char *rpc = call->rpc->name, *where = client->where;
    switch (exchange->fate) {
    case VR_FATE_STOPPED: return fail_stopped(call, err);
    case VR_FATE_NO_MEMORY: return vr_fail(err, VREC_NO_MEMORY, "out of memory: %s on %s", rpc, where);
    case VR_FATE_LATE:
        return vr_fail(err, VREC_TIMEOUT, "milvus: %s on %s got no answer within %.1f s", rpc, where,
                       (double)call->timeout_ms / 1000);
    case VR_FATE_UNSENT:
        return vr_fail(err, VREC_UNAVAILABLE, "milvus: %s on %s: no connection within %.1f s: %s", rpc,
                       where, (double)client->connect_ms / 1000, exchange->reason);
    case VR_FATE_UNKNOWN:
        return vr_fail(err, VREC_UNAVAILABLE, "milvus: %s on %s: the connection broke: %s%s", rpc, where,
                       exchange->reason,
                       first ? "; if the server wants TLS, set uri=https://HOST:PORT" : "");
    case VR_FATE_REFUSED:
    case VR_FATE_HOPELESS:
        return vr_fail(err, VREC_UNAVAILABLE, "milvus: %s on %s failed: %s", rpc, where, exchange->reason);
    case VR_FATE_REPLIED: break;
    }
    return exchange->grpc == VR_GRPC_OK ? fail_said(client, call, err)
                                        : fail_grpc(client, call, exchange, err);
}

/* ---- Attempts ---- */

typedef enum verdict {
    DONE,
    GIVE_UP,
    RECONNECT, /* try again for as long as a connection may take */
    RETRY      /* try again until the deadline */
} verdict;

/* What to do when nobody knows whether the server has done it. */
static verdict judge_unknown(vr_call *call)
{
    if (call->rpc->resend)
        call->rpc = call->rpc->resend;
    call->maybe_done = true;
    return call->rpc->repeatable ? RECONNECT : GIVE_UP;
}

static verdict judge_grpc(vr_call *call, int status)
{
    switch (status) {
    case VR_GRPC_UNAVAILABLE: return RETRY;
    case VR_GRPC_CANCELLED:
    case VR_GRPC_INTERNAL: return judge_unknown(call);
    default: return GIVE_UP;
    }
}

/* Reads a reply that came with success. What it can't be is a fault that no repetition heals. */
static verdict judge_reply(vr_call *call, vr_exchange *exchange, ProtobufCMessage **reply)
{
    const uint8_t *message = exchange->reply + VR_FRAME_HEAD;
    size_t length = exchange->reply_size - VR_FRAME_HEAD;
    const char *wrong = vr_reply_read_status(message, length, call->rpc->bare, &call->said);
    if (!wrong && !vr_reply_succeeded(&call->said))
        return vr_reply_says_retry(&call->said) ? RETRY : GIVE_UP;
    if (!wrong) {
        *reply = vr_reply_unpack(call->rpc->reply, message, length);
        if (*reply)
            return DONE;
        wrong = "it is malformed, or too large to unpack";
    }
    exchange->fate = VR_FATE_HOPELESS;
    snprintf(exchange->reason, sizeof exchange->reason, "the reply can't be read: %s", wrong);
    return GIVE_UP;
}

static verdict judge(vr_call *call, vr_exchange *exchange, ProtobufCMessage **reply)
{
    call->grpc = exchange->grpc;
    call->said = (vr_reply_status){ .code = 0 };
    switch (exchange->fate) {
    case VR_FATE_UNSENT: return RECONNECT;
    case VR_FATE_UNKNOWN: return judge_unknown(call);
    case VR_FATE_REPLIED: break;
    default: call->maybe_done = exchange->fate != VR_FATE_HOPELESS; return GIVE_UP;
    }
    if (exchange->grpc == VR_GRPC_DEADLINE_EXCEEDED) { /* the server was the first to notice */
        exchange->fate = VR_FATE_LATE;
        call->maybe_done = true;
        return GIVE_UP;
    }
    return exchange->grpc == VR_GRPC_OK ? judge_reply(call, exchange, reply)
                                        : judge_grpc(call, exchange->grpc);
}

static verdict attempt(vr_client *client, vr_call *call, vr_exchange *exchange, ProtobufCMessage **reply)
{
    vr_channel *channel = take_channel(client);
    exchange->rpc = call->rpc->name;
    exchange->fate = VR_FATE_NO_MEMORY;
    if (!channel)
        return GIVE_UP;
    vr_channel_call(channel, exchange);
    give_channel(client, channel, exchange->fate == VR_FATE_REPLIED);
    verdict result = judge(call, exchange, reply);
    vr_target_hide(&client->target, exchange->reason);
    vr_target_hide(&client->target, call->said.reason);
    vr_free(exchange->reply);
    exchange->reply = NULL;
    return result;
}

/* Up to half of a pause more, so that many clients don't come back at once. */
static int64_t with_jitter(int64_t pause)
{
    return pause + (int64_t)(vr_random_u64() % (uint64_t)(pause / 2 + 1));
}

vr_call vr_client_call_of(const vr_client *client, const vr_rpc *rpc, vr_watch *watch)
{
    return (vr_call){ .rpc = rpc, .timeout_ms = client->call_ms, .watch = watch, .reports = true };
}

vrec_status vr_client_send(vr_client *client, vr_call *call, const vr_frame *request,
                           ProtobufCMessage **reply, vrec_error *err)
{
    int64_t now = vr_now_ms(), deadline = now + call->timeout_ms, trouble = now;
    int64_t pause = PAUSE_FIRST_MS;
    vr_exchange exchange = {
        .request = request, .reply_max = REPLY_MAX, .stop = must_stop, .context = call
    };
    *reply = NULL;
    for (bool troubled = false;;) {
        now = vr_now_ms();
        exchange.timeout_ms = deadline > now ? deadline - now : 1; /* a wait may have taken longer */
        exchange.connect_ms =
            client->connect_ms < exchange.timeout_ms ? client->connect_ms : exchange.timeout_ms;
        verdict result = attempt(client, call, &exchange, reply);
        if (result == DONE)
            return VREC_OK;
        if (result == RECONNECT && !troubled)
            trouble = exchange.fate == VR_FATE_UNSENT ? now : vr_now_ms();
        troubled = result == RECONNECT;
        int64_t end = deadline;
        if (troubled && trouble + client->connect_ms < deadline)
            end = trouble + client->connect_ms;
        int64_t wait = with_jitter(vr_reply_says_throttled(&call->said) && pause < PAUSE_THROTTLED_MS
                                       ? PAUSE_THROTTLED_MS
                                       : pause);
        if (result == GIVE_UP || vr_now_ms() + wait >= end)
            return fail(client, call, &exchange, err);
        vrec_status status = vr_client_wait(call, wait, err);
        if (status != VREC_OK)
            return status;
        pause = pause * 3 < PAUSE_MAX_MS ? pause * 3 : PAUSE_MAX_MS;
    }
}

vrec_status vr_client_call(vr_client *client, vr_call *call, const ProtobufCMessage *request,
                           ProtobufCMessage **reply, vrec_error *err)
{
    vr_frame frame = { .block = NULL };
    *reply = NULL;
    vrec_status status = vr_frame_pack(&frame, request, err);
    if (status == VREC_OK)
        status = vr_client_send(client, call, &frame, reply, err);
    vr_frame_free(&frame);
    return status;
}
