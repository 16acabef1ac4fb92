/* A build under way: what its phases share. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_FAISS_HNSW_BUILDING_H
#define VR_FAISS_HNSW_BUILDING_H

#include "core/work.h"
#include "faiss/hnsw/graph.h"
#include "faiss/hnsw/points.h"

enum {
    VR_HNSW_ANGLES_SHARE = 4, /* of a row's links, one of so many at least is by angle */
    VR_HNSW_PER_LINK = 8,     /* in a second choice the nearest candidates count, so many for each link, */
    VR_HNSW_MOST_BY_PRODUCT = 1024 /* or so many by product, since many link to the longest items */
};

typedef struct vr_hnsw_building {
    const float *items;
    const vr_stored_f32 *stored; /* those of the old graph with what NaN and Inf they have; or NULL */
    const vr_hnsw_points *points;
    const vr_hnsw_points
        *products; /* of the same, where the inner product isn't a matter of angles; or NULL */
    const struct vr_hnsw_company *company; /* of all items, where a sample of queries was given; or NULL */
    const struct vr_hnsw_copies *copies;   /* on the level that is being made */
    const vr_hnsw_graph *old;              /* whose nodes are the first, and keep their levels; or NULL */
    bool joint; /* nodes of the old graph, if any, are divided into leaves together with the others */
    vr_hnsw_graph *graph;
    size_t per_leaf; /* how many of the nearest in each of its leaves are candidates for a node's links */
    size_t threads;
    uint64_t seed;
    const vrec_progress *progress;
    uint64_t done, total, phases; /* steps, for progress; those of a node on each of its levels */
} vr_hnsw_building;

/* The first so many nodes are those of the old graph, if there is one. */
static inline size_t vr_hnsw_old_rows(const vr_hnsw_building *b)
{
    return b->old ? b->old->rows : 0;
}

/* Some nodes of the graph: all those of one level, but for copies (copies.h). */
typedef struct vr_hnsw_nodes {
    const uint32_t *ids; /* ascending */
    size_t count;
    size_t settled; /* the first so many have links already, and are only there to be linked to */
    size_t level;
} vr_hnsw_nodes;

/* Those of them that aren't settled. */
static inline vr_hnsw_nodes vr_hnsw_unsettled(const vr_hnsw_nodes *nodes)
{
    return (vr_hnsw_nodes){ .ids = nodes->ids + nodes->settled,
                            .count = nodes->count - nodes->settled,
                            .level = nodes->level };
}

/* Candidates for the links of nodes: those of the node at a place, counted without settled ones, are width
 * ids from ids + place * width on, of which some may be twice there, or VR_HNSW_NOBODY. */
typedef struct vr_hnsw_candidates {
    size_t width;
    uint32_t *ids;
} vr_hnsw_candidates;

#define VR_HNSW_NOBODY UINT32_MAX

/* Does count units of work, with the building's threads, that together are steps steps. */
vrec_status vr_hnsw_work(vr_hnsw_building *b, size_t count, size_t portion, uint64_t steps,
                         vrec_status (*run)(void *context, vr_worker *me, vrec_error *err), void *context,
                         vrec_error *err);

/* The next of a stream of random numbers (splitmix64: Steele, Lea, Flood 2014). */
uint64_t vr_hnsw_random(uint64_t *state);

#endif
