/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tuner.h"

#include "api/query.h"
#include "api/tune.h"
#include "base/memory.h"
#include "base/system.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum {
    TIMES = 3,         /* that a setting is timed, */
    TIMED_US = 200000, /* unless that takes longer */
    MOST_IDLE = 4,     /* that more finds nothing, before it is given up; */
    HEAP = 4096, /* in a graph not before so many candidates: items that are all as near, or nearly, hold
                    a search until it keeps more than they are; equal ones in FAISS's graphs alone */
    UNSET_TEXT = 32,    /* room for what a knob unsets */
    EXPECTED_STEPS = 24 /* for progress */
};

/* ---- One setting ---- */

int vr_tuner_report(void *context, const vrec_progress_report *report)
{
    const vr_tuner *t = context;
    (void)report;
    vrec_progress_report at = { .struct_size = sizeof at,
                                .phase = "tuning",
                                .unit = "settings",
                                .done = (uint64_t)vr_min(t->count, EXPECTED_STEPS),
                                .total = EXPECTED_STEPS };
    return t->callers->report(t->callers->context, &at);
}

/* How many are asked for. A graph is searched as if the item that is asked for weren't in it. Elsewhere it
 * finds itself, too, which isn't counted: excluding it would be another search, which goes on for longer.
 */
size_t vr_tuner_width(const vr_tuner *t)
{
    return t->truth.top_k + (t->truth.own_ids && !t->is_graph ? 1 : 0);
}

static vrec_status ask(vr_tuner *t, const char *overrides, vr_trial *trial, vrec_error *err)
{
    const vr_truth *truth = &t->truth;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = t->asked->threads,
                                   .overrides = overrides,
                                   .progress = t->callers ? &t->progress : NULL };
    const vrec_results results = {
        .struct_size = sizeof results, .ids = t->ids, .distances = t->distances, .counts = t->counts
    };
    return vr_query_tried(t->indexer, &truth->vectors, vr_tuner_width(t), &options, &results, trial, err);
}

/* How many of the answers to a query are right: of those as near as the last exact one no more than the
 * exact answers have. */
static int64_t count_right(const vr_tuner *t, size_t q)
{
    const vr_truth *truth = &t->truth;
    size_t first = q * vr_tuner_width(t), others = 0;
    bool larger_is_nearer = vrec_larger_is_nearer(t->indexer);
    int64_t nearer = 0, as_near = 0, room = truth->wanted[q] - truth->nearer[q];
    for (size_t i = first; i < first + (size_t)t->counts[q] && others < truth->top_k; i++) {
        if (truth->own_ids && t->ids[i] == truth->own_ids[q])
            continue;
        others++;
        vr_verdict verdict = vr_truth_judge(truth, q, t->ids[i], t->distances[i], larger_is_nearer);
        nearer += verdict == VR_NEARER;
        as_near += verdict == VR_AS_NEAR;
    }
    return nearer + (as_near < room ? as_near : room);
}

/* Whether all that was found is among the items by which it is judged. */
static vrec_status check_known(const vr_tuner *t, vrec_error *err)
{
    for (size_t q = 0; q < t->truth.queries; q++)
        for (size_t i = q * vr_tuner_width(t), end = i + (size_t)t->counts[q]; i < end; i++)
            if (!vr_truth_knows(&t->truth, t->ids[i]))
                return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                                  "tuning: the server found item %" PRId64
                                  ", which isn't among the %zu items "
                                  "given; give all that it has, with their ids",
                                  t->ids[i], t->truth.item_count);
    return VREC_OK;
}

/* The mean over the queries, and the standard error of it. */
static void compute_recall(const vr_tuner *t, double *recall, double *error)
{
    const vr_truth *truth = &t->truth;
    double sum = 0, squares = 0, n = 0;
    for (size_t q = 0; q < truth->queries; q++) {
        if (truth->wanted[q] == 0)
            continue;
        double share = fmin((double)count_right(t, q) / (double)truth->wanted[q], 1);
        sum += share;
        squares += share * share;
        n++;
    }
    *recall = n > 0 ? sum / n : 1;
    *error = n > 1 ? sqrt(fmax(squares / n - *recall * *recall, 0) / (n - 1)) : 0;
}

/* Asks with a setting, several times if that is quick; what else takes time on the machine only makes a
 * time longer, so the shortest counts. */
static vrec_status time_setting(vr_tuner *t, bool plain, const char *overrides, vrec_tuning_step *out,
                                vrec_error *err)
{
    int64_t best = INT64_MAX, all = 0;
    vr_trial trial = { .plain = plain, .absent = t->is_graph ? t->truth.own_rows : NULL };
    for (int i = 0; i < TIMES && all < TIMED_US; i++) {
        int64_t start = vr_now_us();
        atomic_init(&trial.compared, 0);
        vrec_status status = ask(t, overrides, &trial, err);
        if (status != VREC_OK)
            return status;
        int64_t taken = vr_now_us() - start;
        best = taken < best ? taken : best;
        all += taken;
    }
    out->queries_per_second = (double)t->truth.queries * 1e6 / (double)vr_max((size_t)best, 1);
    out->distances = (double)atomic_load(&trial.compared) / (double)t->truth.queries;
    return VREC_OK;
}

/* Measures a setting, unless it has been: its step goes to *out. What would count beside it doesn't, though
 * the indexer may have been opened with it. */
static vrec_status measure(vr_tuner *t, const vr_knob *k, int64_t value, const vrec_tuning_step **out,
                           vrec_error *err)
{
    char overrides[sizeof(*out)->options + UNSET_TEXT];
    for (size_t i = 0; i < t->count; i++)
        if (t->tried[i].knob == k && t->tried[i].value == value) {
            *out = &t->tried[i].step;
            return VREC_OK;
        }
    if (t->count == VR_ATTEMPTS)
        return vr_fail(err, VREC_INVALID, "tuning: no end after %d settings", VR_ATTEMPTS);
    vr_attempt *now = &t->tried[t->count];
    vrec_tuning_step *step = &now->step;
    if (k->parts > 1) /* whatever the locale's point is */
        snprintf(step->options, sizeof step->options, "%s=0.%04" PRId64, k->option, value);
    else
        snprintf(step->options, sizeof step->options, "%s=%" PRId64, k->option, value);
    snprintf(overrides, sizeof overrides, "%s%s%s%s", step->options, *k->unset ? "," : "", k->unset,
             *k->unset ? "=none" : "");
    vrec_status status = time_setting(t, k->plain, overrides, step, err);
    if (status == VREC_OK)
        status = check_known(t, err);
    if (status != VREC_OK)
        return status;
    compute_recall(t, &step->recall, &step->error);
    now->knob = k;
    now->value = value;
    t->count++;
    *out = step;
    return VREC_OK;
}

/* Enough, with a margin for the error of the sample. */
static bool suffices(const vr_tuner *t, const vrec_tuning_step *step)
{
    return step->recall - step->error >= t->asked->recall || step->recall == 1.0;
}

/* ---- The least that suffices ---- */

vrec_status vr_turn(vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out, bool *reached,
                    vrec_error *err)
{
    const vrec_tuning_step *step = NULL;
    int64_t low = k->least - 1, high = k->least;               /* low doesn't suffice, high may */
    int idle = 0;                                              /* doublings that found nothing more, */
    int64_t patient = t->is_graph && k->parts == 1 ? HEAP : 0; /* which don't count before that */
    vrec_status status = measure(t, k, high, &step, err);
    while (status == VREC_OK && !suffices(t, step) && high < k->most &&
           (idle < MOST_IDLE || high < patient)) {
        low = high;
        high = high > k->most / 2 ? k->most : high * 2;
        double found = step->recall;
        status = measure(t, k, high, &step, err);
        idle = status == VREC_OK && step->recall <= found ? idle + 1 : 0;
    }
    *out = step;
    *reached = status == VREC_OK && suffices(t, step);
    while (*reached && status == VREC_OK && high - low > (high < 48 ? 1 : high / 24)) {
        int64_t middle = low + (high - low) / 2;
        status = measure(t, k, middle, &step, err);
        if (status == VREC_OK && suffices(t, step)) {
            high = middle;
            *out = step;
        } else {
            low = middle;
        }
    }
    return status;
}

vrec_status vr_fall_short(const vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out,
                          vrec_error *err)
{
    char sentence[VR_SHORTFALL];
    const vrec_tuning_step *last = *out, *best = last;
    for (size_t i = t->count; i-- > 0;)
        if (t->tried[i].knob == k && t->tried[i].step.recall >= best->recall)
            best = &t->tried[i].step;
    int used = snprintf(sentence, sizeof sentence, "recall %.4g is out of reach%s: %s finds %.4g",
                        t->asked->recall, k->plain ? " of FAISS" : "", best->options, best->recall);
    if (best != last && used < VR_SHORTFALL)
        used +=
            snprintf(sentence + used, sizeof sentence - (size_t)used, ", and %s no more", last->options);
    if (used < VR_SHORTFALL)
        snprintf(sentence + used, sizeof sentence - (size_t)used, "%s", k->advice);
    if (!t->shortfall)
        return vr_fail_at(err, VREC_INVALID, vr_in("recall"), "tuning: %s", sentence);
    snprintf(t->shortfall, VR_SHORTFALL, "%s", sentence);
    *out = best;
    return VREC_OK;
}

vrec_status vr_turn_second(vr_tuner *t, const vr_knob *k, const vrec_tuning_step **out, vrec_error *err)
{
    const vrec_tuning_step *step = NULL;
    vrec_error refused;
    bool reached;
    *out = NULL;
    if (!*k->option)
        return VREC_OK;
    vrec_status status = vr_turn(t, k, &step, &reached, &refused);
    if (status == VREC_INVALID || status == VREC_UNSUPPORTED)
        return VREC_OK;
    if (status != VREC_OK && err)
        *err = refused;
    if (status == VREC_OK && reached)
        *out = step;
    return status;
}
