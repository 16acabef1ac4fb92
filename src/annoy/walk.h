/* The way through the trees. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_WALK_H
#define VR_ANNOY_WALK_H

#include "annoy/annoy.h"
#include "core/marks.h"
#include "simd/simd.h"

enum { VR_ANNOY_TOGETHER = 4 /* queries of one thread */ };

/* What bounds every query of a call. */
typedef struct vr_annoy_limits {
    uint64_t searchk; /* candidates to find, of those that may be returned; found again they count again */
    uint64_t most_visits;
} vr_annoy_limits;

struct vr_annoy_crew;

/* One query's. */
typedef struct vr_annoy_walk {
    const struct vr_annoy_crew *crew;
    size_t row;   /* of the query in the caller's matrix */
    size_t least; /* candidates to find, without repetition, however many searchk says */
    bool listed;  /* found is set by the caller, and nothing has to be walked for */
    float *vector;
    float norm;      /* angular: its squared length */
    uint64_t *marks; /* of nodes that are candidates already */
    uint32_t *found; /* the candidates, without repetition */
    size_t found_count;
    uint64_t counted, visits;
    uint64_t *heap;
    size_t heap_count;
    uint64_t next; /* the key of the node to visit; 0 at the end */
} vr_annoy_walk;

/* One thread's queries: one can be worked on while the others' nodes are fetched. */
typedef struct vr_annoy_crew {
    vr_annoy *forest;
    const vr_simd *simd;
    const vr_annoy_limits *limits;
    const vr_filter *filter; /* NULL: everybody may be returned */
    size_t size;             /* walks at the most */
    vr_annoy_walk walks[VR_ANNOY_TOGETHER];
    size_t count;
    uint64_t *heaps, *marks; /* of all, from the forest's pools */
    size_t heap_room;
} vr_annoy_crew;

/* Takes heaps and marks for the crew's size from the pools; false if memory is short. Give them back in
 * either case. */
bool vr_annoy_take(vr_annoy_crew *crew);
void vr_annoy_give(vr_annoy_crew *crew);

/* Finds the candidates of the crew's walks, whose vectors are set. Their marks have to be cleared
 * afterwards, whatever the outcome. */
vrec_status vr_annoy_find(vr_annoy_crew *crew, vrec_error *err);

#endif
