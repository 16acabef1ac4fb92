/* The public interface: what every call refuses, what it says then, and what it leaves.
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/backends.h"
#include "api/indexer.h"
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
    assert_int_equal(vrec_abi(), VREC_ABI);
    for (int status = VREC_OK; status <= VREC_TIMEOUT; status++)
        assert_string_not_equal(vrec_status_text(status), "unknown status");
    assert_string_equal(vrec_status_text(VREC_NO_MEMORY), "out of memory");
    assert_string_equal(vrec_status_text(VREC_TIMEOUT + 1), "unknown status");
    assert_string_equal(vrec_status_text(-1), "unknown status");
    assert_true(strstr("scalar avx2 avx512 amx neon", vrec_cpu()) != NULL);
}

static void default_threads(void **state)
{
    (void)state;
    static const int32_t good[] = { 1, 2, 1000000, INT32_MAX, -1 }, bad[] = { 0, -2, INT32_MIN };
    assert_int_equal(vrec_default_threads(), -1);
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(vrec_set_default_threads(good[i], NULL), VREC_OK);
        assert_int_equal(vrec_default_threads(), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        vrec_error err;
        assert_failed(vrec_set_default_threads(bad[i], &err), &err, VREC_INVALID,
                      "it takes -1 (all cores)");
        assert_string_equal(err.subject, "threads");
        assert_int_equal(vrec_default_threads(), -1);
    }
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

static void what_a_backend_can(void **state)
{
    (void)state;
    const char *name;
    vrec_error err;
    for (size_t i = 0; (name = vrec_backend_name(i)); i++) {
        uint32_t can = vrec_backend_can(name);
        vrec_builder *builder;
        vrec_indexer *indexer;
        assert_true(can & VREC_CAN_BUILD);
        assert_true((can & VREC_CAN_AVAILABLE) != 0);
        assert_int_equal(vrec_builder_factory(name, NULL, &builder, NULL), VREC_OK);
        vrec_status open = vrec_from_index_file(builder, "no such file", NULL, &indexer, &err);
        assert_true((open == VREC_UNSUPPORTED) == !(can & VREC_CAN_OPEN));
        vrec_status attach = vrec_attach(builder, NULL, &indexer, &err);
        assert_true((attach == VREC_UNSUPPORTED) == !(can & VREC_CAN_ATTACH));
        assert_true((vrec_drop(builder, NULL, &err) == VREC_UNSUPPORTED) == !(can & VREC_CAN_ATTACH));
        vrec_builder_free(builder);
    }
    vrec_indexer *sample = build(NULL);
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    static const int64_t ids[ROWS];
    assert_failed(vrec_upsert(sample, ids, &items, NULL, &err), &err, VREC_UNSUPPORTED,
                  "upsert items yet; build");
    assert_failed(vrec_delete(sample, ids, 1, NULL, &err), &err, VREC_UNSUPPORTED,
                  "delete items yet; build");
    vrec_indexer_free(sample);
    assert_false(vrec_backend_can("faiss") & VREC_CAN_CHANGE);
    assert_true(vrec_backend_can("faiss") & VREC_CAN_ADD);
    assert_true(vrec_backend_can("Annoy") & VREC_CAN_SAVE);
    assert_false(vrec_backend_can("annoy") & VREC_CAN_ADD);
    assert_int_equal(vrec_backend_can("fais"), 0);
    assert_int_equal(vrec_backend_can(NULL), 0);
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
        { "faiss", "index_type=HNWS", VREC_INVALID, "index_type is \"HNWS\"; it takes one of Flat, HNSW" },
        { "faiss", "index_type=HNSW,m=1", VREC_INVALID, "m is \"1\"; it takes 2..4096" },
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
        { { .struct_size = 0, .data = rows, .rows = ROWS, .dim = DIM },
          "items: struct_size is 0, but a vrec_matrix has at least 56 bytes" },
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

static void what_a_build_is_told(void **state)
{
    (void)state;
    static const int64_t ids[ROWS] = { 5, 6, 7 };
    static const char *const backends[] = { "faiss", "annoy" };
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM), queries = vrec_matrix_f32(rows, ROWS - 1, DIM);
    vrec_matrix narrow = vrec_matrix_f32(rows, ROWS, DIM - 1);
    vrec_error err;
    vrec_indexer *indexer;
    for (size_t i = 0; i < 2; i++) {
        vrec_builder *builder;
        assert_int_equal(vrec_builder_factory(backends[i], NULL, &builder, NULL), VREC_OK);
        vrec_build build = { .struct_size = sizeof build, .ids = ids };
        assert_int_equal(vrec_from_embeddings(builder, &items, &build, &indexer, &err), VREC_OK);
        vrec_indexer_free(indexer);
        build = (vrec_build){ .struct_size = sizeof build, .queries = &queries };
        assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_UNSUPPORTED,
                      "can't use a sample of queries, only faiss HNSW can");
        assert_string_equal(err.subject, "queries");
        build.queries = &narrow;
        assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_INVALID,
                      "queries: they have 1 values each, but the items have 2");
        vrec_matrix none = vrec_matrix_f32(rows, 0, DIM);
        build.queries = &none;
        assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_INVALID,
                      "queries: none; give some, or do without a sample");
        build = (vrec_build){ .struct_size = sizeof build - 1 };
        assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_INVALID,
                      "build: struct_size is 47, but a vrec_build has at least 48 bytes");
        vrec_progress progress = { .struct_size = 8 };
        build = (vrec_build){ .struct_size = sizeof build, .progress = &progress };
        assert_failed(vrec_from_embeddings(builder, &items, &build, &indexer, &err), &err, VREC_INVALID,
                      "progress: struct_size is 8");
        assert_null(indexer);
        vrec_builder_free(builder);
    }
}

static void errors_say_where(void **state)
{
    (void)state;
    static const float bad[] = { 0, 1, 2, 3, 4, NAN };
    vrec_matrix items = vrec_matrix_f32(bad, 3, 2);
    vrec_builder *builder = new_builder(NULL);
    vrec_indexer *indexer;
    vrec_error err;
    assert_int_equal(vrec_from_embeddings(builder, &items, NULL, &indexer, &err), VREC_INVALID);
    assert_string_equal(err.subject, "items");
    assert_true(err.row == 2 && err.offset == -1 && err.done == -1);
    assert_int_equal(vrec_builder_set(builder, "metrik", "IP", &err), VREC_INVALID);
    assert_string_equal(err.subject, "metrik");
    assert_true(err.row == -1 && err.offset == -1 && err.done == -1);
    assert_int_equal(vrec_builder_set(builder, "metric_type", "L3", &err), VREC_INVALID);
    assert_string_equal(err.subject, "metric");
    assert_int_equal(vrec_from_index_file(builder, "/no/such/file", NULL, &indexer, &err), VREC_IO);
    assert_string_equal(err.subject, "");
    assert_true(err.row == -1 && err.offset == -1 && err.done == -1 && err.system_error > 0);
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

static void assert_fact(const vrec_fact *got, const vrec_fact *expected)
{
    assert_non_null(got);
    assert_string_equal(got->key, expected->key);
    assert_string_equal(got->text, expected->text);
    assert_int_equal(got->type, expected->type);
    assert_int_equal(got->integer, expected->integer);
    assert_true(got->real == expected->real);
}

/* Of every type; no more than there is room for. */
static void facts_of_every_type(void **state)
{
    (void)state;
    static vr_index index;
    static vr_facts copy;
    vr_fact(&index.facts, "text", "%s-%d", "a", 1);
    vr_fact_integer(&index.facts, "integer", INT64_MIN);
    vr_fact_real(&index.facts, "real", 0.25);
    vr_fact_truth(&index.facts, "truth", true);
    vr_fact_truth(&index.facts, "truth", false);
    const vrec_fact expected[] = {
        { .key = "text", .text = "a-1" },
        { .key = "integer",
          .text = "-9223372036854775808",
          .integer = INT64_MIN,
          .type = VREC_FACT_INTEGER },
        { .key = "real", .text = "0.25", .real = 0.25, .type = VREC_FACT_REAL },
        { .key = "truth", .text = "yes", .integer = 1, .type = VREC_FACT_TRUTH },
        { .key = "truth", .text = "no", .type = VREC_FACT_TRUTH },
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_fact(&index.facts.list[i], &expected[i]);
    assert_int_equal(index.facts.count, sizeof expected / sizeof expected[0]);
    vr_facts_copy(&index.facts, &copy);
    for (size_t i = 0; i < VR_FACTS_MAX; i++)
        vr_fact(&index.facts, "more", "and more");
    assert_int_equal(index.facts.count, VR_FACTS_MAX);
    memset(&index, 0, sizeof index); /* the copy lives by itself */
    for (size_t i = 0; i < copy.count; i++)
        assert_fact(&copy.list[i], &expected[i]);
}

static size_t looks;
static bool memory_is_short;

static bool look_up(const vr_index *index, vr_facts *facts)
{
    looks++;
    vr_fact_integer(facts, "half", (int64_t)index->rows / 2);
    vr_fact(facts, "note", "it took long");
    return !memory_is_short;
}

static void free_nothing(vr_index *index)
{
    (void)index;
}

/* They are looked up once, and only for who asks past those that are known; again where memory was short.
 */
static void facts_that_take_time(void **state)
{
    static const vr_index_verbs verbs = { .look_up = look_up, .free = free_nothing };
    static vr_index index = { .verbs = &verbs, .rows = 6 };
    vr_options options;
    vrec_indexer *indexer;
    (void)state;
    vr_fact(&index.facts, "known", "from the start");
    vr_options_init(&options, vr_backend_at(0)->options);
    assert_int_equal(vr_indexer_make(&index, &options, &indexer, NULL), VREC_OK);
    assert_string_equal(vrec_info(indexer, 0)->key, "known");
    assert_int_equal(looks, 0);
    memory_is_short = true;
    assert_null(vrec_info(indexer, 1));
    memory_is_short = false;
    assert_int_equal(vrec_info(indexer, 1)->integer, 3);
    assert_string_equal(vrec_info(indexer, 2)->text, "it took long");
    assert_null(vrec_info(indexer, 3));
    assert_null(vrec_info(indexer, SIZE_MAX));
    assert_int_equal(looks, 2);
    vrec_indexer_free(indexer);
    vr_options_free(&options);
}

static void facts_of_an_index(void **state)
{
    (void)state;
    static const vrec_fact facts[] = {
        { .key = "backend", .text = "faiss" },
        { .key = "index_type", .text = "Flat" },
        { .key = "metric", .text = "IP" },
        { .key = "rows", .text = "3", .integer = 3, .type = VREC_FACT_INTEGER },
        { .key = "dim", .text = "2", .integer = 2, .type = VREC_FACT_INTEGER },
        { .key = "bytes", .text = "24", .integer = 24, .type = VREC_FACT_INTEGER },
    };
    vrec_indexer *indexer = build("metric=IP");
    size_t i = 0;
    for (; i < sizeof facts / sizeof facts[0]; i++)
        assert_fact(vrec_info(indexer, i), &facts[i]);
    assert_null(vrec_info(indexer, i));
    assert_null(vrec_info(indexer, SIZE_MAX));
    assert_null(vrec_info(NULL, 0));
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
        cmocka_unit_test(versions_and_texts),        cmocka_unit_test(default_threads),
        cmocka_unit_test(the_tables_of_options),     cmocka_unit_test(what_a_backend_can),
        cmocka_unit_test(builders_that_are_refused), cmocka_unit_test(options_in_a_string_and_one_by_one),
        cmocka_unit_test(items_that_are_refused),    cmocka_unit_test(what_a_build_is_told),
        cmocka_unit_test(errors_say_where),          cmocka_unit_test(nulls_are_refused),
        cmocka_unit_test(facts_of_every_type),       cmocka_unit_test(facts_of_an_index),
        cmocka_unit_test(facts_that_take_time),
    };
    return cmocka_run_group_tests_name("api", tests, NULL, NULL);
}
