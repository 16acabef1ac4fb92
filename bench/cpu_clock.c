/* Preloaded, it makes a program's clock tell CPU time, which doesn't count what else the machine does.
 *
 *     cc -O2 -shared -fPIC -o cpu_clock.so cpu_clock.c; LD_PRELOAD=./cpu_clock.so vrec estimate ...
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
    return (int)syscall(SYS_clock_gettime, clock == CLOCK_MONOTONIC ? CLOCK_PROCESS_CPUTIME_ID : clock,
                        now);
}
