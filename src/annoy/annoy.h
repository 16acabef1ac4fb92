/* A forest that answers queries. layout.h says what its nodes are.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_ANNOY_H
#define VR_ANNOY_ANNOY_H

#include "annoy/layout.h"
#include "base/file.h"
#include "core/index.h"
#include "core/lazy.h"

#include <stdatomic.h>

typedef struct vr_annoy {
    vr_index base; /* whose rows count the holes, too */
    vr_annoy_layout layout;
    const uint8_t *nodes;
    uint32_t count;      /* nodes */
    uint32_t first_root; /* the roots are the last root_count nodes, from this one on */
    uint32_t root_count;

    /* The nodes are in the mapped file, and block is NULL; or in block, and the map is empty. */
    vr_map map;
    uint8_t *block;

    vr_scratch_pool heaps;    /* memory for the heaps of queries */
    vr_scratch_pool marks;    /* and for their marks (core/marks.h) */
    _Atomic size_t heap_room; /* the largest heap that a query has needed so far */

    bool wants_codes;
    vr_lazy codes; /* vr_records of the items, when queries have made them */
} vr_annoy;

static inline const uint8_t *vr_annoy_node(const vr_annoy *forest, uint32_t i)
{
    return forest->nodes + i * forest->layout.size;
}

#endif
