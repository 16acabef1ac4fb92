/* Ids of a caller's own. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_CORE_IDS_H
#define VR_CORE_IDS_H

#include "base/error.h"

/* An id and its place among others. */
typedef struct vr_id_entry {
    uint64_t key; /* sorts as the signed id does */
    uint32_t place;
} vr_id_entry;

/* Sorts count ids, of equal ones the first place first. room is for twice as many entries; the result is in
 * one half of it. */
const vr_id_entry *vr_ids_sort(const int64_t *ids, size_t count, vr_id_entry *room);

/* Whether ids, one for each row of items, can be: none is -1, which stands for places of results that are
 * empty, and none is there twice. The error names the first row at which one isn't right. */
vrec_status vr_ids_check(const int64_t *ids, size_t rows, vrec_error *err);

/* Whether ids, which have been checked, can be added to those of an index: it has none of them. The error
 * names the first row whose id it has. */
vrec_status vr_ids_check_new(const int64_t *known, size_t known_rows, const int64_t *ids, size_t rows,
                             vrec_error *err);

/* The same, and a copy for an index to keep, to be freed with vr_free(); NULL where there are none. */
vrec_status vr_ids_take(const int64_t *ids, size_t rows, int64_t **out, vrec_error *err);

#endif
