/* Ranked lists against what users took: the metrics of users, and their means. SPDX-License-Identifier:
 * Apache-2.0 */
#ifndef VR_EVAL_EVALUATE_H
#define VR_EVAL_EVALUATE_H

#include "eval/convention.h"
#include "eval/gains.h"

#include "vrec/vrec.h"

/* The metrics that a user has; coverage is nobody's. */
enum { VR_DIVERSITY = VR_ACCURACY, VR_NOVELTY, VR_METRICS };

/* A ranking that has been checked: lengths and offsets of truth, ks, threads, what the metrics want. */
typedef struct vr_evaluation {
    const vrec_ranking *ranking;
    const vr_convention *convention;
    const vrec_matrix *embeddings; /* strides written out; NULL: no diversity */
    size_t longest;                /* truth of a user */
    size_t threads;
    double *means[VR_METRICS], *per_user[VR_METRICS]; /* NULL: not wanted */
    double *coverage;                                 /* NULL: not wanted */
} vr_evaluation;

vrec_status vr_evaluate(const vr_evaluation *evaluation, vrec_error *err);

#endif
