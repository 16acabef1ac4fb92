/* One indexer, many threads, and children: everybody gets the answers of a single thread, also while the
 * indexer makes its codes. For ThreadSanitizer, and plainly. SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* fork */
#include "support/build.h"
#include "support/folder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/wait.h>

enum {
    ROWS = 20000,
    DIM = 48,
    ASKED = 60,
    TOP_K = 20,
    CALLERS = 4,
    ROUNDS = 30,
    CHILDREN = 5,
    DEADLINE = 120 /* seconds until a child that hangs is ended */
};

static const struct {
    const char *backend, *options, *without_codes;
    size_t facts;
} kinds[] = { { "faiss", "", "codes=off", 6 },
              { "annoy", "n_trees=3,searchk=2000", "n_trees=3,searchk=2000,codes=off", 8 },
              { "faiss", "index_type=IVF,nlists=30,nprobe=9", "index_type=IVF,nlists=30,nprobe=9,codes=off",
                9 } };
static size_t kind;

static float items[ROWS * DIM];
static vrec_indexer *indexer;
static int64_t expected_ids[ASKED * TOP_K];
static float expected_distances[ASKED * TOP_K];
static atomic_size_t finished;

/* Asks for all queries in batches; true if the answers are those expected. */
static bool ask(size_t batch, int32_t threads, int64_t *ids, float *distances)
{
    vrec_query_options options = { .struct_size = sizeof options, .threads = threads };
    for (size_t first = 0; first < ASKED; first += batch) {
        size_t count = first + batch > ASKED ? ASKED - first : batch, at = first * TOP_K;
        vrec_matrix queries = vrec_matrix_f32(items + first * DIM, count, DIM);
        if (vrec_query(indexer, &queries, TOP_K, &options,
                       &(vrec_results){ sizeof(vrec_results), ids + at, distances + at, NULL },
                       NULL) != VREC_OK)
            return false;
    }
    return memcmp(ids, expected_ids, sizeof expected_ids) == 0 &&
           memcmp(distances, expected_distances, sizeof expected_distances) == 0;
}

static bool ask_again(size_t batch, int32_t threads)
{
    int64_t ids[ASKED * TOP_K];
    float distances[ASKED * TOP_K];
    return ask(batch, threads, ids, distances);
}

static bool save_and_look(size_t caller)
{
    char path[32];
    size_t facts = 0;
    snprintf(path, sizeof path, "%zu.index", caller % 2); /* two callers each save to the same file */
    if (vrec_save(indexer, path, NULL, NULL) != VREC_OK)
        return false;
    while (vrec_info(indexer, facts) && strlen(vrec_info(indexer, facts)->text) > 0)
        facts++;
    return facts == kinds[kind].facts && vrec_rows(indexer) == ROWS && vrec_dim(indexer) == DIM;
}

/* Sets *context, its number, to SIZE_MAX if anything is wrong. */
static void *call(void *context)
{
    static const size_t batches[CALLERS] = { 1, 5, 23, ASKED };
    static const int32_t threads[] = { 1, 2, 3, 7, 0 };
    size_t *number = context, caller = *number;
    bool right = true;
    for (size_t round = 0; round < ROUNDS; round++) {
        right &= ask_again(batches[(caller + round) % CALLERS], threads[(caller + round) % 5]);
        right &= vrec_set_default_threads((int32_t)(1 + round % 3), NULL) == VREC_OK;
        if (round % 3 == caller % 3)
            right &= save_and_look(caller);
    }
    if (!right)
        *number = SIZE_MAX;
    finished++;
    return NULL;
}

/* A child, forked wherever the callers are, asks with threads of its own. */
static bool child_is_right(void)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(DEADLINE);
        bool right = ask_again(ASKED, 3) && ask_again(7, 1) && ask_again(ASKED, 2);
        _exit(right ? 0 : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static void callers_and_children(void **state)
{
    (void)state;
    pthread_t callers[CALLERS];
    size_t numbers[CALLERS], forks = 0;
    for (size_t i = 0; i < CALLERS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&callers[i], NULL, call, &numbers[i]), 0);
    }
    bool right = true;
    while (forks < CHILDREN || (finished < CALLERS && forks < 4 * CHILDREN)) {
        right &= child_is_right();
        forks++;
    }
    for (size_t i = 0; i < CALLERS; i++) {
        pthread_join(callers[i], NULL);
        assert_int_equal(numbers[i], i);
    }
    assert_true(right);
    assert_int_equal(for_each_file(NULL), 2); /* whoever saved last, and nothing temporary */
}

static vrec_indexer *build(const char *options)
{
    vrec_indexer *built;
    const vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    build_index(kinds[kind].backend, options, &matrix, NULL, &built, NULL);
    return built;
}

/* What a caller's report does, and from where it is called. */
typedef struct listener {
    pthread_t caller;
    bool right;
    size_t reports;
} listener;

/* Everything that a report may do: query, save, inspect and build, on the same indexer, too. */
static int report(void *context, const vrec_progress_report *at)
{
    listener *l = context;
    l->right &= at->struct_size == sizeof *at && *at->phase && *at->unit && at->done <= at->total;
    l->right &= pthread_equal(pthread_self(), l->caller) != 0;
    l->right &= ask_again(ASKED, 2);
    if (l->reports++ == 0) {
        vrec_indexer *another = build(kinds[kind].options);
        l->right &= save_and_look(0) && another;
        vrec_indexer_free(another);
    }
    return 0;
}

static void calls_inside_calls(void **state)
{
    (void)state;
    listener l = { .caller = pthread_self(), .right = true };
    int64_t id;
    float distance;
    vrec_results results = { .struct_size = sizeof results, .ids = &id, .distances = &distance };
    vrec_progress progress = { .struct_size = sizeof progress, .report = report, .context = &l };
    vrec_query_options options = { .struct_size = sizeof options, .threads = 3, .progress = &progress };
    vrec_matrix query = vrec_matrix_f32(items, 1, DIM);
    while (l.reports == 0) /* the helpers may do all of it */
        assert_int_equal(vrec_query(indexer, &query, 1, &options, &results, NULL), VREC_OK);
    assert_int_equal(id, 0);
    assert_int_equal(vrec_save(indexer, "1.index", &progress, NULL), VREC_OK);
    assert_true(l.right);
}

/* Sets *context, its number, to SIZE_MAX if anything is wrong. */
static void *tune(void *context)
{
    size_t *number = context;
    vrec_matrix queries = vrec_matrix_f32(items, ASKED, DIM);
    vrec_tuning_options asked = {
        .struct_size = sizeof asked, .recall = 0.8, .top_k = TOP_K, .queries = &queries, .threads = 2
    };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    bool right = true;
    for (size_t i = 0; i < 2; i++)
        right &= vrec_tune(indexer, &asked, &tuning, NULL) == VREC_OK && tuning.recall >= 0.8;
    if (!right)
        *number = SIZE_MAX;
    finished++;
    return NULL;
}

/* Two tune, and leave their settings with the indexer, while others ask, by a setting or by the recall. */
static void tuning_while_others_ask(void **state)
{
    (void)state;
    pthread_t tuners[2];
    size_t numbers[2] = { 0, 1 };
    int64_t ids[ASKED * TOP_K];
    float distances[ASKED * TOP_K];
    vrec_query_options options = { .struct_size = sizeof options, .overrides = "target_recall=0.8" };
    vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = distances };
    vrec_matrix queries = vrec_matrix_f32(items, ASKED, DIM);
    if (!*kinds[kind].options)
        return; /* Flat has nothing to tune */
    finished = 0;
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&tuners[i], NULL, tune, &numbers[i]), 0);
    bool right = true;
    do {
        right &= ask_again(23, 2);
        vrec_status status = vrec_query(indexer, &queries, TOP_K, &options, &results, NULL);
        right &= status == VREC_OK || status == VREC_INVALID; /* nobody has tuned yet */
    } while (finished < 2);
    for (size_t i = 0; i < 2; i++) {
        pthread_join(tuners[i], NULL);
        assert_int_equal(numbers[i], i);
    }
    assert_int_equal(vrec_query(indexer, &queries, TOP_K, &options, &results, NULL), VREC_OK);
    assert_true(right);
}

/* What is expected comes from an indexer without codes; the other makes its codes while it is asked. */
static int enter(void **state)
{
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = (float)((i * 2654435761U >> 7) % 1000) * 1e-3f;
    indexer = build(kinds[kind].without_codes);
    if (!indexer)
        return 1;
    ask(ASKED, 1, expected_ids, expected_distances);
    vrec_indexer_free(indexer);
    indexer = build(kinds[kind].options);
    finished = 0;
    return indexer ? enter_folder(state) : 1;
}

static int leave(void **state)
{
    vrec_indexer_free(indexer);
    return leave_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callers_and_children),
        cmocka_unit_test(calls_inside_calls),
        cmocka_unit_test(tuning_while_others_ask),
    };
    int failed = 0;
    for (kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++)
        failed += cmocka_run_group_tests_name(kinds[kind].backend, tests, enter, leave);
    return failed;
}
