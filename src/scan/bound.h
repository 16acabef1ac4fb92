/* How far a computed number may be from the true one, and so, which pairs may be dropped by an estimate
 * without changing any answer. bound.c has the proofs. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_SCAN_BOUND_H
#define VR_SCAN_BOUND_H

#include "core/metric.h"

#include <stddef.h>

/* A bound, with room, of the relative rounding error of sums of dim products: 3.2 (dim + 16) 2^-24. */
float vr_slack(size_t dim);

/* A bound of what can be lost where products of dim values are so small that they become 0. */
float vr_tiny(size_t dim);

/* An upper bound of a vector's length, given the sum of its dim squares as computed: with room for
 * rounding, and for squares that became 0. */
float vr_length_bound(float sum, size_t dim);

/* A vector whose squared length, as computed, isn't below this (NaN, too) isn't estimated: sums with it
 * could overflow. Its pairs always pass. */
#define VR_HUGE_NORM 1e37f

/* A kernel's sum for a row x and a query q starts from vr_bias_factor() * |x|^2 and adds <q, x>. A pair
 * whose sum is below vr_floor() is farther than worst, what a vr_topk sorts the k-th nearest by; norm is
 * |q|^2 as computed. For IP the caller takes slack * |q||x| off as well. */
float vr_bias_factor(vr_metric metric, size_t dim);
float vr_floor(vr_metric metric, size_t dim, float norm, float worst);

#endif
