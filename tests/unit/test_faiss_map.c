/* FAISS files that are mapped: the answers, facts and files of those that are read, and the same refusals
 * (open_bytes() of support/image.c). SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/faiss_sample.h"
#include "support/folder.h"
#include "support/random.h"
#include "support/same.h"

#include <math.h>

enum { ITEMS = 700, VALUES = 19, ASKED = 40, TOP_K = 12, ALLOWED = (ITEMS + 7) / 8 };

static float items[ITEMS * VALUES], queries[ASKED * VALUES];
static int64_t own[ITEMS];
static const float mark = 0.71828f; /* stands where the file is to have a NaN */

static int set_up(void **state)
{
    (void)state;
    for (size_t i = 0; i < ITEMS * VALUES; i++)
        items[i] = draw_real();
    for (size_t i = 0; i < ASKED * VALUES; i++)
        queries[i] = i < VALUES ? items[i] : draw_real(); /* the first is an item */
    for (size_t i = 0; i < ITEMS; i++)
        own[i] = (int64_t)((ITEMS - i) * 1000) - 77000;
    items[5 * VALUES + 3] = mark;
    return enter_folder(state);
}

typedef struct kind {
    const char *options; /* of the build, */
    size_t rows;
    bool ids;
    const char *open, *query; /* of opening, and of a query */
} kind;

static const kind kinds[] = {
    { "metric=L2", ITEMS, false, "codes=auto", NULL },
    { "metric=IP", ITEMS, true, "codes=off", NULL },
    { "metric=L2", 1, false, "codes=auto", NULL },
    { "index_type=HNSW,m=5,metric=L2", ITEMS, false, "codes=auto", "efSearch=30" },
    { "index_type=HNSW,m=5,metric=IP", ITEMS, true, "codes=auto", "efSearch=30" },
    { "index_type=HNSW,m=5,metric=L2", ITEMS, true, "codes=off", "efSearch=300" },
    { "index_type=HNSW,m=4,metric=IP", ITEMS, false, "codes=sq4", "gamma=0.1" },
    { "index_type=HNSW,m=4,metric=L2", 1, false, "codes=auto", NULL },
    { "index_type=IVF,nlists=9,metric=L2", ITEMS, false, "codes=auto", "nprobe=4" },
    { "index_type=IVF,nlists=9,metric=IP", ITEMS, true, "codes=off", "budget=200" },
    { "index_type=IVF,nlists=11,metric=L2", 11, true, "codes=auto", "nprobe=11,fill=yes" },
};

static vrec_indexer *open_as(const char *path, const char *options, const char *load)
{
    char text[128];
    vrec_indexer *indexer;
    vrec_error err;
    snprintf(text, sizeof text, "%s,load=%s", options, load);
    if (open_index(path, text, NULL, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}

/* Writes an index, with a NaN in an item if it has that many. */
static void write_index(const kind *k, const char *path)
{
    vrec_builder *builder = new_builder(k->options);
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, k->rows, VALUES);
    vrec_build how = { .struct_size = sizeof how, .ids = k->ids ? own : NULL };
    assert_int_equal(vrec_from_embeddings(builder, &matrix, &how, &indexer, NULL), VREC_OK);
    vrec_builder_free(builder);
    assert_int_equal(vrec_save(indexer, path, NULL, NULL), VREC_OK);
    vrec_indexer_free(indexer);
    size_t size, found = 0;
    char *bytes = file_content(path, &size);
    for (size_t i = 0; i + sizeof mark <= size; i++)
        if (memcmp(bytes + i, &mark, sizeof mark) == 0) {
            float nan = NAN;
            memcpy(bytes + i, &nan, sizeof nan);
            found++;
        }
    assert_int_equal(found > 0, k->rows > 5);
    write_file(path, bytes, size);
    free(bytes);
}

typedef struct answers {
    int64_t ids[ASKED * TOP_K], counts[ASKED];
    float distances[ASKED * TOP_K];
} answers;

/* Who may be returned: all, all but some, or few. */
static vrec_query_options scope_of(const vrec_indexer *indexer, const kind *k, size_t scope)
{
    static int64_t excluded[3];
    static uint8_t allowed[ALLOWED];
    vrec_query_options options = { .struct_size = sizeof options, .overrides = k->query };
    if (scope == 1) {
        for (size_t i = 0; i < 3; i++)
            excluded[i] = k->ids ? own[9 - i] : (int64_t)i;
        options.exclude_ids = excluded;
        options.exclude_count = 3;
    } else if (scope == 2) {
        memset(allowed, 0, sizeof allowed);
        for (size_t i = 0; i < k->rows; i += 20)
            allowed[i / 8] |= (uint8_t)(1 << i % 8);
        options.allow = allowed;
        options.allow_rows = vrec_rows(indexer);
    }
    return options;
}

static void ask(const vrec_indexer *indexer, const kind *k, size_t scope, size_t batch, answers *out)
{
    vrec_query_options options = scope_of(indexer, k, scope);
    for (size_t first = 0; first < ASKED; first += batch) {
        vrec_matrix matrix = vrec_matrix_f32(queries + first * VALUES, batch, VALUES);
        vrec_results results = { sizeof results, out->ids + first * TOP_K, out->distances + first * TOP_K,
                                 out->counts + first };
        vrec_error err;
        if (vrec_query(indexer, &matrix, TOP_K, &options, &results, &err) != VREC_OK)
            fail_msg("%s", err.message);
    }
}

static void assert_same_answers(const vrec_indexer *read, const vrec_indexer *mapped, const kind *k)
{
    static answers expected, got;
    for (size_t round = 0; round < 3; round++) /* before and after there are codes */
        for (size_t scope = 0; scope < 3; scope++)
            for (size_t batch = 1; batch <= ASKED; batch += ASKED - 1) {
                ask(read, k, scope, batch, &expected);
                ask(mapped, k, scope, batch, &got);
                assert_memory_equal(&expected, &got, sizeof got);
                for (size_t i = 0; i < ASKED * TOP_K; i++) {
                    assert_true(!isnan(got.distances[i]));
                    assert_int_not_equal(got.ids[i], k->ids ? own[5] : 5);
                }
            }
}

/* But for how it was loaded, and for what only a look at all items tells. */
static void assert_same_facts(const vrec_indexer *read, const vrec_indexer *mapped)
{
    assert_true(has_fact(read, "load", "read"));
    assert_true(has_fact(mapped, "load", "map"));
    for (size_t i = 0; vrec_info(read, i); i++) {
        const vrec_fact *fact = vrec_info(read, i);
        if (strcmp(fact->key, "load") != 0 && !strstr(fact->text, "NaN"))
            assert_true(has_fact(mapped, fact->key, fact->text));
    }
}

static void assert_same_content(const vrec_indexer *read, const vrec_indexer *mapped, const kind *k)
{
    static float expected[ITEMS * VALUES], got[ITEMS * VALUES];
    static int64_t ids[ITEMS];
    size_t size;
    vrec_error err;
    assert_int_equal(vrec_ids(mapped, 0, k->rows, ids, NULL), VREC_OK);
    if (vrec_vectors(read, ids, k->rows, expected, &err) != VREC_OK ||
        vrec_vectors(mapped, ids, k->rows, got, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_memory_equal(expected, got, k->rows * VALUES * sizeof *got);
    char *bytes = file_content("a.index", &size);
    assert_int_equal(vrec_save(mapped, "b.index", NULL, NULL), VREC_OK);
    assert_file("b.index", bytes, size);
    free(bytes);
}

static void mapped_is_as_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const kind *k = &kinds[i];
        write_index(k, "a.index");
        vrec_indexer *read = open_as("a.index", k->open, "read");
        vrec_indexer *mapped = open_as("a.index", k->open, "map");
        assert_same_answers(read, mapped, k);
        assert_same_facts(read, mapped);
        assert_same_content(read, mapped, k);
        vrec_indexer_free(read);
        vrec_indexer_free(mapped);
    }
}

/* An IVF whose centroids are found by a graph: one's head, the other, and the rest of the first. */
static void a_graph_of_centroids_is_mapped(void **state)
{
    enum { LISTS = 9, HEAD = 37 + 16, QUANTIZER = 45 + LISTS * VALUES * sizeof(float) };
    static const kind lists = { "index_type=IVF,nlists=9,metric=L2", ITEMS, false, "codes=auto",
                                "nprobe=3" },
                      graph = { "index_type=HNSW,m=3,metric=L2", LISTS, false, NULL, NULL };
    size_t sizes[2];
    (void)state;
    write_index(&lists, "lists.index");
    float saved = items[5 * VALUES + 3];
    items[5 * VALUES + 3] = 0.5f;
    vrec_builder *builder = new_builder(graph.options);
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, LISTS, VALUES);
    assert_int_equal(vrec_from_embeddings(builder, &matrix, NULL, &indexer, NULL), VREC_OK);
    assert_int_equal(vrec_save(indexer, "graph.index", NULL, NULL), VREC_OK);
    items[5 * VALUES + 3] = saved;
    char *outer = file_content("lists.index", &sizes[0]), *inner = file_content("graph.index", &sizes[1]);
    char *both = malloc(sizes[0] + sizes[1]);
    assert_non_null(both);
    memcpy(both, outer, HEAD);
    memcpy(both + HEAD, inner, sizes[1]);
    memcpy(both + HEAD + sizes[1], outer + HEAD + QUANTIZER, sizes[0] - HEAD - QUANTIZER);
    write_file("a.index", both, sizes[0] + sizes[1] - QUANTIZER);
    vrec_indexer *read = open_as("a.index", lists.open, "read");
    vrec_indexer *mapped = open_as("a.index", lists.open, "map");
    assert_true(has_fact(mapped, "quantizer", "HNSW"));
    assert_same_answers(read, mapped, &lists);
    assert_same_facts(read, mapped);
    assert_same_content(read, mapped, &lists);
    vrec_indexer_free(read);
    vrec_indexer_free(mapped);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    free(outer);
    free(inner);
    free(both);
}

/* Adding copies: what comes out isn't mapped, and needs no file. */
static void a_mapped_index_grows(void **state)
{
    static const kind k = { "metric=L2", ITEMS, false, "codes=auto", NULL };
    vrec_matrix more = vrec_matrix_f32(queries, 3, VALUES);
    (void)state;
    write_index(&k, "a.index");
    vrec_indexer *read = open_as("a.index", k.open, "read");
    vrec_indexer *mapped = open_as("a.index", k.open, "map");
    assert_int_equal(vrec_add(read, &more, NULL, NULL), VREC_OK);
    assert_int_equal(vrec_add(mapped, &more, NULL, NULL), VREC_OK);
    write_file("a.index", "", 0);
    assert_true(has_fact(mapped, "load", "read"));
    static answers expected, got;
    ask(read, &k, 0, ASKED, &expected);
    ask(mapped, &k, 0, ASKED, &got);
    assert_memory_equal(&expected, &got, sizeof got);
    assert_int_equal(got.ids[0], 0);
    vrec_indexer_free(read);
    vrec_indexer_free(mapped);
}

/* Who has the old file mapped keeps answering from it. Windows refuses to replace it as long as that is so.
 */
static void a_mapped_file_is_replaced(void **state)
{
    static const kind before = { "metric=L2", ITEMS, false, "codes=auto", NULL },
                      after = { "metric=IP", 1, false, "codes=auto", NULL };
    size_t size;
    vrec_error err;
    (void)state;
    write_index(&before, "a.index");
    write_index(&after, "b.index");
    vrec_indexer *read = open_as("a.index", before.open, "read"),
                 *other = open_as("b.index", after.open, "read");
    vrec_indexer *mapped = open_as("a.index", before.open, "map");
    char *old = file_content("a.index", &size);
#ifdef _WIN32
    assert_int_equal(vrec_save(other, "a.index", NULL, &err), VREC_IO);
    assert_non_null(strstr(err.message, "a.index"));
    assert_file("a.index", old, size);
#else
    assert_int_equal(vrec_save(other, "a.index", NULL, &err), VREC_OK);
#endif
    assert_same_answers(read, mapped, &before);
    vrec_indexer_free(mapped);
    assert_int_equal(vrec_save(other, "a.index", NULL, &err), VREC_OK);
    free(old);
    old = file_content("b.index", &size);
    assert_file("a.index", old, size);
    assert_int_equal(for_each_file(NULL), 2);
    free(old);
    vrec_indexer_free(read);
    vrec_indexer_free(other);
}

/* Links that are changed after they were checked lead nowhere. */
static void changed_links_are_not_followed(void **state)
{
    static const kind k = { "index_type=HNSW,m=4,metric=L2", ITEMS, false, "codes=auto", "efSearch=50" };
    size_t size;
    (void)state;
    write_index(&k, "a.index");
    char *bytes = file_content("a.index", &size);
    vrec_indexer *mapped = open_as("a.index", k.open, "map");
    size_t links = size - 45 - ITEMS * VALUES * sizeof(float) - 20, count = ITEMS * 8;
    FILE *file = fopen("a.index", "r+b");
    assert_non_null(file);
    for (size_t i = 0; i < count; i++) {
        uint32_t wrong = i % 3 == 0 ? UINT32_MAX - 1 : i % 3 == 1 ? ITEMS : 699;
        memcpy(bytes + links - 4 * (i + 1), &wrong, sizeof wrong);
    }
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    static answers got;
    for (size_t scope = 0; scope < 3; scope++) {
        ask(mapped, &k, scope, 1, &got);
        for (size_t i = 0; i < ASKED * TOP_K; i++)
            assert_in_range(got.ids[i] + 1, 0, ITEMS);
    }
    vrec_indexer_free(mapped);
    free(bytes);
}

/* What all items are looked at for is said by verify, whatever load is. */
static void verify_reads_all(void **state)
{
    static const kind k = { "metric=L2", ITEMS, false, "codes=auto", NULL };
    vrec_error err;
    (void)state;
    write_index(&k, "a.index");
    vrec_indexer *mapped = open_as("a.index", k.open, "map");
    assert_false(has_fact(mapped, "note", "NaN"));
    vrec_builder *builder = new_builder("load=map");
    assert_int_equal(vrec_verify(builder, "a.index", NULL, &err), VREC_CORRUPT);
    assert_non_null(strstr(err.message, "1 of 700 items hold a NaN or Inf"));
    vrec_builder_free(builder);
    vrec_indexer_free(mapped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(mapped_is_as_read, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(a_graph_of_centroids_is_mapped, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(a_mapped_index_grows, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(a_mapped_file_is_replaced, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(changed_links_are_not_followed, set_up, leave_folder),
        cmocka_unit_test_setup_teardown(verify_reads_all, set_up, leave_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
