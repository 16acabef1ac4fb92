/* SPDX-License-Identifier: Apache-2.0 */
#include "support/annoy_sample.h"

float *sample_items(size_t rows, size_t dim)
{
    uint32_t state = 12345;
    float *items = malloc(rows * dim * sizeof *items);
    assert_non_null(items);
    for (size_t i = 0; i < rows * dim; i++) {
        state = state * 1103515245 + 12345;
        items[i] = (float)((int32_t)(state >> 16 & 0x7fff) - 16384) / 16384.0f;
    }
    return items;
}

vrec_builder *annoy_builder(const char *options)
{
    vrec_error err;
    vrec_builder *builder;
    if (vrec_builder_factory("annoy", options, &builder, &err) != VREC_OK)
        fail_msg("%s: %s", options, err.message);
    return builder;
}

vrec_indexer *build_forest(const char *options, const float *items, size_t rows, size_t dim)
{
    vrec_error err;
    vrec_indexer *indexer;
    vrec_matrix matrix = vrec_matrix_f32(items, rows, dim);
    vrec_builder *builder = annoy_builder(options);
    if (vrec_from_embeddings(builder, &matrix, NULL, &indexer, &err) != VREC_OK)
        fail_msg("%s: %s", options, err.message);
    vrec_builder_free(builder);
    return indexer;
}

vrec_status open_forest(const char *options, const char *path, vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder = annoy_builder(options);
    vrec_status status = vrec_from_index_file(builder, path, NULL, out, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*out != NULL));
    return status;
}

vrec_status verify_forest_file(const char *options, const char *path, vrec_error *err)
{
    vrec_builder *builder = annoy_builder(options);
    vrec_status status = vrec_verify(builder, path, NULL, err);
    vrec_builder_free(builder);
    return status;
}

forest_file forest_bytes(const vrec_indexer *indexer)
{
    vr_map map;
    vrec_error err;
    if (vrec_save(indexer, "sample.annoy", NULL, &err) != VREC_OK)
        fail_msg("%s", err.message);
    assert_int_equal(vr_map_open("sample.annoy", &map, NULL), VREC_OK);
    forest_file file = { .bytes = malloc(map.size), .size = map.size };
    assert_non_null(file.bytes);
    memcpy(file.bytes, map.data, map.size);
    vr_map_close(&map);
    return file;
}

forest_file build_file(const char *options, size_t rows, size_t dim)
{
    float *items = sample_items(rows, dim);
    vrec_indexer *indexer = build_forest(options, items, rows, dim);
    forest_file file = forest_bytes(indexer);
    vrec_indexer_free(indexer);
    free(items);
    return file;
}

void ask_forest(const vrec_indexer *indexer, const float *queries, size_t count, size_t top_k, int searchk,
                int threads, int64_t *ids, float *distances, int64_t *counts)
{
    vrec_error err;
    char overrides[32];
    vrec_matrix matrix = vrec_matrix_f32(queries, count, vrec_dim(indexer));
    snprintf(overrides, sizeof overrides, "searchk=%d", searchk);
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = threads,
                                   .overrides = overrides };
    if (vrec_query(indexer, &matrix, top_k, &options,
                   &(vrec_results){ sizeof(vrec_results), ids, distances, counts }, &err) != VREC_OK)
        fail_msg("%s", err.message);
}
