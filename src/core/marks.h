/* Marks say which of an index's nodes or rows a search has met already: a bit for each.
 *
 * A search meets few of them, so it would be a waste to zero all bits before each. Instead, marks are zero
 * whenever they lie in their pool: they are made so, and whoever takes them keeps a list of what it marks,
 * and clears these again before it gives them back, also when it fails.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_MARKS_H
#define VR_CORE_MARKS_H

#include "core/scratch.h"

#include <stdbool.h>

/* Words of the marks of so many nodes. */
static inline size_t vr_marks_words(size_t nodes)
{
    return nodes / 64 + 1;
}

/* Marks for several searches at once, all clear: those of search i begin at i * vr_marks_words(nodes). NULL
 * if memory is short. A pool for marks is for nothing else. */
uint64_t *vr_marks_take(vr_scratch_pool *pool, size_t searches, size_t nodes);

/* All of them must be clear again. NULL is fine. */
void vr_marks_give(vr_scratch_pool *pool, uint64_t *marks);

/* Marks a node; returns whether it wasn't marked yet. */
static inline bool vr_mark(uint64_t *marks, uint32_t node)
{
    uint64_t bit = (uint64_t)1 << node % 64, *word = &marks[node / 64];
    bool is_new = !(*word & bit);
    *word |= bit;
    return is_new;
}

static inline bool vr_marked(const uint64_t *marks, uint32_t node)
{
    return marks[node / 64] >> node % 64 & 1;
}

/* Clears marks of which nodes lists every one. */
static inline void vr_marks_clear(uint64_t *marks, const uint32_t *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        marks[nodes[i] / 64] = 0;
}

#endif
