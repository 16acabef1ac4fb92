/* Dividing the nodes of a level into groups of near ones (leaves), each node being in several: leaders are
 * drawn, and a node goes to the leaders that are nearest to it. Who is near whom is then asked within
 * leaves only (as in PiPNN, arXiv 2602.21247).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_PARTITION_H
#define VR_FAISS_HNSW_PARTITION_H

#include "faiss/hnsw/building.h"

enum {
    VR_HNSW_LEAF_MAX = 3000,
    VR_HNSW_OVERLAP = 8,
    VR_HNSW_LEADERS = 16 /* of those nearest to a node, so many are candidates for its links */
};

/* Leaf l has the members starts[l] up to before starts[l + 1]. A member is a node's place among the nodes;
 * its slot, below overlap, says which of its node's leaves it is. */
typedef struct vr_hnsw_partition {
    size_t overlap; /* in how many leaves a node is */
    size_t leaf_count;
    size_t *starts;
    uint32_t *members;
    uint8_t *slots;
} vr_hnsw_partition;

/* Also puts the nearest leaders of every node that isn't settled into the first VR_HNSW_LEADERS places of
 * its candidates. */
vrec_status vr_hnsw_partition_make(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                                   vr_hnsw_candidates *candidates, vr_hnsw_partition *partition,
                                   vrec_error *err);
/* Leaders of so many nodes, with all of whom each of these is compared. */
size_t vr_hnsw_leader_count(size_t nodes);

void vr_hnsw_partition_free(vr_hnsw_partition *partition); /* what it holds; zeroed is fine */

#endif
