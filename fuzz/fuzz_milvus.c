/* Any bytes as what a Milvus server sends, header lines up to an empty one and then a body: either an
 * error, or values that are all there. SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "milvus/reply.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { QUERIES = 3, LIMIT = 4 };

static void touch_text(const char *text)
{
    if (text && strlen(text) == SIZE_MAX)
        abort();
}

static void touch_hits(const Vr__SearchReply *reply, size_t count, size_t limit)
{
    vr_hits hits;
    vrec_error err;
    size_t at = 0;
    volatile double sum = 0;
    if (vr_reply_hits(reply, count, limit, &hits, &err) != VREC_OK || !hits.counts)
        return;
    for (size_t i = 0; i < count; i++) {
        if (hits.counts[i] < 0 || (size_t)hits.counts[i] > limit)
            abort();
        for (size_t j = 0; j < (size_t)hits.counts[i]; j++, at++)
            sum = sum + (double)hits.ids[at] + (double)hits.scores[at];
    }
}

static void touch_schema(const Vr__DescribeReply *reply, const char *field)
{
    vr_schema schema;
    vrec_error err;
    if (vr_reply_schema(reply, "films", field, &schema, &err) != VREC_OK) {
        touch_text(err.message);
        return;
    }
    touch_text(schema.id_field);
    touch_text(schema.vector_field);
    touch_text(schema.other_field);
    if (schema.dim < 1 || schema.dim > 32768)
        abort();
}

static void touch_index(const Vr__DescribeIndexReply *reply)
{
    const Vr__Index *index = vr_reply_index(reply, "embedding");
    if (index) {
        touch_text(vr_reply_pair(index->params, index->n_params, "metric_type"));
        touch_text(index->fail_reason);
    }
}

static void touch(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *message)
{
    if (type == &vr__search_reply__descriptor) {
        touch_hits((const Vr__SearchReply *)message, QUERIES, LIMIT);
        touch_hits((const Vr__SearchReply *)message, 1, 1);
    } else if (type == &vr__describe_reply__descriptor) {
        touch_schema((const Vr__DescribeReply *)message, "");
        touch_schema((const Vr__DescribeReply *)message, "embedding");
    } else if (type == &vr__describe_index_reply__descriptor) {
        touch_index((const Vr__DescribeIndexReply *)message);
    } else if (type == &vr__count_reply__descriptor) {
        (void)vr_reply_count((const Vr__CountReply *)message);
    }
}

static void read_message(const uint8_t *message, size_t size)
{
    static const ProtobufCMessageDescriptor *const types[] = {
        &vr__search_reply__descriptor,         &vr__describe_reply__descriptor,
        &vr__describe_index_reply__descriptor, &vr__count_reply__descriptor,
        &vr__flush_reply__descriptor,          &vr__mutation_reply__descriptor,
        &vr__version_reply__descriptor
    };
    vr_reply_status status;
    for (int bare = 0; bare < 2; bare++) {
        const char *wrong = vr_reply_read_status(message, size, bare, &status);
        touch_text(wrong ? wrong : status.reason);
        (void)(vr_reply_succeeded(&status) || vr_reply_says_retry(&status) ||
               vr_reply_says_no_index(&status) || vr_reply_says_no_collection(&status));
    }
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        ProtobufCMessage *unpacked = vr_reply_unpack(types[i], message, size);
        if (unpacked)
            touch(types[i], unpacked);
        vr_reply_free(unpacked);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vr_grpc_head head = { .http_status = 0 };
    size_t at = 0;
    int status;
    while (at < size) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        if (length == 0)
            break;
        vr_grpc_line(&head, (const char *)data + at, length);
        at += length + (end != NULL);
    }
    touch_text(head.message);
    at = vr_min(at + 1, size);
    if (!vr_grpc_check(&head, data + at, size - at, &status) && status == VR_GRPC_OK)
        read_message(data + at + VR_FRAME_HEAD, size - at - VR_FRAME_HEAD);
    else
        touch_text(vr_grpc_name(head.status));
    return 0;
}
