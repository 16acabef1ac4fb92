/* Items, forests and their files for the tests of annoy. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_ANNOY_SAMPLE_H
#define VR_TESTS_SUPPORT_ANNOY_SAMPLE_H

#include "support/failed.h"
#include "support/folder.h"
#include "vrec/vrec.h"

/* The values that the golden files are made of: exact in float32, between -1 and 1. */
float *sample_items(size_t rows, size_t dim);

vrec_builder *annoy_builder(const char *options);

vrec_indexer *build_forest(const char *options, const float *items, size_t rows, size_t dim);

vrec_status open_forest(const char *options, const char *path, vrec_indexer **out, vrec_error *err);

vrec_status verify_forest_file(const char *options, const char *path, vrec_error *err);

typedef struct forest_file {
    uint8_t *bytes;
    size_t size;
} forest_file;

/* A saved forest's bytes; to be freed. */
forest_file forest_bytes(const vrec_indexer *indexer);

forest_file build_file(const char *options, size_t rows, size_t dim);

/* Queries with searchk; fails the test if it fails. */
void ask_forest(const vrec_indexer *indexer, const float *queries, size_t count, size_t top_k, int searchk,
                int threads, int64_t *ids, float *distances, int64_t *counts);

#endif
