/* SPDX-License-Identifier: Apache-2.0 */
#include "scenario.h"

#include "support/facts.h"
#include "support/faiss_sample.h"
#include "support/folder.h"

enum {
    MANY = 20000,
    GRAPH = 300, /* items of a large graph */
    WIDE = 64,
    FEW = 30,
    ASKED = 30,
    TOP_K = 5,
    FILE_MAX = 8192
};

static float values[MANY * WIDE], points[FEW * DIM];

/* In no order, so that they have to be sorted. */
static const int64_t own[FEW] = { 70,  -5,  30,  1,   2,   90,  91,  92,  93,  94,  95,  96,  97,  98,  99,
                                  100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 0 };

static const char named[] =
    "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\nq\nr\ns\nt\nu\nv\nw\nx\ny\nz\n0\n1\n2\n3\n";

/* Every kind has a small index for the scenario, and a large one for building and queries alone. The
 * forests' searchk finds all that there is, so that the heaps of large ones have to grow; a graph over few
 * items leads to all of them. Large ones get codes, of which no failure is one of the query. */
static const struct {
    const char *backend, *options, *large_options;
    const float *items; /* of DIM values */
    size_t count, large_count;
    const int64_t *ids; /* or NULL */
    const char *names;  /* likewise */
} kinds[SCENARIO_KINDS] = {
    { "faiss", "metric=L2", NULL, rows, ROWS, MANY, NULL, NULL },
    { "faiss", "metric=L2", NULL, rows, ROWS, MANY, own, NULL },
    { "annoy", "metric=euclidean,d=2,n_trees=3,threads=2,searchk=1000,codes=off",
      "metric=euclidean,n_trees=2,searchk=100000", points, FEW, MANY, NULL, named },
    { "annoy", "metric=euclidean,d=2,n_trees=3,stream=annoy,load=read,searchk=1000,codes=off",
      "metric=euclidean,n_trees=2,stream=annoy,searchk=100000", points, FEW, MANY, own, NULL },
    { "faiss", "metric=L2,index_type=IVF,nlists=4,nprobe=4,threads=2",
      "metric=L2,index_type=IVF,nlists=20,nprobe=20,threads=3", points, FEW, MANY, own, NULL },
    { "faiss", "index_type=HNSW,threads=2,codes=off",
      "index_type=HNSW,m=4,threads=2,efSearch=100,codes=sq8", points, FEW, GRAPH, own, NULL },
    { "faiss", "metric=L2,index_type=IVF,nlists=4,nprobe=4,threads=2,load=map",
      "metric=L2,index_type=IVF,nlists=20,nprobe=20,threads=3", points, FEW, MANY, NULL, named },
    { "faiss", "index_type=HNSW,threads=2,codes=off,load=map",
      "index_type=HNSW,m=4,threads=2,efSearch=100,codes=sq8", points, FEW, GRAPH, own, NULL },
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

/* A table of ids beside the index, which only some kinds have; it is written before the index and may stay
 * when something fails in between. */
static const char *const tables[] = { "a.index.ids", "a.index.ids.next" };
static size_t table_count;

static int count_table(const char *name)
{
    table_count += strcmp(name, tables[0]) == 0 || strcmp(name, tables[1]) == 0;
    return 0;
}

static void put_old_files(void)
{
    remove(tables[0]);
    remove(tables[1]);
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
    table_count = 0;
    size_t count = for_each_file(count_table);
    assert_int_equal(count, FILES + table_count); /* no temporary file */
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

static vrec_status estimate(world *w)
{
    const vrec_plan plan = { .struct_size = sizeof plan, .rows = kinds[kind].count, .dim = DIM };
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    vrec_status status = vrec_estimate(w->builder, &plan, &forecast, &w->err);
    assert_true((status == VREC_OK) == (forecast.file_bytes > 0));
    return status;
}

static vrec_status build_index(world *w)
{
    vrec_matrix items = items_of_kind();
    vrec_build build = { .struct_size = sizeof build,
                         .ids = kinds[kind].ids,
                         .names = kinds[kind].names,
                         .names_size = kinds[kind].names ? strlen(kinds[kind].names) : 0 };
    vrec_status status = vrec_from_embeddings(w->builder, &items, &build, &w->built, &w->err);
    assert_true((status == VREC_OK) == (w->built != NULL));
    return status;
}

static int64_t id_of(const vrec_indexer *indexer, size_t row)
{
    bool small = vrec_rows(indexer) == kinds[kind].count;
    return small && kinds[kind].ids ? kinds[kind].ids[row] : (int64_t)row;
}

static vrec_status ask_with(const vrec_query_options *options, const vrec_indexer *indexer,
                            const vrec_matrix *queries, vrec_error *err)
{
    int64_t ids[ASKED * TOP_K];
    float distances[ASKED * TOP_K];
    int64_t counts[ASKED];
    vrec_status status = vrec_query(indexer, queries, TOP_K, options,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, counts }, err);
    for (size_t i = 0; i < queries->rows * TOP_K; i += TOP_K) {
        assert_int_equal(ids[i], status == VREC_OK ? id_of(indexer, i / TOP_K) : -1);
        assert_true(distances[i] == (status == VREC_OK ? 0.0f : INFINITY));
        assert_true((counts[i / TOP_K] > 0) == (status == VREC_OK));
    }
    return status;
}

static vrec_status ask(const vrec_indexer *indexer, const vrec_matrix *queries, int32_t threads,
                       vrec_error *err)
{
    vrec_query_options options = { .struct_size = sizeof options, .threads = threads };
    return ask_with(&options, indexer, queries, err);
}

static vrec_status ask_built(world *w)
{
    vrec_matrix queries = items_of_kind();
    return ask(w->built, &queries, 1, &w->err);
}

/* Two users, each with a bitmap of who is allowed: everybody. Graphs and forests count how many that are.
 */
static vrec_status ask_with_bitmaps(world *w)
{
    enum { USERS = 2 };
    static uint8_t all[USERS * (MANY + 7) / 8];
    size_t rows = vrec_rows(w->built), stride = (rows + 7) / 8;
    vrec_matrix queries = vrec_matrix_f32(kinds[kind].items, USERS, DIM);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = 1,
                                   .allow = all,
                                   .allow_rows = rows,
                                   .allow_stride = stride };
    if (!strstr(kinds[kind].options, "HNSW") && strcmp(kinds[kind].backend, "annoy") != 0)
        return VREC_OK;
    memset(all, 0xff, USERS * stride);
    return ask_with(&options, w->built, &queries, &w->err);
}

/* An item is the only interest of a user, who may get nothing else. */
static vrec_status ask_of_interests(world *w)
{
    int64_t ids[TOP_K], valid[] = { 1 }, own = id_of(w->built, 0);
    float distances[TOP_K];
    vrec_matrix queries = vrec_matrix_f32(kinds[kind].items, 1, DIM); /* too few for codes */
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = 1,
                                   .merge = VREC_MERGE_SUM,
                                   .interests = 1,
                                   .interest_counts = valid,
                                   .allow_ids = &own,
                                   .allow_count = 1 };
    vrec_status status = vrec_query(w->built, &queries, TOP_K, &options,
                                    &(vrec_results){ sizeof(vrec_results), ids, distances, NULL }, &w->err);
    assert_int_equal(ids[0], status == VREC_OK ? id_of(w->built, 0) : -1);
    assert_true(distances[0] == (status == VREC_OK ? 0.0f : INFINITY));
    return status;
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

/* Facts of a graph are left out where there is no memory for finding them out; others are always there. */
static vrec_status look_at_facts(world *w)
{
    bool rows = false, graph = false, reach = false;
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(w->opened, i)); i++) {
        rows |= strcmp(fact->key, "rows") == 0 && (size_t)fact->integer == vrec_rows(w->opened);
        graph |= strcmp(fact->text, "HNSW") == 0;
        reach |= strcmp(fact->key, "reach_entry") == 0 && fact->real == 1.0;
    }
    assert_true(rows && (graph || !reach));
    w->err = (vrec_error){ .status = graph && !reach ? VREC_NO_MEMORY : VREC_OK };
    return w->err.status;
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

/* The vectors of an IDMap are found by one pass over its ids, others at once. */
static vrec_status copy_vectors(world *w)
{
    int64_t ids[2] = { id_of(w->opened, 1), id_of(w->opened, 0) };
    float vectors[2 * DIM];
    vrec_status status = vrec_vectors(w->opened, ids, 2, vectors, &w->err);
    assert_true(status != VREC_OK || memcmp(vectors, kinds[kind].items + DIM, sizeof(float) * DIM) == 0);
    return status;
}

static vrec_status evaluate(world *w)
{
    static const int64_t lists[] = { 0, 1, 2, -1 }, offsets[] = { 0, 1, 2 }, truth[] = { 1, 0 },
                         ks[] = { 2 };
    static const double popularity[] = { 0.5, 0.25, 0.25 };
    double mrr, coverage, diversity, novelty;
    vrec_matrix embeddings = vrec_matrix_f32(kinds[kind].items, 3, DIM);
    vrec_ranking ranking = { .struct_size = sizeof ranking,
                             .ids = lists,
                             .users = 2,
                             .width = 2,
                             .truth_offsets = offsets,
                             .truth_ids = truth,
                             .truth_count = 2,
                             .ks = ks,
                             .k_count = 1,
                             .items = 3,
                             .popularity = popularity,
                             .embeddings = &embeddings };
    vrec_metrics means = { .struct_size = sizeof means,
                           .mrr = &mrr,
                           .coverage = &coverage,
                           .diversity = &diversity,
                           .novelty = &novelty };
    vrec_status status = vrec_evaluate(&ranking, &means, NULL, &w->err);
    assert_true(status != VREC_OK || (mrr == 0.25 && coverage == 1.0 && novelty == 1.75));
    return status;
}

static vrec_status compare(world *w)
{
    static const int64_t found[] = { 0, 2 }, exact[] = { 1, 0 }, ks[] = { 2 };
    double recall;
    vrec_matrix queries = vrec_matrix_f32(kinds[kind].items, 1, DIM);
    vrec_matrix items = vrec_matrix_f32(kinds[kind].items, 3, DIM);
    vrec_comparison comparison = { .struct_size = sizeof comparison,
                                   .found = found,
                                   .exact = exact,
                                   .users = 1,
                                   .width = 2,
                                   .exact_width = 2,
                                   .ks = ks,
                                   .k_count = 1,
                                   .queries = &queries,
                                   .items = &items,
                                   .metric = "L2" };
    vrec_status status = vrec_compare(&comparison, &recall, NULL, &w->err);
    assert_true(status != VREC_OK || recall == 0.5);
    return status;
}

/* All items or none of them are in afterwards. */
static vrec_status add_items(world *w)
{
    static const int64_t more[] = { 1000, 999 };
    vrec_matrix items = vrec_matrix_f32(kinds[kind].items, 2, DIM);
    size_t rows = vrec_rows(w->built);
    if (strcmp(kinds[kind].backend, "faiss") != 0)
        return VREC_OK;
    const vrec_build build = { .struct_size = sizeof build,
                               .ids = kinds[kind].ids ? more : NULL,
                               .names = kinds[kind].names ? "4\n5\n" : NULL,
                               .names_size = kinds[kind].names ? 4 : 0 };
    vrec_status status = vrec_add(w->built, &items, &build, &w->err);
    assert_true(!kinds[kind].names || (vrec_find(w->built, "5") >= 0) == (status == VREC_OK));
    assert_int_equal(vrec_rows(w->built), status == VREC_OK ? rows + 2 : rows);
    return status;
}

/* A graph, its ids and names, whole or as they were. */
static vrec_status optimize(world *w)
{
    int64_t ids[FEW];
    vrec_matrix queries = items_of_kind();
    if (!strstr(kinds[kind].options, "HNSW"))
        return VREC_OK;
    vrec_status status = vrec_optimize(w->opened, &queries, NULL, &w->err);
    assert_int_equal(vrec_ids(w->opened, 0, FEW, ids, NULL), VREC_OK);
    assert_memory_equal(ids, own, sizeof ids);
    return status == VREC_OK ? ask(w->opened, &queries, 1, &w->err) : status;
}

static vrec_status (*const steps[])(world *w) = {
    make_builder, estimate,      build_index,  ask_built, ask_with_bitmaps, ask_of_interests, save_index,
    open_saved,   look_at_facts, verify_saved, save_data, open_data,        ask_data,         convert_data,
    copy_vectors, optimize,      evaluate,     compare,   add_items
};

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
    vrec_matrix items = vrec_matrix_f32(values, kinds[kind].large_count, WIDE);
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

/* Codes that nobody asked for are left out where memory is short. */
vrec_status scenario_codes(vrec_error *err)
{
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_matrix items = vrec_matrix_f32(points, FEW, DIM);
    vrec_status status = vrec_builder_factory("faiss", "index_type=HNSW,m=4,threads=1", &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, NULL, &indexer, err);
    if (status == VREC_OK)
        assert_true(
            has_fact(indexer, "codes", "sq8") ||
            (has_fact(indexer, "codes", "off") && has_fact(indexer, "note", "memory was too short")));
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return status;
}

/* It is tuned afterwards, which a query can go by; or as it was. */
static vrec_status tune(const vrec_indexer *indexer, vrec_error *err)
{
    int64_t id;
    float distance;
    vrec_matrix queries = vrec_matrix_f32(kinds[kind].items, 8, DIM);
    vrec_tuning_options options = {
        .struct_size = sizeof options, .recall = 0.5, .top_k = 1, .queries = &queries, .threads = 1
    };
    vrec_query_options asked = { .struct_size = sizeof asked,
                                 .threads = 1,
                                 .overrides = "target_recall=0.5" };
    vrec_results results = { .struct_size = sizeof results, .ids = &id, .distances = &distance };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    vrec_status status = vrec_tune(indexer, &options, &tuning, err);
    assert_true((status == VREC_OK) == (tuning.step_count > 0));
    queries.rows = 1;
    if (status == VREC_OK)
        return vrec_query(indexer, &queries, 1, &asked, &results, err);
    assert_int_equal(vrec_query(indexer, &queries, 1, &asked, &results, NULL), VREC_INVALID);
    return status;
}

vrec_status scenario_tune(vrec_error *err)
{
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_matrix items = items_of_kind();
    const char *options = kinds[kind].options;
    if (strcmp(kinds[kind].backend, "faiss") == 0 && !strstr(options, "index_type"))
        return VREC_OK; /* Flat has nothing to tune */
    vrec_status status = vrec_builder_factory(kinds[kind].backend, options, &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, NULL, &indexer, err);
    if (status == VREC_OK)
        status = tune(indexer, err);
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return status;
}

/* More items than exact search is taken for at once, so that every kind is tried. */
vrec_status scenario_auto(vrec_error *err)
{
    enum { TRIED = 4000, NARROW = 4 };
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_matrix items = vrec_matrix_f32(values, TRIED, NARROW);
    items.row_stride = WIDE * sizeof(float);
    vrec_status status = vrec_builder_factory(
        "faiss", "metric=L2,index_type=auto,target_recall=0.5,threads=2", &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, NULL, &indexer, err);
    assert_true((status == VREC_OK) == (indexer != NULL));
    if (status == VREC_OK)
        assert_true(has_fact(indexer, "because", "HNSW"));
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
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

/* A graph with the setting that has the recall, and half of the sample learned; or none. */
vrec_status scenario_build_tuned(vrec_error *err)
{
    vrec_builder *builder;
    vrec_indexer *indexer = NULL;
    vrec_matrix items = vrec_matrix_f32(points, FEW, DIM), queries = vrec_matrix_f32(points, 8, DIM);
    vrec_build build = { .struct_size = sizeof build, .queries = &queries };
    vrec_status status =
        vrec_builder_factory("faiss", "index_type=HNSW,m=4,threads=1,target_recall=0.5", &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, &build, &indexer, err);
    assert_true((status == VREC_OK) == (indexer != NULL));
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return status;
}
