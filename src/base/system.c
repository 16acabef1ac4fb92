/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* sched_getaffinity, syscall */
#include "base/system.h"

#include <errno.h>
#include <sched.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>
#if defined(VR_AMX)
#include <sys/syscall.h>
#endif

int64_t vr_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t vr_now_ms(void)
{
    return vr_now_us() / 1000;
}

void vr_sleep_us(int64_t microseconds)
{
    struct timespec left = { .tv_sec = (time_t)(microseconds / 1000000),
                             .tv_nsec = (long)(microseconds % 1000000) * 1000 };
    while (microseconds > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

uint64_t vr_random_u64(void)
{
    uint64_t number;
    struct timespec now;
    if (getentropy(&number, sizeof number) == 0)
        return number;
    clock_gettime(CLOCK_REALTIME, &now); /* a kernel without the call */
    return ((uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec << 16) ^ vr_process_id();
}

size_t vr_cores(void)
{
#ifdef CPU_COUNT
    cpu_set_t allowed; /* fails where there are more than fit the set */
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0)
        return (size_t)CPU_COUNT(&allowed);
#endif
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : (size_t)cores;
}

uint64_t vr_process_id(void)
{
    return (uint64_t)getpid();
}

#if defined(VR_AMX)
bool vr_permit_tiles(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}
#endif
