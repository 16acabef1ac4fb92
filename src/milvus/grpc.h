/* gRPC over HTTP/2 without the HTTP/2: frames, and what a server's headers say. Pure; no sockets.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_GRPC_H
#define VR_MILVUS_GRPC_H

#include "base/error.h"

#include <stdbool.h>

/* The codes of gRPC that are treated apart. */
enum {
    VR_GRPC_OK = 0,
    VR_GRPC_CANCELLED = 1,
    VR_GRPC_UNKNOWN = 2,
    VR_GRPC_DEADLINE_EXCEEDED = 4,
    VR_GRPC_NOT_FOUND = 5,
    VR_GRPC_PERMISSION_DENIED = 7,
    VR_GRPC_RESOURCE_EXHAUSTED = 8,
    VR_GRPC_UNIMPLEMENTED = 12,
    VR_GRPC_INTERNAL = 13,
    VR_GRPC_UNAVAILABLE = 14,
    VR_GRPC_UNAUTHENTICATED = 16
};

/* A message on the wire: a byte of flags, four of length, the message. */
enum { VR_FRAME_HEAD = 5 };

/* Room for what a server says, cut if longer. */
enum { VR_REASON = 320 };

/* What the header and trailer lines of one reply said. */
typedef struct vr_grpc_head {
    long http_status;
    bool is_grpc;    /* content-type: application/grpc... */
    bool has_status; /* there was a grpc-status, and it was a number */
    int status;
    char message[VR_REASON]; /* grpc-message, decoded */
} vr_grpc_head;

/* Takes one line, with or without its line end. A new status line ("HTTP/2 200") starts over. */
void vr_grpc_line(vr_grpc_head *head, const char *line, size_t length);

/* Whether headers and body make one whole reply. If so, NULL; *status is gRPC's, and the message of a
 * VR_GRPC_OK is what follows the frame's head. If not, what is wrong with it. */
const char *vr_grpc_check(const vr_grpc_head *head, const uint8_t *body, size_t length, int *status);

/* "UNAVAILABLE" for 14. Static text. */
const char *vr_grpc_name(int status);

/* Writes the head of a frame for a message of length bytes. */
void vr_grpc_frame(uint8_t head[VR_FRAME_HEAD], size_t length);

/* The length that a frame's head announces. */
size_t vr_grpc_length(const uint8_t head[VR_FRAME_HEAD]);

#endif
