/* SPDX-License-Identifier: Apache-2.0 */
#define _DEFAULT_SOURCE /* madvise */
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_LINE = 64, HUGE_PAGE = 2 << 20 };

void *vr_alloc(size_t count, size_t size)
{
    size_t bytes, padded;
    if (!vr_mul(count, size, &bytes))
        return NULL;
    size_t alignment = bytes >= 2 * (size_t)HUGE_PAGE ? HUGE_PAGE : CACHE_LINE;
    if (!vr_add(vr_max(bytes, 1), alignment - 1, &padded))
        return NULL;
    padded &= ~(alignment - 1);
    void *block = aligned_alloc(alignment, padded);
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
    free(block);
}
