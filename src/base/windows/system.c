/* SPDX-License-Identifier: Apache-2.0 */
#define _CRT_RAND_S /* rand_s */
#include "base/system.h"

#include <stdlib.h>

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

int64_t vr_now_us(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return ticks.QuadPart / per_second.QuadPart * 1000000 +
           ticks.QuadPart % per_second.QuadPart * 1000000 / per_second.QuadPart;
}

int64_t vr_now_ms(void)
{
    return vr_now_us() / 1000;
}

void vr_sleep_us(int64_t microseconds)
{
    if (microseconds > 0)
        Sleep((DWORD)((microseconds + 999) / 1000));
}

uint64_t vr_random_u64(void)
{
    unsigned int low = 0, high = 0;
    if (rand_s(&low) == 0 && rand_s(&high) == 0)
        return (uint64_t)high << 32 | low;
    LARGE_INTEGER ticks; /* never seen to fail */
    QueryPerformanceCounter(&ticks);
    return (uint64_t)ticks.QuadPart << 16 ^ vr_process_id();
}

/* Of this process's group of up to 64 processors, those that it may use. */
size_t vr_cores(void)
{
    DWORD_PTR mine, all;
    size_t cores = 0;
    if (GetProcessAffinityMask(GetCurrentProcess(), &mine, &all))
        for (; mine; mine &= mine - 1)
            cores++;
    return cores > 0 ? cores : 1;
}

uint64_t vr_process_id(void)
{
    return GetCurrentProcessId();
}
