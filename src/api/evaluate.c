/* Ranking metrics: what a caller may ask for is checked here. SPDX-License-Identifier: Apache-2.0 */
#include "eval/evaluate.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/structs.h"
#include "core/words.h"

#include <math.h>
#include <strings.h>

const char *vrec_convention_name(size_t i)
{
    const vr_convention *convention = vr_convention_at(i);
    return convention ? convention->name : NULL;
}

const char *vrec_convention_summary(size_t i)
{
    const vr_convention *convention = vr_convention_at(i);
    return convention ? convention->summary : NULL;
}

static vrec_status find_convention(const char *name, const vr_convention **out, vrec_error *err)
{
    const vr_convention *each;
    vr_guess guess = vr_guess_start(name ? name : "");
    if (!name) {
        *out = vr_convention_at(0);
        return VREC_OK;
    }
    for (size_t i = 0; (each = vr_convention_at(i)); i++) {
        if (strcasecmp(each->name, name) == 0) {
            *out = each;
            return VREC_OK;
        }
        vr_guess_try(&guess, each->name, each->name);
    }
    if (guess.word)
        return vr_fail_at(err, VREC_INVALID, vr_in("convention"),
                          "evaluating: there is no convention \"%.60s\"; did you mean \"%s\"?", name,
                          guess.word);
    return vr_fail_at(
        err, VREC_INVALID, vr_in("convention"),
        "evaluating: there is no convention \"%.60s\"; there are rechub, recbole, comirec and "
        "recommenders",
        name);
}

/* ---- What is wanted ---- */

static vrec_status take_outputs(const vrec_metrics *given, const char *what, double *to[VR_METRICS],
                                double **coverage, vrec_error *err)
{
    vrec_metrics metrics;
    *coverage = NULL;
    if (!given)
        return VREC_OK;
    vrec_status status = vr_take_metrics(given, what, &metrics, err);
    if (status != VREC_OK)
        return status;
    to[VR_NDCG] = metrics.ndcg;
    to[VR_MRR] = metrics.mrr;
    to[VR_RECALL] = metrics.recall;
    to[VR_HIT] = metrics.hit;
    to[VR_PRECISION] = metrics.precision;
    to[VR_DIVERSITY] = metrics.diversity;
    to[VR_NOVELTY] = metrics.novelty;
    *coverage = metrics.coverage;
    return VREC_OK;
}

static bool is_wanted(const vr_evaluation *e, int metric)
{
    return e->means[metric] || e->per_user[metric];
}

static bool is_accuracy_wanted(const vr_evaluation *e)
{
    return is_wanted(e, VR_NDCG) || is_wanted(e, VR_MRR) || is_wanted(e, VR_RECALL) ||
           is_wanted(e, VR_HIT) || is_wanted(e, VR_PRECISION);
}

/* ---- What is given ---- */

static vrec_status check_lists(const vrec_ranking *r, vrec_error *err)
{
    size_t slots;
    if (r->users < 1 || r->width < 1)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"),
                          "evaluating: there are %zu users with lists of %zu ids; it takes 1 and up",
                          r->users, r->width);
    if (!r->ids)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"), "evaluating: ids is NULL");
    if (!vr_mul(r->users, r->width, &slots) || slots > PTRDIFF_MAX / sizeof(int64_t) ||
        r->width > UINT32_MAX)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"),
                          "evaluating: %zu x %zu ids overflow the address space", r->users, r->width);
    if (!r->ks || r->k_count < 1 || r->k_count > VREC_MAX_TOP_K)
        return vr_fail_at(err, VREC_INVALID, vr_in("ks"),
                          "evaluating: k_count is %zu%s; it takes 1 to %d values of k", r->k_count,
                          r->ks ? "" : ", and ks is NULL", VREC_MAX_TOP_K);
    for (size_t i = 0; i < r->k_count; i++)
        if (r->ks[i] < 1 || (uint64_t)r->ks[i] > r->width)
            return vr_fail_at(err, VREC_INVALID, vr_in_row("ks", i),
                              "evaluating: k is %lld, and the lists have %zu ids; it takes 1 to %zu",
                              (long long)r->ks[i], r->width, r->width);
    if (r->threads < -1)
        return vr_fail_at(err, VREC_INVALID, vr_in("threads"),
                          "evaluating: threads is %d; it takes -1 and up", (int)r->threads);
    return VREC_OK;
}

static vrec_status check_truth(const vrec_ranking *r, size_t *longest, vrec_error *err)
{
    const int64_t *offsets = r->truth_offsets;
    *longest = 0;
    if (!offsets)
        return vr_fail_at(
            err, VREC_INVALID, vr_in("truth_offsets"),
            "evaluating: truth_offsets is NULL, and NDCG, MRR, recall, hit and precision want truth");
    if (offsets[0] != 0)
        return vr_fail_at(err, VREC_INVALID, vr_in_row("truth_offsets", 0),
                          "evaluating: truth_offsets starts at %lld, not 0", (long long)offsets[0]);
    for (size_t user = 0; user < r->users; user++) {
        if (offsets[user + 1] < offsets[user])
            return vr_fail_at(err, VREC_INVALID, vr_in_row("truth_offsets", user + 1),
                              "evaluating: truth_offsets runs backwards at user %zu, from %lld to %lld",
                              user, (long long)offsets[user], (long long)offsets[user + 1]);
        *longest = vr_max(*longest, (size_t)(offsets[user + 1] - offsets[user]));
    }
    if ((uint64_t)offsets[r->users] != r->truth_count)
        return vr_fail_at(
            err, VREC_INVALID, vr_in_row("truth_offsets", r->users),
            "evaluating: truth_offsets ends at %lld, and truth_count is %zu; they are the same",
            (long long)offsets[r->users], r->truth_count);
    if (!r->truth_ids && r->truth_count > 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("truth_ids"),
                          "evaluating: truth_ids is NULL, and truth_count is %zu", r->truth_count);
    return VREC_OK;
}

static vrec_status check_popularity(const vrec_ranking *r, vrec_error *err)
{
    if (!r->popularity)
        return vr_fail_at(err, VREC_INVALID, vr_in("popularity"),
                          "evaluating: popularity is NULL, and novelty wants it");
    for (size_t item = 0; item < r->items; item++)
        if (!(r->popularity[item] >= 0.0 && r->popularity[item] <= 1.0))
            return vr_fail_at(
                err, VREC_INVALID, vr_in_row("popularity", item),
                "evaluating: the popularity of item %zu is %g; it is a share of all interactions, 0 to 1",
                item, r->popularity[item]);
    return VREC_OK;
}

static vrec_status check_embeddings(const vrec_ranking *r, vrec_matrix *out, vrec_error *err)
{
    if (!r->embeddings)
        return vr_fail_at(err, VREC_INVALID, vr_in("embeddings"),
                          "evaluating: embeddings is NULL, and diversity wants them");
    vrec_status status = vr_matrix_check(r->embeddings, "evaluating: embeddings", out, err);
    if (status == VREC_OK && (out->rows != r->items || out->dim == 0))
        return vr_fail_at(err, VREC_INVALID, vr_in("embeddings"),
                          "evaluating: embeddings has %zu rows of %zu values, and the catalogue %zu items",
                          out->rows, out->dim, r->items);
    return status;
}

/* What isn't wanted needn't be right, and isn't looked at: it is taken out of r. */
static vrec_status check_catalogue(vr_evaluation *e, vrec_ranking *r, vrec_matrix *embeddings,
                                   vrec_error *err)
{
    bool diversity = is_wanted(e, VR_DIVERSITY), novelty = is_wanted(e, VR_NOVELTY);
    vrec_status status = VREC_OK;
    if (!diversity && !novelty && !e->coverage) {
        r->items = 0;
        r->popularity = NULL;
        return VREC_OK;
    }
    if (r->items < 1 || r->items > PTRDIFF_MAX / sizeof(double))
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "evaluating: items is %zu, and coverage, diversity and novelty want a catalogue",
                          r->items);
    if (novelty)
        status = check_popularity(r, err);
    else
        r->popularity = NULL;
    if (status == VREC_OK && diversity)
        status = check_embeddings(r, embeddings, err);
    e->embeddings = diversity ? embeddings : NULL;
    return status;
}

static vrec_status check(vr_evaluation *e, vrec_ranking *r, vrec_matrix *embeddings, vrec_error *err)
{
    vrec_status status = check_lists(r, err);
    if (status == VREC_OK)
        status = find_convention(r->convention, &e->convention, err);
    if (status == VREC_OK && is_accuracy_wanted(e))
        status = check_truth(r, &e->longest, err);
    else
        r->truth_offsets = NULL;
    if (status == VREC_OK)
        status = check_catalogue(e, r, embeddings, err);
    e->threads = vr_thread_count(r->threads);
    return status;
}

vrec_status vrec_evaluate(const vrec_ranking *ranking, vrec_metrics *means, vrec_metrics *per_user,
                          vrec_error *err)
{
    vrec_ranking r;
    vrec_matrix embeddings;
    vrec_progress room;
    double *per_user_coverage;
    vr_evaluation e = { .ranking = &r };
    vrec_status status = vr_take_ranking(ranking, &r, err);
    if (status == VREC_OK)
        status = vr_take_progress(r.progress, &room, &r.progress, err);
    if (status == VREC_OK)
        status = take_outputs(means, "means", e.means, &e.coverage, err);
    if (status == VREC_OK)
        status = take_outputs(per_user, "per_user", e.per_user, &per_user_coverage, err);
    if (status == VREC_OK && per_user_coverage)
        return vr_fail(err, VREC_INVALID,
                       "evaluating: per_user wants coverage, which is of all users together");
    if (status == VREC_OK)
        status = check(&e, &r, &embeddings, err);
    return status == VREC_OK ? vr_evaluate(&e, err) : status;
}
