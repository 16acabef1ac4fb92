/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "support/faiss_sample.h"
#include "support/folder.h"

enum { MANY = 20000, WIDE = 64, FEW = 30, ASKED = 30, TOP_K = 5, FILE_MAX = 8192 };

static float values[MANY * WIDE], points[FEW * DIM];

/* Every kind has a small index for the scenario, and a large one for building and queries alone. The
 * forests' searchk finds all that there is, so that the heaps of large ones have to grow. Large ones get
 * codes, of which no failure is one of the query. */
static const struct {
    const char *backend, *options, *large_options;
    const float *items; /* of DIM values */
    size_t count;
} kinds[SCENARIO_KINDS] = {
    { "faiss", "metric=L2", NULL, rows, ROWS },
    { "annoy", "metric=euclidean,d=2,n_trees=3,threads=2,searchk=1000,codes=off",
      "metric=euclidean,n_trees=2,searchk=100000", points, FEW },
    { "annoy", "metric=euclidean,d=2,n_trees=3,stream=annoy,load=read,searchk=1000,codes=off",
      "metric=euclidean,n_trees=2,stream=annoy,searchk=100000", points, FEW },
};
static size_t kind;

/* What the scenario makes, in its order. */
typedef struct world {
    vrec_builder *builder;
    vrec_indexer *built, *opened;
    vrec_data *data;
    vrec_error err;
} world;

/* ---- Files: old or new ---- */

static const char old[] = "what was there before";
static struct {
    const char *path;
    char bytes[FILE_MAX];
    size_t size;
} files[] = { { .path = "a.index" }, { .path = "a.npy" }, { .path = "a.fvecs" } };

enum { FILES = sizeof files / sizeof files[0] };

static void put_old_files(void)
{
    for (size_t i = 0; i < FILES; i++)
        write_file(files[i].path, old, sizeof old);
}

static size_t read_whole(const char *path, char bytes[FILE_MAX])
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(bytes, 1, FILE_MAX, file);
    fclose(file);
    return size;
}

static bool holds(const char *path, const void *bytes, size_t size)
{
    char found[FILE_MAX];
    return read_whole(path, found) == size && memcmp(found, bytes, size) == 0;
}

static void assert_old_or_new_files(void)
{
    assert_int_equal(for_each_file(NULL), FILES); /* no temporary file */
    for (size_t i = 0; i < FILES; i++)
        assert_true(holds(files[i].path, old, sizeof old) ||
                    holds(files[i].path, files[i].bytes, files[i].size));
}

/* After a save: it has happened, or not at all, or all but the folder is synced. */
static vrec_status check_saved(const char *path, vrec_status status, const vrec_error *err)
{
    if (status != VREC_OK && !strstr(err->message, "the new file is in place"))
        assert_true(holds(path, old, sizeof old));
    return status;
}

/* ---- Steps ---- */

static vrec_matrix items_of_kind(void)
{
    return vrec_matrix_f32(kinds[kind].items, kinds[kind].count, DIM);
}

static vrec_status make_builder(world *w)
{
    vrec_status status =
        vrec_builder_factory(kinds[kind].backend, kinds[kind].options, &w->builder, &w->err);
    assert_true((status == VREC_OK) == (w->builder != NULL));
    return status;
}

static vrec_status build_index(world *w)
{
    vrec_matrix items = items_of_kind();
    vrec_status status = vrec_from_embeddings(w->builder, &items, NULL, &w->built, &w->err);
    assert_true((status == VREC_OK) == (w->built != NULL));
    return status;
}

static vrec_status ask(const vrec_indexer *indexer, const vrec_matrix *queries, int32_t threads,
                       vrec_error *err)
{
    int64_t ids[ASKED * TOP_K];
    float distances[ASKED * TOP_K];
    size_t counts[ASKED];
    vrec_query_options options = { .struct_size = sizeof options, .threads = threads };
    vrec_status status = vrec_query(indexer, queries, TOP_K, &options, ids, distances, counts, err);
    for (size_t i = 0; i < queries->rows * TOP_K; i += TOP_K) {
        assert_int_equal(ids[i], status == VREC_OK ? (int64_t)(i / TOP_K) : -1);
        assert_true(distances[i] == (status == VREC_OK ? 0.0f : INFINITY));
        assert_true((counts[i / TOP_K] > 0) == (status == VREC_OK));
    }
    return status;
}

static vrec_status ask_built(world *w)
{
    vrec_matrix queries = items_of_kind();
    return ask(w->built, &queries, 1, &w->err);
}

static vrec_status save_index(world *w)
{
    vrec_status status = vrec_save(w->built, "a.index", NULL, &w->err);
    return check_saved("a.index", status, &w->err);
}

static vrec_status open_saved(world *w)
{
    vrec_status status = vrec_from_index_file(w->builder, "a.index", NULL, &w->opened, &w->err);
    assert_true((status == VREC_OK) == (w->opened != NULL));
    return status;
}

static vrec_status verify_saved(world *w)
{
    return vrec_verify(w->builder, "a.index", NULL, &w->err);
}

static vrec_status save_data(world *w)
{
    vrec_matrix matrix = items_of_kind();
    return check_saved("a.npy", vrec_data_save("a.npy", &matrix, &w->err), &w->err);
}

static vrec_status open_data(world *w)
{
    vrec_status status = vrec_data_open("a.npy", &w->data, &w->err);
    assert_true((status == VREC_OK) == (w->data != NULL));
    return status;
}

static vrec_status ask_data(world *w)
{
    return ask(w->opened, vrec_data_matrix(w->data), 1, &w->err);
}

static vrec_status convert_data(world *w)
{
    vrec_status status = vrec_data_save("a.fvecs", vrec_data_matrix(w->data), &w->err);
    return check_saved("a.fvecs", status, &w->err);
}

static vrec_status (*const steps[])(world *w) = { make_builder, build_index,  ask_built, save_index,
                                                  open_saved,   verify_saved, save_data, open_data,
                                                  ask_data,     convert_data };

/* ---- Scenarios ---- */

static vrec_status run_steps(vrec_error *err)
{
    world w = { 0 };
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == VREC_OK; i++)
        status = steps[i](&w);
    if (status != VREC_OK)
        assert_int_equal(w.err.status, status);
    *err = w.err;
    vrec_data_close(w.data);
    vrec_indexer_free(w.opened);
    vrec_indexer_free(w.built);
    vrec_builder_free(w.builder);
    return status;
}

vrec_status scenario_run(vrec_error *err)
{
    put_old_files();
    vrec_status status = run_steps(err);
    assert_old_or_new_files();
    return status;
}

static vrec_status ask_often(const vrec_indexer *indexer, vrec_error *err)
{
    vrec_matrix one = vrec_matrix_f32(values, 1, WIDE), batch = vrec_matrix_f32(values, ASKED, WIDE);
    vrec_status status = VREC_OK;
    for (int32_t i = 0; i < 12 && status == VREC_OK; i++)
        status = ask(indexer, i % 2 ? &batch : &one, 3 - i / 4, err);
    return status;
}

static vrec_status build_large(vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder;
    vrec_matrix items = vrec_matrix_f32(values, MANY, WIDE);
    vrec_status status =
        vrec_builder_factory(kinds[kind].backend, kinds[kind].large_options, &builder, err);
    *out = NULL;
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, NULL, out, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*out != NULL));
    return status;
}

vrec_status scenario_build(vrec_error *err)
{
    vrec_indexer *indexer;
    vrec_status status = build_large(&indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

vrec_status scenario_query(size_t times, void (*before)(size_t time), vrec_error *err)
{
    vrec_indexer *indexer;
    vrec_status status = build_large(&indexer, err);
    for (size_t time = 0; time < times && status == VREC_OK; time++) {
        before(time);
        status = ask_often(indexer, err);
    }
    vrec_indexer_free(indexer);
    return status;
}

void scenario_init(size_t number)
{
    vrec_error err;
    kind = number;
    for (size_t i = 0; i < MANY * WIDE; i++)
        values[i] = (float)(i % WIDE == 0 ? i / WIDE : i % 7);
    for (size_t i = 0; i < FEW; i++) {
        points[i * DIM] = (float)i;
        points[i * DIM + 1] = (float)(i * i % 17);
    }
    if (run_steps(&err) != VREC_OK)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < FILES; i++)
        files[i].size = read_whole(files[i].path, files[i].bytes);
    if (kind == 0)
        assert_true(holds("a.index", l2_file, SIZE));
}
