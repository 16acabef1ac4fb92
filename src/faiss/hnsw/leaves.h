/* Finding candidates for the links of nodes: the nearest in each of a node's leaves, and the leaders that
 * are nearest to it, a coarse sample of all nodes, without which nothing would link a dense group to the
 * next. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_LEAVES_H
#define VR_FAISS_HNSW_LEAVES_H

#include "faiss/hnsw/building.h"

enum {
    VR_HNSW_SPARSE = 32,         /* a leaf's members are thinned out to one of so many, */
    VR_HNSW_PER_SPARSE_LEAF = 8, /* and the nearest of these are candidates, too: links of middle length */
    VR_HNSW_BEST_PER_LEAF = 12,  /* those with the largest inner products */
    VR_HNSW_BACK = 12            /* new nodes that are named to a settled one */
};

/* near: for links by distance. best: those with the largest inner products, in no order, where the building
 * has products; else none. back: for settled nodes, of the others; none if these were so few that a search
 * for each has found its candidates among the settled ones. */
vrec_status vr_hnsw_candidates_find(vr_hnsw_building *b, const vr_hnsw_nodes *nodes,
                                    vr_hnsw_candidates *near, vr_hnsw_candidates *best,
                                    vr_hnsw_candidates *back, vrec_error *err);
void vr_hnsw_candidates_free(vr_hnsw_candidates *candidates); /* what they hold; zeroed is fine */

#endif
