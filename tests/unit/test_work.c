/* The driver: every unit is done once whatever the threads; what failed first, in the order of the
 * portions, is what the caller hears of; stopping stops. SPDX-License-Identifier: Apache-2.0 */
#include "core/work.h"

#include "base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { UNITS = 1003, THREADS = 8 };

typedef struct job {
    atomic_int done[UNITS];
    atomic_int entered, left, portions;
    size_t fails_from, fails_to; /* portions that begin there fail */
    size_t waits;                /* the portion that begins here waits until another has failed */
    bool gives_up;               /* and is then given up */
    atomic_bool failed;
    size_t numbers; /* worker numbers must be below */
} job;

static void pause_ms(void)
{
    nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static vrec_status do_portion(job *j, const vr_worker *me, size_t first, size_t count, vrec_error *err)
{
    assert_true(me->number < j->numbers);
    assert_true(count > 0 && first + count <= UNITS);
    for (size_t i = first; i < first + count; i++)
        atomic_fetch_add(&j->done[i], 1);
    atomic_fetch_add(&j->portions, 1);
    for (int tries = 0; first == j->waits && tries < 5000; tries++) {
        if (j->gives_up ? vr_work_stopped(me) : atomic_load(&j->failed))
            break;
        pause_ms();
    }
    if (first == j->waits && j->gives_up)
        return vr_fail(err, VREC_CANCELLED, "given up");
    if (first < j->fails_from || first > j->fails_to)
        return VREC_OK;
    vr_fail(err, VREC_INVALID, "at %zu", first);
    atomic_store(&j->failed, true);
    return VREC_INVALID;
}

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    job *j = context;
    vrec_status status = VREC_OK;
    atomic_fetch_add(&j->entered, 1);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        status = do_portion(j, me, first, count, err);
    atomic_fetch_add(&j->left, 1);
    return status;
}

static void start(job *j)
{
    memset(j, 0, sizeof *j);
    j->fails_from = j->waits = SIZE_MAX;
    j->numbers = THREADS;
}

static vr_work work_of(job *j, size_t threads, size_t portion)
{
    return (vr_work){ .threads = threads, .count = UNITS, .portion = portion, .run = run, .context = j };
}

static void each_unit_once(void **state)
{
    (void)state;
    static const size_t portions[] = { 1, 7, 1002, 1003, 5000 };
    for (size_t threads = 1; threads <= THREADS; threads++)
        for (size_t p = 0; p < sizeof portions / sizeof portions[0]; p++) {
            job j;
            start(&j);
            vr_work work = work_of(&j, threads, portions[p]);
            assert_int_equal(vr_work_do(&work, NULL), VREC_OK);
            for (size_t i = 0; i < UNITS; i++)
                assert_int_equal(atomic_load(&j.done[i]), 1);
            int many = (int)((UNITS + portions[p] - 1) / portions[p]);
            assert_int_equal(atomic_load(&j.portions), many);
            assert_int_equal(atomic_load(&j.entered), atomic_load(&j.left));
            assert_true(atomic_load(&j.entered) <= (int)threads && atomic_load(&j.entered) <= many);
        }
}

static void nothing_to_do_is_done(void **state)
{
    (void)state;
    job j;
    start(&j);
    vr_work work = work_of(&j, 4, 7);
    work.count = 0;
    assert_int_equal(vr_work_do(&work, NULL), VREC_OK);
    assert_int_equal(atomic_load(&j.entered), 0);
}

/* Every portion from 300 on fails; with the one at 300 last, when there is somebody else to fail first. */
static void the_first_portion_that_fails_counts(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= THREADS; threads++) {
        job j;
        vrec_error err;
        start(&j);
        j.fails_from = 300;
        j.fails_to = SIZE_MAX;
        if (threads == THREADS)
            j.waits = 300;
        vr_work work = work_of(&j, threads, 10);
        assert_int_equal(vr_work_do(&work, &err), VREC_INVALID);
        assert_string_equal(err.message, "at 300");
        assert_true(atomic_load(&j.portions) < 31 + THREADS);
        for (size_t i = 0; i < 310; i++)
            assert_int_equal(atomic_load(&j.done[i]), 1);
        assert_int_equal(atomic_load(&j.entered), atomic_load(&j.left));
    }
}

/* The portion at 300 notices that one at 310 failed and is given up: not that, but the failure is told. */
static void giving_up_hides_no_failure(void **state)
{
    (void)state;
    job j;
    vrec_error err;
    start(&j);
    j.fails_from = j.fails_to = 310;
    j.waits = 300;
    j.gives_up = true;
    vr_work work = work_of(&j, THREADS, 10);
    assert_int_equal(vr_work_do(&work, &err), VREC_INVALID);
    assert_string_equal(err.message, "at 310");
}

/* ---- The caller ---- */

typedef struct listener {
    uint64_t stop_at, last, total;
    int reports;
    bool wrong;
} listener;

static int listen_to(void *context, const vrec_progress_report *at)
{
    listener *l = context;
    l->wrong = l->wrong || at->done < l->last || strcmp(at->phase, "testing") != 0;
    l->last = at->done;
    l->total = at->total;
    l->reports++;
    return at->done >= l->stop_at;
}

static void the_caller_hears_how_far_it_is(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= THREADS; threads++) {
        job j;
        listener l = { .stop_at = UINT64_MAX };
        vrec_progress progress = { .struct_size = sizeof progress, .report = listen_to, .context = &l };
        start(&j);
        vr_work work = work_of(&j, threads, 10);
        work.progress = &progress;
        work.phase = "testing";
        work.unit = "rows";
        work.done_before = 5000;
        work.steps = 3;
        work.total_steps = 9000;
        assert_int_equal(vr_work_do(&work, NULL), VREC_OK);
        assert_false(l.wrong);
        assert_int_equal(l.last, 5000 + 3 * UNITS);
        assert_int_equal(l.total, 9000);
        if (threads == 1)
            assert_int_equal(l.reports, 101);
    }
}

static void the_caller_stops_it(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= THREADS; threads++) {
        job j;
        vrec_error err;
        listener l = { .stop_at = 0 };
        vrec_progress progress = { .struct_size = sizeof progress, .report = listen_to, .context = &l };
        start(&j);
        vr_work work = work_of(&j, threads, 1);
        work.progress = &progress;
        work.phase = "testing";
        work.unit = "rows";
        work.steps = 1;
        work.total_steps = UNITS;
        assert_int_equal(vr_work_do(&work, &err), VREC_CANCELLED);
        assert_int_equal(l.reports, 1);
        assert_non_null(strstr(err.message, "testing: stopped by the caller"));
        assert_int_equal(atomic_load(&j.entered), atomic_load(&j.left));
        if (threads == 1)
            assert_int_equal(atomic_load(&j.portions), 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_unit_once),
        cmocka_unit_test(nothing_to_do_is_done),
        cmocka_unit_test(the_first_portion_that_fails_counts),
        cmocka_unit_test(giving_up_hides_no_failure),
        cmocka_unit_test(the_caller_hears_how_far_it_is),
        cmocka_unit_test(the_caller_stops_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
