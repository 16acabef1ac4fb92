/* The thread pool: all work done once, by as many as come, from anywhere, also in a forked child.
 *
 * What needs a pool that has not been used yet runs in a child of its own, and comes first.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/socket.h"
#include "base/threads.h"

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN
#endif
#if __has_feature(address_sanitizer)
#define UNDER_ASAN
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define UNDER_TSAN
#endif
#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN
#endif

enum {
    PORTIONS = 1000,
    PATIENCE_MS = 20000 /* for threads that must come; on a busy machine they take their time */
};

/* ---- Work ---- */

typedef struct portions {
    atomic_size_t next;
    atomic_int done[PORTIONS];
} portions;

static void do_portions(void *context, size_t worker)
{
    portions *p = context;
    (void)worker;
    for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < PORTIONS;)
        atomic_fetch_add(&p->done[i], 1);
}

static bool all_done_once(size_t threads)
{
    portions p = { 0 };
    vr_parallel(threads, do_portions, &p);
    for (size_t i = 0; i < PORTIONS; i++)
        if (atomic_load(&p.done[i]) != 1)
            return false;
    return true;
}

static void pause_ms(long ms)
{
    nanosleep(&(struct timespec){ .tv_nsec = ms * 1000000 }, NULL);
}

typedef struct meeting {
    int expected;
    atomic_int here;
} meeting;

/* Waits for the others, in vain if they don't come. */
static void meet(void *context, size_t worker)
{
    meeting *m = context;
    (void)worker;
    atomic_fetch_add(&m->here, 1);
    for (int ms = 0; ms < PATIENCE_MS && atomic_load(&m->here) < m->expected; ms++)
        pause_ms(1);
}

/* Whether threads workers can be at work at the same time. */
static bool all_come(size_t threads)
{
    meeting m = { .expected = (int)threads };
    vr_parallel(threads, meet, &m);
    return atomic_load(&m.here) == m.expected;
}

static void assert_in_child(bool (*holds)(void))
{
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(PATIENCE_MS / 1000 * 5);
        _exit(!holds());
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
}

/* ---- With a new pool ---- */

static pthread_t first_thread;
static atomic_int helpers_at_fault;

static void handle_fault(int number)
{
    (void)number;
    if (!pthread_equal(pthread_self(), first_thread))
        atomic_fetch_add(&helpers_at_fault, 1);
}

/* A helper brings SIGBUS upon itself, and must take no other signal. */
static void be_at_fault(void *context, size_t worker)
{
    sigset_t blocked;
    meet(context, worker);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (!pthread_equal(pthread_self(), first_thread) && sigismember(&blocked, SIGINT))
        raise(SIGBUS);
}

static bool a_fault_reaches_its_handler(void)
{
    meeting m = { .expected = 2 };
    struct sigaction action = { .sa_handler = handle_fault };
    first_thread = pthread_self();
    sigaction(SIGBUS, &action, NULL);
    vr_parallel(2, be_at_fault, &m);
    return atomic_load(&helpers_at_fault) == 1;
}

static void helpers_take_no_signals_but_faults_of_their_own(void **state)
{
    (void)state;
    assert_in_child(a_fault_reaches_its_handler);
}

static bool works(void)
{
    return all_come(4) && all_done_once(4);
}

static void a_child_works_before_first_use(void **state)
{
    (void)state;
    assert_in_child(works);
}

/* How many threads this process has, if the system tells. */
static size_t thread_entries(void)
{
    size_t count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks && readdir(tasks))
        count++;
    if (tasks)
        closedir(tasks);
    return count;
}

static bool starts_two_helpers_in_many_calls(void)
{
    size_t before = thread_entries();
    for (int i = 0; i < 2000; i++)
        if (!all_done_once(3))
            return false;
    return thread_entries() <= before + 3; /* one may be a sanitizer's */
}

static void no_more_threads_are_started_than_asked_for(void **state)
{
    (void)state;
    assert_in_child(starts_two_helpers_in_many_calls);
}

static bool works_without_threads(void)
{
    struct rlimit old, none;
    if (getrlimit(RLIMIT_AS, &old) != 0)
        return false;
    none = (struct rlimit){ .rlim_cur = 1, .rlim_max = old.rlim_max };
    if (setrlimit(RLIMIT_AS, &none) != 0) /* no memory for another thread's stack */
        return false;
    meeting alone = { .expected = 1 };
    vr_parallel(8, meet, &alone);
    bool fine = atomic_load(&alone.here) == 1 && all_done_once(8);
    return setrlimit(RLIMIT_AS, &old) == 0 && fine && all_come(4);
}

static void threads_that_cannot_start_are_done_without(void **state)
{
    (void)state;
#if defined(UNDER_ASAN) || defined(UNDER_TSAN)
    skip(); /* they take memory themselves */
#endif
    assert_in_child(works_without_threads);
}

/* ---- Calls ---- */

static void every_portion_is_done_once(void **state)
{
    (void)state;
    for (size_t threads = 0; threads <= 64; threads++)
        assert_true(all_done_once(threads));
    assert_true(all_done_once(VR_MAX_THREADS));
    assert_true(all_done_once(SIZE_MAX));
}

static void helpers_come(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 16; threads++)
        assert_true(all_come(threads));
}

enum { NUMBERED = 8 };

typedef struct numbers {
    pthread_t caller;
    atomic_int came[NUMBERED];
    atomic_bool wrong;
} numbers;

static void note_number(void *context, size_t worker)
{
    numbers *n = context;
    bool is_caller = pthread_equal(n->caller, pthread_self()) != 0;
    if (worker >= NUMBERED || atomic_fetch_add(&n->came[worker], 1) != 0 || is_caller != (worker == 0))
        atomic_store(&n->wrong, true);
    pause_ms(1);
}

static void workers_have_numbers_of_their_own(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        numbers n = { .caller = pthread_self() };
        vr_parallel(NUMBERED, note_number, &n);
        assert_false(atomic_load(&n.wrong));
        assert_int_equal(atomic_load(&n.came[0]), 1);
    }
}

typedef struct nest {
    atomic_size_t next, good;
} nest;

enum { NESTED_CALLS = 64 };

static void call_inside(void *context, size_t worker)
{
    nest *n = context;
    (void)worker;
    for (size_t i; (i = atomic_fetch_add(&n->next, 1)) < NESTED_CALLS;)
        atomic_fetch_add(&n->good, all_done_once(1 + i % 7));
}

static void calls_may_be_nested(void **state)
{
    nest n = { 0 };
    (void)state;
    vr_parallel(5, call_inside, &n);
    assert_int_equal(atomic_load(&n.good), NESTED_CALLS);
}

enum { CALLERS = 8, CALLS = 200 };

static void *call_often(void *good)
{
    for (size_t i = 0; i < CALLS; i++)
        atomic_fetch_add((atomic_size_t *)good, all_done_once(1 + i % 6));
    return NULL;
}

static void many_may_call_at_once(void **state)
{
    pthread_t callers[CALLERS];
    atomic_size_t good = 0;
    (void)state;
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, call_often, &good), 0);
    for (size_t i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_join(callers[i], NULL), 0);
    assert_int_equal(atomic_load(&good), CALLERS * CALLS);
}

/* ---- Children of a process with threads ---- */

static void a_child_works_after_use(void **state)
{
    (void)state;
#ifdef UNDER_TSAN
    skip(); /* it allows no threads in such a child */
#endif
    assert_true(all_come(4));
    assert_in_child(works);
    assert_true(works());
}

typedef struct busy {
    atomic_bool stop, wrong;
} busy;

static void *be_busy(void *context)
{
    busy *b = context;
    while (!atomic_load(&b->stop))
        if (!all_done_once(4))
            atomic_store(&b->wrong, true);
    return NULL;
}

static void a_child_works_when_forked_amid_calls(void **state)
{
    pthread_t callers[3];
    busy b = { 0 };
    (void)state;
#ifdef UNDER_TSAN
    skip();
#endif
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&callers[i], NULL, be_busy, &b), 0);
    for (int i = 0; i < 30; i++)
        assert_in_child(works);
    atomic_store(&b.stop, true);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(callers[i], NULL), 0);
    assert_false(atomic_load(&b.wrong));
}

/* ---- How many ---- */

static void wishes_are_granted_within_limits(void **state)
{
    (void)state;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t all = cores < VR_MAX_THREADS ? (size_t)cores : VR_MAX_THREADS;
    assert_int_equal(vr_thread_count(0), all); /* the start value */
    assert_int_equal(vr_thread_count(-1), all);
    assert_int_equal(vr_thread_count(1), 1);
    assert_int_equal(vr_thread_count(7), 7);
    assert_int_equal(vr_thread_count(INT32_MAX), VR_MAX_THREADS);
    assert_int_equal(vr_thread_count(INT32_MIN), all);
}

static void the_default_can_be_set(void **state)
{
    static const int32_t wrong[] = { 0, -2, INT32_MIN };
    (void)state;
    assert_true(vr_set_default_threads(3));
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(vr_set_default_threads(wrong[i]));
    assert_int_equal(vr_thread_count(0), 3);
    assert_int_equal(vr_thread_count(5), 5);
    assert_true(vr_set_default_threads(-1));
    assert_int_equal(vr_thread_count(0), vr_thread_count(-1));
}

/* ---- Watched work ---- */

typedef struct watched {
    vr_sockets sockets;
    int pair[2];
    size_t looks;
    pthread_t worker, watcher;
    ssize_t got;
} watched;

/* Reads what never comes. */
static void read_for_ever(void *context)
{
    watched *w = context;
    char byte;
    w->worker = pthread_self();
    w->got = read(w->pair[0], &byte, 1);
}

static void cut_at_last(void *context)
{
    watched *w = context;
    w->watcher = pthread_self();
    if (++w->looks == 3)
        vr_sockets_cut(&w->sockets);
}

static void a_watcher_gets_work_out_of_a_read(void **state)
{
    watched w = { .got = 7 };
    (void)state;
    vr_sockets_init(&w.sockets);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, w.pair), 0);
    w.sockets.open[w.sockets.count++] = w.pair[0];
    assert_true(vr_run_watched(read_for_ever, cut_at_last, &w, 1));
    assert_int_equal(w.got, 0);
    assert_true(w.looks >= 3);
    assert_true(pthread_equal(w.watcher, pthread_self()));
    assert_false(pthread_equal(w.worker, pthread_self()));
    assert_true(vr_sockets_are_cut(&w.sockets));
    assert_int_equal(vr_sockets_open(&w.sockets, AF_UNIX, SOCK_STREAM, 0), -1);
    vr_sockets_mend(&w.sockets);
    int fd[VR_SOCKETS_MAX];
    for (size_t i = 1; i < VR_SOCKETS_MAX; i++)
        assert_true((fd[i] = vr_sockets_open(&w.sockets, AF_UNIX, SOCK_STREAM, 0)) >= 0);
    assert_int_equal(vr_sockets_open(&w.sockets, AF_UNIX, SOCK_STREAM, 0), -1);
    for (size_t i = 1; i < VR_SOCKETS_MAX; i++)
        assert_int_equal(vr_sockets_close(&w.sockets, fd[i]), 0);
    assert_int_equal(vr_sockets_close(&w.sockets, w.pair[0]), 0);
    assert_int_equal(w.sockets.count, 0);
    vr_sockets_destroy(&w.sockets);
    close(w.pair[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_works_before_first_use),
        cmocka_unit_test(no_more_threads_are_started_than_asked_for),
        cmocka_unit_test(threads_that_cannot_start_are_done_without),
        cmocka_unit_test(helpers_take_no_signals_but_faults_of_their_own),
        cmocka_unit_test(every_portion_is_done_once),
        cmocka_unit_test(helpers_come),
        cmocka_unit_test(workers_have_numbers_of_their_own),
        cmocka_unit_test(calls_may_be_nested),
        cmocka_unit_test(many_may_call_at_once),
        cmocka_unit_test(a_child_works_after_use),
        cmocka_unit_test(a_child_works_when_forked_amid_calls),
        cmocka_unit_test(wishes_are_granted_within_limits),
        cmocka_unit_test(the_default_can_be_set),
        cmocka_unit_test(a_watcher_gets_work_out_of_a_read),
    };
    return cmocka_run_group_tests_name("threads", tests, NULL, NULL);
}
