/* Numbers that every run draws the same. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_TESTS_SUPPORT_RANDOM_H
#define VR_TESTS_SUPPORT_RANDOM_H

#include <stdint.h>

/* SplitMix64 (Steele, Lea, Flood 2014): the next of a sequence that starts at any state. */
uint64_t next_random(uint64_t *state);

#endif
