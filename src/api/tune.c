/* Tuning: the cheapest setting of an index that reaches a recall. One number says how much a search looks
 * at (efSearch, nprobe, searchk), and recall rises with it: it is doubled until the recall is there, and
 * the least that suffices is then found by halving the interval. A graph and lists have a second number,
 * which lets easy queries end early (gamma, budget): it is tried, too, and taken if it computes so many
 * fewer distances that what it costs beside them is made good. What goes into a file is for FAISS, which
 * walks a graph by the vectors, and keeps no more candidates than efSearch says: it is found by searching
 * as FAISS does. SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"
#include "api/truth.h"
#include "api/tuned.h"
#include "base/memory.h"
#include "base/system.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMES = 3,         /* that a setting is timed, */
    TIMED_US = 200000, /* unless that takes longer */
    MOST_IDLE = 4,     /* that more finds nothing, before it is given up; */
    HEAP = 4096,       /* in a graph not before so many candidates: equal items hold a search until it
                          keeps more than they are */
    GAMMA_PARTS = 10000,
    UNSET_TEXT = 32, /* room for what a knob unsets */
    ATTEMPTS = 64,
    EXPECTED_STEPS = 24 /* for progress */
};

#define LARGER_M "; with a larger m a graph may find more"

/* What says how much a search looks at. */
typedef struct knob {
    const char *option;
    int64_t least, most;
    int64_t parts;      /* it is counted in: 1; GAMMA_PARTS: as a decimal fraction */
    bool plain;         /* the library's own search is what it is turned for (vr_trial) */
    const char *unset;  /* the option that would count beside it; "" if none */
    const char *advice; /* where its most isn't enough */
    double spared;      /* as the second of two: the share of distances that it has to spare to be taken */
} knob;

/* A setting that was tried. */
typedef struct attempt {
    const knob *knob;
    int64_t value;
    vrec_tuning_step step;
} attempt;

typedef struct tuner {
    const vrec_indexer *indexer;
    const vrec_tuning_options *asked;
    uint64_t changes; /* of the indexer before */
    bool is_graph;
    vr_truth truth;
    int64_t *ids, *counts;
    float *distances;
    vrec_tuning *out;
    char *shortfall; /* where a recall that is out of reach is told of; NULL: it is a failure */
    attempt tried[ATTEMPTS];
    size_t count;

    /* What the caller hears while one setting is measured: how many have been. */
    vrec_progress progress;
    const vrec_progress *callers;
} tuner;

/* ---- One setting ---- */

static int report_step(void *context, const vrec_progress_report *report)
{
    const tuner *t = context;
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
static size_t width_of(const tuner *t)
{
    return t->truth.top_k + (t->truth.own_ids && !t->is_graph ? 1 : 0);
}

static vrec_status ask(tuner *t, const char *overrides, vr_trial *trial, vrec_error *err)
{
    const vr_truth *truth = &t->truth;
    vrec_query_options options = { .struct_size = sizeof options,
                                   .threads = t->asked->threads,
                                   .overrides = overrides,
                                   .progress = t->callers ? &t->progress : NULL };
    const vrec_results results = {
        .struct_size = sizeof results, .ids = t->ids, .distances = t->distances, .counts = t->counts
    };
    return vr_query_tried(t->indexer, &truth->vectors, width_of(t), &options, &results, trial, err);
}

/* How many of the answers to a query are right: of those as near as the last exact one no more than the
 * exact answers have. */
static int64_t count_right(const tuner *t, size_t q)
{
    const vr_truth *truth = &t->truth;
    size_t first = q * width_of(t), others = 0;
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
static vrec_status check_known(const tuner *t, vrec_error *err)
{
    for (size_t q = 0; q < t->truth.queries; q++)
        for (size_t i = q * width_of(t), end = i + (size_t)t->counts[q]; i < end; i++)
            if (!vr_truth_knows(&t->truth, t->ids[i]))
                return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                                  "tuning: the server found item %" PRId64
                                  ", which isn't among the %zu items "
                                  "given; give all that it has, with their ids",
                                  t->ids[i], t->truth.item_count);
    return VREC_OK;
}

/* The mean over the queries, and the standard error of it. */
static void compute_recall(const tuner *t, double *recall, double *error)
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
static vrec_status time_setting(tuner *t, bool plain, const char *overrides, vrec_tuning_step *out,
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
static vrec_status measure(tuner *t, const knob *k, int64_t value, const vrec_tuning_step **out,
                           vrec_error *err)
{
    char overrides[sizeof(*out)->options + UNSET_TEXT];
    for (size_t i = 0; i < t->count; i++)
        if (t->tried[i].knob == k && t->tried[i].value == value) {
            *out = &t->tried[i].step;
            return VREC_OK;
        }
    if (t->count == ATTEMPTS)
        return vr_fail(err, VREC_INVALID, "tuning: no end after %d settings", ATTEMPTS);
    attempt *now = &t->tried[t->count];
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
static bool suffices(const tuner *t, const vrec_tuning_step *step)
{
    return step->recall - step->error >= t->asked->recall || step->recall == 1.0;
}

/* ---- The least that suffices ---- */

/* *out becomes the cheapest step of the knob's that suffices; or the last, if none does, and *reached
 * false. */
static vrec_status turn(tuner *t, const knob *k, const vrec_tuning_step **out, bool *reached,
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

/* Where nothing suffices: the least setting of the knob's with the most recall, which it says; a failure,
 * unless the caller takes that. A larger one than was tried may yet find more, so nobody says that none
 * does. */
static vrec_status fall_short(const tuner *t, const knob *k, const vrec_tuning_step **out, vrec_error *err)
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

/* The same for the second of two knobs. *out stays NULL where there is none, it doesn't reach the recall,
 * or can't be had. */
static vrec_status turn_second(tuner *t, const knob *k, const vrec_tuning_step **out, vrec_error *err)
{
    const vrec_tuning_step *step = NULL;
    vrec_error refused;
    bool reached;
    *out = NULL;
    if (!*k->option)
        return VREC_OK;
    vrec_status status = turn(t, k, &step, &reached, &refused);
    if (status == VREC_INVALID || status == VREC_UNSUPPORTED)
        return VREC_OK;
    if (status != VREC_OK && err)
        *err = refused;
    if (status == VREC_OK && reached)
        *out = step;
    return status;
}

/* ---- Which knobs ---- */

static bool is_on_server(const vrec_indexer *indexer)
{
    return !vr_indexer_verbs(indexer)->vectors;
}

static int64_t fact_of(const vrec_indexer *indexer, const char *key)
{
    const vrec_fact *fact;
    for (size_t i = 0; (fact = vrec_info(indexer, i)); i++)
        if (strcmp(fact->key, key) == 0)
            return fact->integer;
    return 0;
}

/* One number each, of which the least is the cheapest: a server says nothing of distances. */
static vrec_status choose_for_server(const vrec_indexer *indexer, size_t top_k, knob *out, vrec_error *err)
{
    const char *kind = vr_indexer_kind(indexer);
    int64_t rows = (int64_t)vr_max(vrec_rows(indexer), top_k);
    if (strcmp(kind, "HNSW") == 0)
        *out = (knob){ "ef", (int64_t)top_k, rows, 1, false, "", LARGER_M, 0.0 };
    else if (strncmp(kind, "IVF", 3) == 0)
        *out = (knob){ "nprobe", 1, 65536, 1, false, "", "", 0.0 };
    else
        return vr_fail(err, VREC_UNSUPPORTED,
                       "tuning: on a server there is ef of HNSW and nprobe of IVF to tune, and this index "
                       "is of another kind: %s",
                       *kind ? kind : "none");
    return VREC_OK;
}

/* The one that its library has, too; another of ours; and the first for the library's own search, where
 * that finds something else. Those that there aren't have no name. */
static vrec_status choose_knobs(const vrec_indexer *indexer, size_t top_k, knob out[3], vrec_error *err)
{
    const char *kind = vr_indexer_kind(indexer);
    int64_t rows = (int64_t)vrec_rows(indexer), k = (int64_t)top_k, lists = fact_of(indexer, "nlists");
    out[1] = out[2] = (knob){ .option = "" };
    if (vr_indexer_is_exact(indexer))
        return vr_fail(err, VREC_UNSUPPORTED, "tuning: index_type=%s is exact; there is nothing to tune",
                       kind);
    if (is_on_server(indexer))
        return choose_for_server(indexer, top_k, &out[0], err);
    if (strcmp(kind, "HNSW") == 0) {
        out[0] = (knob){ "efSearch", k < rows ? k : rows, rows, 1, false, "gamma", LARGER_M, 0.0 };
        out[2] = out[0];
        out[2].plain = true;
        out[1] =
            (knob){ "gamma", GAMMA_PARTS / 128, GAMMA_PARTS - 1, GAMMA_PARTS, false, "efSearch", "", 0.0 };
    } else if (strcmp(kind, "IVF") == 0) {
        out[0] = (knob){ "nprobe", 1, lists, 1, false, "budget", "", 0.0 };
        /* With a budget lists have to be in order, and are gone through in two passes. Measured, that takes
         * as long as a quarter of the distances, in batches and one by one. */
        out[1] =
            (knob){ "budget", lists < rows ? rows / lists : 1, INT32_MAX, 1, false, "nprobe", "", 0.25 };
    } else {
        out[0] =
            (knob){ "searchk", k, INT32_MAX, 1, false, "", "; with a larger n_trees a forest finds more",
                    0.0 };
    }
    return VREC_OK;
}

/* ---- The call ---- */

static uint64_t count_changes(const vrec_indexer *indexer)
{
    size_t place;
    uint64_t changes = vr_indexer_enter(indexer, &place)->changes;
    vr_indexer_leave(indexer, place);
    return changes;
}

static int compare_settings(const void *a, const void *b)
{
    int64_t one = ((const vr_tuned_point *)a)->setting, other = ((const vr_tuned_point *)b)->setting;
    return (one > other) - (one < other);
}

static const attempt *attempt_of(const tuner *t, const vrec_tuning_step *step)
{
    const attempt *at = t->tried;
    while (&at->step != step)
        at++;
    return at;
}

/* What target_recall goes by: all steps of what was found best. */
static void remember(const tuner *t, const knob *k, vr_tuned *out)
{
    *out = (vr_tuned){ .changes = t->changes,
                       .top_k = t->truth.top_k,
                       .option = k->option,
                       .unset = k->unset,
                       .parts = k->parts };
    for (size_t i = 0; i < t->count && out->count < VREC_TUNING_STEPS; i++) {
        const vrec_tuning_step *step = &t->tried[i].step;
        if (t->tried[i].knob == k)
            out->points[out->count++] = (vr_tuned_point){ t->tried[i].value, step->recall - step->error };
    }
    qsort(out->points, out->count, sizeof out->points[0], compare_settings);
}

static void give(tuner *t, const vrec_tuning_step *best, const vrec_tuning_step *of_file)
{
    vrec_tuning *out = t->out;
    memcpy(out->options, best->options, sizeof out->options);
    memcpy(out->file_options, of_file->options, sizeof out->file_options);
    out->recall = best->recall;
    out->error = best->error;
    out->queries_per_second = best->queries_per_second;
    out->distances = best->distances;
    for (size_t i = 0; i < t->count && out->step_count < VREC_TUNING_STEPS; i++)
        if (!t->tried[i].knob->plain)
            out->steps[out->step_count++] = t->tried[i].step;
}

/* The setting for a file, where the library's own search isn't ours: it is looked for around ours. */
static vrec_status turn_plain(tuner *t, knob *k, const vrec_tuning_step **out, vrec_error *err)
{
    bool reached;
    int64_t ours = attempt_of(t, *out)->value;
    if (!*k->option)
        return VREC_OK;
    k->least = ours - ours / 8 > k->least ? ours - ours / 8 : k->least;
    vrec_status status = turn(t, k, out, &reached, err);
    return status == VREC_OK && !reached ? fall_short(t, k, out, err) : status;
}

/* What there is where the first knob doesn't reach it. */
static vrec_status settle_for_less(tuner *t, const knob *k, const vrec_tuning_step *last, vr_tuned *tuned,
                                   vrec_error *err)
{
    vrec_status status = fall_short(t, k, &last, err);
    if (status != VREC_OK)
        return status;
    give(t, last, last);
    remember(t, k, tuned);
    return VREC_OK;
}

static vrec_status turn_all(tuner *t, vr_tuned *tuned, vrec_error *err)
{
    const vrec_tuning_step *first = NULL, *second = NULL;
    bool reached;
    knob knobs[3];
    vrec_status status = choose_knobs(t->indexer, t->truth.top_k, knobs, err);
    if (status == VREC_OK)
        status = turn(t, &knobs[0], &first, &reached, err);
    if (status == VREC_OK && !reached)
        return settle_for_less(t, &knobs[0], first, tuned, err);
    const vrec_tuning_step *of_file = first;
    if (status == VREC_OK)
        status = turn_second(t, &knobs[1], &second, err);
    if (status == VREC_OK)
        status = turn_plain(t, &knobs[2], &of_file, err);
    if (status != VREC_OK)
        return status;
    double most = first->distances * (1 - knobs[1].spared);
    const vrec_tuning_step *best = second && second->distances < most ? second : first;
    give(t, best, of_file);
    remember(t, attempt_of(t, best)->knob, tuned);
    return VREC_OK;
}

static vrec_status run(tuner *t, const vr_given_items *given, const vrec_matrix *queries, size_t top_k,
                       vr_tuned *tuned, vrec_error *err)
{
    if (!queries && top_k == VREC_MAX_TOP_K)
        top_k--; /* an item is asked for one more */
    vrec_status status =
        vr_truth_find(t->indexer, given, queries, top_k, t->asked->threads, t->callers, &t->truth, err);
    if (status != VREC_OK)
        return status;
    size_t slots = t->truth.queries * width_of(t);
    t->ids = vr_alloc(slots, sizeof *t->ids);
    t->distances = vr_alloc(slots, sizeof *t->distances);
    t->counts = vr_alloc(t->truth.queries, sizeof *t->counts);
    t->out->queries = (int64_t)t->truth.queries;
    t->out->of_items = queries ? 0 : 1;
    t->out->exact_queries_per_second = t->truth.exact_per_second;
    t->out->farther = t->truth.farther;
    status = t->ids && t->distances && t->counts ? turn_all(t, tuned, err)
                                                 : vr_fail_memory(err, slots * 12, "answers to compare");
    vr_free(t->ids);
    vr_free(t->distances);
    vr_free(t->counts);
    vr_truth_free(&t->truth);
    return status;
}

static vrec_status check(const vrec_indexer *indexer, const vrec_tuning_options *asked, size_t *top_k,
                         vrec_error *err)
{
    knob unused[3];
    *top_k = asked->top_k > 0 ? asked->top_k : 10;
    if (!(asked->recall > 0 && asked->recall < 1))
        return vr_fail_at(err, VREC_INVALID, vr_in("recall"),
                          "tuning: recall is %g; it takes a number between 0 and 1, such as 0.95",
                          asked->recall);
    if (*top_k > VREC_MAX_TOP_K)
        return vr_fail_at(err, VREC_INVALID, vr_in("top_k"), "tuning: top_k is %zu; it takes 1 to %d",
                          *top_k, VREC_MAX_TOP_K);
    if (asked->threads < -1)
        return vr_fail_at(err, VREC_INVALID, vr_in("threads"), "tuning: threads is %d; it takes -1 and up",
                          (int)asked->threads);
    return choose_knobs(indexer, *top_k, unused, err);
}

vrec_status vr_check_asked(const vrec_matrix *queries, vrec_error *err)
{
    float *row = vr_alloc(vr_max(queries->dim, 1), sizeof *row);
    vrec_status status =
        row ? VREC_OK : vr_fail_memory(err, queries->dim * sizeof *row, "queries to tune with");
    for (size_t i = 0; i < queries->rows && status == VREC_OK; i++) {
        vr_matrix_rows(queries, i, 1, row);
        if (vr_find_nonfinite(row, queries->dim) < queries->dim)
            status = vr_fail_at(err, VREC_INVALID, vr_in_row("queries", i),
                                "tuning: query %zu has a NaN or Inf; leave it out", i);
    }
    vr_free(row);
    return status;
}

static vrec_status check_queries(const vrec_indexer *indexer, const vrec_matrix *given, vrec_matrix *out,
                                 vrec_error *err)
{
    if (!given)
        return VREC_OK;
    vrec_status status = vr_matrix_check(given, "queries", out, err);
    if (status != VREC_OK)
        return status;
    if (out->dim != vrec_dim(indexer))
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "tuning: the queries have %zu values each, the index has %zu", out->dim,
                          vrec_dim(indexer));
    vrec_status status_of_rows = vr_check_asked(out, err);
    if (status_of_rows != VREC_OK)
        return status_of_rows;
    if (out->rows == 0 || out->rows > VREC_TUNING_QUERIES)
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "tuning: %zu queries; it takes 1 to %d, and 1000 are enough", out->rows,
                          VREC_TUNING_QUERIES);
    return VREC_OK;
}

/* Items are wanted exactly where the index can't give them. */
static vrec_status check_items(const vrec_indexer *indexer, const vrec_tuning_options *asked,
                               vrec_matrix *out, vrec_error *err)
{
    if (!is_on_server(indexer))
        return asked->items || asked->item_ids
                   ? vr_fail_at(err, VREC_INVALID, vr_in("items"),
                                "tuning: items are given, but the index has them itself; leave them out")
                   : VREC_OK;
    if (!asked->items)
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "tuning: %s keeps its items on a server, and they are wanted here for the exact "
                          "answers; give them",
                          vr_indexer_backend(indexer));
    vrec_status status = vr_matrix_check(asked->items, "items", out, err);
    if (status == VREC_OK && (out->dim != vrec_dim(indexer) || out->rows == 0))
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "tuning: %zu items of %zu values, but the index has %zu values each", out->rows,
                          out->dim, vrec_dim(indexer));
    return status;
}

vrec_status vrec_tune(const vrec_indexer *indexer, const vrec_tuning_options *options, vrec_tuning *tuning,
                      vrec_error *err)
{
    return vr_tune(indexer, options, tuning, NULL, err);
}

vrec_status vr_tune(const vrec_indexer *indexer, const vrec_tuning_options *options, vrec_tuning *tuning,
                    char *shortfall, vrec_error *err)
{
    vrec_tuning_options asked;
    vrec_tuning found = { .struct_size = sizeof found };
    vrec_progress room;
    vrec_matrix queries, items;
    size_t top_k;
    if (!indexer || !options || !tuning)
        return vr_fail_at(err, VREC_INVALID,
                          vr_in(!indexer   ? "indexer"
                                : !options ? "options"
                                           : "tuning"),
                          "tuning: the %s is NULL",
                          !indexer   ? "indexer"
                          : !options ? "options"
                                     : "tuning");
    vrec_status status = vr_take_tuning_options(options, &asked, err);
    if (status == VREC_OK)
        status = vr_check_tuning(tuning, err);
    tuner t = { .indexer = indexer,
                .asked = &asked,
                .changes = count_changes(indexer),
                .is_graph = !is_on_server(indexer) && strcmp(vr_indexer_kind(indexer), "HNSW") == 0,
                .out = &found,
                .shortfall = shortfall };
    if (shortfall)
        *shortfall = '\0';
    if (status == VREC_OK)
        status = vr_take_progress(asked.progress, &room, &t.callers, err);
    if (status == VREC_OK)
        status = check(indexer, &asked, &top_k, err);
    if (status == VREC_OK)
        status = check_items(indexer, &asked, &items, err);
    if (status == VREC_OK)
        status = check_queries(indexer, asked.queries, &queries, err);
    if (status != VREC_OK)
        return status;
    t.progress = (vrec_progress){ .struct_size = sizeof t.progress, .report = report_step, .context = &t };
    vr_tuned *tuned = vr_alloc(1, sizeof *tuned);
    const vr_given_items given = { &items, asked.item_ids };
    status = tuned
                 ? run(&t, asked.items ? &given : NULL, asked.queries ? &queries : NULL, top_k, tuned, err)
                 : vr_fail_memory(err, sizeof *tuned, "what tuning finds");
    if (status != VREC_OK) {
        vr_free(tuned);
        return status;
    }
    /* An indexer that is shared: this is done as atomically as what queries leave with it. */
    vr_tuned_keep((vrec_indexer *)(uintptr_t)indexer, tuned);
    vr_give_tuning(&found, tuning);
    return VREC_OK;
}
