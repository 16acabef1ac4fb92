/* Ids whose rows are looked for: they are sorted, so that one pass over an index's own ids finds all.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_WANTED_H
#define VR_API_WANTED_H

#include <stddef.h>
#include <stdint.h>

typedef struct vr_wanted {
    int64_t id;
    size_t place; /* among those who want it, as the caller numbers them */
} vr_wanted;

void vr_wanted_sort(vr_wanted *wanted, size_t count);

/* The first of the sorted ones whose id is at least this; count if there is none. */
size_t vr_wanted_find(const vr_wanted *sorted, size_t count, int64_t id);

#endif
