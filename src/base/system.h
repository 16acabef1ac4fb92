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
/* Asks for leave to use the processor's tiles (AMX), which this process and its children then have, on all
 * threads. Linux wants to be asked since tiles make what a signal has to save 8 KiB larger; it says no
 * where there is a stack for signals that is too small for that. (Its Documentation/arch/x86/xstate.rst.)
 */
bool vr_permit_tiles(void);
#endif

#endif
