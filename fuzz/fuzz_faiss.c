/* Any bytes as a FAISS file: either an error that says something, or an index that answers queries, one
 * and a batch, alike. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memfd_create */
#include "base/memory.h"
#include "faiss/file.h"
#include "faiss/table.h"

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
    size_t counts[QUERIES];
} answers;

static void ask(const vrec_indexer *indexer, const float *vectors, size_t batch, answers *out)
{
    size_t dim = vrec_dim(indexer);
    vrec_query_options options = { .struct_size = sizeof options, .threads = 1 };
    for (size_t first = 0; first < QUERIES; first += batch) {
        vrec_error error;
        vrec_matrix queries = vrec_matrix_f32(vectors + first * dim, batch, dim);
        vrec_status status = vrec_query(indexer, &queries, TOP_K, &options, out->ids + first * TOP_K,
                                        out->distances + first * TOP_K, out->counts + first, &error);
        require(status == VREC_OK);
    }
}

/* Queries: what the file holds, from wherever it starts, so that hostile values meet each other. */
static void query(const vrec_indexer *indexer, const uint8_t *data, size_t size)
{
    size_t bytes = QUERIES * vrec_dim(indexer) * sizeof(float);
    float *vectors = malloc(bytes);
    static answers batch, other;
    if (!vectors)
        return;
    for (size_t at = 0; at < bytes; at += size)
        memcpy((uint8_t *)vectors + at, data, vr_min(size, bytes - at));
    ask(indexer, vectors, QUERIES, &batch);
    for (size_t i = 0; i < 4; i++) { /* before and after it has made its codes */
        ask(indexer, vectors, i % 2 ? QUERIES : 1, &other);
        require(memcmp(&batch, &other, sizeof batch) == 0);
    }
    for (size_t i = 0; i < QUERIES * TOP_K && !indexer->ids; i++)
        require(batch.ids[i] >= -1 && batch.ids[i] < (int64_t)vrec_rows(indexer));
    free(vectors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vrec_error error = { 0 };
    vrec_indexer *indexer = NULL;
    vr_options options;
    vr_options_init(&options, &vr_faiss_options);
    options.value[VR_FAISS_THREADS] = 1;
    vrec_status status = vr_faiss_open(&options, put_file(data, size), NULL, &indexer, &error);
    require((status == VREC_OK) == (indexer != NULL));
    require((status == VREC_OK) == (error.message[0] == '\0'));
    if (status == VREC_OK)
        query(indexer, data, size);
    vrec_indexer_free(indexer);
    return 0;
}
