/* Memory between two unreadable pages, and calls that live through reading one.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_GUARD_H
#define KERNELS_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct guarded {
    uint8_t *start, *end;
} guarded;

/* Where in a guarded block something stands. */
enum {
    PLACE_END,   /* its last byte is the last before the unreadable page */
    PLACE_START, /* its first byte is the first after the unreadable page */
    PLACE_LINE,  /* this + n: n floats past the start of a cache line */
    LINE_FLOATS = 16,
    PLACES = PLACE_LINE + LINE_FLOATS
};

bool guarded_init(guarded *block, size_t bytes);

/* Where bytes of the block stand at a place. The block is larger than bytes by at least two cache lines. */
void *guarded_at(const guarded *block, size_t bytes, size_t place);

const char *place_name(size_t place);

/* Before the first survives(). */
void catch_faults(void);

/* Calls run; false if it touched an unreadable page (or executed what this processor doesn't have). */
bool survives(void (*run)(void *context), void *context);

#endif
