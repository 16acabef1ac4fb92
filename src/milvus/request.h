/* Requests as framed bytes. Pure; no sockets. What is small goes through the generated code; vectors, ids
 * and queries are written here, once, from the caller's matrix. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_REQUEST_H
#define VR_MILVUS_REQUEST_H

#include "base/error.h"

#include <protobuf-c/protobuf-c.h>

/* One framed request, in a block that is used again for the next. Zeroed is empty. */
typedef struct vr_frame {
    uint8_t *block;
    size_t room;
    uint8_t *data; /* in block: the frame's head, then the message */
    size_t size;   /* of both */
} vr_frame;

void vr_frame_free(vr_frame *frame);

/* Any message of milvus.proto. */
vrec_status vr_frame_pack(vr_frame *frame, const ProtobufCMessage *message, vrec_error *err);

/* Rows to insert or upsert: the two requests have the same bytes. */
typedef struct vr_insert {
    const char *collection, *id_field, *vector_field;
    const vrec_matrix *items; /* checked, strides written out */
    const int64_t *ids;       /* of all rows of items; NULL: the number of the row is its id */
    size_t first, count;      /* the rows of items that are meant */
} vr_insert;

/* A row with NaN or Inf is VREC_INVALID, and named. */
vrec_status vr_frame_insert(vr_frame *frame, const vr_insert *insert, vrec_error *err);

/* How many rows of that dimension fit into a request of so many bytes: at least 1. */
size_t vr_insert_rows(size_t bytes, size_t dim);

typedef struct vr_search {
    const char *collection, *id_field, *vector_field;
    const char *metric, *params; /* "COSINE", "{\"ef\":64}" */
    const float *queries;        /* count x dim */
    size_t count, dim;
    size_t limit; /* results per query */
    int32_t consistency;
    uint64_t timestamp; /* what the answer must have seen, in the server's terms */
    const char *filter; /* who may be found: "id in [1,2]"; NULL: everybody */
} vr_search;

vrec_status vr_frame_search(vr_frame *frame, const vr_search *search, vrec_error *err);

#endif
