/* A pool of sleeping threads and a list of the calls that want help.
 *
 * A call puts a job on the list, does the work itself as worker 0, then takes the job off the list and
 * waits for the helpers that joined. Nobody waits for a helper that has not come, so calls from many
 * threads, and calls inside calls, can't deadlock; and threads=1 touches nothing here.
 *
 * A forked child has the list and the mutex but none of the threads: the handlers below hold the mutex
 * over the fork, so that the child's copy of the list is consistent, and forget the threads in the child.
 *
 * To sleep and be woken takes some 50 us, as long as a part of a short query. So before they sleep, a
 * helper looks for a new job that long, awake, and a caller for its helpers' return. With more than one
 * call active they don't, and leave the core to others.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/threads.h"

#include "base/memory.h"
#include "base/system.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

typedef struct job {
    void (*work)(void *context, size_t worker);
    void *context;
    size_t joined;         /* workers so far, the caller among them */
    size_t limit;          /* workers at the most */
    atomic_size_t running; /* helpers that have joined and not returned */
    struct job *next;
} job;

enum { AWAKE_US = 50, LOOKS = 64 /* for each look at the clock */ };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wanted; /* a job was put on the list */
    pthread_cond_t done;   /* a helper returned from its job */
    _Atomic(job *) jobs;   /* those that want more helpers; changed under the mutex */
    size_t calls;          /* under way */
    size_t threads;        /* started */
    size_t idle;           /* of them, not in a job: each will look for one */
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER,
           .wanted = PTHREAD_COND_INITIALIZER,
           .done = PTHREAD_COND_INITIALIZER };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static _Atomic int32_t default_threads; /* 0: not asked for yet */

#ifdef _WIN32 /* which neither forks nor has signals that threads take */

typedef int signals;

static void handle_forks(void) {}

static void block_signals(signals *before)
{
    *before = 0;
}

static void restore_signals(const signals *before)
{
    (void)before;
}

#else

typedef sigset_t signals;

static void before_fork(void)
{
    pthread_mutex_lock(&pool.mutex);
}
static void after_fork(void)
{
    pthread_mutex_unlock(&pool.mutex);
}

static void after_fork_in_child(void)
{
    pthread_mutex_init(&pool.mutex, NULL);
    pthread_cond_init(&pool.wanted, NULL);
    pthread_cond_init(&pool.done, NULL);
    pool.jobs = NULL; /* on the stacks of threads that don't exist here */
    pool.calls = 0;
    pool.threads = 0;
    pool.idle = 0;
}

static void handle_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* Threads of the library take no signals: an application's handlers run on its own threads. Except those
 * that a thread brings upon itself, such as SIGBUS when a mapped file has been cut short: were they
 * blocked, the process would die of them, its handler unasked. *before is what to set again after the
 * start. */
static void block_signals(signals *before)
{
    sigset_t blocked;
    sigfillset(&blocked);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static void restore_signals(const signals *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

#endif

static void unlink_job(const job *gone)
{
    job *first = pool.jobs;
    if (first == gone)
        pool.jobs = gone->next;
    for (job *before = first; before && first != gone; before = before->next)
        if (before->next == gone) {
            before->next = gone->next;
            return;
        }
}

static void rest(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Whether the helpers of this job have returned; NULL: whether there is a job that wants some. */
static bool has_come(job *mine)
{
    return mine ? atomic_load_explicit(&mine->running, memory_order_acquire) == 0
                : atomic_load_explicit(&pool.jobs, memory_order_relaxed) != NULL;
}

/* Waits for that awake, for AWAKE_US at the most. To be called with the mutex held, which it releases
 * meanwhile: what it waited for has to be looked at again. */
static void look_out(job *mine)
{
    bool come = false;
    if (pool.calls > 1)
        return;
    pthread_mutex_unlock(&pool.mutex);
    for (int64_t end = vr_now_us() + AWAKE_US; !come && vr_now_us() < end;)
        for (size_t i = 0; i < LOOKS && !come; i++) {
            come = has_come(mine);
            rest();
        }
    pthread_mutex_lock(&pool.mutex);
}

static void *helper(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&pool.mutex);
    for (;;) {
        while (!pool.jobs)
            pthread_cond_wait(&pool.wanted, &pool.mutex);
        job *mine = pool.jobs;
        pool.idle--;
        size_t worker = mine->joined++;
        mine->running++;
        if (mine->joined == mine->limit)
            unlink_job(mine);
        pthread_mutex_unlock(&pool.mutex);
        mine->work(mine->context, worker);
        pthread_mutex_lock(&pool.mutex);
        mine->running--; /* the caller, who may see it, can't return before the mutex is free */
        pool.idle++;
        pthread_cond_broadcast(&pool.done);
        look_out(NULL);
    }
    return NULL;
}

/* Starts threads until enough are idle for wanted helpers; what can't be started, one does without. */
static void start_helpers(size_t wanted)
{
    pthread_attr_t attributes;
    signals before;
    if (pool.idle >= wanted || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    block_signals(&before);
    while (pool.idle < wanted && pool.threads < VR_MAX_THREADS - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, helper, NULL) != 0)
            break;
        pool.threads++;
        pool.idle++;
    }
    restore_signals(&before);
    pthread_attr_destroy(&attributes);
}

void vr_parallel(size_t threads, void (*work)(void *context, size_t worker), void *context)
{
    if (threads <= 1) {
        work(context, 0);
        return;
    }
    pthread_once(&fork_once, handle_forks);
    job mine = { .work = work, .context = context, .joined = 1, .limit = threads };
    pthread_mutex_lock(&pool.mutex);
    start_helpers(threads - 1);
    pool.calls++;
    mine.next = pool.jobs;
    pool.jobs = &mine;
    pthread_cond_broadcast(&pool.wanted);
    pthread_mutex_unlock(&pool.mutex);

    work(context, 0);

    pthread_mutex_lock(&pool.mutex);
    unlink_job(&mine);
    look_out(&mine);
    while (mine.running > 0)
        pthread_cond_wait(&pool.done, &pool.mutex);
    pool.calls--;
    pthread_mutex_unlock(&pool.mutex);
}

/* ---- Watched work ---- */

typedef struct watched {
    void (*work)(void *context);
    void *context;
    pthread_mutex_t mutex;
    pthread_cond_t returned;
    bool done;
} watched;

static void *run_work(void *context)
{
    watched *w = context;
    w->work(w->context);
    pthread_mutex_lock(&w->mutex);
    w->done = true;
    pthread_cond_signal(&w->returned);
    pthread_mutex_unlock(&w->mutex);
    return NULL;
}

/* What a watcher waits with must not follow the wall clock, which people set. macOS has no such condition,
 * but one that takes a span in place of a point in time. */
#ifdef __APPLE__

static void init_condition(pthread_cond_t *condition)
{
    pthread_cond_init(condition, NULL);
}

static void set_limit(struct timespec *limit, int64_t milliseconds)
{
    limit->tv_sec = (time_t)(milliseconds / 1000);
    limit->tv_nsec = (long)(milliseconds % 1000) * 1000000;
}

static int wait_at_most(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *limit)
{
    return pthread_cond_timedwait_relative_np(condition, mutex, limit);
}

#else

static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

static void set_limit(struct timespec *limit, int64_t milliseconds)
{
    clock_gettime(CLOCK_MONOTONIC, limit);
    limit->tv_nsec += (long)(milliseconds % 1000) * 1000000;
    limit->tv_sec += (time_t)(milliseconds / 1000) + limit->tv_nsec / 1000000000;
    limit->tv_nsec %= 1000000000;
}

static int wait_at_most(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *limit)
{
    return pthread_cond_timedwait(condition, mutex, limit);
}

#endif

/* Sleeps until the work is done, but not longer than milliseconds. */
static bool wait_for_work(watched *w, int64_t milliseconds)
{
    struct timespec limit;
    set_limit(&limit, milliseconds);
    pthread_mutex_lock(&w->mutex);
    while (!w->done && wait_at_most(&w->returned, &w->mutex, &limit) == 0)
        continue;
    bool done = w->done;
    pthread_mutex_unlock(&w->mutex);
    return done;
}

static bool start_work(watched *w, pthread_t *thread)
{
    signals before;
    init_condition(&w->returned);
    pthread_mutex_init(&w->mutex, NULL);
    block_signals(&before);
    bool started = pthread_create(thread, NULL, run_work, w) == 0;
    restore_signals(&before);
    return started;
}

bool vr_run_watched(void (*work)(void *context), void (*look)(void *context), void *context,
                    int64_t interval_ms)
{
    pthread_t thread;
    watched w = { .work = work, .context = context };
    bool started = start_work(&w, &thread);
    if (started) {
        do
            look(context);
        while (!wait_for_work(&w, interval_ms));
        pthread_join(thread, NULL);
    }
    pthread_mutex_destroy(&w.mutex);
    pthread_cond_destroy(&w.returned);
    return started;
}

void vr_mutex_init(vr_mutex *mutex)
{
    pthread_mutex_init(mutex, NULL); /* without attributes it can't fail */
}

void vr_mutex_lock(vr_mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

void vr_mutex_unlock(vr_mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

void vr_mutex_destroy(vr_mutex *mutex)
{
    pthread_mutex_destroy(mutex);
}

void vr_call_once(vr_once *once, void (*what)(void))
{
    pthread_once(once, what);
}

size_t vr_thread_count(int32_t wish)
{
    if (wish == 0)
        wish = vr_default_threads();
    if (wish > 0)
        return vr_min((size_t)wish, VR_MAX_THREADS);
    return vr_min(vr_cores(), VR_MAX_THREADS);
}

/* What VREC_THREADS says; all cores if it is unset or no such number. */
static int32_t threads_of_environment(void)
{
    const char *text = getenv("VREC_THREADS");
    char *end;
    long threads = text ? strtol(text, &end, 10) : -1;
    return text && *text && !*end && threads >= 1 && threads <= INT32_MAX ? (int32_t)threads : -1;
}

int32_t vr_default_threads(void)
{
    int32_t threads = atomic_load_explicit(&default_threads, memory_order_relaxed), unset = 0;
    if (threads != 0)
        return threads;
    threads = threads_of_environment();
    /* Somebody may set it meanwhile, and then that counts. */
    return atomic_compare_exchange_strong_explicit(&default_threads, &unset, threads, memory_order_relaxed,
                                                   memory_order_relaxed)
               ? threads
               : unset;
}

bool vr_set_default_threads(int32_t threads)
{
    if (threads != -1 && threads < 1)
        return false;
    atomic_store_explicit(&default_threads, threads, memory_order_relaxed);
    return true;
}
