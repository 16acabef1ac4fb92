/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KERNELS_CHECK_CODES_H
#define KERNELS_CHECK_CODES_H

#include "simd/simd.h"

#include <stdbool.h>

/* Checks both code kernels of a table at one dim, and adds to the counts; prints what failed. If bench,
 * times them too. False if memory is short. */
bool check_codes(const vr_simd *simd, size_t dim, bool bench, size_t *passed, size_t *failed);

#endif
