/* One connection to a server, and one call at a time over it: unary gRPC on libcurl. What a failed call
 * may have done on the server is told apart, because that decides who may try again.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_TRANSPORT_H
#define VR_MILVUS_TRANSPORT_H

#include "milvus/curl.h"
#include "milvus/grpc.h"
#include "milvus/request.h"
#include "milvus/target.h"

/* How a call ended. */
typedef enum vr_fate {
    VR_FATE_REPLIED,  /* a whole reply, or a gRPC status, came back */
    VR_FATE_UNSENT,   /* no connection came about: the server has seen nothing */
    VR_FATE_UNKNOWN,  /* the connection broke: the server may have done it, or not */
    VR_FATE_LATE,     /* the deadline passed: the same */
    VR_FATE_HOPELESS, /* what no repetition heals: a name that isn't known, a certificate, no gRPC server */
    VR_FATE_REFUSED,  /* the reply is larger than was allowed */
    VR_FATE_STOPPED,  /* by stop() */
    VR_FATE_NO_MEMORY
} vr_fate;

/* One call, and what came of it. */
typedef struct vr_exchange {
    const char *rpc; /* "Search" */
    const vr_frame *request;
    int64_t timeout_ms, connect_ms;
    size_t reply_max;            /* bytes */
    bool (*stop)(void *context); /* asked now and then; true ends the call. May be NULL */
    void *context;

    vr_fate fate;
    int grpc;               /* of VR_FATE_REPLIED */
    char reason[VR_REASON]; /* of a failure */
    uint8_t *reply;         /* of VR_FATE_REPLIED and VR_GRPC_OK: a frame, the caller's to vr_free() */
    size_t reply_size;
} vr_exchange;

typedef struct vr_channel vr_channel;

/* Connects on the first call. curl and target are borrowed. NULL if memory is short. */
vr_channel *vr_channel_open(const vr_curl *curl, const vr_target *target);

/* NULL is fine. Not in a forked child: it would say goodbye on the parent's connection. */
void vr_channel_close(vr_channel *channel);

void vr_channel_call(vr_channel *channel, vr_exchange *exchange);

#endif
