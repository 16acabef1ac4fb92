/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_CHECK_NIBBLES_H
#define KERNELS_CHECK_NIBBLES_H

#include "simd/simd.h"

#include <stdbool.h>

/* Checks the kernel for 4-bit codes of a table at one dim, and adds to the counts; prints what failed.
 * False if memory is short. */
bool check_nibbles(const vr_simd *simd, size_t dim, size_t *passed, size_t *failed);

#endif
