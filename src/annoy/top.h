/* The upper parts of trees: see top.c. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_TOP_H
#define VR_ANNOY_TOP_H

#include "annoy/tree.h"

/* Builds count <= VR_ANNOY_GROUP trees over the same items, whose upper parts are divided level by
 * level. They share nothing; streams is one random stream each. */
enum { VR_ANNOY_GROUP = 8 };
vrec_status vr_annoy_grow_by_levels(const vr_annoy_work *works, uint32_t count, const vr_kiss *streams,
                                    vrec_error *err);

#endif
