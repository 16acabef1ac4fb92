/* SPDX-License-Identifier: Apache-2.0 */
#include "milvus/request.h"

#include "base/bytes.h" /* floats go out as they stand: little-endian */
#include "base/memory.h"
#include "core/matrix.h"
#include "milvus.pb-c.h"
#include "milvus/grpc.h"
#include "milvus/wire.h"

#include <stdio.h>
#include <string.h>

enum { LINE = 64, GRPC_MAX = INT32_MAX };

void vr_frame_free(vr_frame *frame)
{
    vr_free(frame->block);
    *frame = (vr_frame){ .block = NULL };
}

/* Makes room for a message of length bytes, of which the last tail ones start on a cache line. Returns
 * where the message begins. */
static uint8_t *start(vr_frame *frame, size_t length, size_t tail, vrec_error *err)
{
    size_t needed;
    if (!vr_add(length, VR_FRAME_HEAD + LINE, &needed) || length > GRPC_MAX) {
        vr_fail(err, VREC_INVALID, "milvus: a request of %zu bytes is more than gRPC can carry", length);
        return NULL;
    }
    if (needed > frame->room) {
        vr_frame_free(frame);
        frame->block = vr_alloc(needed, 1);
        if (!frame->block) {
            vr_fail_memory(err, needed, "a request to Milvus");
            return NULL;
        }
        frame->room = needed;
    }
    size_t before = VR_FRAME_HEAD + length - tail;
    frame->data = frame->block + (LINE - before % LINE) % LINE;
    frame->size = VR_FRAME_HEAD + length;
    vr_grpc_frame(frame->data, length);
    return frame->data + VR_FRAME_HEAD;
}

vrec_status vr_frame_pack(vr_frame *frame, const ProtobufCMessage *message, vrec_error *err)
{
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *to = start(frame, length, 0, err);
    if (!to)
        return length > GRPC_MAX ? VREC_INVALID : VREC_NO_MEMORY;
    protobuf_c_message_pack(message, to);
    return VREC_OK;
}

/* ---- Insert ---- */

/* The numbers of milvus.proto in the columns that are written by hand. */
enum {
    INSERT_COLUMNS = 5,
    COLUMN_TYPE = 1,
    COLUMN_NAME = 2,
    COLUMN_SCALARS = 3,
    COLUMN_VECTORS = 4,
    SCALARS_LONGS = 3,
    VECTORS_DIM = 1,
    VECTORS_FLOATS = 2,
    ARRAY_DATA = 1,
    TYPE_INT64 = 5,
    TYPE_FLOAT_VECTOR = 101
};

static uint64_t id_of(const vr_insert *insert, size_t i)
{
    return insert->ids ? (uint64_t)insert->ids[insert->first + i] : insert->first + i;
}

/* The sizes of the nested messages of the two columns, from the inside out. */
typedef struct column_sizes {
    size_t data, array, field, column;
} column_sizes;

static column_sizes id_sizes(const vr_insert *insert)
{
    column_sizes s = { .data = 0 };
    for (size_t i = 0; i < insert->count; i++)
        s.data += vr_varint_size(id_of(insert, i));
    s.array = vr_nested_size(s.data);
    s.field = vr_nested_size(s.array);
    s.column = 2 + vr_nested_size(strlen(insert->id_field)) + vr_nested_size(s.field);
    return s;
}

static column_sizes vector_sizes(const vr_insert *insert, size_t data)
{
    column_sizes s = { .data = data };
    s.array = vr_nested_size(s.data);
    s.field = 1 + vr_varint_size(insert->items->dim) + vr_nested_size(s.array);
    s.column = 2 + vr_nested_size(strlen(insert->vector_field)) + vr_nested_size(s.field);
    return s;
}

static uint8_t *put_column_head(uint8_t *p, size_t size, int type, const char *name)
{
    p = vr_put_nested(p, INSERT_COLUMNS, size);
    p = vr_put_number(p, COLUMN_TYPE, (uint64_t)type);
    return vr_put_text(p, COLUMN_NAME, name);
}

static uint8_t *put_ids(uint8_t *p, const vr_insert *insert, const column_sizes *s)
{
    p = put_column_head(p, s->column, TYPE_INT64, insert->id_field);
    p = vr_put_nested(p, COLUMN_SCALARS, s->field);
    p = vr_put_nested(p, SCALARS_LONGS, s->array);
    p = vr_put_nested(p, ARRAY_DATA, s->data);
    for (size_t i = 0; i < insert->count; i++)
        p = vr_put_varint(p, id_of(insert, i));
    return p;
}

static uint8_t *put_vectors_head(uint8_t *p, const vr_insert *insert, const column_sizes *s)
{
    p = put_column_head(p, s->column, TYPE_FLOAT_VECTOR, insert->vector_field);
    p = vr_put_nested(p, COLUMN_VECTORS, s->field);
    p = vr_put_number(p, VECTORS_DIM, insert->items->dim);
    p = vr_put_nested(p, VECTORS_FLOATS, s->array);
    return vr_put_nested(p, ARRAY_DATA, s->data);
}

static vrec_status copy_vectors(float *to, const vr_insert *insert, vrec_error *err)
{
    size_t dim = insert->items->dim, values = insert->count * dim;
    vr_matrix_rows(insert->items, insert->first, insert->count, to);
    size_t bad = vr_find_nonfinite(to, values);
    if (bad == values)
        return VREC_OK;
    return vr_fail_at(err, VREC_INVALID, vr_in_row("items", insert->first + bad / dim),
                      "items: row %zu, column %zu is not a finite float32 (%g); clean or drop the row",
                      insert->first + bad / dim, bad % dim, (double)to[bad]);
}

vrec_status vr_frame_insert(vr_frame *frame, const vr_insert *insert, vrec_error *err)
{
    size_t floats, length;
    Vr__InsertRequest head = VR__INSERT_REQUEST__INIT;
    head.collection_name = (char *)(uintptr_t)insert->collection;
    head.num_rows = (uint32_t)insert->count;
    size_t head_size = vr__insert_request__get_packed_size(&head);
    if (!vr_mul(insert->count, insert->items->dim * sizeof(float), &floats) || floats > GRPC_MAX)
        return vr_fail(err, VREC_INVALID, "milvus: %zu rows of %zu values are too much for one request",
                       insert->count, insert->items->dim);
    column_sizes ids = id_sizes(insert), vectors = vector_sizes(insert, floats);
    length = head_size + vr_nested_size(ids.column) + vr_nested_size(vectors.column);
    uint8_t *p = start(frame, length, floats, err);
    if (!p)
        return length > GRPC_MAX ? VREC_INVALID : VREC_NO_MEMORY;
    p += vr__insert_request__pack(&head, p);
    p = put_ids(p, insert, &ids);
    p = put_vectors_head(p, insert, &vectors);
    return copy_vectors((float *)(void *)p, insert, err);
}

size_t vr_insert_rows(size_t bytes, size_t dim)
{
    enum { ID_BYTES = 10 };
    return vr_max(1, bytes / (dim * sizeof(float) + ID_BYTES));
}

/* ---- Search ---- */

enum {
    SEARCH_QUERIES = 6, /* a PlaceholderGroup in bytes */
    GROUP_VALUES = 1,
    VALUES_TAG = 1,
    VALUES_TYPE = 2,
    VALUES_DATA = 3
};

static void put_queries(uint8_t *p, const vr_search *search, size_t group, size_t values)
{
    size_t row = search->dim * sizeof(float);
    p = vr_put_nested(p, SEARCH_QUERIES, group);
    p = vr_put_nested(p, GROUP_VALUES, values);
    p = vr_put_text(p, VALUES_TAG, "$0");
    p = vr_put_number(p, VALUES_TYPE, TYPE_FLOAT_VECTOR);
    for (size_t i = 0; i < search->count; i++) {
        p = vr_put_nested(p, VALUES_DATA, row);
        memcpy(p, search->queries + i * search->dim, row);
        p += row;
    }
}

static vrec_status put_search(vr_frame *frame, const vr_search *search, const Vr__SearchRequest *head,
                              vrec_error *err)
{
    size_t rows;
    size_t head_size = vr__search_request__get_packed_size(head);
    if (!vr_mul(search->count, vr_nested_size(search->dim * sizeof(float)), &rows) || rows > GRPC_MAX)
        return vr_fail(err, VREC_INVALID, "milvus: %zu queries of %zu values are too much for one request",
                       search->count, search->dim);
    size_t values = vr_nested_size(2) + 2 + rows;
    size_t group = vr_nested_size(values);
    uint8_t *p = start(frame, head_size + vr_nested_size(group), 0, err);
    if (!p)
        return VREC_NO_MEMORY;
    p += vr__search_request__pack(head, p);
    put_queries(p, search, group, values);
    return VREC_OK;
}

vrec_status vr_frame_search(vr_frame *frame, const vr_search *search, vrec_error *err)
{
    enum { PARAMS = 5, DSL_EXPRESSION = 1 };
    char limit[24];
    const char *pairs[PARAMS][2] = { { "anns_field", search->vector_field },
                                     { "topk", limit },
                                     { "params", search->params },
                                     { "metric_type", search->metric },
                                     { "round_decimal", "-1" } };
    Vr__Pair pair[PARAMS], *params[PARAMS];
    char *output = (char *)(uintptr_t)search->id_field; /* milvus-lite sends all fields if none is named */
    snprintf(limit, sizeof limit, "%zu", search->limit);
    for (size_t i = 0; i < PARAMS; i++) {
        vr__pair__init(&pair[i]);
        pair[i].key = (char *)(uintptr_t)pairs[i][0];
        pair[i].value = (char *)(uintptr_t)pairs[i][1];
        params[i] = &pair[i];
    }
    Vr__SearchRequest head = VR__SEARCH_REQUEST__INIT;
    head.collection_name = (char *)(uintptr_t)search->collection;
    if (search->filter)
        head.dsl = (char *)(uintptr_t)search->filter;
    head.dsl_type = DSL_EXPRESSION;
    head.n_output_fields = 1;
    head.output_fields = &output;
    head.n_search_params = PARAMS;
    head.search_params = params;
    head.guarantee_timestamp = search->timestamp;
    head.nq = (int64_t)search->count;
    head.consistency_level = search->consistency;
    return put_search(frame, search, &head, err);
}
