/* Work shared by threads. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_BASE_THREADS_H
#define VR_BASE_THREADS_H

#include "vrec/vrec.h"

#include <pthread.h>
#include <stdbool.h>

/* How many threads a caller's wish means: 0 the process default, -1 all cores, else itself. At least 1,
 * at most VR_MAX_THREADS. */
enum { VR_MAX_THREADS = 256 };
size_t vr_thread_count(int32_t wish);

/* The process default: what was set, else what VREC_THREADS said when it was first asked for, else -1.
 * Setting it is false for a value that is neither -1 nor 1 and up. */
bool vr_set_default_threads(int32_t threads);
int32_t vr_default_threads(void);

/* Runs work(context, worker) on the calling thread as worker 0, and on up to threads - 1 others with
 * numbers of their own below threads, as far as such are free. Returns when all have returned. work
 * takes its portions from a shared counter, so that it is done whoever comes: helpers may be fewer than
 * asked for, or none. Any number of threads may call this at once, and work may call it again. */
void vr_parallel(size_t threads, void (*work)(void *context, size_t worker), void *context);

/* Runs work(context) on a thread of its own, and calls look(context) on the calling one, at once and then
 * every interval_ms until work has returned: for work that may hang, and that look can get out of that.
 * False if no thread can be started, and nothing has been done. */
bool vr_run_watched(void (*work)(void *context), void (*look)(void *context), void *context,
                    int64_t interval_ms);

/* A lock for what takes long: who waits for it sleeps. A forked child must not take one that a thread of
 * its parent's may have held. */
typedef pthread_mutex_t vr_mutex;
void vr_mutex_init(vr_mutex *mutex);
void vr_mutex_lock(vr_mutex *mutex);
void vr_mutex_unlock(vr_mutex *mutex);
void vr_mutex_destroy(vr_mutex *mutex);

/* Calls what() unless that has been done with this once, a static variable that begins as VR_ONCE. Returns
 * when what() has returned, whichever thread called it. */
typedef pthread_once_t vr_once;
#define VR_ONCE PTHREAD_ONCE_INIT
void vr_call_once(vr_once *once, void (*what)(void));

#endif
