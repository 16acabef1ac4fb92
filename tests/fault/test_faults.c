/* Whatever the system refuses, and whenever: the right status, nothing half done, nothing leaked.
 * SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"
#include "scenario.h"

#include "support/folder.h"

#include <errno.h>

/* What may come of a call that fails. */
typedef enum outcome {
    FAILS,    /* the scenario fails */
    MAY_FAIL, /* it depends on which of these calls it is */
    SUCCEEDS
} outcome;

/* Lets call after call fail, until the scenario no longer has that many. Returns how many it has. */
static size_t fail_each(vrec_status (*scenario)(vrec_error *err), uint32_t calls, int errnum,
                        outcome expected)
{
    vrec_status failure = errnum == ENOMEM ? VREC_NO_MEMORY : VREC_IO;
    for (size_t at = 0;; at++) {
        vrec_error err = { 0 };
        long held = faults_held();
        faults_arm(calls, at, errnum);
        vrec_status status = scenario(&err);
        size_t count = faults_disarm();
        assert_int_equal(faults_held(), held);
        if (count <= at) {
            assert_int_equal(status, VREC_OK);
            return at;
        }
        bool right = status == failure ? expected != SUCCEEDS : status == VREC_OK && expected != FAILS;
        if (!right)
            fail_msg("calls %x, number %zu, %s: status %d, \"%s\"", (unsigned)calls, at, strerror(errnum),
                     status, err.message);
        if (status == VREC_IO)
            assert_non_null(strstr(err.message, strerror(errnum)));
    }
}

static void every_allocation(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        assert_true(fail_each(scenario_run, FAULT_MEMORY, ENOMEM, FAILS) > 0);
    }
}

static void every_allocation_of_large_builds(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        assert_true(fail_each(scenario_build, FAULT_MEMORY, ENOMEM, FAILS) > 0);
    }
}

static void every_allocation_of_tunings(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        fail_each(scenario_tune, FAULT_MEMORY, ENOMEM, MAY_FAIL);
    }
    scenario_init(5); /* for its points */
    assert_true(fail_each(scenario_build_tuned, FAULT_MEMORY, ENOMEM, MAY_FAIL) > 0);
}

/* So many calls that only some of them fail, farther and farther apart. How many there are depends on
 * times, which decide what is tried again and what is built. */
static void allocations_of_trials(void **state)
{
    (void)state;
    scenario_init(0);
    for (size_t at = 0;; at += 1 + at / 16) {
        vrec_error err = { 0 };
        long held = faults_held();
        faults_arm(FAULT_MEMORY, at, ENOMEM);
        vrec_status status = scenario_auto(&err);
        size_t count = faults_disarm();
        assert_int_equal(faults_held(), held);
        assert_true(status == VREC_OK || (status == VREC_NO_MEMORY && count > at));
        if (count <= at)
            return;
    }
}

static void codes_are_left_out(void **state)
{
    (void)state;
    scenario_init(5); /* for its points */
    assert_true(fail_each(scenario_codes, FAULT_MEMORY, ENOMEM, MAY_FAIL) > 0);
}

static void every_call_on_files(void **state)
{
    (void)state;
    static const struct {
        fault_call call;
        int errnum;
        outcome expected;
    } cases[] = {
        { FAULT_OPEN, EACCES, FAILS },    { FAULT_OPEN, EMFILE, FAILS },
        { FAULT_OPEN, ENOMEM, FAILS },    { FAULT_FSTAT, EIO, FAILS },
        { FAULT_PREAD, EIO, FAILS },      { FAULT_PREAD, EINTR, SUCCEEDS },
        { FAULT_WRITE, ENOSPC, FAILS },   { FAULT_WRITE, EIO, FAILS },
        { FAULT_WRITE, EINTR, SUCCEEDS }, { FAULT_FSYNC, EIO, FAILS },
        { FAULT_FSYNC, ENOSPC, FAILS },   { FAULT_CLOSE, EIO, MAY_FAIL },
        { FAULT_RENAME, EACCES, FAILS },  { FAULT_MMAP, EACCES, FAILS },
        { FAULT_MMAP, ENOMEM, FAILS },    { FAULT_ACCESS, EACCES, FAILS },
        { FAULT_STAT, EACCES, FAILS },    { FAULT_FCHMOD, EPERM, SUCCEEDS },
        { FAULT_OPEN, EEXIST, MAY_FAIL }, { FAULT_FSYNC, EINVAL, MAY_FAIL },
    };
    size_t seen[sizeof cases / sizeof cases[0]] = { 0 };
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
            seen[i] +=
                fail_each(scenario_run, FAULT_BIT(cases[i].call), cases[i].errnum, cases[i].expected);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(seen[i] > 0); /* the call is one that some kind makes */
}

static void short_reads_and_writes_go_on(void **state)
{
    (void)state;
    static const size_t limits[] = { 1, 7, 44, 68 };
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            vrec_error err;
            faults_limit_steps(limits[i]);
            assert_int_equal(scenario_run(&err), VREC_OK);
        }
        faults_limit_steps(0);
    }
}

/* ---- Queries ---- */

static uint32_t next_calls;
static size_t next_at;

static void arm_first(size_t time)
{
    if (time == 0)
        faults_arm(next_calls, next_at, EAGAIN);
}

/* Lets call after call fail, until queries no longer make that many. */
static void fail_each_in_queries(uint32_t calls, vrec_status failure)
{
    next_calls = calls;
    for (next_at = 0;; next_at++) {
        vrec_error err = { 0 };
        long held = faults_held();
        vrec_status status = scenario_query(2, arm_first, &err);
        size_t count = faults_disarm();
        assert_int_equal(faults_held(), held);
        if (count <= next_at) {
            assert_true(next_at > 0);
            assert_int_equal(status, VREC_OK);
            return;
        }
        assert_true(status == failure || status == VREC_OK);
    }
}

/* Runs first, while no helper has been started. */
static void threads_that_cannot_be_started(void **state)
{
    (void)state;
    scenario_init(0);
    fail_each_in_queries(FAULT_BIT(FAULT_PTHREAD_CREATE), VREC_OK);
}

static void every_allocation_of_queries(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        scenario_init(kind);
        fail_each_in_queries(FAULT_MEMORY, VREC_NO_MEMORY);
    }
}

static size_t fewest;

static void count_each(size_t time)
{
    size_t count = faults_disarm();
    if (time > 0 && count < fewest)
        fewest = count;
    faults_arm(FAULT_MEMORY, SIZE_MAX, 0);
}

/* A helper may come so late that the first time was over without it, and take its memory later: of many
 * times, one must have had no allocation. */
static void a_warm_query_allocates_nothing(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < SCENARIO_KINDS; kind++) {
        vrec_error err;
        scenario_init(kind);
        fewest = SIZE_MAX;
        assert_int_equal(scenario_query(10, count_each, &err), VREC_OK);
        faults_disarm();
        assert_int_equal(fewest, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_cannot_be_started),   cmocka_unit_test(every_allocation_of_queries),
        cmocka_unit_test(a_warm_query_allocates_nothing),   cmocka_unit_test(every_allocation),
        cmocka_unit_test(every_allocation_of_large_builds), cmocka_unit_test(every_call_on_files),
        cmocka_unit_test(short_reads_and_writes_go_on),     cmocka_unit_test(codes_are_left_out),
        cmocka_unit_test(every_allocation_of_tunings),      cmocka_unit_test(allocations_of_trials),
    };
    return cmocka_run_group_tests_name("faults", tests, enter_folder, leave_folder);
}
