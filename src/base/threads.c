/* A pool of sleeping threads and a list of the calls that want help.
 *
 * A call puts a job on the list, does the work itself as worker 0, then takes the job off the list and
 * waits for the helpers that joined. Nobody waits for a helper that has not come, so calls from many
 * threads, and calls inside calls, can't deadlock; and threads=1 touches nothing here.
 *
 * A forked child has the list and the mutex but none of the threads: the handlers below hold the mutex
 * over the fork, so that it is consistent, and forget the threads in the child.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/threads.h"

#include "base/memory.h"
#include "base/system.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

typedef struct job {
    void (*work)(void *context, size_t worker);
    void *context;
    size_t joined;  /* workers so far, the caller among them */
    size_t limit;   /* workers at the most */
    size_t running; /* helpers that have joined and not returned */
    struct job *next;
} job;

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wanted; /* a job was put on the list */
    pthread_cond_t done;   /* a helper returned from its job */
    job *jobs;             /* those that want more helpers */
    size_t threads;        /* started */
    size_t idle;           /* of them, not in a job: each will look for one */
} pool = { .mutex = PTHREAD_MUTEX_INITIALIZER,
           .wanted = PTHREAD_COND_INITIALIZER,
           .done = PTHREAD_COND_INITIALIZER };

static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static _Atomic int32_t default_threads = -1;

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
    pool.threads = 0;
    pool.idle = 0;
}

static void handle_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

static void unlink_job(const job *gone)
{
    for (job **link = &pool.jobs; *link; link = &(*link)->next)
        if (*link == gone) {
            *link = gone->next;
            return;
        }
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
        mine->running--;
        pool.idle++;
        pthread_cond_broadcast(&pool.done);
    }
    return NULL;
}

/* Starts threads until enough are idle for wanted helpers; what can't be started, one does without. They
 * take no signals: an application's handlers run on its own threads. Except those that a thread brings upon
 * itself, such as SIGBUS when a mapped file has been cut short: were they blocked, the process would die of
 * them, its handler unasked. */
static void start_helpers(size_t wanted)
{
    pthread_attr_t attributes;
    sigset_t blocked, before;
    if (pool.idle >= wanted || pthread_attr_init(&attributes) != 0)
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&blocked);
    sigdelset(&blocked, SIGBUS);
    sigdelset(&blocked, SIGSEGV);
    sigdelset(&blocked, SIGFPE);
    sigdelset(&blocked, SIGILL);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    while (pool.idle < wanted && pool.threads < VR_MAX_THREADS - 1) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, helper, NULL) != 0)
            break;
        pool.threads++;
        pool.idle++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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
    mine.next = pool.jobs;
    pool.jobs = &mine;
    pthread_cond_broadcast(&pool.wanted);
    pthread_mutex_unlock(&pool.mutex);

    work(context, 0);

    pthread_mutex_lock(&pool.mutex);
    unlink_job(&mine);
    while (mine.running > 0)
        pthread_cond_wait(&pool.done, &pool.mutex);
    pthread_mutex_unlock(&pool.mutex);
}

void vr_call_once(vr_once *once, void (*what)(void))
{
    pthread_once(once, what);
}

size_t vr_thread_count(int32_t wish)
{
    if (wish == 0)
        wish = atomic_load_explicit(&default_threads, memory_order_relaxed);
    if (wish > 0)
        return vr_min((size_t)wish, VR_MAX_THREADS);
    return vr_min(vr_cores(), VR_MAX_THREADS);
}

bool vr_set_default_threads(int32_t threads)
{
    if (threads != -1 && threads < 1)
        return false;
    atomic_store_explicit(&default_threads, threads, memory_order_relaxed);
    return true;
}
