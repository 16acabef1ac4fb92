/* What can be known of a file without reading all of it. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_CHECK_H
#define VR_ANNOY_CHECK_H

#include "annoy/annoy.h"

/* Finds the roots and the number of items, and refuses a file that shows not to be what the
 * layout says, or not to be whole. The forest has layout, nodes and count. Reads little of it. */
vrec_status vr_annoy_check(vr_annoy *forest, const char *name, vrec_error *err);

/* Whether one item or node is sane. The first refuses; the second is for what a sane file may have here
 * and there, but never in most places. */
vrec_status vr_annoy_check_node(const vr_annoy *forest, const char *name, uint32_t i, vrec_error *err);
bool vr_annoy_is_unusual(const vr_annoy *forest, uint32_t i);

/* How many items hold a NaN or Inf, which no query finds. *first is set if there are any. Reads all items.
 */
size_t vr_annoy_count_nonfinite(const vr_annoy *forest, uint32_t *first);

#endif
