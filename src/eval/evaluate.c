/* Threads compute the numbers of some users; then one adds them up, in the order of the users, so that sums
 * are the same however many threads there are; then the next users come. SPDX-License-Identifier:
 * Apache-2.0 */
#include "eval/evaluate.h"

#include "base/memory.h"
#include "core/work.h"
#include "eval/catalogue.h"
#include "eval/gains.h"
#include "eval/hits.h"

#include <math.h>
#include <string.h>

enum { PORTION = 256, WAVE = 8192, LEAST_WAVE = 1024, WAVE_VALUES = 1 << 20 };

#define UNCOUNTED SIZE_MAX /* a user whom the convention leaves out */

/* What the threads share. */
typedef struct shared {
    const vr_evaluation *e;
    vr_gains gains;
    size_t *order;         /* places of ks, the smallest k first */
    vr_rank *marks;        /* for coverage; or NULL */
    size_t first;          /* user of the wave */
    double *values;        /* of a user: VR_METRICS for each k; NaN: isn't counted */
    size_t *truth;         /* how many items a user of the wave had to find; UNCOUNTED */
    double *sums, *counts; /* as the values of one user */
    size_t counted, all_truth;
    bool hands_out; /* somebody wants the numbers of users */
} shared;

/* What one thread has for itself. */
typedef struct own {
    vr_hits hits;
    vr_diversity diversity;
} own;

/* ---- One user ---- */

static vrec_status check_list(const vrec_ranking *r, size_t user, vrec_error *err)
{
    const int64_t *list = r->ids + user * r->width;
    for (size_t rank = 0; rank < r->width; rank++)
        if (list[rank] < -1 || (list[rank] >= 0 && (uint64_t)list[rank] >= r->items))
            return vr_fail_at(
                err, VREC_INVALID, vr_in_row("ids", user),
                "evaluating: user %zu's list has item %lld at place %zu, and the catalogue has "
                "items 0 to %zu; coverage, diversity and novelty want ids that are its rows",
                user, (long long)list[rank], rank, r->items - 1);
    return VREC_OK;
}

static bool is_list_empty(const int64_t *list, size_t width)
{
    size_t rank = 0;
    while (rank < width && list[rank] == -1)
        rank++;
    return rank == width;
}

static bool is_counted(const vr_convention *convention, size_t truth, const int64_t *list, size_t width)
{
    switch (convention->counted) {
    case VR_EVERYBODY: return true;
    case VR_WITH_TRUTH: return truth > 0;
    default: return truth > 0 && !is_list_empty(list, width);
    }
}

static vrec_status find_accuracy(const shared *s, vr_hits *hits, size_t user, double *values,
                                 vrec_error *err)
{
    const vrec_ranking *r = s->e->ranking;
    const vr_convention *convention = s->e->convention;
    size_t width = r->width;
    const int64_t *list = r->ids + user * width;
    int64_t first = r->truth_offsets[user];
    size_t count = (size_t)(r->truth_offsets[user + 1] - first);
    if (!vr_hits_find(hits, r->truth_ids + first, count, list, width, convention->repeats))
        return vr_fail_at(
            err, VREC_INVALID, vr_in("truth_ids"),
            "evaluating: user %zu's truth has item -1, which stands for no item; leave it out", user);
    bool counted = is_counted(convention, hits->truth, list, width);
    bool is_one = hits->truth == 1 && hits->count <= 1;
    s->truth[user - s->first] = counted ? hits->truth : UNCOUNTED;
    for (size_t i = 0; i < r->k_count; i++) {
        double *to = values + i * VR_METRICS;
        if (counted && is_one)
            vr_accuracy_of_one(&s->gains, hits->ranks[0], (size_t)r->ks[i], to);
        else if (counted)
            vr_accuracy_at(&s->gains, convention, hits, (size_t)r->ks[i], to);
        else
            for (size_t metric = 0; metric < VR_ACCURACY; metric++)
                to[metric] = NAN;
    }
    return VREC_OK;
}

static void find_novelty(const shared *s, size_t user, double *values)
{
    const vrec_ranking *r = s->e->ranking;
    const int64_t *list = r->ids + user * r->width;
    vr_novelty novelty = { 0 };
    size_t rank = 0;
    for (size_t i = 0; i < r->k_count; i++) {
        size_t place = s->order[i];
        for (; rank < (size_t)r->ks[place]; rank++)
            if (list[rank] != -1)
                vr_novelty_add(&novelty, r->popularity[list[rank]]);
        values[place * VR_METRICS + VR_NOVELTY] = vr_novelty_now(&novelty);
    }
}

static vrec_status find_diversity(const shared *s, vr_diversity *diversity, size_t user, double *values,
                                  vrec_error *err)
{
    const vrec_ranking *r = s->e->ranking;
    const int64_t *list = r->ids + user * r->width;
    vrec_status status = VREC_OK;
    size_t rank = 0;
    vr_diversity_start(diversity);
    for (size_t i = 0; i < r->k_count && status == VREC_OK; i++) {
        size_t place = s->order[i];
        for (; rank < (size_t)r->ks[place] && status == VREC_OK; rank++)
            if (list[rank] != -1)
                status = vr_diversity_add(diversity, (size_t)list[rank], err);
        values[place * VR_METRICS + VR_DIVERSITY] = vr_diversity_now(diversity);
    }
    return status;
}

static void hand_out(const shared *s, size_t user, const double *values)
{
    const vrec_ranking *r = s->e->ranking;
    for (size_t metric = 0; s->hands_out && metric < VR_METRICS; metric++)
        for (size_t i = 0; s->e->per_user[metric] && i < r->k_count; i++)
            s->e->per_user[metric][i * r->users + user] = values[i * VR_METRICS + metric];
}

static vrec_status find_user(const shared *s, own *mine, size_t user, vrec_error *err)
{
    const vrec_ranking *r = s->e->ranking;
    double *values = s->values + (user - s->first) * r->k_count * VR_METRICS;
    vrec_status status = VREC_OK;
    if (r->items > 0)
        status = check_list(r, user, err);
    if (status == VREC_OK && r->truth_offsets)
        status = find_accuracy(s, &mine->hits, user, values, err);
    if (status == VREC_OK && s->e->embeddings)
        status = find_diversity(s, &mine->diversity, user, values, err);
    if (status != VREC_OK)
        return status;
    if (r->popularity)
        find_novelty(s, user, values);
    if (s->marks)
        vr_coverage_add(s->marks, r->ids + user * r->width, r->width);
    hand_out(s, user, values);
    return VREC_OK;
}

/* ---- Threads ---- */

static vrec_status run(void *context, vr_worker *me, vrec_error *err)
{
    const shared *s = context;
    own mine = { 0 };
    size_t first, count;
    vrec_status status = vr_hits_init(&mine.hits, s->e->longest, s->e->ranking->width, err);
    if (status == VREC_OK && s->e->embeddings)
        status = vr_diversity_init(&mine.diversity, s->e->embeddings, err);
    while (status == VREC_OK && vr_work_take(me, &first, &count))
        for (size_t i = 0; i < count && status == VREC_OK; i++)
            status = find_user(s, &mine, s->first + first + i, err);
    vr_diversity_free(&mine.diversity);
    vr_hits_free(&mine.hits);
    return status;
}

/* The numbers that users have together, or not at all, for one k. */
static void add_accuracy(const double *values, size_t each, const size_t *truth, size_t users,
                         double sums[VR_ACCURACY])
{
    double now[VR_ACCURACY];
    memcpy(now, sums, sizeof now);
    for (size_t user = 0; user < users; user++, values += each)
        for (size_t metric = 0; truth[user] != UNCOUNTED && metric < VR_ACCURACY; metric++)
            now[metric] += values[metric];
    memcpy(sums, now, sizeof now);
}

/* One that a user may lack. */
static void add_present(const double *values, size_t each, size_t users, double *sum, double *count)
{
    for (size_t user = 0; user < users; user++) {
        double value = values[user * each];
        *sum += isnan(value) ? 0.0 : value;
        *count += isnan(value) ? 0.0 : 1.0;
    }
}

static void add_up(shared *s, size_t users)
{
    size_t ks = s->e->ranking->k_count, each = ks * VR_METRICS;
    for (size_t at = 0; at < each; at += VR_METRICS) {
        if (s->e->ranking->truth_offsets)
            add_accuracy(s->values + at, each, s->truth, users, s->sums + at);
        for (size_t metric = VR_ACCURACY; s->e->ranking->items > 0 && metric < VR_METRICS; metric++)
            add_present(s->values + at + metric, each, users, &s->sums[at + metric],
                        &s->counts[at + metric]);
    }
    for (size_t user = 0; user < users; user++) {
        s->counted += s->truth[user] != UNCOUNTED;
        s->all_truth += s->truth[user] != UNCOUNTED ? s->truth[user] : 0;
    }
}

/* How many users go through together: few enough for their numbers to stay in a cache. */
static size_t wave_of(const vrec_ranking *r)
{
    size_t each = r->k_count * VR_METRICS;
    return vr_min(r->users, vr_min(WAVE, vr_max(LEAST_WAVE, WAVE_VALUES / each)));
}

static vrec_status run_waves(shared *s, vrec_error *err)
{
    const vrec_ranking *r = s->e->ranking;
    size_t users = r->users, wave = wave_of(r);
    vr_work work = { .threads = s->e->threads,
                     .portion = PORTION,
                     .run = run,
                     .context = s,
                     .progress = r->progress,
                     .phase = "evaluating",
                     .unit = "users",
                     .steps = 1,
                     .total_steps = users };
    vrec_status status = VREC_OK;
    for (s->first = 0; s->first < users && status == VREC_OK; s->first += wave) {
        work.count = vr_min(wave, users - s->first);
        work.done_before = s->first;
        status = vr_work_do(&work, err);
        if (status == VREC_OK)
            add_up(s, work.count);
    }
    return status;
}

/* ---- All of it ---- */

static void put_means(const shared *s)
{
    const vrec_ranking *r = s->e->ranking;
    for (size_t metric = 0; metric < VR_METRICS; metric++)
        for (size_t i = 0; s->e->means[metric] && i < r->k_count; i++) {
            size_t at = i * VR_METRICS + metric;
            double count = metric < VR_ACCURACY ? (double)s->counted : s->counts[at];
            if (metric == VR_HIT && s->e->convention->hit_is_share)
                count = (double)s->all_truth;
            s->e->means[metric][i] = count > 0.0 ? s->sums[at] / count : 0.0;
        }
    for (size_t i = 0; s->e->coverage && i < r->k_count; i++)
        s->e->coverage[i] = vr_coverage(s->marks, r->items, (size_t)r->ks[i]);
}

static void sort_ks(const vrec_ranking *r, size_t *order)
{
    for (size_t i = 0; i < r->k_count; i++) {
        size_t at = i;
        for (; at > 0 && r->ks[order[at - 1]] > r->ks[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void release(shared *s)
{
    vr_gains_free(&s->gains);
    vr_free(s->order);
    vr_free((void *)s->marks);
    vr_free(s->values);
    vr_free(s->truth);
    vr_free(s->sums);
    vr_free(s->counts);
}

static vrec_status prepare(shared *s, vrec_error *err)
{
    const vrec_ranking *r = s->e->ranking;
    size_t wave = wave_of(r), each = r->k_count * VR_METRICS;
    vrec_status status = vr_gains_init(&s->gains, r->width, err);
    if (status != VREC_OK)
        return status;
    s->order = vr_alloc(r->k_count, sizeof *s->order);
    s->values = vr_alloc(wave * each, sizeof *s->values);
    s->truth = vr_alloc_zero(wave, sizeof *s->truth);
    s->sums = vr_alloc_zero(each, sizeof *s->sums);
    s->counts = vr_alloc_zero(each, sizeof *s->counts);
    if (!s->order || !s->values || !s->truth || !s->sums || !s->counts)
        return vr_fail_memory(err, wave * each * sizeof *s->values, "the metrics of users");
    if (s->e->coverage && !(s->marks = vr_alloc(r->items, sizeof *s->marks)))
        return vr_fail_memory(err, r->items * sizeof *s->marks, "the coverage of the catalogue");
    for (size_t item = 0; s->marks && item < r->items; item++)
        atomic_init(&s->marks[item], UINT32_MAX);
    for (size_t i = 0; i < wave * each; i++)
        s->values[i] = NAN; /* what isn't computed */
    sort_ks(r, s->order);
    for (size_t metric = 0; metric < VR_METRICS; metric++)
        s->hands_out = s->hands_out || s->e->per_user[metric];
    return VREC_OK;
}

vrec_status vr_evaluate(const vr_evaluation *evaluation, vrec_error *err)
{
    shared s = { .e = evaluation };
    vrec_status status = prepare(&s, err);
    if (status == VREC_OK)
        status = run_waves(&s, err);
    if (status == VREC_OK && evaluation->ranking->truth_offsets && s.all_truth == 0)
        status = vr_fail(err, VREC_INVALID,
                         "evaluating: there is nothing to find, as none of the %zu users that count has "
                         "truth",
                         evaluation->ranking->users);
    if (status == VREC_OK)
        put_means(&s);
    release(&s);
    return status;
}
