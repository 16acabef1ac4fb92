/* Work that several threads do together: the one place where portions are handed out, the first failure
 * counts, and the caller hears how far things are. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_WORK_H
#define VR_CORE_WORK_H

#include "vrec/vrec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One of the threads at work. Its number, below vr_work.threads, picks what it alone may write to;
 * number 0 is the calling thread. */
typedef struct vr_worker {
    size_t number;
    struct vr_shared_work *shared;
    size_t first, count; /* the portion that it is at; none yet while count is 0 */
} vr_worker;

/* count units of work (rows, queries, trees, bytes), of which a worker takes a portion at a time. */
typedef struct vr_work {
    size_t threads; /* at the most; no more than there are portions come */
    size_t count, portion;

    /* What every thread does: it readies what it needs, works while vr_work_take() has portions, cleans up,
     * and returns what failed. A failure stops the others at the end of the portions that they are at. */
    vrec_status (*run)(void *context, vr_worker *me, vrec_error *err);
    void *context;

    /* Told after each portion of worker 0's, and when all is done: done_before + done * steps of
     * total_steps, where done is what all workers together have finished. steps is 0 where the caller waits
     * for something else than this work. progress is NULL if nobody wants to know. */
    const vrec_progress *progress;
    const char *phase, *unit; /* unit: of the steps */
    uint64_t done_before, steps, total_steps;
} vr_work;

/* Does all of it. VREC_OK, or what failed. If several portions fail, it is the first of them that the
 * caller hears of, whatever the timing: portions are handed out in order, and each that has been taken is
 * finished. VREC_CANCELLED (the caller said stop, or a worker noticed vr_work_stopped() in the middle of a
 * portion) never hides another failure. */
vrec_status vr_work_do(const vr_work *work, vrec_error *err);

/* Counts the portion that this worker has finished, and takes the next: the units from *first on, *count of
 * them. False when none are left, or the work has been stopped; both leave run() with nothing more to do.
 */
bool vr_work_take(vr_worker *me, size_t *first, size_t *count);

/* Whether somebody failed or the caller said stop: for portions that take long, to look at now and then.
 * One that is given up for this returns VREC_CANCELLED, with or without a message. */
bool vr_work_stopped(const vr_worker *me);

#endif
