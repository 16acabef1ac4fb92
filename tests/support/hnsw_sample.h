/* A small HNSW index as FAISS writes it ("HNSW4,Flat", five rows of four values), put together by hand.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_HNSW_SAMPLE_H
#define VR_TESTS_SUPPORT_HNSW_SAMPLE_H

#include "base/bytes.h"
#include "faiss/hnsw/graph.h"
#include "support/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Where its parts are. */
enum {
    AT_DIM = 4,
    AT_ROWS = 8,
    AT_TRAINED = 32,
    AT_METRIC = 33,
    AT_CHANCES = 37,
    AT_SLOTS = 165,
    AT_LEVELS = 237,
    AT_OFFSETS = 265,
    AT_LINKS = 321,
    AT_ENTRY = 521,
    AT_TOP = 525,
    AT_EF_CONSTRUCTION = 529,
    AT_EF_SEARCH = 533,
    AT_STORAGE = 541,
    AT_VECTORS = 586,
    SAMPLE_SIZE = 666,
    SAMPLE_ROWS = 5,
    SAMPLE_DIM = 4,
    EMPTY_SIZE = 334
};

static inline void put_header(image *to, const char *type, uint64_t rows, uint32_t metric)
{
    put(to, type, 4);
    put_u32(to, SAMPLE_DIM);
    put_u64(to, rows);
    put_u64(to, 1 << 20);
    put_u64(to, 1 << 20);
    put(to, "\1", 1);
    put_u32(to, metric);
}

static inline void put_tables(image *to)
{
    vr_hnsw_graph graph;
    vr_hnsw_graph_init(&graph, 4);
    put_u64(to, graph.level_count);
    put(to, graph.chances, graph.level_count * sizeof *graph.chances);
    put_u64(to, graph.level_count + 1);
    put(to, graph.slots, (graph.level_count + 1) * sizeof *graph.slots);
}

static inline float sample_value(size_t row, size_t column)
{
    return (float)((7 * row + 3 * column) % 11) - 5.0f;
}

static inline void put_storage(image *to, uint64_t rows, uint32_t metric)
{
    put_header(to, metric == 1 ? "IxF2" : "IxFI", rows, metric);
    put_u64(to, rows * SAMPLE_DIM);
    for (size_t i = 0; i < rows * SAMPLE_DIM; i++) {
        float value = sample_value(i / SAMPLE_DIM, i % SAMPLE_DIM);
        put(to, &value, sizeof value);
    }
}

static inline image sample(uint32_t metric)
{
    static const int32_t levels[] = { 2, 2, 1, 1, 1 };
    static const uint64_t offsets[] = { 0, 12, 24, 32, 40, 48 };
    static const int32_t rest[] = { 1, 1, 40, 16, 1 };
    int32_t links[] = { 1,  4,  3,  2,  -1, -1, -1, -1, 1, -1, -1, -1, 0,  4,  3,  2,
                        -1, -1, -1, -1, 0,  -1, -1, -1, 3, 1,  0,  4,  -1, -1, -1, -1,
                        0,  4,  1,  2,  -1, -1, -1, -1, 0, 1,  3,  2,  -1, -1, -1, -1 };
    image file = { .size = 0 };
    if (metric == 0) {
        static const int32_t third[] = { 3, 1, 4, 0 }, fourth[] = { 4, 0, 1, 2 };
        memcpy(links + 24, third, sizeof third);
        memcpy(links + 32, fourth, sizeof fourth);
    }
    put_header(&file, "IHNf", SAMPLE_ROWS, metric);
    put_tables(&file);
    put_u64(&file, SAMPLE_ROWS);
    put(&file, levels, sizeof levels);
    put_u64(&file, SAMPLE_ROWS + 1);
    put(&file, offsets, sizeof offsets);
    put_u64(&file, sizeof links / sizeof links[0]);
    put(&file, links, sizeof links);
    put(&file, rest, sizeof rest);
    put_storage(&file, SAMPLE_ROWS, metric);
    return file;
}

static inline image empty_sample(void)
{
    static const int32_t rest[] = { -1, -1, 40, 16, 1 };
    image file = { .size = 0 };
    put_header(&file, "IHNf", 0, 1);
    put_tables(&file);
    put_u64(&file, 0);
    put_u64(&file, 1);
    put_u64(&file, 0);
    put_u64(&file, 0);
    put(&file, rest, sizeof rest);
    put_storage(&file, 0, 1);
    return file;
}

#endif
