/* SPDX-License-Identifier: Apache-2.0 */
#include "core/work.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/indexer.h"

#include <stdatomic.h>

/* What the workers share. */
typedef struct vr_shared_work {
    const vr_work *work;
    atomic_size_t next; /* the first unit that nobody has taken */
    atomic_size_t done; /* units of finished portions */
    atomic_bool stopped;
    atomic_flag busy; /* held while one of those below is looked at or written */
    vrec_status status;
    size_t first; /* of the portion that failed */
    vrec_error error;
} vr_shared_work;

static bool outranks(const vr_shared_work *shared, vrec_status status, size_t first)
{
    if (shared->status == VREC_OK)
        return true;
    if (status == VREC_CANCELLED)
        return false;
    return shared->status == VREC_CANCELLED || first < shared->first;
}

/* Failures are rare and a copy is short, so who comes second at the same time spins. */
static void fail(vr_worker *me, vrec_status status, const vrec_error *error)
{
    vr_shared_work *shared = me->shared;
    while (atomic_flag_test_and_set_explicit(&shared->busy, memory_order_acquire))
        ;
    if (outranks(shared, status, me->first)) {
        shared->status = status;
        shared->first = me->first;
        shared->error = *error;
    }
    atomic_flag_clear_explicit(&shared->busy, memory_order_release);
    atomic_store(&shared->stopped, true);
}

bool vr_work_stopped(const vr_worker *me)
{
    return atomic_load_explicit(&me->shared->stopped, memory_order_relaxed);
}

/* Counts the finished portion; worker 0 tells the caller. */
static void finish_portion(vr_worker *me)
{
    vr_shared_work *shared = me->shared;
    const vr_work *work = shared->work;
    size_t done = atomic_fetch_add(&shared->done, me->count) + me->count;
    if (me->number > 0 || !work->progress || vr_work_stopped(me))
        return;
    vrec_error error;
    vrec_status status = vr_report(work->progress, work->phase, work->done_before + done * work->steps,
                                   work->total_steps, &error);
    if (status != VREC_OK)
        fail(me, status, &error);
}

bool vr_work_take(vr_worker *me, size_t *first, size_t *count)
{
    const vr_work *work = me->shared->work;
    if (me->count > 0)
        finish_portion(me);
    me->count = 0;
    if (vr_work_stopped(me))
        return false;
    size_t next = atomic_fetch_add(&me->shared->next, work->portion);
    if (next >= work->count)
        return false;
    me->first = *first = next;
    me->count = *count = vr_min(work->portion, work->count - next);
    return true;
}

static void run(void *context, size_t number)
{
    vr_shared_work *shared = context;
    vr_worker me = { .number = number, .shared = shared };
    vrec_error error = { .status = VREC_OK };
    vrec_status status = shared->work->run(shared->work->context, &me, &error);
    if (status != VREC_OK)
        fail(&me, status, &error);
}

vrec_status vr_work_do(const vr_work *work, vrec_error *err)
{
    if (work->count == 0)
        return VREC_OK;
    vr_shared_work shared;
    shared.work = work;
    shared.status = VREC_OK;
    shared.first = 0;
    atomic_init(&shared.next, 0);
    atomic_init(&shared.done, 0);
    atomic_init(&shared.stopped, false);
    atomic_flag_clear(&shared.busy);
    vr_parallel(vr_min(work->threads, (work->count - 1) / work->portion + 1), run, &shared);
    if (shared.status != VREC_OK && err)
        *err = shared.error;
    return shared.status;
}
