/* A small IVF index as FAISS writes it, put together by hand: four lists around (0, 0), (10, 10), (20, 20)
 * and (30, 30), and up to five items of two values. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_IVF_SAMPLE_H
#define VR_TESTS_SUPPORT_IVF_SAMPLE_H

#include "base/bytes.h"
#include "support/image.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

/* Where its parts are, in a file without a direct map. */
enum {
    AT_DIM = 4,
    AT_ROWS = 8,
    AT_TRAINED = 32,
    AT_METRIC = 33,
    AT_LISTS = 37,
    AT_PROBES = 45,
    AT_QUANTIZER = 53,
    AT_MAP = 130,
    AT_LISTS_TYPE = 139,
    AT_FORM = 159,
    AT_SIZES = 163,
    SAMPLE_DIM = 2,
    SAMPLE_LISTS = 4
};

static inline void put_header(image *to, const char *type, uint64_t rows, uint32_t metric, bool trained)
{
    uint32_t dim = SAMPLE_DIM;
    put(to, type, 4);
    put(to, &dim, sizeof dim);
    put_u64(to, rows);
    put_u64(to, 1 << 20);
    put_u64(to, 1 << 20);
    put(to, trained ? "\1" : "\0", 1);
    put(to, &metric, sizeof metric);
}

static const float sample_items[][SAMPLE_DIM] = { { 0, 1 }, { 1, 0 }, { 9, 9 }, { 21, 20 }, { 31, 30 } };
static const uint64_t sample_list[] = { 0, 0, 1, 2, 3 }; /* of each item */

/* The header, and all up to the quantizer's end. */
static inline void put_head(image *to, const char *type, size_t rows, bool trained)
{
    put_header(to, type, rows, 1, trained);
    put_u64(to, SAMPLE_LISTS);
    put_u64(to, 1);
    put_header(to, "IxF2", trained ? SAMPLE_LISTS : 0, 1, true);
    put_u64(to, trained ? SAMPLE_LISTS * SAMPLE_DIM : 0);
    for (size_t i = 0; i < SAMPLE_LISTS * SAMPLE_DIM && trained; i++) {
        float value = (float)(i / SAMPLE_DIM * 10);
        put(to, &value, sizeof value);
    }
}

static inline uint64_t sample_place(size_t item)
{
    return sample_list[item] << 32 | (item == 1);
}

/* map: none, an array or a hash table. */
static inline void put_map(image *to, size_t rows, uint8_t map)
{
    put(to, &map, 1);
    put_u64(to, map == 1 ? rows : 0);
    for (size_t i = 0; i < rows && map == 1; i++)
        put_u64(to, sample_place(i));
    if (map == 2)
        put_u64(to, rows);
    for (size_t i = 0; i < rows && map == 2; i++) {
        put_u64(to, i);
        put_u64(to, sample_place(i));
    }
}

static inline size_t sample_size(size_t rows, uint64_t list)
{
    size_t count = 0;
    for (size_t i = 0; i < rows; i++)
        count += sample_list[i] == list;
    return count;
}

/* Of the list's items the vectors, or the ids: their own, or 0, 1, 2... */
static inline void put_vectors(image *to, size_t rows, uint64_t list)
{
    for (size_t i = 0; i < rows; i++)
        if (sample_list[i] == list)
            put(to, sample_items[i], sizeof sample_items[i]);
}

static inline void put_ids(image *to, size_t rows, uint64_t list, const int64_t *own)
{
    for (size_t i = 0; i < rows; i++)
        if (sample_list[i] == list)
            put_u64(to, own ? (uint64_t)own[i] : i);
}

static inline void put_lists(image *to, size_t rows, const int64_t *own)
{
    size_t used = 0;
    for (uint64_t list = 0; list < SAMPLE_LISTS; list++)
        used += sample_size(rows, list) > 0;
    bool full = used > SAMPLE_LISTS / 2;
    put(to, "ilar", 4);
    put_u64(to, SAMPLE_LISTS);
    put_u64(to, SAMPLE_DIM * sizeof(float));
    put(to, full ? "full" : "sprs", 4);
    put_u64(to, full ? SAMPLE_LISTS : 2 * used);
    for (uint64_t list = 0; list < SAMPLE_LISTS; list++) {
        if (!full && sample_size(rows, list) > 0)
            put_u64(to, list);
        if (full || sample_size(rows, list) > 0)
            put_u64(to, sample_size(rows, list));
    }
    for (uint64_t list = 0; list < SAMPLE_LISTS; list++) {
        put_vectors(to, rows, list);
        put_ids(to, rows, list, own);
    }
}

static inline image sample(size_t rows, uint8_t map, const int64_t *own)
{
    image file = { .size = 0 };
    put_head(&file, "IwFl", rows, true);
    put_map(&file, rows, map);
    put_lists(&file, rows, own);
    return file;
}

static inline image untrained_sample(void)
{
    image file = { .size = 0 };
    put_head(&file, "IwFl", 0, false);
    put_map(&file, 0, 0);
    put_lists(&file, 0, NULL);
    return file;
}

/* As FAISS wrote it before 2018, with its vectors as floats or as bytes. */
static inline image old_sample(bool bytes)
{
    image file = { .size = 0 };
    put_head(&file, bytes ? "IvFL" : "IvFl", 5, true);
    for (uint64_t list = 0; list < SAMPLE_LISTS; list++) {
        put_u64(&file, sample_size(5, list));
        put_ids(&file, 5, list, NULL);
    }
    put_map(&file, 5, 0);
    for (uint64_t list = 0; list < SAMPLE_LISTS; list++) {
        put_u64(&file, sample_size(5, list) * SAMPLE_DIM * (bytes ? sizeof(float) : 1));
        put_vectors(&file, 5, list);
    }
    return file;
}

#endif
