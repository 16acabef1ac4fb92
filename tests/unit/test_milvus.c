/* The messages of the milvus backend without a server: requests to the byte, replies that lie.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "milvus/reply.h"
#include "milvus/request.h"
#include "milvus/target.h"

#include "support/failed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Requests: what Google's protobuf makes of the same messages ---- */

static const uint8_t insert_bytes[] = { 0x00, 0x00, 0x00, 0x00, 0x42, 0x1a, 0x05, 'f',  'i',  'l',  'm',
                                        's',  0x38, 0x02, 0x2a, 0x18, 0x08, 0x05, 0x12, 0x02, 'i',  'd',
                                        0x1a, 0x10, 0x1a, 0x0e, 0x0a, 0x0c, 0xac, 0x02, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x2a, 0x1d, 0x08, 0x65,
                                        0x12, 0x01, 'v',  0x22, 0x16, 0x08, 0x02, 0x12, 0x12, 0x0a, 0x10,
                                        0x00, 0x00, 0x80, 0x3f, 0x00, 0x00, 0x00, 0x40, 0x00, 0x00, 0x40,
                                        0x40, 0x00, 0x00, 0x80, 0xc0 };

static const char search_bytes[] =
    "\0\0\0\0\x83\x1a\x05"
    "films\x38\x01\x42\x02id\x4a\x0f\x0a\x0a"
    "anns_field\x12\x01v\x4a\x09\x0a\x04topk\x12\x01\x37\x4a\x0c\x0a\x06params\x12\x02{}\x4a\x11\x0a\x0b"
    "metric_type\x12\x02L2\x4a\x13\x0a\x0dround_decimal\x12\x02-"
    "1\x58\x02\x60\x02\x70\x02\x32\x1c\x0a\x1a\x0a\x02$0\x10"
    "e\x1a\x08\0\0\x80\x3f\0\0\0\x40\x1a\x08\0\0\x40\x40\0\0\x80\xc0";

static void assert_frame(const vr_frame *frame, const void *expected, size_t size)
{
    assert_int_equal(frame->size, size);
    assert_memory_equal(frame->data, expected, size);
}

static const float values[] = { 9, 9, 1, 2, 3, -4 };
static const double by_column[] = { 9, 1, 3, 9, 2, -4 };
static const int64_t ids[] = { 0, 300, -1 };

static vrec_matrix view(const void *data, int32_t type, ptrdiff_t row_stride, ptrdiff_t col_stride)
{
    return (vrec_matrix){ .struct_size = sizeof(vrec_matrix),
                          .data = data,
                          .rows = 3,
                          .dim = 2,
                          .row_stride = row_stride,
                          .col_stride = col_stride,
                          .type = type };
}

static vr_insert last_two_rows(const vrec_matrix *items)
{
    return (vr_insert){ .collection = "films",
                        .id_field = "id",
                        .vector_field = "v",
                        .items = items,
                        .ids = ids,
                        .first = 1,
                        .count = 2 };
}

static void an_insert_is_right_to_the_byte(void **state)
{
    vrec_error err;
    vr_frame frame = { .block = NULL };
    vrec_matrix packed = view(values, VREC_F32, 8, 4), columns = view(by_column, VREC_F64, 8, 24);
    vr_insert insert = last_two_rows(&packed);
    (void)state;
    assert_int_equal(vr_frame_insert(&frame, &insert, &err), VREC_OK);
    assert_frame(&frame, insert_bytes, sizeof insert_bytes);
    assert_int_equal((uintptr_t)(frame.data + frame.size - 4 * sizeof(float)) % 64, 0);
    insert = last_two_rows(&columns);
    assert_int_equal(vr_frame_insert(&frame, &insert, &err), VREC_OK);
    assert_frame(&frame, insert_bytes, sizeof insert_bytes);
    vr_frame_free(&frame);
}

static void a_row_number_is_an_id(void **state)
{
    vrec_error err;
    vr_frame frame = { .block = NULL };
    vrec_matrix packed = view(values, VREC_F32, 8, 4);
    vr_insert insert = last_two_rows(&packed);
    static const uint8_t numbers[] = { 0x0a, 0x02, 0x01, 0x02 };
    (void)state;
    insert.ids = NULL;
    assert_int_equal(vr_frame_insert(&frame, &insert, &err), VREC_OK);
    assert_memory_equal(frame.data + 26, numbers, sizeof numbers);
    vr_frame_free(&frame);
}

static void a_bad_row_is_named(void **state)
{
    vrec_error err;
    vr_frame frame = { .block = NULL };
    float bad[6] = { 0, 0, 0, 0, 0, NAN };
    vrec_matrix packed = view(bad, VREC_F32, 8, 4);
    vr_insert insert = last_two_rows(&packed);
    (void)state;
    assert_failed(vr_frame_insert(&frame, &insert, &err), &err, VREC_INVALID, "row 2, column 1");
    vr_frame_free(&frame);
}

static void a_request_too_large_is_refused(void **state)
{
    vrec_error err;
    vr_frame frame = { .block = NULL };
    vrec_matrix huge = view(values, VREC_F32, 8, 4);
    vr_insert insert = last_two_rows(&huge);
    (void)state;
    huge.dim = 32768;
    insert.ids = NULL;
    insert.count = 1 << 20;
    assert_failed(vr_frame_insert(&frame, &insert, &err), &err, VREC_INVALID, "too much");
    vr_search search = { .collection = "", .id_field = "", .vector_field = "", .metric = "", .params = "" };
    search.count = SIZE_MAX / 2;
    search.dim = 32768;
    assert_failed(vr_frame_search(&frame, &search, &err), &err, VREC_INVALID, "too much");
    assert_int_equal(vr_insert_rows(1, 32768), 1);
    assert_int_equal(vr_insert_rows(1 << 20, 128), (1 << 20) / 522);
}

static void a_search_is_right_to_the_byte(void **state)
{
    vrec_error err;
    vr_frame frame = { .block = NULL };
    const vr_search search = { .collection = "films",
                               .id_field = "id",
                               .vector_field = "v",
                               .metric = "L2",
                               .params = "{}",
                               .queries = values + 2,
                               .count = 2,
                               .dim = 2,
                               .limit = 7,
                               .consistency = 2,
                               .timestamp = 2 };
    (void)state;
    assert_int_equal(vr_frame_search(&frame, &search, &err), VREC_OK);
    assert_frame(&frame, search_bytes, sizeof search_bytes - 1);
    vr_frame_free(&frame);
}

/* ---- gRPC ---- */

static const uint8_t empty_message[VR_FRAME_HEAD] = { 0 };

static void say(vr_grpc_head *head, const char *line)
{
    vr_grpc_line(head, line, strlen(line));
}

static void headers_are_read(void **state)
{
    vr_grpc_head head = { .http_status = 0 };
    int status;
    (void)state;
    say(&head, "HTTP/1.1 100 Continue\r\n");
    say(&head, "HTTP/2 200 \r\n");
    say(&head, "Content-Type:application/grpc+proto\r\n");
    assert_string_equal(vr_grpc_check(&head, empty_message, 5, &status),
                        "the reply ended without a grpc-status");
    say(&head, "grpc-message: gr%c3%b6%C3%9fe%0a100%\r\n");
    say(&head, "grpc-status: 5\r\n");
    assert_null(vr_grpc_check(&head, NULL, 0, &status));
    assert_int_equal(status, VR_GRPC_NOT_FOUND);
    assert_string_equal(head.message, "gr\xc3\xb6\xc3\x9f"
                                      "e 100%");
    say(&head, "grpc-status: 0\r\n");
    assert_null(vr_grpc_check(&head, empty_message, 5, &status));
    say(&head, "HTTP/2 503\r\n");
    assert_null(vr_grpc_check(&head, NULL, 0, &status));
    assert_int_equal(status, VR_GRPC_UNAVAILABLE);
}

/* ---- Replies ---- */

static ProtobufCMessage *repacked(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    protobuf_c_message_pack(message, bytes);
    ProtobufCMessage *unpacked = vr_reply_unpack(message->descriptor, bytes, size);
    free(bytes);
    assert_non_null(unpacked);
    return unpacked;
}

static vrec_status read_hits(const int64_t *topks, size_t n_topks, size_t n_ids, size_t n_scores,
                             vrec_error *err)
{
    int64_t id[8] = { 5, 6, 7, 8 };
    float score[8] = { 0 };
    vr_hits hits;
    Vr__Longs longs = VR__LONGS__INIT;
    Vr__Ids all = VR__IDS__INIT;
    Vr__SearchData data = VR__SEARCH_DATA__INIT;
    Vr__SearchReply reply = VR__SEARCH_REPLY__INIT;
    longs.n_data = n_ids;
    longs.data = id;
    all.which_case = VR__IDS__WHICH_INT_ID;
    all.int_id = &longs;
    data.ids = &all;
    data.n_scores = n_scores;
    data.scores = score;
    data.n_topks = n_topks;
    data.topks = (int64_t *)(uintptr_t)topks;
    reply.results = &data;
    ProtobufCMessage *unpacked = repacked(&reply.base);
    vrec_status status = vr_reply_hits((const Vr__SearchReply *)unpacked, 2, 3, &hits, err);
    if (status == VREC_OK && n_ids > 0)
        assert_int_equal(hits.ids[n_ids - 1], id[n_ids - 1]);
    vr_reply_free(unpacked);
    return status;
}

static void hits_are_counted(void **state)
{
    vrec_error err;
    const int64_t good[] = { 3, 1 }, negative[] = { -1, 3 }, many[] = { 4, 0 }, huge[] = { INT64_MAX, 3 };
    (void)state;
    assert_int_equal(read_hits(good, 2, 4, 4, &err), VREC_OK);
    assert_int_equal(read_hits(good, 0, 0, 0, &err), VREC_OK);
    assert_failed(read_hits(good, 0, 4, 0, &err), &err, VREC_CORRUPT, "0 counts for 2 queries");
    assert_failed(read_hits(good, 0, 0, 4, &err), &err, VREC_CORRUPT, "0 counts for 2 queries");
    assert_failed(read_hits(good, 0, 4, 4, &err), &err, VREC_CORRUPT, "0 counts for 2 queries");
    assert_failed(read_hits(good, 2, 3, 4, &err), &err, VREC_CORRUPT, "3 ids");
    assert_failed(read_hits(good, 2, 4, 5, &err), &err, VREC_CORRUPT, "5 distances");
    assert_failed(read_hits(good, 1, 3, 3, &err), &err, VREC_CORRUPT, "1 counts for 2 queries");
    assert_failed(read_hits(negative, 2, 2, 2, &err), &err, VREC_CORRUPT, "-1 results");
    assert_failed(read_hits(many, 2, 4, 4, &err), &err, VREC_CORRUPT, "3 were asked for");
    assert_failed(read_hits(huge, 2, 4, 4, &err), &err, VREC_CORRUPT, "were asked for");
}

static void a_reply_takes_what_its_length_warrants(void **state)
{
    enum { SIZE = 1 << 20 };
    uint8_t *bomb = malloc(SIZE);
    (void)state;
    assert_non_null(bomb);
    for (size_t i = 0; i < SIZE; i += 2) { /* a million empty messages */
        bomb[i] = 0x12;
        bomb[i + 1] = 0;
    }
    ProtobufCMessage *unpacked = vr_reply_unpack(&vr__describe_index_reply__descriptor, bomb, SIZE);
    assert_null(unpacked);
    free(bomb);
}

static void a_schema_is_checked(void **state)
{
    vrec_error err;
    vr_schema schema;
    char id[] = "id", a[] = "a", b[] = "b", dim[] = "dim", eight[16] = "8";
    Vr__Pair pair = VR__PAIR__INIT, *pairs[] = { &pair };
    Vr__Field f[3] = { VR__FIELD__INIT, VR__FIELD__INIT, VR__FIELD__INIT },
              *fields[] = { &f[0], &f[1], &f[2] };
    Vr__Schema whole = VR__SCHEMA__INIT;
    Vr__DescribeReply reply = VR__DESCRIBE_REPLY__INIT;
    (void)state;
    pair.key = dim;
    pair.value = eight;
    f[0].name = id, f[0].is_primary_key = 1, f[0].data_type = 5;
    f[1].name = a, f[2].name = b;
    for (int i = 1; i < 3; i++)
        f[i].data_type = 101, f[i].n_type_params = 1, f[i].type_params = pairs;
    whole.n_fields = 2;
    whole.fields = fields;
    assert_failed(vr_reply_schema(&reply, "c", "", &schema, &err), &err, VREC_UNSUPPORTED,
                  "no float32 vector");
    reply.schema = &whole;
    assert_int_equal(vr_reply_schema(&reply, "c", "", &schema, &err), VREC_OK);
    assert_int_equal(schema.dim, 8);
    assert_failed(vr_reply_schema(&reply, "c", "z", &schema, &err), &err, VREC_UNSUPPORTED, "\"z\"");
    whole.n_fields = 3;
    assert_failed(vr_reply_schema(&reply, "c", "", &schema, &err), &err, VREC_INVALID, "several");
    assert_int_equal(vr_reply_schema(&reply, "c", "b", &schema, &err), VREC_OK);
    assert_string_equal(schema.other_field, "a"); /* another vector is something that a row holds */
    f[2].data_type = 23;                          /* JSON */
    assert_int_equal(vr_reply_schema(&reply, "c", "a", &schema, &err), VREC_OK);
    assert_string_equal(schema.other_field, "b");
    f[2].data_type = 101;
    whole.n_fields = 2;
    ProtobufCBinaryData structure = { 1, (uint8_t *)b };
    for (int i = 0; i < 4; i++) {
        whole.enable_dynamic_field = i == 1;
        whole.enable_namespace = i == 2;
        whole.n_struct_array_fields = i == 3;
        whole.struct_array_fields = &structure;
        ProtobufCMessage *unpacked = repacked(&reply.base);
        assert_int_equal(vr_reply_schema((const Vr__DescribeReply *)unpacked, "c", "a", &schema, &err),
                         VREC_OK);
        assert_null(schema.other_field);
        assert_int_equal(schema.open_ended, i > 0);
        vr_reply_free(unpacked);
    }
    const char *bad[] = { "", "x", "8x", "0", "-8", "32769", "99999999999999999999" };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(eight, sizeof eight, "%s", bad[i]);
        assert_failed(vr_reply_schema(&reply, "c", "a", &schema, &err), &err, VREC_CORRUPT, "dim");
    }
    f[0].data_type = 21;
    assert_failed(vr_reply_schema(&reply, "c", "a", &schema, &err), &err, VREC_UNSUPPORTED, "not int64");
}

static void a_status_is_found_anywhere(void **state)
{
    vr_reply_status status;
    static const uint8_t late[] = { 0x10, 0x07, 0x0a, 0x05, 0x18, 0x64, 0x12, 0x01, 'x' };
    static const uint8_t cut[] = { 0x10, 0x07, 0x0a, 0x06, 0x18, 0x64 };
    (void)state;
    assert_null(vr_reply_read_status(late, sizeof late, false, &status));
    assert_true(vr_reply_says_no_collection(&status));
    assert_string_equal(status.reason, "x");
    assert_null(vr_reply_read_status(late, 0, false, &status));
    assert_true(vr_reply_succeeded(&status));
    assert_non_null(vr_reply_read_status(cut, sizeof cut, false, &status));
}

/* ---- Addresses ---- */

static vrec_status set_uri(const char *uri, vr_target *target, vrec_error *err)
{
    vr_target_wish wish = { uri, "", 0, "", "", "", "", "", "", "" };
    return vr_target_set(target, &wish, err);
}

static void addresses_are_read(void **state)
{
    static const char *const good[][2] = { { "http://h", "http://h:19530" },
                                           { "http://h:1/", "http://h:1" },
                                           { "https://[::1]:9", "https://[::1]:9" },
                                           { "unix:///run/m", "http://localhost" } };
    static const char *const bad[] = {
        "h:1",        "http://", "http://h:", "http://h:x", "http://h:123456", "http://u@h",
        "http://h/p", "unix:",   "HTTP://h",  "http://h?x", "http:// h"
    };
    vr_target target;
    vrec_error err;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(set_uri(good[i][0], &target, &err), VREC_OK);
        assert_string_equal(target.url, good[i][1]);
    }
    assert_string_equal(target.shown, "/run/m");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_failed(set_uri(bad[i], &target, &err), &err, VREC_INVALID, "uri is");
}

static void credentials_are_encoded(void **state)
{
    static const char *const pairs[][2] = { { "a", "authorization: YQ==" },
                                            { "ab", "authorization: YWI=" },
                                            { "abc", "authorization: YWJj" },
                                            { "root:Milvus", "authorization: cm9vdDpNaWx2dXM=" } };
    vr_target target;
    vrec_error err;
    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        vr_target_wish wish = { "http://h", "", 0, pairs[i][0], "", "", "", "", "", "" };
        assert_int_equal(vr_target_set(&target, &wish, &err), VREC_OK);
        assert_string_equal(target.authorization, pairs[i][1]);
    }
}

/* What follows a secret may be its rest, cut at a comma. */
static void secrets_are_not_repeated(void **state)
{
    vrec_builder *builder;
    vrec_error err;
    (void)state;
    assert_failed(vrec_builder_factory("milvus", "password=ab,xyzzy=cd", &builder, &err), &err,
                  VREC_INVALID, "hidden");
    assert_null(strstr(err.message, "xyzzy"));
    assert_failed(vrec_builder_factory("milvus", "metrix=L2", &builder, &err), &err, VREC_INVALID,
                  "did you mean \"metric\"?");
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(an_insert_is_right_to_the_byte),
                                        cmocka_unit_test(a_row_number_is_an_id),
                                        cmocka_unit_test(a_bad_row_is_named),
                                        cmocka_unit_test(a_request_too_large_is_refused),
                                        cmocka_unit_test(a_search_is_right_to_the_byte),
                                        cmocka_unit_test(headers_are_read),
                                        cmocka_unit_test(hits_are_counted),
                                        cmocka_unit_test(a_reply_takes_what_its_length_warrants),
                                        cmocka_unit_test(a_schema_is_checked),
                                        cmocka_unit_test(a_status_is_found_anywhere),
                                        cmocka_unit_test(addresses_are_read),
                                        cmocka_unit_test(credentials_are_encoded),
                                        cmocka_unit_test(secrets_are_not_repeated) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
