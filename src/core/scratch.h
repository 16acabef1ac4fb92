/* Working memory that queries take and give back, so that a warm query allocates nothing.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_SCRATCH_H
#define VR_CORE_SCRATCH_H

#include <stddef.h>
#include <stdint.h>

enum { VR_SCRATCH_SLOTS = 32 };

/* The blocks that no query is using. Zeroed is empty. Lock-free: any thread, and a child forked at any
 * moment, may use it. */
typedef struct vr_scratch_pool {
    _Atomic(void *) slots[VR_SCRATCH_SLOTS];
} vr_scratch_pool;

/* A block of at least bytes, aligned to a cache line: a new one zeroed, an old one as it was given back.
 * NULL if memory is short. */
void *vr_scratch_take(vr_scratch_pool *pool, size_t bytes);
void vr_scratch_give(vr_scratch_pool *pool, void *block);
void vr_scratch_clear(vr_scratch_pool *pool);

/* Divides a block: the offset of a part of count * size bytes, on a cache line, and *end moved past it.
 * An overflow leaves *end at SIZE_MAX, which no allocation can fulfil. */
size_t vr_carve(size_t *end, size_t count, size_t size);

#endif
