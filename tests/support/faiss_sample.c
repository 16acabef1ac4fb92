/* SPDX-License-Identifier: Apache-2.0 */
#include "support/faiss_sample.h"

vrec_builder *new_builder(const char *options)
{
    vrec_builder *builder;
    assert_int_equal(vrec_builder_factory("faiss", options, &builder, NULL), VREC_OK);
    return builder;
}

vrec_status open_index(const char *path, const char *options, const vrec_progress *progress,
                       vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder = new_builder(options);
    vrec_status status = vrec_from_index_file(builder, path, progress, out, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*out != NULL));
    return status;
}

vrec_indexer *open_good(const char *path)
{
    vrec_error err;
    vrec_indexer *indexer;
    if (open_index(path, NULL, NULL, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}

vrec_indexer *build(const char *options)
{
    vrec_indexer *indexer;
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    vrec_builder *builder = new_builder(options);
    assert_int_equal(vrec_from_embeddings(builder, &items, NULL, &indexer, NULL), VREC_OK);
    vrec_builder_free(builder);
    return indexer;
}

void assert_sample_answers(const vrec_indexer *indexer, bool ip)
{
    static const float query[DIM] = { 1, 1 };
    static const int64_t l2_ids[] = { 2, 1, 0, -1 }, ip_ids[] = { 1, 2, 0, -1 };
    static const float l2[] = { 9, 17, 45, INFINITY }, products[] = { 7, -1, -7, -INFINITY };
    vrec_matrix queries = vrec_matrix_f32(query, 1, DIM);
    int64_t ids[4];
    float distances[4];
    int64_t count;
    assert_int_equal(vrec_query(indexer, &queries, 4, NULL,
                                &(vrec_results){ sizeof(vrec_results), ids, distances, &count }, NULL),
                     VREC_OK);
    assert_int_equal(count, ROWS);
    assert_memory_equal(ids, ip ? ip_ids : l2_ids, sizeof ids);
    assert_memory_equal(distances, ip ? products : l2, sizeof distances);
}
