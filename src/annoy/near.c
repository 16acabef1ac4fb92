/* Items near: copied side by side, aligned to cache lines, so that all of them stay in a cache while a tree
 * divides them down to its leaves. SPDX-License-Identifier: Apache-2.0 */
#include "annoy/near.h"

#include "base/memory.h"

enum {
    NEAR_BYTES = 512 << 10, /* a second-level cache */
    AHEAD = 8               /* rows fetched ahead */
};

uint32_t vr_annoy_near(const vr_annoy_items *items)
{
    return (uint32_t)vr_min(NEAR_BYTES / vr_annoy_stride(items), items->count);
}

bool vr_annoy_near_init(vr_annoy_items *near, const vr_annoy_items *items)
{
    size_t most = vr_annoy_near(items);
    *near = *items;
    near->stride = vr_annoy_stride(items);
    near->rows = vr_alloc(most, near->stride);
    near->norms = vr_alloc(most, sizeof(float));
    near->lengths = vr_alloc(most, sizeof(float));
    near->factors = items->factors ? vr_alloc(most, sizeof(float)) : NULL;
    near->names = vr_alloc(most, sizeof *near->names);
    return near->rows && near->norms && near->lengths && near->names && (near->factors || !items->factors);
}

void vr_annoy_near_free(vr_annoy_items *near)
{
    vr_free(near->rows);
    vr_free(near->norms);
    vr_free(near->lengths);
    vr_free(near->factors);
    vr_free(near->names);
}

void vr_annoy_bring_near(vr_annoy_items *near, const vr_annoy_items *items, uint32_t *ids, uint32_t count)
{
    size_t bytes = items->layout.dim * sizeof(float);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = ids[i];
        vr_prefetch(vr_annoy_row(items, ids[vr_min(i + AHEAD, count - 1)]), bytes);
        memcpy(vr_annoy_row(near, i), vr_annoy_row(items, id), bytes);
        near->norms[i] = items->norms[id];
        near->lengths[i] = items->lengths[id];
        if (items->factors)
            near->factors[i] = items->factors[id];
        near->names[i] = id;
    }
    for (uint32_t i = 0; i < count; i++)
        ids[i] = i;
}
