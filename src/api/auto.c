/* index_type=auto. Each kind of index is tried with a sample of the items (candidates.c). The sample is
 * small, since trials should take little beside the build; only kinds that come out near each other are
 * tried with a larger one. The cheapest is built of all, and tuned; where that falls short of the recall,
 * or is far slower than another would be, as a sample can't foretell, that other is.
 *
 * Without examples of queries, the index of all items is tuned on some of its own (tune.c).
 *
 * Times are this machine's, as it is now, so the choice may differ from build to build; the fact "chosen"
 * is the option string that repeats it.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/auto.h"

#include "api/build_tuned.h"
#include "api/candidates.h"
#include "api/indexer.h"
#include "api/tune.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    FEW = 4000,          /* items with which the exact index is as good as any */
    FIRST_SAMPLE = 2500, /* unless that is more than half of them; */
    SAMPLE_SHARE = 32,   /* of the items, in a second trial; */
    SAMPLE_MAX = 20000,
    LARGER = 3, /* times as many as in the first, at the least: with fewer it would say no more than that */
    FIRST_ASKED = 100, /* queries in a first trial */
    NEAR = 2, /* times as long as the best of a first trial: a larger one tells the kinds below it apart */
    FAR = 3,  /* times as long as another would take: an index of all items that does is none to keep */
    DIM_MAX = 8192 /* values that items of a graph may have; with more, all are compared */
};

/* ---- Choosing ---- */

/* A graph with fewer links is for where one with more doesn't fit. */
static bool is_spare(const vr_choice *c, size_t k)
{
    return k > 0 && strcmp(vr_candidates[k].kind, vr_candidates[k - 1].kind) == 0 &&
           c->microseconds[k - 1] > 0;
}

static size_t best_of(const vr_choice *c)
{
    size_t best = VR_CANDIDATES;
    for (size_t k = 0; k < VR_CANDIDATES; k++)
        if (c->microseconds[k] > 0 && (best == VR_CANDIDATES || c->microseconds[k] < c->microseconds[best]))
            best = k;
    return best;
}

/* Measures those that are near the best once more, with a larger sample, if there are several. */
static vrec_status measure_near(vr_choice *c, vrec_error *err)
{
    size_t best = best_of(c), larger = vr_min(c->items->rows / SAMPLE_SHARE, SAMPLE_MAX);
    double most = best < VR_CANDIDATES ? NEAR * c->microseconds[best] : 0;
    size_t near = 0;
    for (size_t k = 0; k < VR_CANDIDATES; k++)
        near += c->microseconds[k] > 0 && c->microseconds[k] <= most;
    if (near < 2 || larger < LARGER * c->sample.rows)
        return VREC_OK;
    vr_choice_sample(c, larger, VR_CHOICE_ASKED);
    vrec_status status = VREC_OK;
    for (size_t k = VR_FLAT + 1; k < VR_CANDIDATES && status == VREC_OK; k++)
        if (c->microseconds[k] > 0 && c->microseconds[k] <= most)
            status = vr_choice_try(c, k, err);
    return status;
}

static vrec_status measure_all(vr_choice *c, const bool room[VR_CANDIDATES], vrec_error *err)
{
    vr_choice_sample(c, FIRST_SAMPLE, FIRST_ASKED);
    vrec_status status = VREC_OK;
    for (size_t k = 0; k < VR_CANDIDATES && status == VREC_OK; k++)
        if (room[k] && !is_spare(c, k) && (k == VR_FLAT || c->items->dim <= DIM_MAX))
            status = vr_choice_try(c, k, err);
    return status == VREC_OK ? measure_near(c, err) : status;
}

static void explain(vr_choice *c)
{
    int used =
        snprintf(c->why, sizeof c->why, "us a query (%s) by a trial:", c->one_by_one ? "one" : "batch");
    for (size_t k = 0; k < VR_CANDIDATES && used < (int)sizeof c->why; k++)
        if (c->microseconds[k] > 0)
            used += snprintf(c->why + used, sizeof c->why - (size_t)used, "%s %s %.3g", k > 0 ? "," : "",
                             vr_candidates[k].kind, c->microseconds[k]);
}

static vrec_status fail_memory(const vr_choice *c, vrec_error *err)
{
    return vr_fail_at(err, VREC_INVALID, vr_in("memory"),
                      "faiss: no index of %zu x %zu values that has the recall fits into memory=%" PRId64
                      " MB; the vectors alone take %zu MB",
                      c->items->rows, c->items->dim, c->most_bytes / 1000000,
                      c->items->rows * c->items->dim * sizeof(float) / 1000000 + 1);
}

static vrec_status choose(vr_choice *c, size_t *best, vrec_error *err)
{
    bool room[VR_CANDIDATES];
    vrec_status status = VREC_OK;
    for (size_t k = 0; k < VR_CANDIDATES && status == VREC_OK; k++)
        status = vr_candidate_fits(c, k, &room[k], err);
    *best = VR_CANDIDATES;
    if (status == VREC_OK && c->items->rows < FEW) {
        *best = room[VR_FLAT] ? VR_FLAT : VR_CANDIDATES;
        snprintf(c->why, sizeof c->why, "so few items are all compared with in no time");
    } else if (status == VREC_OK) {
        status = measure_all(c, room, err);
        *best = best_of(c);
        explain(c);
    }
    return status == VREC_OK && *best == VR_CANDIDATES ? fail_memory(c, err) : status;
}

/* ---- Building ---- */

static void note(const vr_choice *c, vrec_indexer *indexer, const char *setting)
{
    size_t place;
    vr_index *index = vr_indexer_enter(indexer, &place);
    vr_fact(&index->facts, "chosen", "%s", setting);
    vr_fact(&index->facts, "because", "%s", c->why);
    vr_facts_copy(&index->facts, vr_indexer_facts(indexer));
    vr_indexer_leave(indexer, place);
}

/* Rules out a candidate that was built of all items, and says why: it finds or takes so much. */
static void rule_out(vr_choice *c, size_t k, const char *does, double number)
{
    size_t used = strlen(c->why);
    snprintf(c->why + used, sizeof c->why - used, "; of all items %s %s %.4g", vr_candidates[k].kind, does,
             number);
}

/* What was built of all items may be other than its trial was. *next becomes the candidate to build
 * instead; VR_CANDIDATES where this one is good, or there is no other. */
static vrec_status judge(vr_choice *c, size_t k, const vrec_indexer *indexer, const vrec_tuning *tuning,
                         bool short_of, size_t *next, vrec_error *err)
{
    double taken = 0;
    *next = VR_CANDIDATES;
    c->microseconds[k] = 0;
    size_t other = best_of(c);
    if (k == VR_FLAT || other == VR_CANDIDATES)
        return VREC_OK;
    if (!short_of) {
        vrec_status status = vr_choice_time(c, indexer, tuning->options, &taken, err);
        if (status != VREC_OK || taken < FAR * c->microseconds[other])
            return status;
    }
    rule_out(c, k, short_of ? "finds" : "takes", short_of ? tuning->recall : taken);
    *next = other;
    return VREC_OK;
}

static vrec_status build_one(vr_choice *c, size_t k, vrec_indexer **out, size_t *next, vrec_error *err)
{
    vrec_builder builder;
    vrec_tuning tuning;
    char setting[VR_CANDIDATE_TEXT], all[VR_CANDIDATE_TEXT + sizeof tuning.file_options + 16],
        shortfall[VR_SHORTFALL];
    vrec_status status = vr_candidate_builder(c, k, c->items->rows, &builder, err);
    if (status == VREC_OK)
        status = vr_build_tuned(&builder, c->items, c->build, c->recall, out, &tuning, shortfall, err);
    if (status == VREC_OK)
        status = judge(c, k, *out, &tuning, *shortfall != '\0', next, err);
    if (status != VREC_OK)
        return status;
    vr_candidate_describe(k, c->items->rows, setting);
    snprintf(all, sizeof all, "%s%s%s,metric=%s", setting, k != VR_FLAT ? "," : "", tuning.file_options,
             vrec_larger_is_nearer(*out) ? "IP" : "L2");
    note(c, *out, all);
    return VREC_OK;
}

static vrec_status build_best(vr_choice *c, size_t k, vrec_indexer **out, vrec_error *err)
{
    size_t next;
    vrec_status status = build_one(c, k, out, &next, err);
    while (status == VREC_OK && next < VR_CANDIDATES) {
        vrec_indexer_free(*out);
        *out = NULL;
        status = build_one(c, next, out, &next, err);
    }
    return status;
}

static vrec_status run(vr_choice *c, vrec_indexer **out, vrec_error *err)
{
    enum { ROOM = VR_CHOICE_ASKED * VR_CHOICE_TOP_K };
    size_t best = VR_FLAT;
    c->ids = vr_alloc(ROOM, sizeof *c->ids);
    c->distances = vr_alloc(ROOM, sizeof *c->distances);
    vrec_status status =
        c->ids && c->distances ? VREC_OK : vr_fail_memory(err, ROOM * sizeof *c->ids, "answers of a trial");
    if (status == VREC_OK)
        status = choose(c, &best, err);
    if (status == VREC_OK)
        status = build_best(c, best, out, err);
    vr_free(c->ids);
    vr_free(c->distances);
    return status;
}

static bool is_given(const vr_choice *c, const char *key, int64_t *value)
{
    const vr_options *options = &c->builder->options;
    size_t i = vr_options_place(options, key);
    bool given = i < options->table->count && options->given[i];
    if (given)
        *value = options->value[i];
    return given;
}

vrec_status vr_auto_build(const vrec_builder *builder, const vrec_matrix *items, const vrec_build *build,
                          vrec_indexer **out, vrec_error *err)
{
    vr_choice c = { .builder = builder, .items = items, .build = build };
    int64_t unused, asked = 0;
    if (!is_given(&c, "target_recall", &unused))
        return vr_fail_at(
            err, VREC_INVALID, vr_in("target_recall"),
            "%s: index_type=auto is chosen for a recall; give target_recall, a number between 0 "
            "and 1, such as 0.95",
            builder->backend->name);
    vrec_status status = vr_recall_of_build(builder, &c.recall, err);
    if (status != VREC_OK)
        return status;
    c.one_by_one = is_given(&c, "asked", &asked) && asked == 1;
    if (is_given(&c, "memory", &c.most_bytes))
        c.most_bytes *= 1000000;
    status = run(&c, out, err);
    if (status != VREC_OK) {
        vrec_indexer_free(*out);
        *out = NULL;
    }
    return status;
}
