/* What tuning found, kept with an indexer, and the option target_recall that goes by it.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_TUNED_H
#define VR_API_TUNED_H

#include "api/indexer.h"

/* A setting that was measured, and the recall that it surely has: the mean, less its error. */
typedef struct vr_tuned_point {
    int64_t setting; /* in parts */
    double recall;
} vr_tuned_point;

/* One tuning. A query on another thread may be reading it, so it lives as long as its indexer. */
typedef struct vr_tuned {
    struct vr_tuned *earlier;
    uint64_t changes;   /* of the indexer until then: after another it says nothing any more */
    size_t top_k;       /* what it was made for */
    const char *option; /* that it turned: "efSearch"; static */
    const char *unset;  /* the option that would count beside it; "" if none; static */
    int64_t parts; /* 1 as the settings count it: 1 for an option of whole numbers, 10000 for another */
    size_t count;
    vr_tuned_point points[VREC_TUNING_STEPS]; /* settings ascend */
} vr_tuned;

/* Makes it the indexer's last one, and the indexer its owner. */
void vr_tuned_keep(vrec_indexer *indexer, vr_tuned *tuned);
void vr_tuned_free(vrec_indexer *indexer);

/* Refuses options of a build that ask for a recall and name a setting, too. */
vrec_status vr_check_recall_alone(const vr_options *options, vrec_error *err);

/* Whether the options ask for a recall, rather than for a setting. */
bool vr_wants_recall(const vr_options *options);

/* Puts the setting that reaches the wanted recall into the options of a query of an index. */
vrec_status vr_tuned_apply(const vrec_indexer *indexer, const vr_index *index, size_t top_k,
                           vr_options *options, vrec_error *err);

/* Takes the setting of a tuned build out of the options of a query that names another. */
void vr_tuned_yield(vr_options *options);

#endif
