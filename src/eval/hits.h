/* Which ids of a ranked list are among a user's truth. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_EVAL_HITS_H
#define VR_EVAL_HITS_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thread's memory: a hash table of the truth, and the ranks of the hits. Starts as zeros. */
typedef struct vr_hits {
    int64_t *slots;  /* -1: empty, which no item is */
    uint64_t *found; /* a bit per slot: that item has been met in the list */
    size_t *ranks;   /* of the hits, from 0, ascending; with truth and without a hit: the width */
    size_t count;
    size_t truth; /* how many items there were to find */
} vr_hits;

/* Makes room for users whose truth is no longer than longest and whose lists no longer than width. */
vrec_status vr_hits_init(vr_hits *hits, size_t longest, size_t width, vrec_error *err);
void vr_hits_free(vr_hits *hits);

/* Finds the hits of one user. repeats: an item counts as often as it stands there; else a list's later
 * mentions are misses, and a truth's nothing. False if the truth has item -1. */
bool vr_hits_find(vr_hits *hits, const int64_t *truth, size_t truth_count, const int64_t *list,
                  size_t width, bool repeats);

#endif
