/* What is said of an index before it is built is compared with the one that is then built: memory as it is
 * taken and given back, the file's size, and for forests, which have room that they never touch, what the
 * process has. SPDX-License-Identifier: Apache-2.0 */
#include "core/matrix.h"
#include "support/failed.h"
#include "support/folder.h"
#include "support/random.h"
#include "vrec/vrec.h"

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __has_feature
#define SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1 /* which takes memory of its own */
#else
#define SANITIZED 0
#endif

/* ---- Memory, as the linker leads its calls through here ---- */

void *__real_aligned_alloc(size_t alignment, size_t bytes);
void *__wrap_aligned_alloc(size_t alignment, size_t bytes);
void __real_free(void *block);
void __wrap_free(void *block);

enum { BLOCKS = 4096 };

static struct {
    void *at;
    size_t bytes;
} blocks[BLOCKS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t held, peak;

static void note(void *block, size_t bytes)
{
    size_t i = 0;
    pthread_mutex_lock(&lock);
    while (i < BLOCKS && blocks[i].at)
        i++;
    if (i < BLOCKS) {
        blocks[i].at = block;
        blocks[i].bytes = bytes;
        held += bytes;
    }
    peak = held > peak ? held : peak;
    pthread_mutex_unlock(&lock);
}

/* Blocks that others have taken aren't known. */
static void forget(const void *block)
{
    pthread_mutex_lock(&lock);
    for (size_t i = 0; block && i < BLOCKS; i++)
        if (blocks[i].at == block) {
            held -= blocks[i].bytes;
            blocks[i].at = NULL;
        }
    pthread_mutex_unlock(&lock);
}

void *__wrap_aligned_alloc(size_t alignment, size_t bytes)
{
    void *block = __real_aligned_alloc(alignment, bytes);
    if (block)
        note(block, bytes);
    return block;
}

void __wrap_free(void *block)
{
    forget(block);
    __real_free(block);
}

/* ---- Rows that builds copy, likewise ---- */

void __real_vr_matrix_rows(const vrec_matrix *matrix, size_t first, size_t count, float *out);
void __wrap_vr_matrix_rows(const vrec_matrix *matrix, size_t first, size_t count, float *out);

static size_t copied, repeated; /* which begin as one before them did */
static float last_value;

void __wrap_vr_matrix_rows(const vrec_matrix *matrix, size_t first, size_t count, float *out)
{
    __real_vr_matrix_rows(matrix, first, count, out);
    pthread_mutex_lock(&lock);
    repeated += copied++ > 0 && out[0] == last_value;
    last_value = out[0];
    pthread_mutex_unlock(&lock);
}

/* ---- Cases ---- */

typedef struct a_case {
    const char *backend, *options;
    size_t rows, dim;
    bool own_ids;
} a_case;

static const a_case cases[] = {
    { "faiss", "index_type=Flat", 30000, 48, false },
    { "faiss", "index_type=Flat,codes=off", 50000, 8, true },
    { "faiss", "index_type=IVF,nlists=100", 40000, 48, false },
    { "faiss", "index_type=IVF,nlists=200", 20000, 96, true },
    { "faiss", "index_type=IVF,nlists=16,codes=off,metric=IP", 30000, 20, true },
    { "faiss", "index_type=HNSW,m=32,threads=2", 12000, 32, false },
    { "faiss", "index_type=HNSW,m=8,codes=sq4,threads=2", 20000, 100, true },
    { "faiss", "index_type=HNSW,m=16,codes=off,threads=2", 8000, 16, false },
    { "faiss", "index_type=HNSW,m=32,codes=off,threads=2", 1500, 24, false },
    { "faiss", "index_type=HNSW,m=16,metric=IP,threads=2", 12000, 64, false },
};

static const a_case forests[] = {
    { "annoy", "n_trees=10,metric=euclidean,threads=1", 60000, 40, true },
    { "annoy", "n_trees=40,metric=angular,threads=1", 40000, 100, false },
    { "annoy", "n_trees=5,metric=dot,threads=1", 100000, 24, false },
    { "annoy", "n_trees=-1,metric=euclidean,threads=1", 60000, 32, false },
    { "annoy", "n_trees=8,metric=euclidean,threads=8", 60000, 40, false },
};

enum { CASES = sizeof cases / sizeof cases[0], FORESTS = sizeof forests / sizeof forests[0] };

static float *make_items(const a_case *c)
{
    float *items = malloc(c->rows * c->dim * sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < c->rows; i++) { /* lengths differ */
        float length = 0.5f + (float)draw_below(1000) / 1000;
        for (size_t j = 0; j < c->dim; j++)
            items[i * c->dim + j] = ((float)draw_below(2000) / 1000 - 1) * length;
    }
    return items;
}

static int64_t *make_ids(const a_case *c)
{
    int64_t *ids = c->own_ids ? malloc(c->rows * sizeof *ids) : NULL;
    for (size_t i = 0; i < c->rows && ids; i++)
        ids[i] = (int64_t)(c->rows - i) * 3;
    return ids;
}

static vrec_forecast estimate(const vrec_builder *builder, const a_case *c)
{
    vrec_error err;
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    vrec_plan plan = { .struct_size = sizeof plan, .rows = c->rows, .dim = c->dim, .own_ids = c->own_ids };
    if (vrec_estimate(builder, &plan, &forecast, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return forecast;
}

static vrec_builder *make_builder(const char *backend, const char *options)
{
    vrec_builder *builder;
    vrec_error err;
    if (vrec_builder_factory(backend, options, &builder, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return builder;
}

static vrec_indexer *build(const vrec_builder *builder, const a_case *c, const float *items,
                           const int64_t *ids)
{
    vrec_indexer *indexer;
    vrec_error err;
    const vrec_matrix matrix = vrec_matrix_f32(items, c->rows, c->dim);
    const vrec_build how = { .struct_size = sizeof how, .ids = ids };
    if (vrec_from_embeddings(builder, &matrix, &how, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}

/* Within 15 %, or what every index has besides. (No case has a block of nearly 4 MiB, above which all are
 * whole huge pages: by 2 MiB, what lists happen to be long would matter.) */
static bool is_close(const char *what, const a_case *c, uint64_t said, uint64_t is)
{
    double apart = fabs((double)said - (double)is), ratio = (double)said / (double)(is > 0 ? is : 1);
    bool close = apart <= 0.15 * (double)is || apart < 40000;
    if (!close || getenv("SHOW"))
        print_message("%s of %s %s, %zu x %zu: %llu are said, %llu are there (%.3f)\n", what, c->backend,
                      c->options, c->rows, c->dim, (unsigned long long)said, (unsigned long long)is, ratio);
    return close;
}

/* How much threads need depends on how many of them are at work at once: all, or on a busy machine one
 * after the other. It is as said at the most. */
static bool is_peak(const a_case *c, uint64_t said, uint64_t is)
{
    bool alone = strstr(c->options, "threads=1") != NULL;
    return (!alone && is < said && !getenv("SHOW")) || is_close("peak", c, said, is);
}

static uint64_t file_size(const vrec_indexer *indexer)
{
    vrec_error err;
    struct stat info;
    if (vrec_save(indexer, "estimated.index", NULL, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(stat("estimated.index", &info), 0);
    return (uint64_t)info.st_size;
}

static void ask_often(const vrec_indexer *indexer, const a_case *c, const float *items)
{
    enum {
        ASKED = 40,
        TIMES = 20,
        TOP_K = 10
    }; /* few at a time, since what they need for themselves stays */
    static int64_t ids[ASKED * TOP_K];
    static float distances[ASKED * TOP_K];
    vrec_error err;
    const vrec_matrix queries = vrec_matrix_f32(items, ASKED, c->dim);
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    vrec_results results = { sizeof results, ids, distances, NULL };
    if (strcmp(c->backend, "annoy") == 0)
        options.overrides = "searchk=3000";
    else if (strstr(c->options, "IVF"))
        options.overrides = "nprobe=1000";
    for (int i = 0; i < TIMES; i++)
        if (vrec_query(indexer, &queries, TOP_K, &options, &results, &err) != VREC_OK)
            fail_msg("%s", err.message);
}

/* What queries add: as much more as without codes. */
static uint64_t codes_made(const a_case *c, const float *items, const int64_t *ids)
{
    size_t added[2];
    char options[100];
    for (int without = 0; without < 2; without++) {
        snprintf(options, sizeof options, "%s%s", c->options, without ? ",codes=off" : "");
        vrec_builder *builder = make_builder(c->backend, options);
        vrec_indexer *indexer = build(builder, c, items, ids);
        size_t before = held;
        ask_often(indexer, c, items);
        added[without] = held - before;
        vrec_indexer_free(indexer);
        vrec_builder_free(builder);
    }
    return added[0] - added[1];
}

/* What an index has for itself once its file, which has been saved, is opened as the options say. */
static bool opened_is_as_said(const a_case *c, const char *how)
{
    char options[120];
    vrec_error err;
    vrec_indexer *opened;
    snprintf(options, sizeof options, "%s,load=%s", c->options, how);
    vrec_builder *builder = make_builder(c->backend, options);
    vrec_forecast said = estimate(builder, c);
    size_t before = held;
    if (vrec_from_index_file(builder, "estimated.index", NULL, &opened, &err) != VREC_OK)
        fail_msg("%s", err.message);
    bool good = is_close(how, c, said.opened_bytes, held - before);
    assert_true(said.mapped_bytes == (strcmp(how, "map") == 0 ? said.file_bytes : 0));
    vrec_indexer_free(opened);
    vrec_builder_free(builder);
    return good;
}

/* ---- Tests ---- */

static void memory_and_file_are_as_said(void **state)
{
    (void)state;
    bool good = true;
    for (size_t i = 0; i < CASES; i++) {
        const a_case *c = &cases[i];
        float *items = make_items(c);
        int64_t *ids = make_ids(c);
        vrec_builder *builder = make_builder(c->backend, c->options);
        vrec_forecast said = estimate(builder, c);
        size_t before = held;
        peak = before;
        vrec_indexer *indexer = build(builder, c, items, ids);
        good &= is_close("peak", c, said.peak_bytes, peak - before);
        good &= is_close("index", c, said.index_bytes, held - before);
        if (file_size(indexer) != said.file_bytes) {
            print_message("file of %s: %llu bytes, not %llu\n", c->options,
                          (unsigned long long)file_size(indexer), (unsigned long long)said.file_bytes);
            good = false;
        }
        good &= opened_is_as_said(c, "map");
        good &= opened_is_as_said(c, "read");
        vrec_indexer_free(indexer);
        vrec_builder_free(builder);
        if (!strstr(c->options, "HNSW"))
            good &= is_close("codes", c, said.codes_bytes,
                             said.codes_bytes > 0 ? codes_made(c, items, ids) : 0);
        free(items);
        free(ids);
    }
    assert_true(good);
}

/* What the system says of this process, in bytes. */
static uint64_t memory(const char *what)
{
    char line[200];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, what, strlen(what)) == 0)
            kilobytes = strtoull(line + strlen(what), NULL, 10);
    if (file)
        fclose(file);
    return kilobytes * 1024;
}

static void reset_most(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (!file || fputs("5", file) < 0 || fclose(file) != 0)
        _exit(1);
}

/* What a process of its own needs for a build, and what it has then. */
static void build_apart(const a_case *c, const float *items, const int64_t *ids, uint64_t *most,
                        uint64_t *file)
{
    int ends[2];
    uint64_t said[2] = { 0 };
    assert_int_equal(pipe(ends), 0);
    malloc_trim(0); /* else the child has memory to begin with */
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); /* huge pages fill what happens to lie beside what is used */
        reset_most();
        uint64_t before = memory("VmRSS:");
        vrec_indexer *indexer = build(make_builder(c->backend, c->options), c, items, ids);
        said[0] = memory("VmHWM:") - before;
        said[1] = file_size(indexer);
        _exit(write(ends[1], said, sizeof said) != sizeof said);
    }
    assert_true(child > 0);
    assert_int_equal(read(ends[0], said, sizeof said), sizeof said);
    close(ends[0]);
    close(ends[1]);
    waitpid(child, NULL, 0);
    *most = said[0];
    *file = said[1];
}

/* The system may take pages away meanwhile, so that one try of three must be as said. */
static bool is_built_as_said(const a_case *c, const float *items, const int64_t *ids, uint64_t said,
                             uint64_t *file)
{
    bool good = false;
    for (int i = 0; i < 3 && !good; i++) {
        uint64_t most;
        build_apart(c, items, ids, &most, file);
        good = SANITIZED || is_peak(c, said, most);
    }
    return good;
}

static void forests_are_as_said(void **state)
{
    (void)state;
    bool good = true;
    for (size_t i = 0; i < FORESTS; i++) {
        const a_case *c = &forests[i];
        uint64_t file;
        float *items = make_items(c);
        int64_t *ids = make_ids(c);
        vrec_builder *builder = make_builder(c->backend, c->options);
        vrec_forecast said = estimate(builder, c);
        good &= is_built_as_said(c, items, ids, said.peak_bytes, &file);
        good &= is_close("file", c, said.file_bytes, file);
        good &= is_close("index", c, said.index_bytes, file + (c->own_ids ? c->rows * 8 : 0));
        good &= is_close("codes", c, said.codes_bytes, codes_made(c, items, ids));
        vrec_builder_free(builder);
        free(items);
        free(ids);
    }
    assert_true(good);
}

/* A forest's own memory is its table of ids. */
static void forests_are_opened_as_said(void **state)
{
    const a_case c = { "annoy", "n_trees=5,metric=euclidean,d=40", 30000, 40, true };
    float *items = make_items(&c);
    int64_t *ids = make_ids(&c);
    vrec_builder *builder = make_builder(c.backend, c.options);
    vrec_indexer *indexer = build(builder, &c, items, ids);
    (void)state;
    assert_true(file_size(indexer) > 0);
    assert_true(opened_is_as_said(&c, "map"));
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    free(items);
    free(ids);
}

/* More items take longer, which no trial has to tell where both are of the same. */
static void time_grows_with_rows(void **state)
{
    static const char *const options[] = { "index_type=IVF,nlists=64", "index_type=HNSW,m=8", "n_trees=4" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const a_case few = { i < 2 ? "faiss" : "annoy", options[i], 200000, 16, false };
        a_case many = few;
        many.rows = 20000000;
        vrec_builder *builder = make_builder(few.backend, few.options);
        vrec_forecast a = estimate(builder, &few), b = estimate(builder, &many);
        assert_true(a.seconds > 0 && a.trial_rows > 0 && a.trial_rows <= few.rows);
        assert_true(b.seconds > 5 * a.seconds);
        vrec_builder_free(builder);
    }
}

/* Items that are all the same take a build several times as long as others. */
static void drawn_items_differ(void **state)
{
    static const char *const options[] = { "index_type=Flat", "index_type=HNSW,m=8",
                                           "index_type=IVF,nlists=20" };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const a_case c = { "faiss", options[i], 3000, 16, false };
        vrec_builder *builder = make_builder(c.backend, c.options);
        copied = repeated = 0;
        estimate(builder, &c);
        assert_true(copied > 0); /* how many depends on how long they take */
        assert_true(100 * repeated <= copied);
        vrec_builder_free(builder);
    }
}

/* The lengths of the caller's items say whether a graph is built by product, too. */
static void items_say_more(void **state)
{
    enum { ROWS = 3000, DIM = 24 };
    static float items[ROWS * DIM];
    vrec_error err;
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < DIM; j++)
            items[i * DIM + j] = draw_below(2) ? 1 : -1;
    const vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    vrec_builder *builder = make_builder("faiss", "index_type=HNSW,metric=IP,m=8");
    vrec_forecast known = { .struct_size = sizeof known }, unknown = known;
    const vrec_plan plan = { .struct_size = sizeof plan, .rows = 100000, .items = &matrix };
    const vrec_plan without = { .struct_size = sizeof without, .rows = 100000, .dim = DIM };
    assert_int_equal(vrec_estimate(builder, &plan, &known, &err), VREC_OK);
    assert_int_equal(vrec_estimate(builder, &without, &unknown, &err), VREC_OK);
    assert_true(known.peak_bytes < unknown.peak_bytes);
    assert_true(known.file_bytes == unknown.file_bytes);
    assert_true(known.trial_rows <= ROWS);
    vrec_builder_free(builder);
}

static void refuse(const char *options, vrec_plan plan, vrec_status expected, const char *says)
{
    vrec_error err = { .message = "" };
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    vrec_builder *builder = make_builder("faiss", options);
    plan.struct_size = sizeof plan;
    vrec_status status = vrec_estimate(builder, &plan, &forecast, &err);
    assert_failed(status, &err, expected, says);
    assert_int_equal(forecast.peak_bytes, 0);
    vrec_builder_free(builder);
}

static void what_cant_be_is_refused(void **state)
{
    float row[2] = { 1, 2 };
    const vrec_matrix items = vrec_matrix_f32(row, 1, 2);
    (void)state;
    refuse("", (vrec_plan){ .dim = 8 }, VREC_INVALID, "0 rows");
    refuse("", (vrec_plan){ .rows = 8 }, VREC_INVALID, "0 values");
    refuse("", (vrec_plan){ .rows = SIZE_MAX, .dim = 1000 }, VREC_INVALID, "too many");
    refuse("", (vrec_plan){ .dim = 3, .items = &items }, VREC_INVALID, "dim is 3");
    refuse("index_type=IVF", (vrec_plan){ .rows = 8, .dim = 8 }, VREC_INVALID, "too few for nlists=100");
    refuse("index_type=HNSW", (vrec_plan){ .rows = 8, .dim = 10000 }, VREC_UNSUPPORTED, "at most 8192");
    refuse("index_type=Flat,m=8", (vrec_plan){ .rows = 8, .dim = 8 }, VREC_INVALID, "m");
}

static int stop(void *context, const vrec_progress_report *report)
{
    (void)context;
    (void)report;
    return 1;
}

static void it_stops(void **state)
{
    (void)state;
    vrec_error err;
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    vrec_builder *builder = make_builder("faiss", "index_type=HNSW");
    const vrec_progress progress = { .struct_size = sizeof progress, .report = stop };
    const vrec_plan plan = { .struct_size = sizeof plan, .rows = 100000, .dim = 16, .progress = &progress };
    assert_int_equal(vrec_estimate(builder, &plan, &forecast, &err), VREC_CANCELLED);
    vrec_builder_free(builder);
}

int main(void)
{
    mallopt(M_PERTURB, 0); /* which would touch all memory */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_and_file_are_as_said), cmocka_unit_test(forests_are_as_said),
        cmocka_unit_test(time_grows_with_rows),        cmocka_unit_test(drawn_items_differ),
        cmocka_unit_test(forests_are_opened_as_said),  cmocka_unit_test(items_say_more),
        cmocka_unit_test(what_cant_be_is_refused),     cmocka_unit_test(it_stops),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
