/* SPDX-License-Identifier: Apache-2.0 */
#include "support/meanwhile.h"

#include "base/memory.h"
#include "support/folder.h"

#include <pthread.h>
#include <stdatomic.h>

vrec_indexer *open_file(const char *path, const char *options)
{
    vrec_builder *builder;
    vrec_indexer *indexer;
    assert_int_equal(vrec_builder_factory("faiss", options, &builder, NULL), VREC_OK);
    assert_int_equal(vrec_from_index_file(builder, path, NULL, &indexer, NULL), VREC_OK);
    vrec_builder_free(builder);
    return indexer;
}

bool find_ids(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k, int64_t *ids)
{
    float *distances = vr_alloc(queries->rows * top_k, sizeof *distances);
    const vrec_results results = { .struct_size = sizeof results, .ids = ids, .distances = distances };
    bool found = distances && vrec_query(indexer, queries, top_k, NULL, &results, NULL) == VREC_OK;
    vr_free(distances);
    return found;
}

typedef struct onlooker {
    size_t number;
    bool (*look)(size_t onlooker);
    atomic_bool *finished;
    bool right;
} onlooker;

static void *look_on(void *context)
{
    onlooker *o = context;
    bool last;
    do {
        last = atomic_load(o->finished);
        o->right &= o->look(o->number);
    } while (!last);
    return NULL;
}

void change_meanwhile(void (*change)(void), bool (*look)(size_t onlooker))
{
    pthread_t threads[ONLOOKERS];
    onlooker onlookers[ONLOOKERS];
    atomic_bool finished;
    atomic_init(&finished, false);
    for (size_t i = 0; i < ONLOOKERS; i++) {
        onlookers[i] = (onlooker){ .number = i, .look = look, .finished = &finished, .right = true };
        assert_int_equal(pthread_create(&threads[i], NULL, look_on, &onlookers[i]), 0);
    }
    change();
    atomic_store(&finished, true);
    for (size_t i = 0; i < ONLOOKERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(onlookers[i].right);
    }
}
