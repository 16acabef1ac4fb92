/* SPDX-License-Identifier: Apache-2.0 */
#include "core/scratch.h"

#include "base/memory.h"

#include <stdatomic.h>

enum { LINE = 64 };

/* A block starts with its size, on a line of its own. */
static size_t *header(void *block)
{
    return (size_t *)((uint8_t *)block - LINE);
}

void *vr_scratch_take(vr_scratch_pool *pool, size_t bytes)
{
    for (size_t i = 0; i < VR_SCRATCH_SLOTS; i++) {
        void *block = atomic_exchange(&pool->slots[i], NULL);
        if (block && *header(block) >= bytes)
            return block;
        if (block)
            vr_free(header(block)); /* outgrown */
    }
    size_t padded;
    uint8_t *raw = vr_add(bytes, LINE, &padded) ? vr_alloc_zero(padded, 1) : NULL;
    if (!raw)
        return NULL;
    void *block = raw + LINE;
    *header(block) = bytes;
    return block;
}

void vr_scratch_give(vr_scratch_pool *pool, void *block)
{
    for (size_t i = 0; block && i < VR_SCRATCH_SLOTS; i++) {
        void *empty = NULL;
        if (atomic_compare_exchange_strong(&pool->slots[i], &empty, block))
            block = NULL;
    }
    if (block)
        vr_free(header(block));
}

void vr_scratch_clear(vr_scratch_pool *pool)
{
    for (size_t i = 0; i < VR_SCRATCH_SLOTS; i++) {
        void *block = atomic_exchange(&pool->slots[i], NULL);
        if (block)
            vr_free(header(block));
    }
}

size_t vr_carve(size_t *end, size_t count, size_t size)
{
    size_t start = *end, bytes;
    if (!vr_mul(count, size, &bytes) || !vr_add(bytes, LINE - 1, &bytes) ||
        !vr_add(start, bytes & ~(size_t)(LINE - 1), end))
        *end = SIZE_MAX;
    return start;
}
