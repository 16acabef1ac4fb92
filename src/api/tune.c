/* Tuning: the cheapest setting of an index that reaches a recall. One number says how much a search looks
 * at (efSearch, nprobe, searchk), and recall rises with it: it is doubled until the recall is there, and
 * the least that suffices is then found by halving the interval. A graph and lists have a second number,
 * which lets easy queries end early (gamma, budget): it is tried, too, and taken if it computes so many
 * fewer distances that what it costs beside them is made good. What goes into a file is for FAISS, which
 * walks a graph by the vectors, and keeps no more candidates than efSearch says: it is found by searching
 * as FAISS does. SPDX-License-Identifier: Apache-2.0 */
#include "api/tune.h"

#include "api/tuned.h"
#include "api/tuner.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <stdlib.h>
#include <string.h>

/* ---- What was found ---- */

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

static const vr_attempt *attempt_of(const vr_tuner *t, const vrec_tuning_step *step)
{
    const vr_attempt *at = t->tried;
    while (&at->step != step)
        at++;
    return at;
}

/* What target_recall goes by: all steps of what was found best. */
static void remember(const vr_tuner *t, const vr_knob *k, vr_tuned *out)
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

static void give(vr_tuner *t, const vrec_tuning_step *best, const vrec_tuning_step *of_file)
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
static vrec_status turn_plain(vr_tuner *t, vr_knob *k, const vrec_tuning_step **out, vrec_error *err)
{
    bool reached;
    int64_t ours = attempt_of(t, *out)->value;
    if (!*k->option)
        return VREC_OK;
    k->least = ours - ours / 8 > k->least ? ours - ours / 8 : k->least;
    vrec_status status = vr_turn(t, k, out, &reached, err);
    return status == VREC_OK && !reached ? vr_fall_short(t, k, out, err) : status;
}

/* What there is where the first knob doesn't reach it. */
static vrec_status settle_for_less(vr_tuner *t, const vr_knob *k, const vrec_tuning_step *last,
                                   vr_tuned *tuned, vrec_error *err)
{
    vrec_status status = vr_fall_short(t, k, &last, err);
    if (status != VREC_OK)
        return status;
    give(t, last, last);
    remember(t, k, tuned);
    return VREC_OK;
}

static vrec_status turn_all(vr_tuner *t, vr_tuned *tuned, vrec_error *err)
{
    const vrec_tuning_step *first = NULL, *second = NULL;
    bool reached;
    vr_knob knobs[VR_KNOBS];
    vrec_status status = vr_choose_knobs(t->indexer, t->truth.top_k, knobs, err);
    if (status == VREC_OK)
        status = vr_turn(t, &knobs[0], &first, &reached, err);
    if (status == VREC_OK && !reached)
        return settle_for_less(t, &knobs[0], first, tuned, err);
    const vrec_tuning_step *of_file = first;
    if (status == VREC_OK)
        status = vr_turn_second(t, &knobs[1], &second, err);
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

static vrec_status run(vr_tuner *t, const vr_given_items *given, const vrec_matrix *queries, size_t top_k,
                       vr_tuned *tuned, vrec_error *err)
{
    if (!queries && top_k == VREC_MAX_TOP_K)
        top_k--; /* an item is asked for one more */
    vrec_status status =
        vr_truth_find(t->indexer, given, queries, top_k, t->asked->threads, t->callers, &t->truth, err);
    if (status != VREC_OK)
        return status;
    size_t slots = t->truth.queries * vr_tuner_width(t);
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

/* ---- The call ---- */

static vrec_status check(const vrec_indexer *indexer, const vrec_tuning_options *asked, size_t *top_k,
                         vrec_error *err)
{
    vr_knob unused[VR_KNOBS];
    *top_k = asked->top_k > 0 ? asked->top_k : 10;
    if (!(asked->recall > 0 && asked->recall < 1))
        return vr_fail_at(err, VREC_INVALID, vr_in("recall"),
                          "tuning: recall is %g; it takes a number between 0 and 1, such as 0.95%s",
                          asked->recall, asked->recall == 1 ? VR_EXACT_FINDS_ALL : "");
    if (*top_k > VREC_MAX_TOP_K)
        return vr_fail_at(err, VREC_INVALID, vr_in("top_k"), "tuning: top_k is %zu; it takes 1 to %d",
                          *top_k, VREC_MAX_TOP_K);
    if (asked->threads < -1)
        return vr_fail_at(err, VREC_INVALID, vr_in("threads"), "tuning: threads is %d; it takes -1 and up",
                          (int)asked->threads);
    return vr_choose_knobs(indexer, *top_k, unused, err);
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
    status = vr_check_asked(out, err);
    if (status != VREC_OK)
        return status;
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
    if (!vr_is_on_server(indexer))
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
    vr_tuner t = { .indexer = indexer,
                   .asked = &asked,
                   .changes = count_changes(indexer),
                   .is_graph = !vr_is_on_server(indexer) && strcmp(vr_indexer_kind(indexer), "HNSW") == 0,
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
    t.progress =
        (vrec_progress){ .struct_size = sizeof t.progress, .report = vr_tuner_report, .context = &t };
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
