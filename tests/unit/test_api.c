/* The public interface: what every call refuses, what it says then, and what it leaves.
 * SPDX-License-Identifier: Apache-2.0 */
#include "support/failed.h"
#include "support/faiss_sample.h"

#include <stdio.h>

/* ---- Library ---- */

static void versions_and_texts(void **state)
{
    (void)state;
    char version[32];
    snprintf(version, sizeof version, "%d.%d.%d", VREC_VERSION_MAJOR, VREC_VERSION_MINOR,
             VREC_VERSION_PATCH);
    assert_string_equal(vrec_version(), version);
    for (int status = VREC_OK; status <= VREC_TIMEOUT; status++)
        assert_string_not_equal(vrec_status_text(status), "unknown status");
    assert_string_equal(vrec_status_text(VREC_NO_MEMORY), "out of memory");
    assert_string_equal(vrec_status_text(VREC_TIMEOUT + 1), "unknown status");
    assert_string_equal(vrec_status_text(-1), "unknown status");
    assert_true(strstr("scalar avx2 avx512 neon", vrec_cpu()) != NULL);
}

static void default_threads(void **state)
{
    (void)state;
    static const int32_t good[] = { 1, 2, 1000000, INT32_MAX, -1 }, bad[] = { 0, -2, INT32_MIN };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(vrec_set_default_threads(good[i]), VREC_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(vrec_set_default_threads(bad[i]), VREC_INVALID);
}

/* Of every backend: a default is a value that can be set. */
static void the_tables_of_options(void **state)
{
    (void)state;
    const char *name;
    size_t backends = 0;
    for (; (name = vrec_backend_name(backends)); backends++) {
        const vrec_option *option;
        size_t i = 0;
        assert_non_null(vrec_backend_summary(backends));
        for (; (option = vrec_backend_option(name, i)); i++) {
            vrec_builder *builder;
            const char *texts[] = { option->key,   option->aliases, option->type,  option->default_value,
                                    option->range, option->stage,   option->kinds, option->help };
            for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++)
                assert_non_null(texts[t]);
            assert_int_equal(vrec_builder_factory(name, NULL, &builder, NULL), VREC_OK);
            assert_int_equal(vrec_builder_set(builder, option->key, option->default_value, NULL), VREC_OK);
            vrec_builder_free(builder);
        }
        assert_true(i > 0);
        assert_null(vrec_backend_option(name, SIZE_MAX));
    }
    assert_true(backends > 0);
    assert_null(vrec_backend_summary(backends));
    assert_null(vrec_backend_name(SIZE_MAX));
    assert_non_null(vrec_backend_option("FAISS", 0));
    assert_null(vrec_backend_option(NULL, 0));
    assert_null(vrec_backend_option("fais", 0));
}

/* ---- Builder ---- */

static void builders_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *backend, *options;
        vrec_status status;
        const char *says;
    } cases[] = {
        { NULL, NULL, VREC_INVALID, "backend is NULL" },
        { "fiass", NULL, VREC_UNSUPPORTED, "no backend \"fiass\"; did you mean \"faiss\"?" },
        { "", NULL, VREC_UNSUPPORTED, "there is no backend \"\"; there are annoy, faiss, milvus" },
        { "items.index", NULL, VREC_UNSUPPORTED, "\"items.index\"; there are annoy, faiss, milvus" },
        { "IVF_FLAT", NULL, VREC_UNSUPPORTED, "it is a kind of index: milvus with index_type=IVF_FLAT" },
        { "flat", NULL, VREC_UNSUPPORTED, "it is a kind of index: faiss with index_type=flat" },
        { "faiss", "d=3", VREC_INVALID,
          "no option \"d\"; the number of values per vector is that of the items" },
        { "faiss", "metric=cosine", VREC_INVALID, "to unit length and take IP, or take backend annoy" },
        { "annoy", "metric=cosine", VREC_INVALID,
          "dot; angular is sqrt(2 - 2 cos), in the order of cosine" },
        { "faiss", "metrik=IP", VREC_INVALID, "no option \"metrik\"; did you mean \"metric\"?" },
        { "faiss", "METRIC=IP", VREC_INVALID, "no option \"METRIC\"; did you mean \"metric\"?" },
        { "faiss", "metric=cosine", VREC_INVALID, "metric is \"cosine\"; it takes one of L2, IP" },
        { "faiss", "metric=", VREC_INVALID, "the value of metric is empty" },
        { "faiss", "index_type=HNSW", VREC_INVALID, "index_type is \"HNSW\"; it takes one of Flat" },
        { "faiss", "threads=two", VREC_INVALID, "threads is \"two\"; it takes -1..256" },
        { "faiss", "threads=257", VREC_INVALID, "threads is \"257\"; it takes -1..256" },
        { "faiss", "threads=-2", VREC_INVALID, "threads is \"-2\"" },
        { "faiss", "threads=1.5", VREC_INVALID, "threads is \"1.5\"" },
        { "faiss", "threads= 1", VREC_INVALID, "threads is \" 1\"" },
        { "faiss", "threads=99999999999999999999", VREC_INVALID, "threads is \"9999" },
        { "faiss", "threads=1,n_jobs=1", VREC_INVALID, "threads is given twice (last as \"n_jobs\")" },
        { "faiss", "metric=IP,metric=IP", VREC_INVALID, "metric is given twice" },
        { "faiss", "metric", VREC_INVALID, "key=value,key=value; \"metric\" is not" },
        { "faiss", "=IP", VREC_INVALID, "\"=IP\" is not" },
        { "faiss", ",metric=IP", VREC_INVALID, "\",metric=IP\" is not" },
        { "faiss", "metric=IP,", VREC_INVALID, "end in a comma" },
        { "faiss", "metric=IP,,threads=1", VREC_INVALID, "\",threads=1\" is not" },
        { "faiss", "metric=\"IP", VREC_INVALID, "badly quoted" },
        { "faiss", "metric=\"IP\"2", VREC_INVALID, "badly quoted" },
        { "faiss", "metric=I=P", VREC_INVALID, "badly quoted" },
        { "faiss", "metric=\"I=P\"", VREC_INVALID, "metric is \"I=P\"" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_builder *builder = (vrec_builder *)&err;
        vrec_status status = vrec_builder_factory(cases[i].backend, cases[i].options, &builder, &err);
        assert_failed(status, &err, cases[i].status, cases[i].says);
        assert_null(builder);
        assert_int_equal(vrec_builder_factory(cases[i].backend, cases[i].options, &builder, NULL), status);
    }
}

static void options_in_a_string_and_one_by_one(void **state)
{
    (void)state;
    static const char *const same[] = { "metric=IP", "metric=ip,threads=1",
                                        "metric_type=\"IP\",index_type=flat", "threads=none,metric=Ip" };
    vrec_error err = { 0 };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        vrec_indexer *indexer = build(same[i]);
        assert_sample_answers(indexer, true);
        vrec_indexer_free(indexer);
    }
    vrec_builder *builder = new_builder("");
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    vrec_indexer *indexer;
    assert_int_equal(vrec_builder_set(builder, "metric", "IP", NULL), VREC_OK);
    assert_failed(vrec_builder_set(builder, "metric", "L3", &err), &err, VREC_INVALID, "\"L3\"");
    assert_failed(vrec_builder_set(builder, "metrics", "L2", &err), &err, VREC_INVALID, "\"metrics\"");
    assert_failed(vrec_builder_set(builder, NULL, "L2", &err), &err, VREC_INVALID, "NULL");
    assert_failed(vrec_builder_set(builder, "metric", NULL, &err), &err, VREC_INVALID, "NULL");
    assert_failed(vrec_builder_set(NULL, "metric", "L2", &err), &err, VREC_INVALID, "builder is NULL");
    assert_int_equal(vrec_from_embeddings(builder, &items, NULL, &indexer, NULL), VREC_OK);
    assert_sample_answers(indexer, true); /* failed calls have changed nothing */
    vrec_indexer_free(indexer);
    assert_int_equal(vrec_builder_set(builder, "metric_type", "none", NULL), VREC_OK);
    assert_int_equal(vrec_from_embeddings(builder, &items, NULL, &indexer, NULL), VREC_OK);
    assert_sample_answers(indexer, false);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
}

/* ---- Items ---- */

static void items_that_are_refused(void **state)
{
    (void)state;
    static const float bad[6] = { 0, 1, 2, 3, INFINITY, 5 };
    static const double too_large[] = { 0, 1, 2, 1e39 };
    const struct {
        vrec_matrix matrix;
        const char *says;
    } cases[] = {
        { { .struct_size = 0, .data = rows, .rows = ROWS, .dim = DIM }, "items: struct_size is 0, not" },
        { { .struct_size = sizeof(vrec_matrix) - 1, .data = rows, .rows = 3, .dim = 2 }, "struct_size is" },
        { { .struct_size = sizeof(vrec_matrix), .rows = ROWS, .dim = DIM }, "data is NULL with 3 rows" },
        { { .struct_size = sizeof(vrec_matrix), .data = rows, .dim = DIM }, "0 rows of 2 values" },
        { { .struct_size = sizeof(vrec_matrix), .data = rows, .rows = ROWS }, "3 rows of 0 values" },
        { { .struct_size = sizeof(vrec_matrix), .data = rows, .rows = 3, .dim = 2, .type = 7 }, "type 7" },
        { { .struct_size = sizeof(vrec_matrix), .data = rows, .rows = 3, .dim = 2, .type = -1 },
          "type -1" },
        { vrec_matrix_f32(rows, SIZE_MAX, 2), "overflow" },
        { vrec_matrix_f32(rows, 2, SIZE_MAX), "overflow" },
        { vrec_matrix_f32(rows, SIZE_MAX / 4, 1), "overflow" },
        { vrec_matrix_f32(bad, 2, 3), "row 1, column 1 is not a finite float32 (inf)" },
        { { .struct_size = sizeof(vrec_matrix), .data = too_large, .rows = 2, .dim = 2, .type = VREC_F64 },
          "row 1, column 1 is not a finite float32" },
    };
    vrec_builder *builder = new_builder(NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        vrec_error err = { 0 };
        vrec_indexer *indexer = (vrec_indexer *)&err;
        vrec_status status = vrec_from_embeddings(builder, &cases[i].matrix, NULL, &indexer, &err);
        assert_failed(status, &err, VREC_INVALID, cases[i].says);
        assert_null(indexer);
    }
    vrec_builder_free(builder);
}

static void nulls_are_refused(void **state)
{
    (void)state;
    vrec_error err = { 0 };
    vrec_builder *builder = new_builder(NULL);
    vrec_indexer *indexer, *sample = build(NULL);
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    vrec_data *data;
    const vrec_status statuses[] = {
        vrec_builder_factory("faiss", NULL, NULL, &err),
        vrec_from_embeddings(NULL, &items, NULL, &indexer, &err),
        vrec_from_embeddings(builder, NULL, NULL, &indexer, &err),
        vrec_from_embeddings(builder, &items, NULL, NULL, &err),
        vrec_from_index_file(NULL, "a.index", NULL, &indexer, &err),
        vrec_from_index_file(builder, NULL, NULL, &indexer, &err),
        vrec_from_index_file(builder, "a.index", NULL, NULL, &err),
        vrec_verify(NULL, "a.index", NULL, &err),
        vrec_verify(builder, NULL, NULL, &err),
        vrec_save(NULL, "a.index", NULL, &err),
        vrec_save(sample, NULL, NULL, &err),
        vrec_data_open(NULL, &data, &err),
        vrec_data_open("a.npy", NULL, &err),
        vrec_data_save(NULL, &items, &err),
        vrec_data_save("a.npy", NULL, &err),
    };
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        assert_int_equal(statuses[i], VREC_INVALID);
    assert_failed(vrec_save(NULL, NULL, NULL, &err), &err, VREC_INVALID, "the indexer is NULL");
    assert_failed(vrec_save(sample, NULL, NULL, &err), &err, VREC_INVALID, "the path is NULL");
    assert_null(vrec_data_matrix(NULL));
    vrec_data_close(NULL);
    vrec_builder_free(NULL);
    vrec_indexer_free(NULL);
    vrec_indexer_free(sample);
    vrec_builder_free(builder);
}

/* ---- Facts ---- */

static void facts_of_an_index(void **state)
{
    (void)state;
    static const char *const facts[][2] = { { "backend", "faiss" }, { "index_type", "Flat" },
                                            { "metric", "IP" },     { "rows", "3" },
                                            { "dim", "2" },         { "bytes", "24" } };
    const char *key, *value;
    vrec_indexer *indexer = build("metric=IP");
    size_t i = 0;
    for (; i < sizeof facts / sizeof facts[0]; i++) {
        assert_int_equal(vrec_info(indexer, i, &key, &value), 1);
        assert_string_equal(key, facts[i][0]);
        assert_string_equal(value, facts[i][1]);
    }
    assert_int_equal(vrec_info(indexer, i, &key, &value), 0);
    assert_int_equal(vrec_info(indexer, SIZE_MAX, &key, &value), 0);
    assert_int_equal(vrec_info(indexer, 0, NULL, &value), 0);
    assert_int_equal(vrec_info(indexer, 0, &key, NULL), 0);
    assert_int_equal(vrec_info(NULL, 0, &key, &value), 0);
    assert_int_equal(vrec_rows(indexer), 3);
    assert_int_equal(vrec_dim(indexer), 2);
    assert_int_equal(vrec_larger_is_nearer(indexer), 1);
    assert_int_equal(vrec_rows(NULL) + vrec_dim(NULL), 0);
    assert_int_equal(vrec_larger_is_nearer(NULL), 0);
    vrec_indexer_free(indexer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_and_texts),
        cmocka_unit_test(default_threads),
        cmocka_unit_test(the_tables_of_options),
        cmocka_unit_test(builders_that_are_refused),
        cmocka_unit_test(options_in_a_string_and_one_by_one),
        cmocka_unit_test(items_that_are_refused),
        cmocka_unit_test(nulls_are_refused),
        cmocka_unit_test(facts_of_an_index),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
