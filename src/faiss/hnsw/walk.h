/* The way through the graph: from the entry down to level 0, and there to the nodes nearest to a query.
 *
 * On level 0 the walk keeps a pool: the nearest nodes that it has seen, in order. It visits the nearest
 * node of the pool that it hasn't visited, and puts that node's neighbours into the pool, until all in the
 * pool have been visited. A pool as large as ef drops the farthest for a nearer one. That is FAISS's search
 * with its bounded queue, and hnswlib's; a sorted array does for its two heaps, because most of the
 * neighbours that are looked at are refused by one comparison.
 *
 * Items that may not be returned are in the pool like all others, and lead on, but only those that may be
 * returned count towards ef.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_WALK_H
#define VR_FAISS_HNSW_WALK_H

#include "core/marks.h"
#include "faiss/hnsw/hnsw.h"

/* Some of those that a node is linked to: as many as a row has, at the most. */
typedef struct vr_hnsw_linked {
    uint32_t *nodes;
    size_t count;
} vr_hnsw_linked;

/* One thread's walks, one after the other. */
typedef struct vr_hnsw_walk {
    vr_hnsw *hnsw;
    const vr_simd *simd;
    const vr_filter *filter;
    size_t row;      /* of the query in the call, for the filter */
    uint32_t absent; /* a node that isn't gone to, nor through; the number past the last: all are there */
    bool filtered;   /* somebody may not be returned: */
    uint64_t *excluded; /* those who are marked here; NULL: those whom the filter excludes */
    const float *query; /* finite */
    bool by_codes;      /* else by the vectors */
    bool by_records;    /* by codes, which are complete */
    vr_code_queries coded;
    size_t fetched; /* bytes of a record or vector that are fetched ahead */
    size_t ef;
    bool in_turn; /* visit a node only when the neighbours of the one before are known, as FAISS does */

    bool adaptive;        /* stop where all that is left is farther than the k-th times 1 + gamma, */
    size_t k;             /* the k-th being this one, */
    float stretch;        /* the square of 1 + gamma, */
    float offset, factor; /* offset + factor * value being the square of a distance */

    uint64_t *pool; /* ascending; room for ef, for those that may not be returned, and for a row of links */
    size_t count;
    size_t next;       /* all before have been visited */
    size_t allowed;    /* of those in the pool, how many may be returned */
    uint64_t measured; /* nodes, in all walks */
    uint64_t limit;    /* what isn't below that isn't wanted in the pool */

    uint8_t *marks; /* of every node and the one past the last: epoch if it has been seen */
    uint8_t epoch;
    vr_hnsw_linked fresh, coming; /* neighbours that hadn't been seen before, of one node and of the next */
    float *values;                /* what stands for their distances; smaller is nearer */
    uint64_t *near;               /* those of them that are near enough, as the pool has them, */
    size_t *places;               /* and where in it they belong */
} vr_hnsw_walk;

/* Whether the query may get a node. */
static inline bool vr_hnsw_allows(const vr_hnsw_walk *walk, uint32_t node)
{
    if (!walk->filtered)
        return true;
    if (!walk->excluded)
        return vr_filter_passes(walk->filter, walk->row, node);
    return !vr_marked(walk->excluded, node) && vr_filter_allows(walk->filter, walk->row, node);
}

/* The pool's entries sort by value and then by node; the lowest bit says that the node has been visited. */
static inline uint32_t vr_hnsw_pool_node(uint64_t entry)
{
    return (uint32_t)entry >> 1;
}

/* Takes marks from the index's pool, or gives them back; false if memory is short. */
bool vr_hnsw_take_marks(vr_hnsw_walk *walk);
void vr_hnsw_give_marks(vr_hnsw_walk *walk);

/* Marks those whom the query excludes, where that costs less than to look for each node among them; takes
 * the marks off again. */
void vr_hnsw_mark_excluded(vr_hnsw_walk *walk);
void vr_hnsw_unmark_excluded(vr_hnsw_walk *walk);

/* Fills the pool with the nodes nearest to the query. */
void vr_hnsw_walk_to(vr_hnsw_walk *walk);

/* Puts all nodes that a walk of any length would see into nodes, which has room for all; returns how many.
 */
size_t vr_hnsw_reach(vr_hnsw_walk *walk, uint32_t *nodes);

#endif
