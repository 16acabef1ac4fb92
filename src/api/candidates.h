/* The kinds of index that index_type=auto chooses among, and what a query takes with each, by trials.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_CANDIDATES_H
#define VR_API_CANDIDATES_H

#include "api/builder.h"

enum {
    VR_FLAT, /* whose time is measured, not foreseen */
    VR_CANDIDATES = 4,
    VR_CANDIDATE_TEXT = 64,
    VR_CHOICE_TOP_K = 10,
    VR_CHOICE_ASKED = 300 /* queries of a trial, at the most */
};

/* A kind that may be chosen, and the power of the number of items with which a query's time grows: in a
 * batch; one by one at a recall of .9, and more for each further nine, as what is looked at no longer fits
 * a cache. */
typedef struct vr_candidate {
    const char *kind, *more; /* options besides */
    double batch, one, one_nine;
} vr_candidate;

/* Of two of one kind, the second is for where the first doesn't fit. */
extern const vr_candidate vr_candidates[VR_CANDIDATES];

/* What is asked for, and what has been found out. */
typedef struct vr_choice {
    const vrec_builder *builder;
    const vrec_matrix *items;
    const vrec_build *build;
    double recall;
    bool one_by_one;
    int64_t most_bytes; /* 0: any */

    vrec_matrix sample, strangers; /* some items, and queries that aren't among them */
    int64_t *ids;                  /* room for VR_CHOICE_TOP_K answers to VR_CHOICE_ASKED queries */
    float *distances;
    double microseconds[VR_CANDIDATES]; /* that a query would take with all items; 0: not known */
    char why[160];
} vr_choice;

/* What is told of a candidate for so many items: an option string. */
void vr_candidate_describe(size_t k, size_t rows, char out[VR_CANDIDATE_TEXT]);

/* Its builder: the caller's options but for those that chose it. Texts are the caller's. */
vrec_status vr_candidate_builder(const vr_choice *c, size_t k, size_t rows, vrec_builder *out,
                                 vrec_error *err);

/* Whether all items fit as this kind into the memory that there may be. */
vrec_status vr_candidate_fits(const vr_choice *c, size_t k, bool *out, vrec_error *err);

/* Takes about so many items for trials, at most half of them, and at most asked queries. */
void vr_choice_sample(vr_choice *c, size_t wanted, size_t asked);

/* Finds out what a query would take with all items. A recall that the trial doesn't reach rules the
 * candidate out, whatever a smaller one did. */
vrec_status vr_choice_try(vr_choice *c, size_t k, vrec_error *err);

/* Microseconds of a query of an index, with a setting; NULL: its own. */
vrec_status vr_choice_time(const vr_choice *c, const vrec_indexer *indexer, const char *setting,
                           double *out, vrec_error *err);

#endif
