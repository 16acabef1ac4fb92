/* Five items, two users, the three nearest items of each.
 *
 *     cc quickstart.c -o quickstart $(pkg-config --cflags --libs vrec)
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <vrec/vrec.h>

int main(void)
{
    const float items[5][2] = { { 1, 0 }, { 0, 1 }, { 1, 1 }, { -1, 0 }, { 0, -1 } };
    const float users[2][2] = { { 2, 1 }, { -1, -2 } };
    vrec_matrix item_rows = vrec_matrix_f32(&items[0][0], 5, 2);
    vrec_matrix user_rows = vrec_matrix_f32(&users[0][0], 2, 2);

    vrec_builder *builder = NULL;
    vrec_indexer *indexer = NULL;
    int64_t ids[2][3];
    float distances[2][3];
    vrec_results results = { sizeof results, &ids[0][0], &distances[0][0], NULL };
    vrec_error err;
    int failed = 1;

    if (vrec_builder_factory("faiss", "index_type=Flat,metric=IP", &builder, &err) ||
        vrec_from_embeddings(builder, &item_rows, NULL, &indexer, &err) ||
        vrec_query(indexer, &user_rows, 3, NULL, &results, &err) ||
        vrec_save(indexer, "items.index", NULL, &err)) {
        fprintf(stderr, "%s\n", err.message);
    } else {
        for (int u = 0; u < 2; u++)
            for (int i = 0; i < 3; i++)
                printf("user %d: item %d, inner product %g\n", u, (int)ids[u][i], (double)distances[u][i]);
        failed = 0;
    }
    vrec_indexer_free(indexer);
    vrec_builder_free(builder);
    return failed;
}
