/* Settings of an index, tried one after the other. SPDX-License-Identifier: Apache-2.0 */
#ifndef VR_API_TUNER_H
#define VR_API_TUNER_H

#include "api/knobs.h"
#include "api/truth.h"

enum { VR_ATTEMPTS = 64 };

/* A setting that was tried. */
typedef struct vr_attempt {
    const vr_knob *knob;
    int64_t value;
    vrec_tuning_step step;
} vr_attempt;

typedef struct vr_tuner {
    const vrec_indexer *indexer;
    const vrec_tuning_options *asked;
    uint64_t changes; /* of the indexer before */
    bool is_graph;
    vr_truth truth;
    int64_t *ids, *counts;
    float *distances;
    vrec_tuning *out;
    char *shortfall; /* where a recall that is out of reach is told of; NULL: it is a failure */
    vr_attempt tried[VR_ATTEMPTS];
    size_t count;

    /* What the caller hears while one setting is measured: how many have been. */
    vrec_progress progress;
    const vrec_progress *callers;
} vr_tuner;

/* How many results are asked for: top_k, or one more. */
size_t vr_tuner_width(const vr_tuner *t);

/* What the indexer's progress is told while a setting is measured; context is the tuner. */
int vr_tuner_report(void *context, const vrec_progress_report *report);

/* *out becomes the cheapest step of the knob's that suffices; or the last, if none does, and *reached
 * false. */
vrec_status vr_turn(vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out, bool *reached,
                    vrec_error *err);

/* The same for the second of two knobs. *out stays NULL where there is none, it doesn't reach the recall,
 * or can't be had. */
vrec_status vr_turn_second(vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out, vrec_error *err);

/* Where nothing suffices: *out, which is the last step of the knob's, becomes the least setting of it with
 * the most recall, and what it finds is told in t->shortfall; a failure where there is no such. A larger
 * setting than was tried may yet find more, so nobody says that none does. */
vrec_status vr_fall_short(const vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out,
                          vrec_error *err);

#endif
