/* Calls to the system that fail when a test says so. The program is linked with -Wl,--wrap=NAME for every
 * NAME that faults.c wraps. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_FAULT_FAULTS_H
#define VR_TESTS_FAULT_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum fault_call {
    FAULT_ALIGNED_ALLOC,
    FAULT_MALLOC,
    FAULT_STRDUP,
    FAULT_STRNDUP,
    FAULT_OPEN,
    FAULT_FSTAT,
    FAULT_STAT,
    FAULT_ACCESS,
    FAULT_FCHMOD,
    FAULT_PREAD,
    FAULT_WRITE,
    FAULT_FSYNC,
    FAULT_CLOSE,
    FAULT_RENAME,
    FAULT_MMAP,
    FAULT_PTHREAD_CREATE,
    FAULT_CALLS
} fault_call;

#define FAULT_BIT(call) ((uint32_t)1 << (call))

/* All that give memory. */
#define FAULT_MEMORY                                                                                       \
    (FAULT_BIT(FAULT_ALIGNED_ALLOC) | FAULT_BIT(FAULT_MALLOC) | FAULT_BIT(FAULT_STRDUP) |                  \
     FAULT_BIT(FAULT_STRNDUP))

/* From now on number at of these calls (bits) fails with errnum; the first is number 0. */
void faults_arm(uint32_t calls, size_t at, int errnum);

/* No more failures. Returns how many of these calls there were: more than at if one has failed. */
size_t faults_disarm(void);

/* Reads and writes move at most so many bytes; 0: as many as they are asked for. */
void faults_limit_steps(size_t bytes);

/* Blocks of memory, mappings and open files that there are now. */
long faults_held(void);

#endif
