/* An indexer: what a caller holds, whatever becomes of the index in it.
 *
 * An index never changes once it is in an indexer (but for what queries make for later ones, and items on a
 * server): what changes an indexer makes another index and puts it in the old one's place. So every call
 * works on one index from its beginning to its end, and waits for nobody.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_INDEXER_H
#define VR_API_INDEXER_H

#include "base/threads.h"
#include "core/current.h"
#include "core/index.h"

/* An index in an indexer, and its facts, which a caller may look at for as long as there is the indexer. */
typedef struct vr_state {
    vr_index *index;
    bool replaced;    /* by an index whose names stand in the texts of this one's, too */
    atomic_bool told; /* somebody has been given one of the facts */
    vr_facts facts;
    _Atomic(vr_facts *) looked_up; /* what verbs->look_up says; made by vrec_info(), when somebody asks */
    struct vr_state *next;         /* among those that are kept for their facts alone */
} vr_state;

struct vrec_indexer {
    vr_options options;       /* what vr_options_keep() keeps */
    vr_mutex changing;        /* held by whoever changes it */
    vr_current current;       /* a vr_state */
    _Atomic(vr_state *) kept; /* earlier ones, for their facts */
    _Atomic(void *) tuned;    /* the last tuning (tuned.h) */
    bool settled;             /* its options have the setting of a build that was tuned */
};

/* An indexer for an index that a backend made, which it owns from then on, also on failure. */
vrec_status vr_indexer_make(vr_index *index, const vr_options *options, vrec_indexer **out,
                            vrec_error *err);

/* Frees an index that no indexer owns, with its names; NULL is fine. */
void vr_indexer_discard(vr_index *index);

/* Its index, which stays as it is until the caller leaves with it. The number of the place where it stands
 * goes to *place. */
vr_index *vr_indexer_enter(const vrec_indexer *indexer, size_t *place);
void vr_indexer_leave(const vrec_indexer *indexer, size_t place);

/* Puts another index in the old one's place, which the indexer owns from then on; on failure it is freed.
 * Its names, if there are any, have grown from the old one's. By who holds indexer->changing. */
vrec_status vr_indexer_replace(vrec_indexer *indexer, vr_index *index, vrec_error *err);

/* Whether it finds all, so that there is nothing to tune. */
bool vr_indexer_is_exact(const vrec_indexer *indexer);

/* The facts of an indexer that nobody else has yet, and its index's, may still be changed. */
vr_facts *vr_indexer_facts(vrec_indexer *indexer);

/* What no change changes: the name of its backend; of the kind of its index, "" where there is one kind;
 * and the index's verbs. */
const char *vr_indexer_backend(const vrec_indexer *indexer);
const char *vr_indexer_kind(const vrec_indexer *indexer);
const vr_index_verbs *vr_indexer_verbs(const vrec_indexer *indexer);

#endif
