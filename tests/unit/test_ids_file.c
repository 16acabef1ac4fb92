/* FILE.ids, the table of ids or names beside an index. SPDX-License-Identifier: Apache-2.0 */
#include "support/facts.h"
#include "support/failed.h"
#include "support/folder.h"

#include <sys/stat.h>

enum { ROWS = 40, DIM = 3, LARGE = 3000, WIDE = 128, TOP_K = 3, TEXT_MAX = 4096 };

static float items[LARGE * WIDE];
static int64_t own[LARGE];
static char names[ROWS * 16];

static const struct {
    const char *backend, *build, *open;
} kinds[] = {
    { "annoy", "metric=euclidean,n_trees=3", "metric=euclidean,d=3" },
    { "annoy", "metric=euclidean,n_trees=3", "metric=euclidean,d=3,load=read" },
    { "faiss", "index_type=Flat", NULL },
    { "faiss", "index_type=HNSW,m=4", NULL },
    { "faiss", "index_type=IVF,nlists=2,nprobe=2", NULL },
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- Steps ---- */

/* shift: by how much every name and id differs from those of another index. */
static void fill(size_t shift)
{
    size_t used = 0;
    for (size_t i = 0; i < (size_t)LARGE * WIDE; i++)
        items[i] = (float)((i * 2654435761u >> 7) % 1000) / 100.0f;
    for (size_t i = 0; i < LARGE; i++)
        own[i] = (int64_t)(1000 + shift + i * 7) * (i % 2 ? 1 : -1);
    for (size_t i = 0; i < ROWS; i++)
        used += (size_t)sprintf(names + used, "item %zu\xe2\x82\xac\n", i + shift);
}

static vrec_indexer *build(size_t kind, bool numbered, bool named, size_t rows)
{
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(items, rows, DIM);
    vrec_build how = { .struct_size = sizeof how, .ids = numbered ? own : NULL };
    if (named) {
        how.names = names;
        how.names_size = strlen(names);
    }
    if (vrec_builder_factory(kinds[kind].backend, kinds[kind].build, &builder, &err) != VREC_OK ||
        vrec_from_embeddings(builder, &matrix, &how, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    vrec_builder_free(builder);
    return indexer;
}

static void save(vrec_indexer *indexer, const char *path)
{
    vrec_error err;
    if (vrec_save(indexer, path, NULL, &err) != VREC_OK)
        fail_msg("%s", err.message);
}

static void build_and_save(size_t kind, bool numbered, bool named, const char *path)
{
    vrec_indexer *indexer = build(kind, numbered, named, ROWS);
    save(indexer, path);
    vrec_indexer_free(indexer);
}

static vrec_status open_with(size_t kind, const char *path, const vrec_progress *progress,
                             vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder;
    assert_int_equal(vrec_builder_factory(kinds[kind].backend, kinds[kind].open, &builder, err), VREC_OK);
    vrec_status status = vrec_from_index_file(builder, path, progress, out, err);
    assert_true((status == VREC_OK) == (*out != NULL));
    vrec_builder_free(builder);
    return status;
}

static vrec_status verify(size_t kind, const char *path, vrec_error *err)
{
    vrec_builder *builder;
    assert_int_equal(vrec_builder_factory(kinds[kind].backend, kinds[kind].open, &builder, err), VREC_OK);
    vrec_status status = vrec_verify(builder, path, NULL, err);
    vrec_builder_free(builder);
    return status;
}

static void assert_refused(size_t kind, const char *path, const char *says)
{
    vrec_indexer *indexer;
    vrec_error err;
    assert_failed(open_with(kind, path, NULL, &indexer, &err), &err, VREC_CORRUPT, says);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, ".ids"));
    assert_failed(verify(kind, path, &err), &err, VREC_CORRUPT, says);
}

/* What the index answers for its items, each of which is nearest to itself. */
static void assert_ids(const vrec_indexer *indexer, bool numbered)
{
    int64_t ids[ROWS], rows[ROWS];
    float distances[ROWS], vector[DIM];
    vrec_matrix queries = vrec_matrix_f32(items, ROWS, DIM);
    vrec_results results = { sizeof results, ids, distances, NULL };
    assert_int_equal(vrec_query(indexer, &queries, 1, NULL, &results, NULL), VREC_OK);
    assert_int_equal(vrec_ids(indexer, 0, ROWS, rows, NULL), VREC_OK);
    for (size_t i = 0; i < ROWS; i++) {
        assert_int_equal(ids[i], numbered ? own[i] : (int64_t)i);
        assert_int_equal(vrec_vectors(indexer, &ids[i], 1, vector, NULL), VREC_OK);
        assert_memory_equal(vector, items + i * DIM, sizeof vector);
    }
}

/* Of every item, the nearest that isn't itself. */
static void assert_exclusions(const vrec_indexer *indexer)
{
    int64_t ids[ROWS], offsets[ROWS + 1], nearest[ROWS];
    float distances[ROWS];
    vrec_matrix queries = vrec_matrix_f32(items, ROWS, DIM);
    vrec_results results = { sizeof results, nearest, distances, NULL };
    assert_int_equal(vrec_query(indexer, &queries, 1, NULL, &results, NULL), VREC_OK);
    for (size_t i = 0; i <= ROWS; i++)
        offsets[i] = (int64_t)i;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .exclude_offsets = offsets,
                                   .exclude_ids = nearest,
                                   .exclude_count = ROWS };
    results.ids = ids;
    assert_int_equal(vrec_query(indexer, &queries, 1, &options, &results, NULL), VREC_OK);
    for (size_t i = 0; i < ROWS; i++)
        assert_true(ids[i] != nearest[i] && ids[i] != -1);
}

static void assert_names(const vrec_indexer *indexer, bool named)
{
    char name[16];
    for (size_t i = 0; i < ROWS && named; i++) {
        sprintf(name, "item %zu\xe2\x82\xac", i);
        assert_string_equal(vrec_name(indexer, (int64_t)i), name);
        assert_int_equal(vrec_find(indexer, name), i);
    }
    assert_int_equal(has_fact(indexer, "names", "yes"), named);
    assert_null(vrec_name(indexer, -1));
    assert_null(vrec_name(indexer, ROWS));
    assert_int_equal(vrec_find(indexer, "item"), -1);
    assert_int_equal(vrec_find(indexer, NULL), -1);
}

static bool is_there(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

static size_t read_whole(const char *path, char text[TEXT_MAX])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, TEXT_MAX - 1, file);
    fclose(file);
    text[size] = '\0';
    return size;
}

static int start(void **state)
{
    (void)state;
    for_each_file(remove);
    fill(0);
    return 0;
}

/* ---- Tests ---- */

static void ids_and_names_go_with_the_file(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t how = 0; how < 3; how++) {
            bool numbered = how == 1, named = how == 2, forest = strcmp(kinds[kind].backend, "annoy") == 0;
            vrec_error err;
            vrec_indexer *indexer = build(kind, numbered, named, ROWS), *opened;
            for (size_t again = 0; again < 2; again++) { /* also what was opened can be saved */
                assert_ids(indexer, numbered);
                assert_exclusions(indexer);
                assert_names(indexer, named);
                assert_int_equal(has_fact(indexer, "ids", "own"), numbered);
                save(indexer, "a.index");
                assert_int_equal(is_there("a.index.ids"), named || (numbered && forest));
                assert_false(is_there("a.index.ids.next"));
                assert_int_equal(verify(kind, "a.index", &err), VREC_OK);
                assert_int_equal(open_with(kind, "a.index", NULL, &opened, &err), VREC_OK);
                vrec_indexer_free(indexer);
                indexer = opened;
            }
            assert_ids(indexer, numbered);
            assert_names(indexer, named);
            vrec_indexer_free(indexer);
            if (named) {
                read_whole("a.index.ids", text);
                assert_memory_equal(text, "vrec-ids 1 40 ", 14);
                assert_string_equal(strchr(text, '\n') + 1, names);
            }
        }
}

static void a_table_that_is_cut_or_changed(void **state)
{
    (void)state;
    char text[TEXT_MAX];
    for (size_t numbered = 0; numbered < 2; numbered++) {
        build_and_save(0, numbered, !numbered, "a.index");
        size_t size = read_whole("a.index.ids", text), header = (size_t)(strchr(text, '\n') + 1 - text);
        for (size_t cut = 0; cut < size; cut++) {
            write_file("a.index.ids", text, cut);
            assert_refused(0, "a.index", "");
        }
        for (size_t at = 0; at < size; at++)
            for (unsigned bit = 0; bit < 8; bit++) {
                vrec_error err;
                vrec_indexer *indexer;
                text[at] = (char)(text[at] ^ 1 << bit);
                write_file("a.index.ids", text, size);
                vrec_status status = open_with(0, "a.index", NULL, &indexer, &err);
                text[at] = (char)(text[at] ^ 1 << bit);
                vrec_indexer_free(indexer);
                /* Of the checksum, the half that is of the whole file isn't looked at yet. */
                bool whole = at < header && at + 17 + (numbered ? 6 : 0) >= header;
                assert_true(at >= header || whole || status == VREC_CORRUPT || status == VREC_UNSUPPORTED);
            }
        write_file("a.index.ids", text, size);
        vrec_error err;
        assert_int_equal(verify(0, "a.index", &err), VREC_OK);
        char *digit = text + header - 2 - (numbered ? 6 : 0); /* the last one of the whole file's */
        *digit = *digit == '0' ? '1' : '0';
        write_file("a.index.ids", text, size);
        assert_failed(verify(0, "a.index", &err), &err, VREC_CORRUPT, "a.index.ids");
    }
}

static void crafted_tables(void **state)
{
    (void)state;
    static const char *const first[] = { "",
                                         "\n",
                                         "vrec-ids",
                                         "vrec-ids 1",
                                         "vrec-ids 1 40",
                                         "vrec-ids 1 40 1-2\n",
                                         "vrec-ids 1 -1 0000000000000001-0000000000000002\n",
                                         "vrec-ids 1 40 0000000000000001-0000000000000002 int32\n",
                                         "VREC-IDS 1 40 0000000000000001-0000000000000002\n",
                                         "vrec-ids 1 040 0000000000000001-0000000000000002\n",
                                         "items\nof\nmine\n" };
    build_and_save(0, false, false, "a.index");
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        write_file("a.index.ids", first[i], strlen(first[i]));
        assert_refused(0, "a.index", "its first line isn't that of a table of ids");
    }
    static const char huge[] = "vrec-ids 1 18446744073709551615 0000000000000001-0000000000000002\n";
    write_file("a.index.ids", huge, sizeof huge - 1);
    assert_refused(0, "a.index", "it has ids for 18446744073709551615 rows, but the index has 40");
    static const char later[] = "vrec-ids 2 40 0000000000000001-0000000000000002\n";
    write_file("a.index.ids", later, sizeof later - 1);
    vrec_indexer *indexer;
    vrec_error err;
    assert_failed(open_with(0, "a.index", NULL, &indexer, &err), &err, VREC_UNSUPPORTED, "later version");
}

static void a_table_of_another_index(void **state)
{
    (void)state;
    build_and_save(2, false, true, "a.index");
    vrec_indexer *other = build(2, false, false, ROWS - 1);
    save(other, "b.index");
    vrec_indexer_free(other);
    assert_int_equal(rename("a.index.ids", "b.index.ids"), 0);
    assert_refused(2, "b.index", "it has ids for 40 rows, but the index has 39");
    items[ROWS * DIM - 1] += 1.0f; /* one value of one item */
    build_and_save(2, false, false, "c.index");
    fill(0);
    assert_int_equal(rename("b.index.ids", "c.index.ids"), 0);
    assert_refused(2, "c.index", "it belongs to another index");
    /* One that has ids of its own takes no others. */
    build_and_save(2, true, false, "d.index");
    build_and_save(0, true, false, "e.index");
    assert_int_equal(rename("e.index.ids", "d.index.ids"), 0);
    assert_refused(2, "d.index", "the index has ids of its own inside");
}

static void a_mapped_file_is_sampled(void **state)
{
    (void)state;
    vrec_builder *builder, *reading;
    vrec_indexer *indexer;
    vrec_error err;
    vrec_matrix matrix = vrec_matrix_f32(items, LARGE, WIDE);
    vrec_build how = { .struct_size = sizeof how, .ids = own };
    assert_int_equal(vrec_builder_factory("annoy", "metric=euclidean,d=128,n_trees=2", &builder, NULL),
                     VREC_OK);
    assert_int_equal(vrec_builder_factory("annoy", "metric=euclidean,d=128,load=read", &reading, NULL),
                     VREC_OK);
    assert_int_equal(vrec_from_embeddings(builder, &matrix, &how, &indexer, &err), VREC_OK);
    save(indexer, "large.ann");
    vrec_indexer_free(indexer);
    assert_int_equal(vrec_verify(builder, "large.ann", NULL, &err), VREC_OK);
    FILE *file = fopen("large.ann", "r+b");
    assert_non_null(file);
    long middle =
        16384 + 4096 / (4 * WIDE + 12) * (4 * WIDE + 12) / 2; /* between two samples, in a vector */
    assert_int_equal(fseek(file, middle, SEEK_SET), 0);
    float changed = 5.5f;
    assert_int_equal(fwrite(&changed, sizeof changed, 1, file), 1);
    fclose(file);
    assert_int_equal(vrec_from_index_file(builder, "large.ann", NULL, &indexer, &err), VREC_OK);
    vrec_indexer_free(indexer);
    assert_failed(vrec_from_index_file(reading, "large.ann", NULL, &indexer, &err), &err, VREC_CORRUPT,
                  "it belongs to another index");
    assert_failed(vrec_verify(builder, "large.ann", NULL, &err), &err, VREC_CORRUPT,
                  "it belongs to another index");
    vrec_builder_free(builder);
    vrec_builder_free(reading);
}

static void an_older_table_goes(void **state)
{
    (void)state;
    vrec_indexer *indexer;
    vrec_error err;
    build_and_save(2, false, true, "a.index");
    fill(5);
    build_and_save(2, false, true, "a.index");
    assert_int_equal(open_with(2, "a.index", NULL, &indexer, &err), VREC_OK);
    assert_string_equal(vrec_name(indexer, 0), "item 5\xe2\x82\xac");
    vrec_indexer_free(indexer);
    fill(0);
    build_and_save(2, false, false, "a.index");
    assert_false(is_there("a.index.ids"));
    assert_int_equal(open_with(2, "a.index", NULL, &indexer, &err), VREC_OK);
    assert_names(indexer, false);
    vrec_indexer_free(indexer);
    /* A file of somebody's own is neither replaced nor removed, and nothing is saved. */
    for (size_t named = 0; named < 2; named++) {
        static const char mine[] = "my own list\n";
        write_file("b.index.ids", mine, sizeof mine - 1);
        indexer = build(2, false, named, ROWS);
        assert_failed(vrec_save(indexer, "b.index", NULL, &err), &err, VREC_CORRUPT,
                      "writing b.index.ids: what stands there is no table of ids");
        vrec_indexer_free(indexer);
        assert_file("b.index.ids", mine, sizeof mine - 1);
        assert_false(is_there("b.index"));
    }
}

/* What there would be after a crash between the renames. */
static void a_save_that_was_interrupted(void **state)
{
    (void)state;
    vrec_indexer *indexer;
    vrec_error err;
    char text[TEXT_MAX], first[TEXT_MAX];
    fill(5);
    build_and_save(2, false, true, "b.index"); /* the index before, with its table */
    fill(0);
    items[0] += 1.0f;
    build_and_save(2, false, true, "a.index"); /* the one that takes its place */
    /* Before the index was renamed: the old one has its table, and the new table means nothing. */
    assert_int_equal(rename("a.index.ids", "b.index.ids.next"), 0);
    assert_int_equal(open_with(2, "b.index", NULL, &indexer, &err), VREC_OK);
    assert_string_equal(vrec_name(indexer, 0), "item 5\xe2\x82\xac");
    vrec_indexer_free(indexer);
    /* After it: the new table counts, and a save of something else puts it in its place, or takes it away.
     */
    assert_int_equal(rename("a.index", "b.index"), 0);
    assert_int_equal(open_with(2, "b.index", NULL, &indexer, &err), VREC_OK);
    assert_names(indexer, true);
    assert_int_equal(verify(2, "b.index", &err), VREC_OK);
    save(indexer, "c.index");
    save(indexer, "b.index");
    vrec_indexer_free(indexer);
    assert_false(is_there("b.index.ids.next"));
    assert_int_equal(open_with(2, "b.index", NULL, &indexer, &err), VREC_OK);
    assert_names(indexer, true);
    vrec_indexer_free(indexer);
    /* The same where the new index has no table: it says so, by a table of no rows. */
    read_whole("c.index.ids", text);
    *(strchr(text, '\n') + 1) = '\0';
    snprintf(first, sizeof first, "vrec-ids 1 0%s", text + strlen("vrec-ids 1 40"));
    write_file("c.index.ids.next", first, strlen(first));
    build_and_save(0, true, false, "d.index");
    assert_int_equal(rename("d.index.ids", "c.index.ids"), 0); /* of an index before */
    assert_int_equal(open_with(2, "c.index", NULL, &indexer, &err), VREC_OK);
    assert_names(indexer, false);
    save(indexer, "c.index");
    vrec_indexer_free(indexer);
    assert_false(is_there("c.index.ids"));
    assert_false(is_there("c.index.ids.next"));
    fill(0);
}

static void links_and_permissions(void **state)
{
    (void)state;
    vrec_indexer *indexer;
    vrec_error err;
    struct stat st;
    write_file("real.index", "old", 3);
    assert_int_equal(chmod("real.index", 0640), 0);
    assert_int_equal(symlink("real.index", "link.index"), 0);
    build_and_save(3, false, true, "link.index");
    assert_false(is_there("link.index.ids"));
    assert_int_equal(stat("real.index.ids", &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(open_with(3, i == 0 ? "link.index" : "real.index", NULL, &indexer, &err), VREC_OK);
        assert_names(indexer, true);
        vrec_indexer_free(indexer);
    }
    /* Where content is kept under names of its own, the table has a link, too. */
    assert_int_equal(rename("real.index.ids", "blob"), 0);
    assert_int_equal(symlink("blob", "link.index.ids"), 0);
    assert_int_equal(open_with(3, "link.index", NULL, &indexer, &err), VREC_OK);
    assert_names(indexer, true);
    save(indexer, "link.index");
    vrec_indexer_free(indexer);
    assert_int_equal(lstat("link.index.ids", &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_int_equal(open_with(3, "link.index", NULL, &indexer, &err), VREC_OK);
    vrec_indexer_free(indexer);
}

/* A report in which the file is replaced. */
static int replace(void *context, const vrec_progress_report *report)
{
    vrec_indexer **next = context;
    (void)report;
    if (*next)
        save(*next, "a.index");
    vrec_indexer_free(*next);
    *next = NULL;
    return 0;
}

static void a_file_that_is_replaced_while_it_is_opened(void **state)
{
    (void)state;
    for (size_t named = 0; named < 2; named++) { /* the one before, or the one after */
        vrec_indexer *indexer;
        vrec_error err;
        build_and_save(2, false, named, "a.index");
        items[0] += 1.0f;
        vrec_indexer *next = build(2, false, !named, ROWS);
        vrec_progress progress = { sizeof progress, replace, &next };
        if (open_with(2, "a.index", &progress, &indexer, &err) != VREC_OK)
            fail_msg("%s", err.message);
        assert_null(next);
        assert_names(indexer, !named);
        vrec_indexer_free(indexer);
        fill(0);
    }
}

static void names_that_a_build_refuses(void **state)
{
    (void)state;
    static const char *const backends[] = { "faiss", "annoy" };
    vrec_matrix matrix = vrec_matrix_f32(items, 3, DIM);
    for (size_t i = 0; i < 2; i++) {
        vrec_builder *builder;
        vrec_indexer *indexer;
        vrec_error err;
        vrec_build how = { .struct_size = sizeof how, .names = "a\nb\na\n", .names_size = 6 };
        assert_int_equal(vrec_builder_factory(backends[i], NULL, &builder, &err), VREC_OK);
        assert_failed(vrec_from_embeddings(builder, &matrix, &how, &indexer, &err), &err, VREC_INVALID,
                      "names: line 3 is \"a\", as is line 1; each may be there once");
        assert_null(indexer);
        assert_int_equal(err.row, 2);
        how.names_size = 0;
        assert_failed(vrec_from_embeddings(builder, &matrix, &how, &indexer, &err), &err, VREC_INVALID,
                      "names: there are 0 lines, but 3 items");
        how.ids = own;
        assert_failed(vrec_from_embeddings(builder, &matrix, &how, &indexer, &err), &err, VREC_INVALID,
                      "names and ids are both given");
        how = (vrec_build){ .struct_size = sizeof how, .names_size = 5 };
        assert_failed(vrec_from_embeddings(builder, &matrix, &how, &indexer, &err), &err, VREC_INVALID,
                      "names: it is NULL, but names_size is 5");
        vrec_builder_free(builder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ids_and_names_go_with_the_file, start),
        cmocka_unit_test_setup(a_table_that_is_cut_or_changed, start),
        cmocka_unit_test_setup(crafted_tables, start),
        cmocka_unit_test_setup(a_table_of_another_index, start),
        cmocka_unit_test_setup(a_mapped_file_is_sampled, start),
        cmocka_unit_test_setup(an_older_table_goes, start),
        cmocka_unit_test_setup(a_save_that_was_interrupted, start),
        cmocka_unit_test_setup(links_and_permissions, start),
        cmocka_unit_test_setup(a_file_that_is_replaced_while_it_is_opened, start),
        cmocka_unit_test_setup(names_that_a_build_refuses, start),
    };
    return cmocka_run_group_tests_name("ids_file", tests, enter_folder, leave_folder);
}
