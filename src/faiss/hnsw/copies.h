/* Items that stand several times. Nobody is as near to an item as its copies, so links by distance would
 * lead from copies to copies alone, and a walk that comes to one of many would see nothing else. That is
 * why of equal items only the first takes part in the build of a level. Its copies get their links
 * afterwards: a few to each other, and for the rest those of the first one's neighbours.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_COPIES_H
#define VR_FAISS_HNSW_COPIES_H

#include "faiss/hnsw/building.h"

/* Of the nodes of a level. Where no two are equal, both arrays are NULL. */
typedef struct vr_hnsw_copies {
    uint32_t *first;  /* of every node the first that is equal to it: itself, unless it is a copy */
    uint32_t *before; /* the equal one before it, and of the first one the last: they form a ring */
    size_t fresh;     /* copies that aren't settled */
} vr_hnsw_copies;

/* Items are equal if their values are, all of them. One that has a NaN or Inf is equal to nobody. */
vrec_status vr_hnsw_copies_find(const vr_hnsw_building *b, size_t level, vr_hnsw_copies *copies,
                                vrec_error *err);

/* Who stands for a node of the level in the build: itself, unless it is a copy. */
static inline uint32_t vr_hnsw_first(const vr_hnsw_copies *copies, uint32_t node)
{
    return copies->first ? copies->first[node] : node;
}

/* Before an old graph is built on: where a node that takes part links to a copy, it links to the first of
 * the equal ones instead. */
vrec_status vr_hnsw_copies_merge(const vr_hnsw_building *b, size_t level, const vr_hnsw_copies *copies,
                                 vrec_error *err);

/* Links the copies, after all others have their links. Those of an old graph get theirs anew. */
vrec_status vr_hnsw_copies_link(const vr_hnsw_building *b, size_t level, const vr_hnsw_copies *copies,
                                vrec_error *err);

void vr_hnsw_copies_free(vr_hnsw_copies *copies); /* what it holds; zeroed is fine */

#endif
