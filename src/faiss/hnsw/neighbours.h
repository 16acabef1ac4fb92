/* The choice of a node's links among candidates (Malkov, Yashunin 2016, algorithm 4): from the nearest on,
 * a candidate is linked unless it is nearer to one that has been linked than to the node, because then the
 * way leads there through that one. So links go in all directions. Slots that are free afterwards get the
 * nearest of those that were passed over.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_NEIGHBOURS_H
#define VR_FAISS_HNSW_NEIGHBOURS_H

#include "faiss/hnsw/points.h"

/* One thread's tools for choosing, for one node after the other. */
typedef struct vr_hnsw_chooser vr_hnsw_chooser;

/* For a choice among the most nearest of the candidates, of which up to listed are told to
 * vr_hnsw_choose_among(). */
vrec_status vr_hnsw_chooser_create(const vr_hnsw_points *points, size_t most, size_t listed,
                                   vr_hnsw_chooser **out, vrec_error *err);
void vr_hnsw_chooser_free(vr_hnsw_chooser *chooser); /* NULL is fine */

/* Begins with a node. */
void vr_hnsw_choose_for(vr_hnsw_chooser *chooser, uint32_t node);

/* Before candidates are added: links that the node has, and that are none. At most listed of them, together
 * with those of choose_among(). */
void vr_hnsw_choose_without(vr_hnsw_chooser *chooser, const uint32_t *links, size_t count);

/* Adds candidates; ids that aren't below the number of points, the node's own, and those that are there
 * already are passed over. */
void vr_hnsw_choose_among(vr_hnsw_chooser *chooser, const uint32_t *ids, size_t count);

/* Adds candidates that differ from each other; those that are listed already are passed over. */
void vr_hnsw_choose_also(vr_hnsw_chooser *chooser, const uint32_t *ids, size_t count);

typedef enum vr_hnsw_way {
    VR_HNSW_NEAREST, /* the nearest, whatever lies in between */
    VR_HNSW_SPREAD,  /* by the rule above, and no more than it allows */
    VR_HNSW_FILL     /* by the rule, and then those that were passed over */
} vr_hnsw_way;

/* Writes at most degree links to row; returns how many. Where near means a large inner product, candidates
 * come in that order, and the rule compares angles. */
size_t vr_hnsw_choose(vr_hnsw_chooser *chooser, vr_hnsw_way way, size_t degree, uint32_t *row);

#endif
