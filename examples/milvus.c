/* Ten thousand items and a hundred users on a Milvus server: build, search, clean up.
 *
 *     cc milvus.c -o milvus $(pkg-config --cflags --libs vrec)
 *     ./milvus http://localhost:19530
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <vrec/vrec.h>

enum { ITEMS = 10000, USERS = 100, DIM = 64, TOP_K = 10 };

static float items[ITEMS][DIM], users[USERS][DIM], distances[USERS][TOP_K];
static int64_t ids[USERS][TOP_K];

static void fill(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)rand() / (float)RAND_MAX - 0.5f;
}

int main(int argc, char **argv)
{
    vrec_matrix item_rows = vrec_matrix_f32(&items[0][0], ITEMS, DIM);
    vrec_matrix user_rows = vrec_matrix_f32(&users[0][0], USERS, DIM);
    vrec_results results = { sizeof results, &ids[0][0], &distances[0][0], NULL };
    vrec_builder *builder = NULL;
    vrec_indexer *indexer = NULL;
    vrec_error err;

    fill(&items[0][0], (size_t)ITEMS * DIM);
    fill(&users[0][0], (size_t)USERS * DIM);
    int failed =
        vrec_builder_factory("milvus", "d=64,index_type=HNSW,metric=COSINE,m=32,ef=64", &builder, &err) ||
        (argc > 1 && vrec_builder_set(builder, "uri", argv[1], &err)) ||
        vrec_from_embeddings(builder, &item_rows, NULL, &indexer, &err) ||
        vrec_query(indexer, &user_rows, TOP_K, NULL, &results, &err);
    if (failed)
        fprintf(stderr, "%s\n", err.message);
    for (int i = 0; !failed && i < TOP_K; i++)
        printf("user 0: item %d, cosine %.4f\n", (int)ids[0][i], (double)distances[0][i]);
    vrec_indexer_free(indexer); /* drops the collection: it has no name of ours */
    vrec_builder_free(builder);
    return failed;
}
