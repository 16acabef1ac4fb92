/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#ifdef _WIN32
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

/* Windows has no aligned memory that free() takes. */
static void *get(size_t alignment, size_t bytes)
{
#ifdef _WIN32
    return _aligned_malloc(bytes, alignment);
#else
    return aligned_alloc(alignment, bytes);
#endif
}

static size_t alignment_of(uint64_t bytes)
{
    return bytes >= 2 * (uint64_t)HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
}

uint64_t vr_alloc_bytes(uint64_t bytes)
{
    uint64_t alignment = alignment_of(bytes);
    return (bytes + alignment - 1) / alignment * alignment;
}

void *vr_alloc(size_t count, size_t size)
{
    size_t bytes, padded;
    if (!vr_mul(count, size, &bytes))
        return NULL;
    size_t alignment = alignment_of(bytes);
    if (!vr_add(vr_max(bytes, 1), alignment - 1, &padded))
        return NULL;
    padded &= ~(alignment - 1);
    void *block = get(alignment, padded);
#ifdef MADV_HUGEPAGE
    if (block && alignment == HUGE_PAGE)
        madvise(block, padded, MADV_HUGEPAGE); /* a wish: the memory is as good without */
#endif
    return block;
}

void *vr_alloc_zero(size_t count, size_t size)
{
    void *block = vr_alloc(count, size);
    if (block)
        memset(block, 0, count * size);
    return block;
}

void vr_free(void *block)
{
#ifdef _WIN32
    _aligned_free(block);
#else
    free(block);
#endif
}
