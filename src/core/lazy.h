/* What queries make for those that come later, once that pays: codes of an index's rows.
 *
 * Queries of any number of threads come here at the same time, and none of them may wait for another. So
 * there is a counter, a latch and a pointer. Every query that would gain adds to the counter. The first one
 * that finds it large enough and closes the latch makes the thing; all others go on without it until the
 * pointer is set, after which nothing changes any more. The latch is opened again only if the query that
 * was making the thing is stopped by its caller: a later one then starts anew. If memory is short it stays
 * closed, since the answers are the same without.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_LAZY_H
#define VR_CORE_LAZY_H

#include "vrec/vrec.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, with ATOMIC_FLAG_INIT, is: not made, and nobody has gained. */
typedef struct vr_lazy {
    _Atomic(void *) made;
    atomic_size_t gained;
    atomic_flag latch;
} vr_lazy;

/* How it is made, row by row, with several threads. */
typedef struct vr_recipe {
    size_t pays_after; /* as much as queries must have gained for it to be made */
    size_t rows;
    void *(*create)(void *context);                                      /* NULL if memory is short */
    void (*fill)(void *context, void *made, size_t first, size_t count); /* rows of it, no order */
    void (*free)(void *made);
    void *context;
    size_t threads;
    const vrec_progress *progress; /* is told "searching", 0 of total_steps, so that it can say stop */
    const char *unit;              /* of the steps */
    uint64_t total_steps;
} vr_recipe;

/* *out is what has been made, or NULL if a query has to do without. gain is what this query would add.
 * Fails only with VREC_CANCELLED. */
vrec_status vr_lazy_get(vr_lazy *lazy, const vr_recipe *recipe, size_t gain, const void **out,
                        vrec_error *err);

#endif
