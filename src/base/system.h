/* What only the operating system knows: time, chance, cores, the process. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_BASE_SYSTEM_H
#define VR_BASE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Milliseconds of a clock that is never set back. */
int64_t vr_now_ms(void);
int64_t vr_now_us(void); /* microseconds of it */

void vr_sleep_us(int64_t microseconds);

/* A number that no other process will get. */
uint64_t vr_random_u64(void);

/* How many cores this process may use. */
size_t vr_cores(void);

uint64_t vr_process_id(void);

#if defined(VR_AMX)
/* Asks Linux for leave to use the processor's tiles (AMX). All threads of the process then have it, and
 * processes that it forks; a program that it executes has to ask anew. It can't be given back.
 *
 * Linux wants to be asked because a signal that interrupts a thread which has used tiles saves 8 KiB more.
 * Where a thread has a stack for signals (sigaltstack) that is too small for that, Linux refuses. Once it
 * has granted, sigaltstack() fails for such a stack, on all threads: ENOMEM. (Linux,
 * Documentation/arch/x86/xstate.rst.) */
bool vr_permit_tiles(void);
#endif

#endif
