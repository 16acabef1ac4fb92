/* SPDX-License-Identifier: Apache-2.0 */
#include "core/work.h"

#include "base/memory.h"
#include "base/threads.h"
#include "core/index.h"

#include <stdatomic.h>

/* What the workers share. */
typedef struct vr_shared_work {
    const vr_work *work;
    atomic_size_t next; /* the first unit that nobody has taken */
    atomic_size_t done; /* units of finished portions */
    size_t told;        /* as much of that as the caller has heard of; worker 0's */
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
        shared->error.status = status;
    }
    atomic_flag_clear_explicit(&shared->busy, memory_order_release);
    atomic_store(&shared->stopped, true);
}

bool vr_work_stopped(const vr_worker *me)
{
    return atomic_load_explicit(&me->shared->stopped, memory_order_relaxed);
}

static vrec_status tell(vr_shared_work *shared, vrec_error *err)
{
    const vr_work *work = shared->work;
    shared->told = atomic_load(&shared->done);
    return vr_report(work->progress, work->phase, work->unit,
                     work->done_before + shared->told * work->steps, work->total_steps, err);
}

/* Counts the finished portion; worker 0 tells the caller. */
static void finish_portion(vr_worker *me)
{
    atomic_fetch_add(&me->shared->done, me->count);
    if (me->number > 0 || !me->shared->work->progress || vr_work_stopped(me))
        return;
    vrec_error error;
    vrec_status status = tell(me->shared, &error);
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
    vrec_error error = { .row = -1, .offset = -1, .done = -1 };
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
    shared.told = 0;
    atomic_init(&shared.next, 0);
    atomic_init(&shared.done, 0);
    atomic_init(&shared.stopped, false);
    atomic_flag_clear(&shared.busy);
    vr_parallel(vr_min(work->threads, (work->count - 1) / work->portion + 1), run, &shared);
    if (shared.status == VREC_OK && work->progress && shared.told < work->count)
        return tell(&shared, err); /* others finished last: the caller hears of that, too */
    if (shared.status != VREC_OK && err)
        *err = shared.error;
    return shared.status;
}
