/* Calls to a server: each with a deadline, repeated as long as that makes sense and can do no harm, and
 * every failure told in a sentence. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_CLIENT_H
#define VR_MILVUS_CLIENT_H

#include "core/index.h"
#include "milvus/reply.h"
#include "milvus/transport.h"

#include <stdatomic.h>

enum { VR_CLIENT_IDLE = 32, VR_CLIENT_NAME = 256 };

/* A server, and the connections to it that nobody is using. Lock-free: any thread may use it. */
typedef struct vr_client {
    const vr_curl *curl;
    vr_target target;
    int64_t connect_ms, call_ms, insert_ms, build_ms;
    char collection[VR_CLIENT_NAME]; /* what every call is about */
    char where[VR_REASON];           /* "films" (database "x") at 127.0.0.1:19530 */
    _Atomic uint64_t process;        /* whose connections they are */
    _Atomic(vr_channel *) idle[VR_CLIENT_IDLE];
} vr_client;

vrec_status vr_client_open(vr_client *client, vrec_error *err); /* target and times are set */
void vr_client_close(vr_client *client);

/* Names the collection that calls are about. */
void vr_client_use(vr_client *client, const char *collection);

/* What a long call looks at while it waits: the caller's wish to stop, and the others' failure. */
typedef struct vr_watch {
    const vrec_progress *progress; /* told from one thread only; NULL on the others */
    const char *what, *unit;
    _Atomic uint64_t done;
    uint64_t total;
    atomic_bool stopped;   /* ends every call that looks here */
    atomic_size_t helpers; /* threads at work besides the one that reports */
} vr_watch;

/* For calls that ask a server this and that, and don't take long. */
vr_watch vr_watch_of(const vrec_progress *progress);

/* Around the work of one of several threads. The one that reports, worker 0, doesn't leave before the
 * others: as long as they work, somebody must hear the caller say stop. */
void vr_watch_enter(vr_watch *watch, size_t worker);
void vr_watch_leave(vr_watch *watch, size_t worker);

/* One of the server's procedures. */
typedef struct vr_rpc {
    const char *name;
    bool repeatable;             /* doing it twice is as good as once */
    bool bare;                   /* the reply is a Status and nothing else */
    const struct vr_rpc *resend; /* what to send, with the same bytes, when nobody knows if it was done */
    const ProtobufCMessageDescriptor *reply;
} vr_rpc;

extern const vr_rpc vr_rpc_connect, vr_rpc_version, vr_rpc_describe, vr_rpc_partitions, vr_rpc_collections,
    vr_rpc_create, vr_rpc_drop, vr_rpc_insert, vr_rpc_upsert, vr_rpc_delete, vr_rpc_count, vr_rpc_flush,
    vr_rpc_flush_state, vr_rpc_create_index, vr_rpc_describe_index, vr_rpc_load, vr_rpc_load_state,
    vr_rpc_load_progress, vr_rpc_search;

typedef struct vr_call {
    const vr_rpc *rpc;
    int64_t timeout_ms; /* for all attempts together */
    vr_watch *watch;    /* or NULL */
    bool reports;       /* this thread may report progress */
    int64_t looked_at;  /* the watch, last */

    /* What the server said last. */
    int grpc;
    vr_reply_status said;
    bool maybe_done; /* it failed, but may have been done */
} vr_call;

/* One on the thread that reports, with the time of a short one. */
vr_call vr_client_call_of(const vr_client *client, const vr_rpc *rpc, vr_watch *watch);

/* Sends a frame. *reply is the unpacked message, to free with vr_reply_free(); NULL after a failure. */
vrec_status vr_client_send(vr_client *client, vr_call *call, const vr_frame *request,
                           ProtobufCMessage **reply, vrec_error *err);

/* The same for a message of milvus.proto. */
vrec_status vr_client_call(vr_client *client, vr_call *call, const ProtobufCMessage *request,
                           ProtobufCMessage **reply, vrec_error *err);

/* Waits, unless the watch says stop. */
vrec_status vr_client_wait(vr_call *call, int64_t milliseconds, vrec_error *err);

#endif
