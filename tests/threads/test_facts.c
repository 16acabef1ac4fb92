/* Facts that take time to find out are found out when one of them is asked for: by two threads at once,
 * both hear the same as one alone. For ThreadSanitizer, and plainly. SPDX-License-Identifier: Apache-2.0 */
#include "support/folder.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { ROWS = 3000, DIM = 8, ROUNDS = 20, ASKERS = 2, MOST = 40, TEXT = 200 };

/* What an indexer tells about itself. */
typedef struct facts {
    size_t count;
    char texts[MOST][TEXT];
} facts;

static atomic_size_t waiting;

static void ask(const vrec_indexer *indexer, facts *out)
{
    const vrec_fact *fact;
    for (out->count = 0; out->count < MOST && (fact = vrec_info(indexer, out->count)); out->count++)
        snprintf(out->texts[out->count], TEXT, "%s=%s %lld %.17g", fact->key, fact->text,
                 (long long)fact->integer, fact->real);
}

typedef struct asker {
    const vrec_indexer *indexer;
    facts heard;
} asker;

static void *ask_at_once(void *context)
{
    asker *a = context;
    for (waiting--; waiting > 0;)
        ; /* until all are here */
    ask(a->indexer, &a->heard);
    return NULL;
}

static vrec_indexer *open_graph(void)
{
    vrec_builder *builder;
    vrec_indexer *opened = NULL;
    assert_int_equal(vrec_builder_factory("faiss", NULL, &builder, NULL), VREC_OK);
    assert_int_equal(vrec_from_index_file(builder, "graph.index", NULL, &opened, NULL), VREC_OK);
    vrec_builder_free(builder);
    return opened;
}

static void save_graph(void)
{
    static float items[ROWS * DIM];
    vrec_builder *builder;
    vrec_indexer *built;
    vrec_matrix matrix = vrec_matrix_f32(items, ROWS, DIM);
    for (size_t i = 0; i < ROWS * DIM; i++)
        items[i] = (float)((i * 2654435761U >> 7) % 1000) * 1e-3f;
    assert_int_equal(vrec_builder_factory("faiss", "index_type=HNSW,m=4", &builder, NULL), VREC_OK);
    assert_int_equal(vrec_from_embeddings(builder, &matrix, NULL, &built, NULL), VREC_OK);
    assert_int_equal(vrec_save(built, "graph.index", NULL, NULL), VREC_OK);
    vrec_indexer_free(built);
    vrec_builder_free(builder);
}

static void two_ask_at_once(void **state)
{
    static facts expected;
    static asker askers[ASKERS];
    pthread_t threads[ASKERS];
    (void)state;
    save_graph();
    vrec_indexer *alone = open_graph();
    ask(alone, &expected);
    vrec_indexer_free(alone);
    assert_in_range(expected.count, 8, MOST - 1); /* what takes time is among them */
    for (size_t round = 0; round < ROUNDS; round++) {
        vrec_indexer *indexer = open_graph();
        waiting = ASKERS;
        for (size_t i = 0; i < ASKERS; i++) {
            askers[i] = (asker){ .indexer = indexer };
            assert_int_equal(pthread_create(&threads[i], NULL, ask_at_once, &askers[i]), 0);
        }
        for (size_t i = 0; i < ASKERS; i++)
            pthread_join(threads[i], NULL);
        vrec_indexer_free(indexer);
        for (size_t i = 0; i < ASKERS; i++) {
            assert_int_equal(askers[i].heard.count, expected.count);
            for (size_t at = 0; at < expected.count; at++)
                assert_string_equal(askers[i].heard.texts[at], expected.texts[at]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(two_ask_at_once) };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
