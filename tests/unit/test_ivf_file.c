/* IVF in FAISS files: byte for byte what FAISS writes, and nothing believed without a check.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/ivf_sample.h"
#include "support/sha256.h"

#include <math.h>

static void assert_saved(const vrec_indexer *indexer, const image *expected)
{
    assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
    assert_file("b.index", expected->bytes, expected->size);
}

/* Asks for k of the query (x, y) in probes lists, and expects these ids. */
static void assert_found(const vrec_indexer *indexer, float x, float y, const char *probes, size_t k,
                         size_t count, const int64_t *expected)
{
    float query[SAMPLE_DIM] = { x, y }, distances[16];
    int64_t ids[16];
    int64_t found;
    vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
    vrec_query_options options = { .struct_size = sizeof options, .overrides = probes };
    assert_int_equal(vrec_query(indexer, &matrix, k, &options,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, &found }, NULL),
                     VREC_OK);
    assert_int_equal(found, count);
    for (size_t i = 0; i < k; i++) {
        assert_int_equal(ids[i], i < count ? expected[i] : -1);
        assert_true(i < count || isinf(distances[i]));
    }
}

/* ---- Good files ---- */

static void files_are_what_faiss_writes(void **state)
{
    static const struct {
        size_t rows;
        const char *digest;
        bool map;
    } cases[] = {
        { 0, "aa4bd1dd2b7ca8b7cee9767460e48f3abe56955c2f89a9ad76e5050d49af21cf", false },
        { 5, "9c2f0e258d3f4585cd2da7bf2711d7528cccd5c0907eee29cb53d1fe5eda8699", false },
        { 3, "ee51491337c5f447662b70145d0601f3f246fad9fdeeb361bdbc40b6ece26d7f", false },
        { 4, "149440ddcd80574515758b9b57961aa7dad160b03cd8475780aee6f0ef208329", false },
        { 5, "f31ef7479a0a6757791b6a0b9654e9a7d51e989207a20d7d8f5af8d1363fbffc", true },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(cases[i].rows, cases[i].map ? 1 : 0, NULL);
        char digest[65];
        sha256(file.bytes, file.size, digest);
        assert_string_equal(digest, cases[i].digest);
        vrec_indexer *indexer = open_image(&file, NULL);
        assert_int_equal(vrec_rows(indexer), cases[i].rows);
        assert_true(has_fact(indexer, "index_type", "IVF"));
        assert_true(has_fact(indexer, "nlists", "4"));
        assert_true(has_fact(indexer, "nprobe", "1"));
        assert_true(has_fact(indexer, "note", "has no items") == (cases[i].rows == 0));
        assert_saved(indexer, &file);
        vrec_indexer_free(indexer);
    }
}

static void lists_are_looked_into(void **state)
{
    static const int64_t near[] = { 0, 1 }, all[] = { 0, 1, 2, 3, 4 }, far[] = { 4, 3 };
    image file = sample(5, 0, NULL);
    (void)state;
    for (size_t codes = 0; codes < 2; codes++) {
        vrec_indexer *indexer = open_image(&file, codes ? "codes=auto" : "codes=off");
        for (size_t i = 0; i < 70; i++) { /* before and after it has made its codes */
            assert_found(indexer, 0, 0.6f, NULL, 7, 2, near);
            assert_found(indexer, 0, 0.6f, "nprobe=4", 5, 5, all);
            assert_found(indexer, 0, 0.6f, "nprobe=9", 7, 5, all);
            assert_found(indexer, 40, 40, "nprobe=2", 5, 2, far);
            assert_found(indexer, NAN, 40, "nprobe=2", 3, 0, NULL);
        }
        vrec_indexer_free(indexer);
    }
}

static void nprobe_is_kept(void **state)
{
    image file = sample(5, 0, NULL), expected = file;
    vrec_indexer *indexer = open_image(&file, "nprobe=3");
    (void)state;
    vr_put_u64(expected.bytes + AT_PROBES, 3);
    assert_true(has_fact(indexer, "nprobe", "3"));
    assert_saved(indexer, &expected);
    vrec_indexer_free(indexer);
    vr_put_u64(file.bytes + AT_PROBES, 0); /* FAISS refuses to search with it */
    indexer = open_image(&file, NULL);
    assert_found(indexer, 0, 0.6f, NULL, 1, 1, (int64_t[]){ 0 });
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

static void ids_of_its_own(void **state)
{
    static const int64_t own[] = { 70, -5, 30, -1, 30 }, all[] = { -5, 70, 30, 30 };
    image file = sample(5, 0, own);
    (void)state;
    vrec_indexer *indexer = open_image(&file, NULL);
    assert_found(indexer, 0.5f, 0.5f, "nprobe=4", 5, 4, all); /* the first two are equally near */
    assert_true(has_fact(indexer, "ids", "own, in the lists"));
    assert_true(has_fact(indexer, "note", "1 rows have the id -1"));
    assert_true(has_fact(indexer, "note", "1 rows have an id that another has"));
    assert_true(has_fact(indexer, "note", "negative"));
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

static void excluded_ids_are_made_up_for(void **state)
{
    static const int64_t own[] = { 70, -5, 30, -1, 35 }, gone[] = { -5, 30 }, offsets[] = { 0, 2 };
    image file = sample(5, 0, own);
    vrec_indexer *indexer = open_image(&file, NULL);
    float query[SAMPLE_DIM] = { 1, 0 }, distances[3];
    int64_t ids[3];
    int64_t count;
    vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = offsets,
                                   .exclude_ids = gone,
                                   .exclude_count = sizeof gone / sizeof gone[0] };
    (void)state;
    assert_int_equal(vrec_query(indexer, &matrix, 3, &options,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, &count }, NULL),
                     VREC_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ids[0], 70);
    assert_int_equal(ids[1], 35);
    vrec_indexer_free(indexer);
}

static void an_id_map_around_it(void **state)
{
    static const int64_t own[] = { 70, -5, 30, -1, 31 }, near[] = { 70, -5 }, inner[] = { 4, 3, 2, 1, 0 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        image lists = sample(5, 0, i ? inner : NULL), file = { .size = 0 };
        put_header(&file, "IxMp", 5, 1, true);
        put(&file, lists.bytes, lists.size);
        put_u64(&file, 5);
        put(&file, own, sizeof own);
        vrec_indexer *indexer = open_image(&file, NULL);
        if (i == 0)
            assert_found(indexer, 0, 0.6f, NULL, 2, 2, near);
        assert_saved(indexer, &file);
        vrec_indexer_free(indexer);
    }
    image lists = sample(5, 0, own), file = { .size = 0 };
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    put_header(&file, "IxMp", 5, 1, true);
    put(&file, lists.bytes, lists.size);
    put_u64(&file, 5);
    put(&file, own, sizeof own);
    assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_UNSUPPORTED,
                  "has ids of its own");
}

/* The last items were no numbers, so that the ids in the lists are still 0, 1, 2... */
static void an_id_map_around_lost_items(void **state)
{
    static const int64_t own[] = { 70, 80, 90, 100, 110, 120, 130 };
    image lists = sample(5, 0, NULL), file = { .size = 0 };
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    (void)state;
    vr_put_u64(lists.bytes + AT_ROWS, 7);
    put_header(&file, "IxMp", 7, 1, true);
    put(&file, lists.bytes, lists.size);
    put_u64(&file, 7);
    put(&file, own, sizeof own);
    assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_UNSUPPORTED,
                  "has dropped 2 items");
}

static void items_in_no_list(void **state)
{
    static const int64_t near[] = { 0, 1 };
    image file = sample(5, 0, NULL);
    (void)state;
    vr_put_u64(file.bytes + AT_ROWS, 7);
    vrec_indexer *indexer = open_image(&file, NULL);
    assert_int_equal(vrec_rows(indexer), 5);
    assert_true(has_fact(indexer, "note", "2 of 7 items are in no list"));
    assert_found(indexer, 0, 0.6f, NULL, 2, 2, near);
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

static void an_untrained_index(void **state)
{
    image file = untrained_sample();
    vrec_indexer *indexer = open_image(&file, "nprobe=1");
    (void)state;
    assert_int_equal(file.size, 139);
    assert_true(has_fact(indexer, "note", "isn't trained"));
    assert_found(indexer, 1, 2, NULL, 3, 0, NULL);
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
    vr_put_u64(file.bytes + AT_LISTS, UINT32_MAX); /* costs no memory as long as there is nothing in them */
    vr_put_u64(file.bytes + 107 + 4, UINT32_MAX);
    indexer = open_image(&file, NULL);
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

/* Lists may be chosen by another metric than items are compared by: Torch-RecHub writes such files. */
static void a_quantizer_of_another_metric(void **state)
{
    static const int64_t far[] = { 4 };
    image file = sample(5, 0, NULL);
    (void)state;
    memcpy(file.bytes + AT_QUANTIZER, "IxFI", 4);
    file.bytes[AT_QUANTIZER + AT_METRIC] = 0;
    vrec_indexer *indexer = open_image(&file, NULL);
    assert_false(vrec_larger_is_nearer(indexer));
    assert_true(has_fact(indexer, "note", "lists are chosen by IP, items compared by L2"));
    assert_found(indexer, 1, 1, NULL, 2, 1, far); /* the largest centroid's list */
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

static void a_hash_table(void **state)
{
    image file = sample(5, 2, NULL);
    vrec_indexer *indexer = open_image(&file, NULL);
    (void)state;
    assert_saved(indexer, &file);
    vrec_indexer_free(indexer);
}

/* Files of before 2018 are opened, and saved in today's form. */
static void old_files(void **state)
{
    static const int64_t all[] = { 0, 1, 2, 3, 4 };
    image today = sample(5, 0, NULL);
    (void)state;
    for (size_t bytes = 0; bytes < 2; bytes++) {
        image file = old_sample(bytes == 1);
        vrec_indexer *indexer = open_image(&file, NULL);
        assert_found(indexer, 0, 0.6f, "nprobe=4", 5, 5, all);
        assert_saved(indexer, &today);
        vrec_indexer_free(indexer);
    }
}

static void options_against_the_file(void **state)
{
    static const struct {
        const char *options, *says;
    } cases[] = {
        { "nlists=4,metric=L2,nprobe=7", NULL },
        { "nlist=4,codes=off", NULL },
        { "nlists=5", "built with nlists=4, but nlists=5 was asked for" },
        { "metric=IP", "built with metric L2, but IP was asked for" },
        { "index_type=Flat", "Flat" },
        { "codes=sq4", "codes=sq4 is for HNSW; an IVF index takes auto or off" },
        { "efSearch=4", "efSearch is for index_type=HNSW" },
    };
    image file = sample(5, 0, NULL);
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        vrec_status status = open_bytes(file.bytes, file.size, cases[i].options, &indexer, &err);
        if (cases[i].says)
            assert_failed(status, &err, VREC_INVALID, cases[i].says);
        vrec_indexer_free(indexer);
    }
}

/* ---- Bad files ---- */

static void files_cut_anywhere_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        image file = i < 3 ? sample(i == 1 ? 3 : 5, (uint8_t)i, NULL) : old_sample(i == 3);
        for (size_t size = 0; size < file.size; size++) {
            vrec_error err = { 0 };
            vrec_indexer *indexer;
            assert_failed(open_bytes(file.bytes, size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                          "a.index");
        }
    }
}

/* Refused, or something that can be asked, and saved, and opened again. */
static void a_flipped_bit_does_no_harm(void **state)
{
    static const float query[SAMPLE_DIM] = { 1, 2 };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        image whole = i < 2 ? sample(i == 1 ? 3 : 5, 1, NULL) : old_sample(i == 2);
        for (size_t bit = 0; bit < whole.size * 8; bit++) {
            image file = whole;
            vrec_indexer *indexer;
            vrec_error err;
            file.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (open_bytes(file.bytes, file.size, NULL, &indexer, &err) != VREC_OK)
                continue;
            vrec_matrix matrix = vrec_matrix_f32(query, 1, SAMPLE_DIM);
            int64_t ids[3];
            float distances[3];
            assert_int_equal(vrec_query(indexer, &matrix, 3, NULL,
                                        &(vrec_results){ sizeof(vrec_results), ids, distances, NULL },
                                        NULL),
                             VREC_OK);
            if (bit % 64 == 0)
                assert_int_equal(vrec_save(indexer, "b.index", NULL, NULL), VREC_OK);
            vrec_indexer_free(indexer);
        }
    }
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
        { AT_ROWS, -1, 8, VREC_CORRUPT, "negative" },
        { AT_ROWS, 4, 8, VREC_CORRUPT, "add up to more than the 4 items" },
        { AT_DIM, 0, 4, VREC_CORRUPT, "d at byte 4" },
        { AT_DIM, 8, 4, VREC_CORRUPT, "its quantizer has 4 centroids of 2 values" },
        { AT_TRAINED, 0, 1, VREC_CORRUPT, "is not trained, with 4 lists" },
        { AT_TRAINED, 7, 1, VREC_CORRUPT, "is_trained" },
        { AT_METRIC, 4, 4, VREC_UNSUPPORTED, "metric" },
        { AT_LISTS, 0, 8, VREC_CORRUPT, "the number of lists at byte 37 is 0" },
        { AT_LISTS, 5, 8, VREC_CORRUPT, "is trained, with 5 lists" },
        { AT_LISTS, INT64_C(1) << 33, 8, VREC_UNSUPPORTED, "the number of lists at byte 37 is 8589934592" },
        { AT_QUANTIZER, 0x51537849, 4, VREC_UNSUPPORTED, "with quantizer IxSQ" },
        { AT_QUANTIZER, 0x6c467749, 4, VREC_UNSUPPORTED, "IwFl (IVF Flat) with quantizer IwFl" },
        { AT_QUANTIZER + AT_ROWS, 20, 8, VREC_CORRUPT, "20 rows" },
        { AT_MAP, 9, 1, VREC_CORRUPT, "the direct map at byte 130 is of type 9" },
        { AT_MAP + 1, 1 << 20, 8, VREC_CORRUPT, "cut short" },
        { AT_LISTS_TYPE, 0x30306c69, 4, VREC_UNSUPPORTED, "of type il00" },
        { AT_LISTS_TYPE, 0x646f6c69, 4, VREC_UNSUPPORTED, "of type ilod" },
        { AT_LISTS_TYPE, 0x30303030, 4, VREC_UNSUPPORTED, "of type unknown" },
        { AT_LISTS_TYPE + 4, 3, 8, VREC_CORRUPT, "there are 3 lists" },
        { AT_LISTS_TYPE + 12, 16, 8, VREC_CORRUPT, "items of 16 bytes" },
        { AT_FORM, 0x30303030, 4, VREC_CORRUPT, "the form of the lists' sizes, at byte 159" },
        { AT_FORM, 0x73727073, 4, VREC_CORRUPT, "list 1 comes after list 2" }, /* sprs */
        { AT_SIZES, 3, 8, VREC_CORRUPT, "sizes of 3 lists, not 4" },
        { AT_SIZES, INT64_C(1) << 61, 8, VREC_CORRUPT, "cut short" },
        { AT_SIZES + 8, INT64_C(1) << 36, 8, VREC_CORRUPT, "add up to more than the 5 items" },
        { AT_SIZES + 8, -2, 8, VREC_CORRUPT, "add up to more than the 5 items" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(5, 0, NULL);
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        memcpy(file.bytes + cases[i].at, &cases[i].value, cases[i].size);
        vrec_status status = open_bytes(file.bytes, file.size, NULL, &indexer, &err);
        assert_failed(status, &err, cases[i].status, cases[i].says);
        assert_failed(status, &err, cases[i].status, "a.index");
    }
}

static void crafted_maps_are_refused(void **state)
{
    static const struct {
        uint8_t map;
        size_t at;
        int64_t value;
        const char *says;
    } cases[] = {
        { 1, AT_MAP + 9, 2, "place 2 of list 0" },
        { 1, AT_MAP + 9 + 8, INT64_C(4) << 32, "place 0 of list 4" },
        { 1, AT_MAP + 9, -2, "which isn't there" },
        { 2, AT_MAP + 17 + 8, 2, "place 2 of list 0" },
        { 2, AT_MAP + 17 + 8, -1, "which isn't there" },
        { 2, AT_MAP + 9, INT64_C(1) << 60, "cut short" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(5, cases[i].map, NULL);
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        memcpy(file.bytes + cases[i].at, &cases[i].value, 8);
        assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                      cases[i].says);
    }
    image file = sample(5, 1, NULL);
    vrec_error err = { 0 };
    vrec_indexer *indexer;
    vr_put_u64(file.bytes + AT_ROWS, 4);
    assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                  "has 5 places for 4 items");
}

static void crafted_sparse_sizes_are_refused(void **state)
{
    static const struct {
        size_t at;
        int64_t value;
        const char *says;
    } cases[] = {
        { AT_SIZES, 3, "3 numbers, which aren't pairs" },
        { AT_SIZES + 8, 2, "list 1 comes after list 2" },
        { AT_SIZES + 24, 0, "list 0 comes after list 0" },
        { AT_SIZES + 24, 4, "list 4 comes after list 0, of 4" },
        { AT_SIZES + 16, INT64_C(1) << 62, "add up to more than the 3 items" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        image file = sample(3, 0, NULL);
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        memcpy(file.bytes + cases[i].at, &cases[i].value, 8);
        assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                      cases[i].says);
    }
}

static void crafted_old_files_are_refused(void **state)
{
    (void)state;
    for (size_t bytes = 0; bytes < 2; bytes++) {
        image file = old_sample(bytes == 1);
        vrec_error err = { 0 };
        vrec_indexer *indexer;
        size_t at = file.size - 16; /* the count of the last list's elements */
        assert_int_equal(vr_get_u64(file.bytes + at), bytes ? 8 : 2);
        vr_put_u64(file.bytes + at, bytes ? 7 : 1);
        assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                      "has 1 ids, but vectors of");
        file = old_sample(bytes == 1);
        vr_put_u64(file.bytes + AT_ROWS, 4);
        assert_failed(open_bytes(file.bytes, file.size, NULL, &indexer, &err), &err, VREC_CORRUPT,
                      "add up to more than the 4 items");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_what_faiss_writes),
        cmocka_unit_test(lists_are_looked_into),
        cmocka_unit_test(nprobe_is_kept),
        cmocka_unit_test(ids_of_its_own),
        cmocka_unit_test(excluded_ids_are_made_up_for),
        cmocka_unit_test(an_id_map_around_it),
        cmocka_unit_test(an_id_map_around_lost_items),
        cmocka_unit_test(items_in_no_list),
        cmocka_unit_test(an_untrained_index),
        cmocka_unit_test(a_quantizer_of_another_metric),
        cmocka_unit_test(a_hash_table),
        cmocka_unit_test(old_files),
        cmocka_unit_test(options_against_the_file),
        cmocka_unit_test(files_cut_anywhere_are_refused),
        cmocka_unit_test(a_flipped_bit_does_no_harm),
        cmocka_unit_test(crafted_files_are_refused),
        cmocka_unit_test(crafted_maps_are_refused),
        cmocka_unit_test(crafted_sparse_sizes_are_refused),
        cmocka_unit_test(crafted_old_files_are_refused),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
