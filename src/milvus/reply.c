/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/reply.h"

#include "base/memory.h"
#include "base/text.h"
#include "milvus/wire.h"

#include <stdlib.h>
#include <string.h>

enum { TYPE_INT64 = 5, TYPE_FLOAT_VECTOR = 101, DIM_MAX = 32768 };

/* ---- Status ---- */

/* Reads a varint; NULL past the end. */
static const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (p == end)
            return NULL;
        value |= (uint64_t)(*p & 0x7f) << shift;
        if (*p++ < 0x80) {
            *out = value;
            return p;
        }
    }
    return NULL;
}

/* One field of a message: its tag, and of a nested one where it lies. */
typedef struct field {
    uint64_t tag;
    const uint8_t *data;
    size_t length;
} field;

static const uint8_t *read_field(const uint8_t *p, const uint8_t *end, field *out)
{
    uint64_t number = 0;
    p = read_varint(p, end, &out->tag);
    if (!p)
        return NULL;
    switch (out->tag & 7) {
    case VR_WIRE_NUMBER: return read_varint(p, end, &number);
    case VR_WIRE_FIXED32: return end - p >= 4 ? p + 4 : NULL;
    case VR_WIRE_FIXED64: return end - p >= 8 ? p + 8 : NULL;
    case VR_WIRE_NESTED: p = read_varint(p, end, &number); break;
    default: return NULL;
    }
    if (!p || number > (uint64_t)(end - p))
        return NULL;
    out->data = p;
    out->length = (size_t)number;
    return p + out->length;
}

static const char *take_status(const uint8_t *bytes, size_t length, vr_reply_status *out)
{
    Vr__Status *status = (Vr__Status *)vr_reply_unpack(&vr__status__descriptor, bytes, length);
    if (!status)
        return "its status is malformed";
    out->code = status->code > UINT16_MAX ? status->code & UINT16_MAX : status->code; /* flags above */
    out->legacy = status->error_code;
    out->retriable = status->retriable;
    const char *reason = *status->reason ? status->reason : status->detail;
    vr_text_fit(out->reason, sizeof out->reason, reason, strlen(reason));
    vr_reply_free(&status->base);
    return NULL;
}

const char *vr_reply_read_status(const uint8_t *message, size_t length, bool bare, vr_reply_status *out)
{
    enum { STATUS_TAG = 1 << 3 | VR_WIRE_NESTED };
    const uint8_t *p = message, *end = message + length;
    *out = (vr_reply_status){ .code = 0 };
    if (bare)
        return take_status(message, length, out);
    while (p < end) {
        field found = { .data = NULL };
        p = read_field(p, end, &found);
        if (!p)
            return "it is malformed";
        if (found.tag == STATUS_TAG)
            return take_status(found.data, found.length, out);
    }
    return NULL;
}

/* Codes of Milvus 2.3 and later, and of the older ones ("legacy"). */
enum {
    CODE_UNAVAILABLE = 2,
    CODE_REQUEST_LIMIT = 4,
    CODE_RATE_LIMIT = 8,
    CODE_TIME_TICK_LAG = 11,
    CODE_RESOURCES = 12,
    CODE_NO_COLLECTION = 100,
    CODE_LOADING = 103,
    CODE_RECOVERING = 106,
    CODE_CHANNEL = 503,
    CODE_NO_INDEX = 700,
    CODE_NODE_FIRST = 901,
    CODE_NODE_LAST = 906,
    LEGACY_UNEXPECTED = 1,
    LEGACY_NO_COLLECTION = 4,
    LEGACY_NO_INDEX = 25,
    LEGACY_RATE_LIMIT = 49,
    LEGACY_NOT_READY = 56
};

bool vr_reply_succeeded(const vr_reply_status *status)
{
    return status->code == 0 && status->legacy == 0;
}

bool vr_reply_says_throttled(const vr_reply_status *status)
{
    return status->code == CODE_RATE_LIMIT || status->code == CODE_REQUEST_LIMIT ||
           status->legacy == LEGACY_RATE_LIMIT;
}

bool vr_reply_says_retry(const vr_reply_status *status)
{
    switch (status->code) {
    case CODE_UNAVAILABLE:
    case CODE_TIME_TICK_LAG:
    case CODE_RESOURCES:
    case CODE_LOADING:
    case CODE_RECOVERING:
    case CODE_CHANNEL: return true;
    default: break;
    }
    return status->retriable || status->legacy == LEGACY_NOT_READY || vr_reply_says_throttled(status) ||
           (status->code >= CODE_NODE_FIRST && status->code <= CODE_NODE_LAST);
}

bool vr_reply_says_no_collection(const vr_reply_status *status)
{
    return status->code == CODE_NO_COLLECTION ||
           (status->code == 0 && status->legacy == LEGACY_NO_COLLECTION) ||
           (status->legacy == LEGACY_UNEXPECTED && strstr(status->reason, "can't find collection"));
}

bool vr_reply_says_no_index(const vr_reply_status *status)
{
    return status->code == CODE_NO_INDEX || status->legacy == LEGACY_NO_INDEX;
}

/* ---- Unpacking ---- */

/* protobuf-c's structures are larger than their bytes: 2 bytes can ask for a message of 40 and a pointer
 * to it. A reply may take this many times its length, and no more. */
enum { GROWTH = 16, ALLOWANCE = 65536 };

static void *allocate(void *budget, size_t size)
{
    size_t *left = budget;
    if (size > *left)
        return NULL;
    *left -= size;
    return vr_alloc(size, 1);
}

static void release(void *budget, void *block)
{
    (void)budget;
    vr_free(block);
}

ProtobufCMessage *vr_reply_unpack(const ProtobufCMessageDescriptor *type, const uint8_t *message,
                                  size_t length)
{
    size_t budget;
    if (!vr_mul(length, GROWTH, &budget) || !vr_add(budget, ALLOWANCE, &budget))
        return NULL;
    ProtobufCAllocator allocator = { allocate, release, &budget };
    return protobuf_c_message_unpack(type, &allocator, length, message);
}

void vr_reply_free(ProtobufCMessage *message)
{
    ProtobufCAllocator allocator = { allocate, release, NULL };
    if (message)
        protobuf_c_message_free_unpacked(message, &allocator);
}

/* ---- Search ---- */

vrec_status vr_reply_hits(const Vr__SearchReply *reply, size_t count, size_t limit, vr_hits *out,
                          vrec_error *err)
{
    static const char lies[] = "milvus: the reply to a search contradicts itself";
    *out = (vr_hits){ .ids = NULL };
    const Vr__SearchData *data = reply->results;
    if (data && data->ids && data->ids->which_case == VR__IDS__WHICH_STR_ID)
        return vr_fail(err, VREC_UNSUPPORTED, "milvus: the ids of this collection are texts, not int64");
    bool has_ids = data && data->ids && data->ids->which_case == VR__IDS__WHICH_INT_ID;
    size_t ids = has_ids ? data->ids->int_id->n_data : 0, sum = 0;
    if (!data || (data->n_topks == 0 && data->n_scores == 0 && ids == 0))
        return VREC_OK;
    if (data->n_topks != count)
        return vr_fail(err, VREC_CORRUPT, "%s: %zu counts for %zu queries", lies, data->n_topks, count);
    for (size_t i = 0; i < count; i++) {
        if (data->topks[i] < 0 || (uint64_t)data->topks[i] > limit)
            return vr_fail(err, VREC_CORRUPT, "%s: query %zu has %lld results, %zu were asked for", lies, i,
                           (long long)data->topks[i], limit);
        sum += (size_t)data->topks[i];
    }
    if (ids != sum || data->n_scores != sum)
        return vr_fail(err, VREC_CORRUPT, "%s: it counts %zu results, but holds %zu ids and %zu distances",
                       lies, sum, ids, data->n_scores);
    out->ids = sum > 0 ? data->ids->int_id->data : NULL;
    out->scores = data->scores;
    out->counts = data->topks;
    return VREC_OK;
}

int64_t vr_reply_count(const Vr__CountReply *reply)
{
    if (reply->n_fields_data != 1 || !reply->fields_data[0]->scalars ||
        !reply->fields_data[0]->scalars->long_data ||
        reply->fields_data[0]->scalars->long_data->n_data != 1)
        return -1;
    return reply->fields_data[0]->scalars->long_data->data[0];
}

/* ---- Schema and index ---- */

const char *vr_reply_pair(Vr__Pair *const *pairs, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i]->key, key) == 0)
            return pairs[i]->value;
    return "";
}

static vrec_status take_vector(const Vr__Field *found, const char *collection, vr_schema *out,
                               vrec_error *err)
{
    const char *text = vr_reply_pair(found->type_params, found->n_type_params, "dim");
    char *end;
    long dim = strtol(text, &end, 10);
    if (out->vector_field)
        return vr_fail(err, VREC_INVALID,
                       "milvus: collection \"%.100s\" has several vector fields (\"%.60s\", \"%.60s\"); "
                       "name one with vector_field",
                       collection, out->vector_field, found->name);
    if (end == text || *end || dim < 1 || dim > DIM_MAX)
        return vr_fail(err, VREC_CORRUPT,
                       "milvus: field \"%.60s\" of collection \"%.100s\" has dim \"%.20s\"", found->name,
                       collection, text);
    out->vector_field = found->name;
    out->dim = (size_t)dim;
    return VREC_OK;
}

static vrec_status take_key(const Vr__Field *found, const char *collection, vr_schema *out, vrec_error *err)
{
    if (found->data_type != TYPE_INT64)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "milvus: the ids of collection \"%.100s\" (field \"%.60s\") are not int64",
                       collection, found->name);
    out->id_field = found->name;
    out->auto_id = found->auto_id;
    return VREC_OK;
}

vrec_status vr_reply_schema(const Vr__DescribeReply *reply, const char *collection,
                            const char *vector_field, vr_schema *out, vrec_error *err)
{
    vrec_status status = VREC_OK;
    *out = (vr_schema){ .dim = 0 };
    for (size_t i = 0; reply->schema && i < reply->schema->n_fields && status == VREC_OK; i++) {
        const Vr__Field *found = reply->schema->fields[i];
        bool named = !*vector_field || strcmp(found->name, vector_field) == 0;
        if (found->is_primary_key)
            status = take_key(found, collection, out, err);
        else if (found->data_type == TYPE_FLOAT_VECTOR && named)
            status = take_vector(found, collection, out, err);
        else
            out->other_field = found->name;
    }
    if (reply->schema)
        out->open_ended = reply->schema->enable_dynamic_field || reply->schema->enable_namespace ||
                          reply->schema->n_struct_array_fields > 0;
    if (status != VREC_OK)
        return status;
    if (!out->vector_field)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "milvus: collection \"%.100s\" has no float32 vector field%s%.60s%s", collection,
                       *vector_field ? " \"" : "", vector_field, *vector_field ? "\"" : "");
    if (!out->id_field)
        return vr_fail(err, VREC_CORRUPT, "milvus: collection \"%.100s\" has no primary key", collection);
    return VREC_OK;
}

const Vr__Index *vr_reply_index(const Vr__DescribeIndexReply *reply, const char *field)
{
    for (size_t i = 0; i < reply->n_indexes; i++)
        if (strcmp(reply->indexes[i]->field_name, field) == 0)
            return reply->indexes[i];
    return NULL;
}
