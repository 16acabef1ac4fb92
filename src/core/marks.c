/* SPDX-License-Identifier: Apache-2.0 */
#include "core/marks.h"

#include "base/memory.h"

uint64_t *vr_marks_take(vr_scratch_pool *pool, size_t searches, size_t nodes)
{
    size_t bytes;
    if (!vr_mul(searches, vr_marks_words(nodes) * sizeof(uint64_t), &bytes))
        return NULL;
    return vr_scratch_take(pool, bytes);
}

void vr_marks_give(vr_scratch_pool *pool, uint64_t *marks)
{
    vr_scratch_give(pool, marks);
}
