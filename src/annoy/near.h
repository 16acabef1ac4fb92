/* Items brought near: see near.c. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_ANNOY_NEAR_H
#define VR_ANNOY_NEAR_H

#include "annoy/split.h"

/* How many items are brought near at the most: as many as a cache holds. */
uint32_t vr_annoy_near(const vr_annoy_items *items);

/* Room to bring so many items near; false if memory is short. Free it in either case. */
bool vr_annoy_near_init(vr_annoy_items *near, const vr_annoy_items *items);
void vr_annoy_near_free(vr_annoy_items *near);

/* Copies the items with these ids, which become 0, 1, 2... */
void vr_annoy_bring_near(vr_annoy_items *near, const vr_annoy_items *items, uint32_t *ids, uint32_t count);

#endif
