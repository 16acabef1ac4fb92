/* FAISS files, in and out: byte for byte what FAISS writes, and no byte believed without a check.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/failed.h"
#include "support/faiss_sample.h"
#include "support/folder.h"

#include "base/bytes.h"

#include <sys/stat.h>

static void assert_refused(const void *bytes, size_t size, vrec_status expected, const char *says)
{
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    write_file("bad.index", bytes, size);
    vrec_status status = open_index("bad.index", NULL, NULL, &indexer, &err);
    assert_failed(status, &err, expected, says);
    assert_failed(status, &err, expected, "bad.index");
}

/* The sample with some bytes changed. */
static void patch(char bytes[SIZE], size_t at, const void *with, size_t size)
{
    memcpy(bytes, l2_file, SIZE);
    memcpy(bytes + at, with, size);
}

/* ---- Good files ---- */

static void files_are_what_faiss_writes(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *golden = i ? ip_file : l2_file, *options = i ? "metric=IP" : NULL;
        vrec_indexer *built = build(options);
        assert_int_equal(vrec_save(built, "a.index", NULL, NULL), VREC_OK);
        assert_file("a.index", golden, SIZE);
        vrec_indexer *opened = open_good("a.index");
        assert_int_equal(vrec_larger_is_nearer(opened), i);
        assert_sample_answers(built, i);
        assert_sample_answers(opened, i);
        assert_int_equal(vrec_save(opened, "a.index", NULL, NULL), VREC_OK);
        assert_file("a.index", golden, SIZE);
        vrec_indexer_free(opened);
        vrec_indexer_free(built);
    }
}

static void the_metric_beats_the_type(void **state)
{
    (void)state;
    static const char l2_says_ip[] = SAMPLE("IxF2", "\0"), ip_says_l2[] = SAMPLE("IxFI", "\1");
    for (size_t i = 0; i < 2; i++) {
        write_file("a.index", i ? l2_says_ip : ip_says_l2, SIZE);
        vrec_indexer *indexer = open_good("a.index");
        assert_sample_answers(indexer, i);
        assert_true(has_fact(indexer, "note", "disagree"));
        assert_true(has_fact(indexer, "metric", i ? "IP" : "L2"));
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", i ? ip_file : l2_file, SIZE);
        vrec_indexer_free(indexer);
    }
}

static void options_against_the_file(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        vrec_status status;
    } cases[] = { { NULL, VREC_OK },
                  { "metric=ip", VREC_OK },
                  { "metric_type=IP,index_type=Flat,threads=2", VREC_OK },
                  { "metric=none", VREC_OK },
                  { "metric=L2", VREC_INVALID } };
    write_file("a.index", ip_file, SIZE);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        vrec_status status = open_index("a.index", cases[i].options, NULL, &indexer, &err);
        assert_int_equal(status, cases[i].status);
        if (status != VREC_OK)
            assert_failed(status, &err, VREC_INVALID, "a.index was built with metric IP, but L2 was");
        vrec_indexer_free(indexer);
    }
}

static void an_index_without_rows(void **state)
{
    (void)state;
    char bytes[HEADER];
    static const float query[2 * DIM] = { 0 };
    vrec_matrix queries = vrec_matrix_f32(query, 2, DIM);
    int64_t ids[2];
    float distances[2];
    int64_t counts[2] = { 7, 7 };
    memcpy(bytes, ip_file, HEADER);
    memset(bytes + 8, 0, 8);
    memset(bytes + 37, 0, 8);
    bytes[16] = 1; /* not looked at */
    write_file("a.index", bytes, HEADER);
    vrec_indexer *indexer = open_good("a.index");
    assert_int_equal(vrec_rows(indexer), 0);
    assert_int_equal(vrec_dim(indexer), DIM);
    assert_int_equal(vrec_query(indexer, &queries, 1, NULL,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, counts }, NULL),
                     VREC_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(ids[i], -1);
        assert_true(distances[i] == -INFINITY);
        assert_int_equal(counts[i], 0);
    }
    assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
    bytes[16] = 0;
    assert_file("b.index", bytes, HEADER);
    vrec_indexer_free(indexer);
}

/* FAISS writes what it was given; a row with a NaN or Inf is never found. */
static void rows_that_are_not_finite(void **state)
{
    (void)state;
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    static const float query[DIM] = { 1, 1 };
    vrec_matrix queries = vrec_matrix_f32(query, 1, DIM);
    for (size_t i = 0; i < 6; i++) {
        char bytes[SIZE];
        int64_t ids[3];
        float distances[3];
        memcpy(bytes, i % 2 ? ip_file : l2_file, SIZE);
        memcpy(bytes + HEADER + 8, &bad[i / 2], sizeof(float)); /* row 1 */
        write_file("a.index", bytes, SIZE);
        vrec_indexer *indexer = open_good("a.index");
        assert_int_equal(vrec_query(indexer, &queries, 3, NULL,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, NULL),
                         VREC_OK);
        assert_int_equal(ids[0], 2);
        assert_int_equal(ids[1], 0);
        assert_int_equal(ids[2], -1);
        assert_true(has_fact(indexer, "note", "1 items hold a NaN or Inf"));
        vrec_indexer_free(indexer);
        vrec_error err = { 0 };
        vrec_builder *builder = new_builder(NULL);
        assert_failed(vrec_verify(builder, "a.index", NULL, &err), &err, VREC_CORRUPT,
                      "a.index: 1 of 3 items");
        vrec_builder_free(builder);
    }
}

/* ---- Bad files ---- */

static void headers_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        const char *bytes;
        size_t size;
        vrec_status status;
        const char *says;
    } cases[] = {
        { 4, "\0\0\0\0", 4, VREC_CORRUPT, "d at byte 4 is 0;" },
        { 4, "\1\0\x10\0", 4, VREC_CORRUPT, "d at byte 4 is 1048577; 1 to 1048576" },
        { 4, "\xff\xff\xff\xff", 4, VREC_CORRUPT, "d at byte 4 is -1;" },
        { 4, "\1\0\0\0", 4, VREC_CORRUPT, "count at byte 37 is 6, but the header says 3 rows of 1 values" },
        { 4, "\3\0\0\0", 4, VREC_CORRUPT, "but the header says 3 rows of 3 values" },
        { 8, "\2", 1, VREC_CORRUPT, "but the header says 2 rows of 2 values" },
        { 8, "\4", 1, VREC_CORRUPT, "but the header says 4 rows of 2 values" },
        { 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, VREC_CORRUPT, "rows at byte 8 is negative" },
        { 8, "\3\0\0\0\0\0\0\x08", 8, VREC_CORRUPT, "says 576460752303423491 rows" }, /* + 2^59 */
        { 8, "\3\0\0\0\0\0\0\x40", 8, VREC_CORRUPT, "says 4611686018427387907 rows" },
        { 32, "\0", 1, VREC_CORRUPT, "is_trained of the flat index at byte 0 is 0" },
        { 32, "\7", 1, VREC_CORRUPT, "is_trained at byte 32 is 7" },
        { 33, "\2", 1, VREC_UNSUPPORTED, "metric at byte 33 is 2" },
        { 33, "\xff\xff\xff\xff", 4, VREC_UNSUPPORTED, "metric at byte 33 is 4294967295" },
        { 37, "\5", 1, VREC_CORRUPT, "count at byte 37 is 5, but the header says 3 rows of 2 values" },
        { 37, "\7", 1, VREC_CORRUPT,
          "cut short: from byte 45 on the vectors should have 7 elements of 4 bytes, but the file ends at "
          "byte 69" },
        { 37, "\6\0\0\0\0\0\0\x40", 8, VREC_CORRUPT, "cut short" }, /* times 4 wraps to 24 */
        { 37, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, VREC_CORRUPT, "cut short" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[SIZE];
        patch(bytes, cases[i].at, cases[i].bytes, cases[i].size);
        assert_refused(bytes, SIZE, cases[i].status, cases[i].says);
    }
}

static void other_types_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *fourcc;
        vrec_status status;
        const char *says;
    } cases[] = {
        { "IHNs", VREC_UNSUPPORTED, "type IHNs (HNSW, scalar-quantized)" },
        { "IwFd", VREC_UNSUPPORTED, "type IwFd (IVF Flat without duplicates)" },
        { "IwPQ", VREC_UNSUPPORTED, "type IwPQ (IVF, product-quantized)" },
        { "IPfs", VREC_UNSUPPORTED, "type IPfs (product-quantized, fast-scan)" },
        { "NPLf", VREC_UNSUPPORTED, "type NPLf (IVF, product-local-search-quantized, fast-scan)" },
        { "IS48", VREC_UNSUPPORTED, "type IS48 (SVS)" },
        { "IBxF", VREC_UNSUPPORTED, "type IBxF (Flat, of bits)" },
        { "null", VREC_UNSUPPORTED, "type null (left out when it was saved)" },
        { "PcAm", VREC_UNSUPPORTED, "holds a transform of FAISS's, PcAm (PCA), and no index" },
        { "IxPT", VREC_UNSUPPORTED, "type IxPT (PreTransform)" },
        { "IxFl", VREC_UNSUPPORTED, "type IxFl (Flat with a metric" },
        { "Izzz", VREC_UNSUPPORTED, "type Izzz, which is newer than this version; it reads Flat" },
        { "\x93NUM", VREC_UNSUPPORTED, "holds a NumPy array, and no index: build one of it first" },
        { "abc\x80", VREC_CORRUPT, "index type 0x80636261 (\"abc.\") not recognized" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char bytes[SIZE];
        patch(bytes, 0, cases[i].fourcc, 4);
        assert_refused(bytes, SIZE, cases[i].status, cases[i].says);
        if (strcmp(cases[i].fourcc, "Izzz") != 0) /* of which nobody knows */
            assert_refused(bytes, 4, cases[i].status, cases[i].says);
    }
}

static void files_cut_at_every_byte(void **state)
{
    (void)state;
    for (size_t size = 0; size < SIZE; size++)
        assert_refused(l2_file, size, VREC_CORRUPT, size < 4 ? "no FAISS index: it has" : "cut short");
    char longer[SIZE + 5] = { 0 };
    memcpy(longer, l2_file, SIZE);
    for (size_t size = SIZE + 1; size <= sizeof longer; size++)
        assert_refused(longer, size, VREC_CORRUPT, "the index ends at byte 69, but the file has");
}

/* Any value of any byte of the header: refused, or an index that answers. */
static void every_byte_of_the_header(void **state)
{
    (void)state;
    for (size_t at = 0; at < HEADER; at++)
        for (int value = 0; value < 256; value++) {
            char bytes[SIZE];
            vrec_error err = { 0 };
            vrec_indexer *indexer;
            patch(bytes, at, &(char){ (char)value }, 1);
            write_file("a.index", bytes, SIZE);
            vrec_status status = open_index("a.index", NULL, NULL, &indexer, &err);
            bool ignored = at >= 16 && at < 32;
            bool same = bytes[at] == l2_file[at];
            bool other_metric = (at == 33 && value == 0) || (at == 3 && value == 'I');
            assert_true((status == VREC_OK) == (ignored || same || other_metric));
            if (status == VREC_OK)
                assert_sample_answers(indexer, at == 33 && value == 0);
            else
                assert_failed(status, &err, status, "a.index");
            vrec_indexer_free(indexer);
        }
}

static void files_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *path, *says;
    } cases[] = { { "missing.index", "opening missing.index: No such file" },
                  { ".", "opening .: Is a directory" },
                  { "/dev/null", "opening /dev/null: not a regular file" },
                  { "pipe.index", "opening pipe.index: not a regular file" },
                  { "", "opening : No such file" } };
    assert_int_equal(mkfifo("pipe.index", 0600), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        vrec_status status = open_index(cases[i].path, NULL, NULL, &indexer, &err);
        assert_failed(status, &err, VREC_IO, cases[i].says);
    }
    assert_int_equal(unlink("pipe.index"), 0);
}

/* More rows than an item's number has bits for; the file is all hole. */
static void too_many_rows(void **state)
{
    (void)state;
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    uint64_t count = (uint64_t)UINT32_MAX + 1;
    uint8_t bytes[HEADER];
    memcpy(bytes, l2_file, HEADER);
    vr_put_u32(bytes + 4, 1);
    vr_put_u64(bytes + 8, count);
    vr_put_u64(bytes + 37, count);
    write_file("bad.index", bytes, HEADER);
    if (truncate("bad.index", (off_t)(HEADER + 4 * count)) != 0)
        skip(); /* this file system has no room for holes */
    vrec_status status = open_index("bad.index", NULL, NULL, &indexer, &err);
    assert_failed(status, &err, VREC_UNSUPPORTED, "4294967296 rows; at most 4294967295");
    assert_int_equal(unlink("bad.index"), 0);
}

static void verify_reads_as_open_does(void **state)
{
    (void)state;
    vrec_error err = { 0 };
    vrec_builder *builder = new_builder(NULL);
    write_file("a.index", l2_file, SIZE);
    assert_int_equal(vrec_verify(builder, "a.index", NULL, NULL), VREC_OK);
    assert_int_equal(truncate("a.index", SIZE - 1), 0);
    assert_failed(vrec_verify(builder, "a.index", NULL, &err), &err, VREC_CORRUPT, "cut short");
    vrec_builder_free(builder);
}

/* ---- Ids of the rows' own ---- */

enum { MAP_HEADER = 37, MAP_SIZE = MAP_HEADER + SIZE + 8 + ROWS * 8 };

/* The sample in an IDMap. */
static void make_id_map(char bytes[MAP_SIZE], const char *type, const int64_t ids[ROWS])
{
    int64_t count = ROWS;
    memcpy(bytes, l2_file, MAP_HEADER);
    memcpy(bytes, type, 4);
    memcpy(bytes + MAP_HEADER, l2_file, SIZE);
    memcpy(bytes + MAP_HEADER + SIZE, &count, 8);
    memcpy(bytes + MAP_HEADER + SIZE + 8, ids, ROWS * 8);
}

static void rows_have_the_ids_of_an_id_map(void **state)
{
    (void)state;
    static const int64_t own[ROWS] = { INT64_MIN, -1, 7 };
    static const char *const types[] = { "IxMp", "IxM2" };
    static const float query[DIM] = { 1, 1 };
    vrec_matrix queries = vrec_matrix_f32(query, 1, DIM);
    for (size_t i = 0; i < 2; i++) {
        char bytes[MAP_SIZE];
        int64_t ids[ROWS];
        float distances[ROWS];
        make_id_map(bytes, types[i], own);
        write_file("a.index", bytes, MAP_SIZE);
        vrec_indexer *indexer = open_good("a.index");
        assert_true(has_fact(indexer, "ids", i ? "IDMap2" : "IDMap"));
        assert_true(has_fact(indexer, "note", "1 rows have the id -1"));
        assert_int_equal(vrec_query(indexer, &queries, ROWS, NULL,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, NULL),
                         VREC_OK);
        assert_int_equal(ids[0], 7);
        assert_int_equal(ids[1], INT64_MIN);
        assert_int_equal(ids[2], -1);
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", bytes, MAP_SIZE);
        vrec_indexer_free(indexer);
    }
}

static void id_maps_that_are_refused(void **state)
{
    (void)state;
    static const int64_t ids[ROWS] = { 5, 6, 7 };
    static const struct {
        size_t at;
        char value;
        vrec_status status;
        const char *says;
    } cases[] = {
        { 4, 3, VREC_CORRUPT, "the IDMap at byte 0 has 3 rows of 3 values" },
        { 8, 2, VREC_CORRUPT, "the IDMap at byte 0 has 2 rows of 2 values" },
        { 41, 0, VREC_CORRUPT, "d at byte 41 is 0" },
        { 106, 2, VREC_CORRUPT, "and 2 ids at byte 106" },
        { 106, 4, VREC_CORRUPT, "cut short: from byte 114 on the list of ids should have 4 elements" },
        { 113, 0x20, VREC_CORRUPT, "cut short: from byte 114 on the list of ids" }, /* times 8 wraps */
        { 39, 'S', VREC_UNSUPPORTED, "type IxMp (IDMap)" },
    };
    char bytes[MAP_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_id_map(bytes, "IxMp", ids);
        bytes[cases[i].at] = cases[i].value;
        assert_refused(bytes, MAP_SIZE, cases[i].status, cases[i].says);
    }
    make_id_map(bytes, "IxMp", ids);
    for (size_t size = 4; size < MAP_SIZE; size++)
        assert_refused(bytes, size, VREC_CORRUPT, "cut short");
}

/* A reader that followed them down would run out of stack. */
static void indexes_nested_without_end(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    static char deep[DEPTH * MAP_HEADER];
    for (size_t i = 0; i < DEPTH; i++) {
        memcpy(deep + i * MAP_HEADER, l2_file, MAP_HEADER);
        memcpy(deep + i * MAP_HEADER, "IxMp", 4);
    }
    assert_refused(deep, sizeof deep, VREC_UNSUPPORTED,
                   "type IxMp (IDMap) over IxMp (IDMap) over IxMp (IDMap)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_what_faiss_writes),
        cmocka_unit_test(the_metric_beats_the_type),
        cmocka_unit_test(options_against_the_file),
        cmocka_unit_test(an_index_without_rows),
        cmocka_unit_test(rows_that_are_not_finite),
        cmocka_unit_test(headers_that_are_refused),
        cmocka_unit_test(other_types_are_refused_by_name),
        cmocka_unit_test(files_cut_at_every_byte),
        cmocka_unit_test(every_byte_of_the_header),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(too_many_rows),
        cmocka_unit_test(verify_reads_as_open_does),
        cmocka_unit_test(rows_have_the_ids_of_an_id_map),
        cmocka_unit_test(id_maps_that_are_refused),
        cmocka_unit_test(indexes_nested_without_end),
    };
    return cmocka_run_group_tests_name("faiss_file", tests, enter_folder, leave_folder);
}
