/* The k nearest of what has been seen, by (distance, row): an exact selection for any order of arrival.
 *
 * A candidate is one 64-bit key that sorts as its pair does: the distance's bits above, made monotonic,
 * the row below. Keys gather in a buffer somewhat larger than k; when it is full, the k smallest are
 * selected and the largest of them becomes the limit. That costs O(1) per accepted key at any k. Where k is
 * small, a key is put in its place at once, so that the limit is never out of date: a scan that drops by it
 * asks for fewer rows.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_TOPK_H
#define VR_CORE_TOPK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { VR_TOPK_SORTED = 32 }; /* the largest k for which that pays */

typedef struct vr_topk {
    uint64_t *keys; /* capacity of them */
    uint64_t limit; /* a key above it can't be among the k smallest */
    uint32_t k, count, capacity;
} vr_topk;

/* How many keys the buffer for k must hold. */
static inline size_t vr_topk_capacity(size_t k)
{
    return 2 * k + 32;
}

static inline void vr_topk_init(vr_topk *top, uint64_t *keys, size_t k)
{
    *top = (vr_topk){
        .keys = keys, .limit = UINT64_MAX, .k = (uint32_t)k, .capacity = (uint32_t)vr_topk_capacity(k)
    };
}

/* smaller: what sorts ascending, the distance where smaller is nearer, else its negative; not NaN.
 * Adding zero makes -0 and +0 one value. */
static inline uint64_t vr_topk_key(float smaller, uint32_t row)
{
    uint32_t bits;
    smaller += 0.0f;
    memcpy(&bits, &smaller, sizeof bits);
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | row;
}

static inline float vr_topk_value(uint64_t key)
{
    uint32_t bits = (uint32_t)(key >> 32);
    float value;
    bits = bits & 0x80000000u ? bits & 0x7fffffffu : ~bits;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint32_t vr_topk_row(uint64_t key)
{
    return (uint32_t)key;
}

/* Keeps the k smallest and sets the limit, if there are as many. */
void vr_topk_shrink(vr_topk *top);

/* For a small k: there are never more than k keys, they are sorted, and the limit is always that of the
 * k-th. */
static inline void vr_topk_insert(vr_topk *top, uint64_t key)
{
    size_t i = top->count < top->k ? top->count++ : top->k - 1;
    for (; i > 0 && top->keys[i - 1] > key; i--)
        top->keys[i] = top->keys[i - 1];
    top->keys[i] = key;
    if (top->count == top->k && top->keys[top->k - 1] < top->limit)
        top->limit = top->keys[top->k - 1];
}

static inline void vr_topk_push(vr_topk *top, uint64_t key)
{
    if (key > top->limit)
        return;
    if (top->k <= VR_TOPK_SORTED) {
        vr_topk_insert(top, key);
        return;
    }
    top->keys[top->count++] = key;
    if (top->count == top->capacity)
        vr_topk_shrink(top);
}

/* Leaves the k smallest, or all if there are fewer, in ascending order. */
void vr_topk_finish(vr_topk *top);

#endif
