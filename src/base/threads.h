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

/* Sets the process default; false for a value that is neither -1 nor 1 and up. */
bool vr_set_default_threads(int32_t threads);

/* Runs work(context, worker) on the calling thread as worker 0, and on up to threads - 1 others with
 * numbers of their own below threads, as far as such are free. Returns when all have returned. work
 * takes its portions from a shared counter, so that it is done whoever comes: helpers may be fewer than
 * asked for, or none. Any number of threads may call this at once, and work may call it again. */
void vr_parallel(size_t threads, void (*work)(void *context, size_t worker), void *context);

/* Calls what() unless that has been done with this once, a static variable that begins as VR_ONCE. Returns
 * when what() has returned, whichever thread called it. */
typedef pthread_once_t vr_once;
#define VR_ONCE PTHREAD_ONCE_INIT
void vr_call_once(vr_once *once, void (*what)(void));

#endif
