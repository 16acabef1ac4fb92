/* The metrics that look at what lists hold, whoever wanted it. Ids are rows of the catalogue, or -1.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_EVAL_CATALOGUE_H
#define VR_EVAL_CATALOGUE_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

/* ---- Novelty ---- */

/* The mean of -log2(popularity) over the items that were added; starts as zeros. An item that nobody took
 * counts as one of popularity 1e-10. */
typedef struct vr_novelty {
    double sum;
    size_t count;
} vr_novelty;

void vr_novelty_add(vr_novelty *novelty, double popularity);
double vr_novelty_now(const vr_novelty *novelty); /* NaN without items */

/* ---- Diversity ---- */

/* The mean of 1 - cos over all pairs of the items that were added. The cosine with zeros is 0. */
typedef struct vr_diversity {
    const vrec_matrix *embeddings;
    float *row;
    double *sum; /* of the unit vectors so far */
    double own;  /* their squared lengths: 1 each, but for zeros */
    size_t count;
} vr_diversity;

vrec_status vr_diversity_init(vr_diversity *diversity, const vrec_matrix *embeddings, vrec_error *err);
void vr_diversity_free(vr_diversity *diversity); /* zeros are fine */

void vr_diversity_start(vr_diversity *diversity); /* a list */
/* VREC_INVALID if the length of the item's vector isn't finite. */
vrec_status vr_diversity_add(vr_diversity *diversity, size_t item, vrec_error *err);
double vr_diversity_now(const vr_diversity *diversity); /* NaN with fewer than two items */

/* ---- Coverage ---- */

typedef _Atomic uint32_t vr_rank;

/* Marks the items of a list with the best rank that any list gave them; marks start as UINT32_MAX. Threads
 * may do so at the same time. */
void vr_coverage_add(vr_rank *marks, const int64_t *list, size_t width);

/* The share of items that stand among the first k of a list. */
double vr_coverage(const vr_rank *marks, size_t items, size_t k);

#endif
