/* Numbers that every run draws the same. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_RANDOM_H
#define VR_TESTS_SUPPORT_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014): the next of a sequence that starts at any state. */
uint64_t next_random(uint64_t *state);

/* The next of the sequence that the program has for itself; below limit; in [-1, 1). */
uint64_t draw(void);
size_t draw_below(size_t limit);
float draw_real(void);

#endif
