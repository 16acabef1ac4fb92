/* What changes FAISS's files where it hurts. Bytes changed at random are nearly always refused for the
 * sizes that no longer agree; these know where the parts of a file are. SPDX-License-Identifier: Apache-2.0
 */
#ifndef VR_FUZZ_MUTATE_H
#define VR_FUZZ_MUTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { MUTATE_HEADER = 37 /* bytes of an index's header */, MUTATE_TYPE = 4, MUTATE_ROWS_AT = 8 };

typedef struct part {
    size_t at, count, size; /* count values of size bytes from at on */
} part;

typedef struct file {
    uint8_t *data;
    size_t size, max_size;
    uint32_t state; /* of the random numbers */
} file;

static inline uint32_t draw(file *f, size_t below)
{
    f->state = f->state * 1664525u + 1013904223u;
    return (uint32_t)((f->state >> 8) % below);
}

static inline uint64_t get(const file *f, size_t at, size_t size)
{
    uint64_t value = 0;
    memcpy(&value, f->data + at, size);
    return value;
}

static inline void put(const file *f, size_t at, size_t size, uint64_t value)
{
    memcpy(f->data + at, &value, size);
}

/* A vector: how many, then they. */
static inline bool find_vector(const file *f, size_t *at, size_t size, part *out)
{
    if (f->size - *at < sizeof(uint64_t))
        return false;
    uint64_t count = get(f, *at, sizeof count);
    *at += sizeof count;
    if (count > (f->size - *at) / size)
        return false;
    *out = (part){ *at, (size_t)count, size };
    *at += (size_t)count * size;
    return true;
}

/* Where an index of this type begins, alone or in an IDMap; SIZE_MAX if there is none. */
static inline size_t find_index(const file *f, const char *type)
{
    size_t at = f->size > MUTATE_HEADER && memcmp(f->data, "IxM", 3) == 0 ? MUTATE_HEADER : 0;
    if (f->size - at < MUTATE_HEADER || memcmp(f->data + at, type, MUTATE_TYPE) != 0)
        return SIZE_MAX;
    return at;
}

/* Moves past the graph, or the flat index, that begins there. */
bool pass_graph(file *f, size_t *at);
bool pass_flat(const file *f, size_t *at);

/* Each changes a file of its kind, and returns its new size; 0 if it is another, or nothing was changed. */
size_t mutate_hnsw(file *f);
size_t mutate_ivf(file *f);

#endif
