/* Every allocation of the library. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_MEMORY_H
#define VR_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* count * size bytes, aligned to a cache line, not initialised; big blocks to a huge page, and backed
 * by huge pages where the system can. NULL if memory is short or the product overflows. */
void *vr_alloc(size_t count, size_t size);

/* The same, zeroed. */
void *vr_alloc_zero(size_t count, size_t size);

/* What a block of so many bytes takes, which are far fewer than 2^64. */
uint64_t vr_alloc_bytes(uint64_t bytes);

void vr_free(void *block); /* NULL is fine */

/* *out = a * b, a + b; false if that overflows. */
static inline bool vr_mul(size_t a, size_t b, size_t *out)
{
    *out = a * b;
    return b == 0 || a <= SIZE_MAX / b;
}

static inline bool vr_add(size_t a, size_t b, size_t *out)
{
    *out = a + b;
    return a <= SIZE_MAX - b;
}

static inline size_t vr_min(size_t a, size_t b)
{
    return a < b ? a : b;
}
static inline size_t vr_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* A function that does nothing but fetch ahead looks to gcc like one without effect, and it drops the
 * calls. Where it is inlined from the start, it can't. */
#define VR_FETCHING static inline __attribute__((always_inline))

/* Asks for bytes > 0 to be brought into the cache, without waiting for them. */
VR_FETCHING void vr_prefetch(const void *address, size_t bytes)
{
    const char *first = address;
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(first + i);
    __builtin_prefetch(first + bytes - 1);
}

#endif
