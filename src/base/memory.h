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

#endif
