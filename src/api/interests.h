/* Several vectors per user, one answer: each is searched for, and what they found is merged.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_INTERESTS_H
#define VR_API_INTERESTS_H

#include "core/index.h"

/* What a call says of its users. */
typedef struct vr_interests {
    size_t each;           /* rows of queries that are one user's */
    const int64_t *counts; /* how many of these are valid, the first ones; NULL: all */
    vrec_merge merge;
} vr_interests;

/* Whether they can be: rows is that of all queries. */
vrec_status vr_interests_check(const vr_interests *interests, const vr_index *index, size_t rows,
                               size_t top_k, vrec_error *err);

/* As the indexer's verb; query has a row for each interest, and results, exclusions and bitmaps for users.
 */
vrec_status vr_interests_query(const vr_interests *interests, vr_index *index, const vr_query *query,
                               vrec_error *err);

#endif
