/* Any bytes as a FAISS file: either an error that says something, or an index that answers queries, one
 * and a batch, alike; and mapped as it does read. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "base/memory.h"
#include "vrec/vrec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    QUERIES = 14, /* enough for tiles */
    TOP_K = 9
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* A file in memory, made once; returns its path. */
static const char *put_file(const uint8_t *data, size_t size)
{
    static char path[32];
    static int fd = -1;
    if (fd < 0) {
        fd = memfd_create("fuzz_faiss", MFD_CLOEXEC);
        require(fd >= 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    require(ftruncate(fd, (off_t)size) == 0);
    require(pwrite(fd, data, size, 0) == (ssize_t)size);
    return path;
}

typedef struct answers {
    int64_t ids[QUERIES * TOP_K];
    float distances[QUERIES * TOP_K];
    int64_t counts[QUERIES];
} answers;

static void ask(const vrec_indexer *indexer, const float *vectors, size_t batch, answers *out)
{
    size_t dim = vrec_dim(indexer);
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    for (size_t first = 0; first < QUERIES; first += batch) {
        vrec_error error;
        vrec_matrix queries = vrec_matrix_f32(vectors + first * dim, batch, dim);
        vrec_status status =
            vrec_query(indexer, &queries, TOP_K, &options,
                       &(vrec_results){ sizeof(vrec_results), out->ids + first * TOP_K,
                                        out->distances + first * TOP_K, out->counts + first },
                       &error);
        require(status == VREC_OK);
    }
}

/* Every answer is an item that the index has, or none. */
static void require_known(const vrec_indexer *indexer, const int64_t *answers)
{
    vrec_error error;
    size_t rows = vrec_rows(indexer);
    int64_t *ids = malloc((rows + 1) * sizeof *ids);
    if (!ids)
        return;
    ids[rows] = -1;
    require(vrec_ids(indexer, 0, rows, ids, &error) == VREC_OK);
    for (size_t i = 0; i < QUERIES * TOP_K; i++) {
        size_t row = 0;
        while (row < rows && ids[row] != answers[i])
            row++;
        require(ids[row] == answers[i]);
    }
    free(ids);
}

/* Queries: what the file holds, from wherever it starts, so that hostile values meet each other. */
static void query(const vrec_indexer *indexer, const vrec_indexer *mapped, const uint8_t *data, size_t size)
{
    size_t bytes = QUERIES * vrec_dim(indexer) * sizeof(float);
    float *vectors = malloc(bytes);
    static answers batch, other;
    if (!vectors)
        return;
    for (size_t at = 0; at < bytes; at += size)
        memcpy((uint8_t *)vectors + at, data, vr_min(size, bytes - at));
    ask(indexer, vectors, QUERIES, &batch);
    for (size_t i = 0; i < 8; i++) { /* before and after it has made its codes */
        ask(i / 4 ? mapped : indexer, vectors, i % 2 ? QUERIES : 1, &other);
        require(memcmp(&batch, &other, sizeof batch) == 0);
    }
    require_known(indexer, batch.ids);
    free(vectors);
}

static vrec_status open_as(const char *options, const char *path, vrec_indexer **out, vrec_error *error)
{
    vrec_builder *builder;
    require(vrec_builder_factory("faiss", options, &builder, error) == VREC_OK);
    vrec_status status = vrec_from_index_file(builder, path, NULL, out, error);
    require((status == VREC_OK) == (*out != NULL));
    require((status == VREC_OK) == (error->message[0] == '\0'));
    vrec_builder_free(builder);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vrec_error error = { 0 }, other = { 0 };
    vrec_indexer *indexer, *mapped;
    const char *path = put_file(data, size);
    vrec_status status = open_as("threads=1", path, &indexer, &error);
    require(open_as("threads=1,load=map", path, &mapped, &other) == status);
    require(strcmp(error.message, other.message) == 0);
    if (status == VREC_OK)
        query(indexer, mapped, data, size);
    vrec_indexer_free(indexer);
    vrec_indexer_free(mapped);
    return 0;
}
