/* Under one name, libraries compute different numbers. A convention says which.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_EVAL_CONVENTION_H
#define VR_EVAL_CONVENTION_H

#include <stdbool.h>
#include <stddef.h>

/* Whose numbers a mean is over. */
typedef enum vr_counted {
    VR_EVERYBODY,  /* a user without truth counts with zeros */
    VR_WITH_TRUTH, /* users with at least one item of truth */
    VR_WITH_BOTH   /* and at least one id in their list */
} vr_counted;

typedef struct vr_convention {
    const char *name, *summary;
    vr_counted counted;
    bool ideal_of_hits; /* NDCG: compared with these hits at the best ranks; else with as many as there
                           could have been */
    bool hit_is_share;  /* Hit: hits of all users over the truth of all users; else users with a hit */
    bool repeats;       /* an item counts as often as it stands in a list or a truth; else once */
} vr_convention;

/* Number i of them; NULL past the last. The first is the default. */
const vr_convention *vr_convention_at(size_t i);

#endif
