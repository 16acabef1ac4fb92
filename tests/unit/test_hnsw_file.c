/* HNSW in FAISS files: byte for byte what FAISS writes, and nothing believed without a check.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/hnsw_sample.h"
#include "support/sha256.h"

#include <math.h>

/* Every row as a query, for all rows, against distances added up here. */
static void assert_answers(const vrec_indexer *indexer, bool ip)
{
    float queries[SAMPLE_ROWS * SAMPLE_DIM], distances[SAMPLE_ROWS * SAMPLE_ROWS];
    int64_t ids[SAMPLE_ROWS * SAMPLE_ROWS];
    for (size_t i = 0; i < SAMPLE_ROWS * SAMPLE_DIM; i++)
        queries[i] = sample_value(i / SAMPLE_DIM, i % SAMPLE_DIM);
    vrec_matrix matrix = vrec_matrix_f32(queries, SAMPLE_ROWS, SAMPLE_DIM);
    assert_int_equal(vrec_query(indexer, &matrix, SAMPLE_ROWS, NULL,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, NULL),
                     VREC_OK);
    for (size_t q = 0; q < SAMPLE_ROWS; q++)
        for (size_t i = 0; i < SAMPLE_ROWS; i++) {
            size_t at = q * SAMPLE_ROWS + i;
            float sum = 0.0f;
            assert_in_range(ids[at], 0, SAMPLE_ROWS - 1);
            for (size_t j = 0; j < SAMPLE_DIM; j++) {
                float x = sample_value((size_t)ids[at], j), y = queries[q * SAMPLE_DIM + j];
                sum += ip ? x * y : (x - y) * (x - y);
            }
            assert_true(sum == distances[at]);
            if (i > 0)
                assert_true(ip ? distances[at] <= distances[at - 1] : distances[at] >= distances[at - 1]);
            if (i > 0 && distances[at] == distances[at - 1])
                assert_true(ids[at] > ids[at - 1]);
        }
}

/* ---- Good files ---- */

static void files_are_what_faiss_writes(void **state)
{
    static const char *const digests[] = {
        "76253ca91f875aed0fbb58dd0c844d949b4de105a03769ae1ebb3edec6fae81f", /* IP */
        "3844f673b5134df1dc3234f782623835227eca54a0a1cc1b44b11c5879b89718",
        "024c308681068c0e0bd4a3240e3151f3d30a24c605ed7e70a17edd62d15bba4c" /* no rows */
    };
    (void)state;
    for (uint32_t i = 0; i < 3; i++) {
        image file = i < 2 ? sample(i) : empty_sample();
        char digest[65];
        sha256(file.bytes, file.size, digest);
        assert_string_equal(digest, digests[i]);
        vrec_indexer *indexer = open_image(&file, NULL);
        assert_int_equal(vrec_rows(indexer), i < 2 ? SAMPLE_ROWS : 0);
        if (i < 2)
            assert_answers(indexer, i == 0);
        assert_true(has_fact(indexer, "index_type", "HNSW"));
        assert_true(has_fact(indexer, "m", "4"));
        assert_true(has_fact(indexer, "efSearch", "16"));
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", file.bytes, file.size);
        vrec_indexer_free(indexer);
    }
}

static void an_empty_index_answers_padding(void **state)
{
    static const float query[SAMPLE_DIM] = { 1, 2, 3, 4 };
    image file = empty_sample();
    vrec_indexer *indexer = open_image(&file, NULL);
    vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
    int64_t id;
    float distance;
    (void)state;
    assert_int_equal(vrec_query(indexer, &matrix, 1, NULL,
                                &(vrec_results){ sizeof(vrec_results), &id, &distance, NULL }, NULL),
                     VREC_OK);
    assert_int_equal(id, -1);
    assert_true(distance == INFINITY);
    vrec_indexer_free(indexer);
}

/* Torch-RecHub writes such files: an index made for L2 whose metric is changed afterwards. */
static void the_metric_of_the_graph_beats_that_of_the_vectors(void **state)
{
    (void)state;
    for (uint32_t metric = 0; metric < 2; metric++) {
        image file = sample(metric), mended = file;
        memcpy(file.bytes + AT_STORAGE, metric == 1 ? "IxFI" : "IxF2", 4);
        file.bytes[AT_STORAGE + AT_METRIC] = (uint8_t)!metric;
        vrec_indexer *indexer = open_image(&file, NULL);
        assert_int_equal(vrec_larger_is_nearer(indexer), metric == 0);
        assert_answers(indexer, metric == 0);
        assert_true(has_fact(indexer, "note", metric ? "L2 was used" : "IP was used"));
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", mended.bytes, mended.size);
        vrec_indexer_free(indexer);
    }
}

static void ids_of_its_own(void **state)
{
    static const int64_t own[] = { 70, -5, 30, -1, 30 };
    static const float query[SAMPLE_DIM] = { -5, -2, 1, 4 };
    (void)state;
    for (size_t second = 0; second < 2; second++) {
        image inner = sample(1), file = { .size = 0 };
        put_header(&file, second ? "IxM2" : "IxMp", SAMPLE_ROWS, 1);
        put(&file, inner.bytes, inner.size);
        put_u64(&file, SAMPLE_ROWS);
        put(&file, own, sizeof own);
        vrec_indexer *indexer = open_image(&file, NULL);
        vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
        int64_t ids[SAMPLE_ROWS];
        float distances[SAMPLE_ROWS];
        int64_t count;
        assert_int_equal(vrec_query(indexer, &matrix, SAMPLE_ROWS, NULL,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, &count }, NULL),
                         VREC_OK);
        assert_int_equal(count, SAMPLE_ROWS - 1); /* all but the one without an id */
        assert_int_equal(ids[0], 70);
        size_t seen = 0;
        for (int64_t i = 0; i < count; i++)
            seen += ids[i] == 30;
        assert_int_equal(seen, 2);
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", file.bytes, file.size);
        vrec_indexer_free(indexer);
    }
}

/* FAISS looks at nothing behind the first -1 of a row; what stands there doesn't survive. */
static void nothing_behind_a_free_slot_is_a_link(void **state)
{
    static const uint32_t odd[] = { UINT32_MAX, 77, 3, (uint32_t)-2 };
    image file = sample(1), clean = file;
    (void)state;
    memcpy(file.bytes + AT_LINKS + 8 + 4 * 4, odd, sizeof odd);
    vrec_indexer *indexer = open_image(&file, NULL);
    assert_answers(indexer, false);
    assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
    assert_file("b.index", clean.bytes, clean.size);
    vrec_indexer_free(indexer);
}

static void links_to_spare_are_no_harm(void **state)
{
    image file = sample(1), longer = { .size = 0 };
    (void)state;
    put(&longer, file.bytes, AT_ENTRY);
    put_u32(&longer, 123456);
    put_u32(&longer, (uint32_t)-99);
    put(&longer, file.bytes + AT_ENTRY, file.size - AT_ENTRY);
    vr_put_u64(longer.bytes + AT_LINKS, 50);
    vrec_indexer *indexer = open_image(&longer, NULL);
    assert_answers(indexer, false);
    vrec_indexer_free(indexer);
}

static void options_against_the_file(void **state)
{
    static const struct {
        const char *options, *says;
    } cases[] = {
        { "m=4,metric=L2,efSearch=7", NULL },
        { "codes=off", NULL },
        { "codes=sq4", NULL },
        { "m=5", "built with m=4, but m=5 was asked for" },
        { "metric=IP", "built with metric L2, but IP was asked for" },
        { "index_type=Flat", "Flat" },
    };
    image file = sample(1);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        vrec_status status = open_bytes(file.bytes, file.size, cases[i].options, &indexer, &err);
        if (cases[i].says)
            assert_failed(status, &err, VREC_INVALID, cases[i].says);
        else
            assert_answers(indexer, false);
        vrec_indexer_free(indexer);
    }
}

/* As with FAISS, where efSearch is a field of the index. */
static void efsearch_is_kept(void **state)
{
    image file = sample(1), expected = file;
    vrec_indexer *indexer = open_image(&file, "efSearch=300");
    (void)state;
    vr_put_u32(expected.bytes + AT_EF_SEARCH, 300);
    assert_true(has_fact(indexer, "efSearch", "300"));
    assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
    assert_file("b.index", expected.bytes, expected.size);
    vrec_indexer_free(indexer);
}

/* ---- Bad files ---- */

static void a_file_cut_anywhere_is_refused(void **state)
{
    image file = sample(1);
    (void)state;
    for (size_t size = 0; size < file.size; size++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        assert_failed(open_bytes(file.bytes, size, NULL, &indexer, &err), &err, VREC_CORRUPT, "a.index");
    }
}

/* Refused, or something that can be asked, and saved, and opened again. */
static void a_flipped_bit_does_no_harm(void **state)
{
    static const float query[SAMPLE_DIM] = { 1, 2, 3, 4 };
    size_t opened = 0;
    (void)state;
    for (size_t bit = 0; bit < AT_VECTORS * 8; bit++) {
        image file = sample(1);
        vrec_indexer *indexer;
        vrec_error err;
        file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (open_bytes(file.bytes, file.size, NULL, &indexer, &err) != VREC_OK)
            continue;
        vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
        int64_t ids[3];
        float distances[3];
        assert_int_equal(vrec_query(indexer, &matrix, 3, NULL,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, NULL),
                         VREC_OK);
        for (size_t i = 0; i < 3; i++)
            assert_in_range(ids[i] + 1, 0, SAMPLE_ROWS);
        vrec_indexer_free(indexer);
        opened++;
    }
    assert_true(opened > 15 * 52); /* the probabilities don't matter to a search, most of their bits */
}

static void crafted_files_are_refused(void **state)
{
    static const struct {
        size_t at;
        int64_t value;
        size_t size;
        vrec_status status;
        const char *says;
    } cases[] = {
        { AT_ROWS, 5000, 8, VREC_CORRUPT, "the number of levels" },
        { AT_ROWS, -1, 8, VREC_CORRUPT, "negative" },
        { AT_ROWS, INT64_C(1) << 31, 8, VREC_UNSUPPORTED, "2147483648 items" },
        { AT_DIM, 0, 4, VREC_CORRUPT, "d at byte 4" },
        { AT_TRAINED, 0, 1, VREC_CORRUPT, "is_trained" },
        { AT_TRAINED, 7, 1, VREC_CORRUPT, "is_trained" },
        { AT_METRIC, 4, 4, VREC_UNSUPPORTED, "metric" },
        { AT_CHANCES, INT64_C(1) << 60, 8, VREC_CORRUPT, "cut short" },
        { AT_CHANCES, 0, 8, VREC_CORRUPT, "levels at byte 37 is 0" },
        { AT_CHANCES + 8, INT64_C(0x7ff0) << 48, 8, VREC_CORRUPT, "not finite" },
        { AT_SLOTS, 15, 8, VREC_CORRUPT, "one more than there are levels" },
        { AT_SLOTS + 8, 1, 4, VREC_CORRUPT, "byte 173 is 1" },
        { AT_SLOTS + 12, 0, 4, VREC_CORRUPT, "numbers that grow" },
        { AT_SLOTS + 16, -5, 4, VREC_CORRUPT, "byte 181 is -5" },
        { AT_SLOTS + 16, 3, 4, VREC_CORRUPT, "numbers that grow" },
        { AT_LEVELS, 4, 8, VREC_CORRUPT, "as many as items" },
        { AT_LEVELS + 8, 99, 4, VREC_CORRUPT, "the level of a node at byte 245 is 99" },
        { AT_LEVELS + 8, 0, 4, VREC_CORRUPT, "the level of a node" },
        { AT_LEVELS + 16, 2, 4, VREC_CORRUPT, "where those of the one before end" },
        { AT_OFFSETS, 5, 8, VREC_CORRUPT, "the number of offsets" },
        { AT_OFFSETS + 16, 1000000000, 8, VREC_CORRUPT, "at byte 281 is 1000000000" },
        { AT_LINKS, 47, 8, VREC_CORRUPT, "as many as the offsets say" },
        { AT_LINKS, INT64_C(1) << 61, 8, VREC_CORRUPT, "cut short" },
        { AT_LINKS + 8, 1000000, 4, VREC_CORRUPT, "a link at byte 329 is 1000000" },
        { AT_LINKS + 8, -2, 4, VREC_CORRUPT, "a link at byte 329 is -2" },
        { AT_LINKS + 8 + 8 * 4, 3, 4, VREC_CORRUPT, "on the level of the link" }, /* of a base-only node */
        { AT_ENTRY, 100000000, 4, VREC_CORRUPT, "the entry point at byte 521 is 100000000" },
        { AT_ENTRY, -1, 4, VREC_CORRUPT, "the entry point" },
        { AT_ENTRY, 4, 4, VREC_CORRUPT, "the top level" }, /* which that one isn't on */
        { AT_TOP, 1000000, 4, VREC_CORRUPT, "the top level" },
        { AT_TOP, 14, 4, VREC_CORRUPT, "the top level" },
        { AT_TOP, -1, 4, VREC_CORRUPT, "the top level" },
        { AT_EF_CONSTRUCTION, 0, 4, VREC_CORRUPT, "efConstruction" },
        { AT_EF_SEARCH, 0, 4, VREC_CORRUPT, "efSearch at byte 533 is 0" },
        { AT_EF_SEARCH, -1, 4, VREC_CORRUPT, "efSearch" },
        { AT_STORAGE + AT_ROWS, 4, 8, VREC_CORRUPT, "rows" },
        { AT_STORAGE + AT_DIM, 2, 4, VREC_CORRUPT, "rows of 2 values" },
        { AT_STORAGE + AT_METRIC, 4, 4, VREC_UNSUPPORTED, "metric" },
        { AT_STORAGE, 0x51537849, 4, VREC_UNSUPPORTED, "IHNf (HNSW) over IxSQ" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(1);
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        memcpy(file.bytes + cases[i].at, &cases[i].value, cases[i].size);
        vrec_status status = open_bytes(file.bytes, file.size, NULL, &indexer, &err);
        assert_failed(status, &err, cases[i].status, cases[i].says);
        assert_failed(status, &err, cases[i].status, "a.index");
    }
}

/* Sane one by one, but of different sizes. */
static void a_graph_of_other_items_is_refused(void **state)
{
    image graph = sample(1), file = { .size = 0 };
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    (void)state;
    put(&file, graph.bytes, AT_STORAGE);
    put_storage(&file, 4, 1);
    assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                  "of 5 items of 4 values, but the flat index at byte 541 has 4 of 4");
}

/* efSearch of any size, the top level below what the entry point has, a node linked to itself. */
static void strange_but_sane_files_are_searched(void **state)
{
    static const struct {
        size_t at;
        uint32_t value;
    } cases[] = { { AT_EF_SEARCH, INT32_MAX },
                  { AT_EF_SEARCH, 1 },
                  { AT_TOP, 0 },
                  { AT_ENTRY, 0 },
                  { AT_LINKS + 8 + 8 * 4, 0 } };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(1);
        vr_put_u32(file.bytes + cases[i].at, cases[i].value);
        vrec_indexer *indexer = open_image(&file, NULL);
        assert_answers(indexer, false);
        assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
        assert_file("b.index", file.bytes, file.size);
        vrec_indexer_free(indexer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_what_faiss_writes),
        cmocka_unit_test(an_empty_index_answers_padding),
        cmocka_unit_test(the_metric_of_the_graph_beats_that_of_the_vectors),
        cmocka_unit_test(ids_of_its_own),
        cmocka_unit_test(nothing_behind_a_free_slot_is_a_link),
        cmocka_unit_test(links_to_spare_are_no_harm),
        cmocka_unit_test(options_against_the_file),
        cmocka_unit_test(efsearch_is_kept),
        cmocka_unit_test(a_file_cut_anywhere_is_refused),
        cmocka_unit_test(a_flipped_bit_does_no_harm),
        cmocka_unit_test(crafted_files_are_refused),
        cmocka_unit_test(a_graph_of_other_items_is_refused),
        cmocka_unit_test(strange_but_sane_files_are_searched),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
