/* What a server's messages say, checked. Pure; no sockets. A server may be wrong, or lie: nothing that it
 * sends is used as a size or an index before it has been compared with what is there.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_MILVUS_REPLY_H
#define VR_MILVUS_REPLY_H

#include "base/error.h"
#include "milvus.pb-c.h"
#include "milvus/grpc.h"

/* A Status: Milvus 2.2 and older set legacy alone, later ones code or both. */
typedef struct vr_reply_status {
    int32_t code, legacy;
    bool retriable;
    char reason[VR_REASON];
} vr_reply_status;

/* Finds the Status of a reply: the message itself if bare, else its first field; one that isn't there is
 * success. NULL, or what is wrong with the bytes. */
const char *vr_reply_read_status(const uint8_t *message, size_t length, bool bare, vr_reply_status *out);

bool vr_reply_succeeded(const vr_reply_status *status);
bool vr_reply_says_retry(const vr_reply_status *status);
bool vr_reply_says_throttled(const vr_reply_status *status);
bool vr_reply_says_no_collection(const vr_reply_status *status);
bool vr_reply_says_no_index(const vr_reply_status *status);

/* Unpacks a message, taking no more memory than its length warrants. NULL if it is malformed or memory is
 * short. Free it with vr_reply_free(). */
ProtobufCMessage *vr_reply_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *message,
                                  size_t length);
void vr_reply_free(ProtobufCMessage *message); /* NULL is fine */

/* The hits of count queries, at most limit each. They belong to the reply. */
typedef struct vr_hits {
    const int64_t *ids;
    const float *scores;
    const int64_t *counts; /* of every query */
} vr_hits;

vrec_status vr_reply_hits(const Vr__SearchReply *reply, size_t count, size_t limit, vr_hits *out,
                          vrec_error *err);

/* What of a collection's schema matters. Text belongs to the reply. */
typedef struct vr_schema {
    const char *id_field, *vector_field;
    size_t dim;
    bool auto_id;
    const char *other_field; /* one that rows may have besides; NULL if there is none */
    bool open_ended;         /* rows may have fields that no schema names */
} vr_schema;

/* vector_field: the one that is meant, "" for the only one. */
vrec_status vr_reply_schema(const Vr__DescribeReply *reply, const char *collection,
                            const char *vector_field, vr_schema *out, vrec_error *err);

/* The index on a field; NULL if there is none. */
const Vr__Index *vr_reply_index(const Vr__DescribeIndexReply *reply, const char *field);

/* The value of a key; "" if there is none. */
const char *vr_reply_pair(Vr__Pair *const *pairs, size_t count, const char *key);

/* The only number of the reply to a count(*); -1 if it isn't there. */
int64_t vr_reply_count(const Vr__CountReply *reply);

#endif
