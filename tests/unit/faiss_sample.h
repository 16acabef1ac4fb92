/* A small index, as a file and in memory. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_UNIT_FAISS_SAMPLE_H
#define VR_TESTS_UNIT_FAISS_SAMPLE_H

#include "vrec/vrec.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* What faiss.write_index gives for three rows of two values: (-5, -2), (2, 5), (-2, 1). */
enum { ROWS = 3, DIM = 2, HEADER = 45, SIZE = HEADER + ROWS * DIM * 4 };
static const float rows[ROWS * DIM] = { -5, -2, 2, 5, -2, 1 };
#define SAMPLE(type, metric)                                                                               \
    type "\2\0\0\0\3\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x10\0\0\0\0\0\1" metric "\0\0\0\6\0\0\0\0\0\0\0"  \
         "\0\0\xa0\xc0\0\0\0\xc0\0\0\0\x40\0\0\xa0\x40\0\0\0\xc0\0\0\x80\x3f"
static const char l2_file[] = SAMPLE("IxF2", "\1"), ip_file[] = SAMPLE("IxFI", "\0");

static inline vrec_builder *new_builder(const char *options)
{
    vrec_builder *builder;
    assert_int_equal(vrec_builder_factory("faiss", options, &builder, NULL), VREC_OK);
    return builder;
}

static inline vrec_status open_index(const char *path, const char *options, const vrec_progress *progress,
                                     vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder = new_builder(options);
    vrec_status status = vrec_from_index_file(builder, path, progress, out, err);
    vrec_builder_free(builder);
    assert_true((status == VREC_OK) == (*out != NULL));
    return status;
}

static inline vrec_indexer *open_good(const char *path)
{
    vrec_error err;
    vrec_indexer *indexer;
    if (open_index(path, NULL, NULL, &indexer, &err) != VREC_OK)
        fail_msg("%s", err.message);
    return indexer;
}

static inline vrec_indexer *build(const char *options)
{
    vrec_indexer *indexer;
    vrec_matrix items = vrec_matrix_f32(rows, ROWS, DIM);
    vrec_builder *builder = new_builder(options);
    assert_int_equal(vrec_from_embeddings(builder, &items, NULL, &indexer, NULL), VREC_OK);
    vrec_builder_free(builder);
    return indexer;
}

/* One query, whose answers are known for the sample's rows. */
static inline void assert_sample_answers(const vrec_indexer *indexer, bool ip)
{
    static const float query[DIM] = { 1, 1 };
    static const int64_t l2_ids[] = { 2, 1, 0, -1 }, ip_ids[] = { 1, 2, 0, -1 };
    static const float l2[] = { 9, 17, 45, INFINITY }, products[] = { 7, -1, -7, -INFINITY };
    vrec_matrix queries = vrec_matrix_f32(query, 1, DIM);
    int64_t ids[4];
    float distances[4];
    size_t count;
    assert_int_equal(vrec_query(indexer, &queries, 4, NULL, ids, distances, &count, NULL), VREC_OK);
    assert_int_equal(count, ROWS);
    assert_memory_equal(ids, ip ? ip_ids : l2_ids, sizeof ids);
    assert_memory_equal(distances, ip ? products : l2, sizeof distances);
}

#endif
