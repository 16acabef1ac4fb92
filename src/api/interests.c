/* Users are taken in waves, as many as some memory holds. Of each wave all interests are searched for
 * together, in the index's own numbers of items; then threads merge what was found, a user at a time.
 * A sum wants the distance of each candidate to every interest: the row kernel computes them all, of
 * vectors that are copied out of the index once for the wave.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/interests.h"

#include "base/memory.h"
#include "core/ids.h"
#include "core/matrix.h"
#include "core/results.h"
#include "core/work.h"
#include "simd/simd.h"

#include <math.h>
#include <string.h>

enum {
    WAVE_BYTES = 64 << 20,
    PORTION = 16 /* users that a thread takes at a time */
};

/* How what an index reports follows from the kernels' values. */
typedef enum report { SQUARED, ROOTED, PRODUCT, CHORD } report;

/* One call, and the wave that it is at. */
typedef struct call {
    const vr_interests *interests;
    vr_index *index;
    const vr_query *query;
    report report;
    size_t most; /* candidates of a user */

    size_t first, users;
    float *vectors;   /* of all interests; NaN where one isn't valid */
    bool *live;       /* whether an interest is valid and finite */
    int64_t *found;   /* top_k numbers of items for each interest, */
    float *distances; /* beside them, */
    int64_t *counts;  /* and how many there are */

    size_t *rows;   /* of a sum, else NULL: the candidates of each user, without repetition, */
    size_t *starts; /* where they begin, one more than there are users, */
    float *items;   /* and their vectors */
} call;

/* An item that some interest of a user has found. */
typedef struct candidate {
    int64_t number; /* the index's own */
    float smaller;  /* what it is ranked by, nearest first */
    bool taken;
} candidate;

/* One thread's. */
typedef struct worker {
    const call *c;
    int64_t *ids;          /* of all that one user's interests have found, one interest after the other, */
    uint32_t *places;      /* and where that stands among the user's results, */
    uint32_t *which;       /* and which candidate it is */
    vr_id_entry *sorting;  /* twice as many */
    candidate *candidates; /* in the order of their ids */
    size_t found_count, candidate_count;
    uint64_t *keys;
    size_t *next, *ends; /* of each interest, its results that nobody has looked at */
    double *sums;
    float *values, *norms; /* of all candidates: a kernel's, and their squared lengths */
} worker;

/* ---- What is asked for ---- */

vrec_status vr_interests_check(const vr_interests *interests, const vr_index *index, size_t rows,
                               size_t top_k, vrec_error *err)
{
    size_t each = interests->each, users = rows / each, most;
    if (rows % each != 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("interests"),
                          "query: %zu rows of queries aren't those of users with %zu interests each", rows,
                          each);
    if (!vr_mul(each, top_k, &most) || most > UINT32_MAX / 4)
        return vr_fail_at(err, VREC_INVALID, vr_in("interests"),
                          "query: %zu interests with top_k %zu are too many results to merge", each, top_k);
    for (size_t u = 0; interests->counts && u < users; u++)
        if (interests->counts[u] < 0 || (uint64_t)interests->counts[u] > each)
            return vr_fail_at(err, VREC_INVALID, vr_in_row("interest_counts", u),
                              "query: user %zu has %lld valid interests; it takes 0 to %zu", u,
                              (long long)interests->counts[u], each);
    if (interests->merge < VREC_MERGE_BEST || interests->merge > VREC_MERGE_ROUND_ROBIN)
        return vr_fail_at(err, VREC_INVALID, vr_in("merge"),
                          "query: merge is %d; it takes VREC_MERGE_BEST, VREC_MERGE_SUM or "
                          "VREC_MERGE_ROUND_ROBIN",
                          (int)interests->merge);
    if (interests->merge == VREC_MERGE_SUM && !index->verbs->vectors)
        return vr_fail_at(err, VREC_UNSUPPORTED, vr_in("merge"),
                          "query: a sum over interests wants the vectors of items, and these are kept on a "
                          "server; merge by best or round-robin");
    return VREC_OK;
}

static report report_of(const vr_index *index)
{
    static const struct {
        const char *metric;
        report report;
    } reports[] = { { "IP", PRODUCT }, { "dot", PRODUCT }, { "euclidean", ROOTED }, { "angular", CHORD } };
    for (size_t i = 0; i < index->facts.count; i++) /* those that are known without looking */
        for (size_t r = 0; r < sizeof reports / sizeof reports[0]; r++)
            if (strcmp(index->facts.list[i].key, "metric") == 0 &&
                strcmp(index->facts.list[i].text, reports[r].metric) == 0)
                return reports[r].report;
    return SQUARED;
}

/* ---- Searching ---- */

/* Progress of a wave as part of the whole. */
typedef struct part {
    const vrec_progress *all;
    size_t first, users, total;
} part;

static int report_part(void *context, const vrec_progress_report *at)
{
    const part *p = context;
    double share = at->total > 0 ? (double)at->done / (double)at->total : 0.0;
    const vrec_progress_report whole = { .struct_size = sizeof whole,
                                         .phase = at->phase,
                                         .unit = "users",
                                         .done = p->first + (uint64_t)(share * (double)p->users),
                                         .total = p->total };
    return p->all->report(p->all->context, &whole);
}

/* Copies the interests, and leaves out those that aren't valid. */
static void copy_interests(const call *c)
{
    size_t each = c->interests->each, dim = c->index->dim;
    vr_matrix_rows(c->query->queries, c->first * each, c->users * each, c->vectors);
    for (size_t i = 0; i < c->users * each; i++) {
        const int64_t *valid = c->interests->counts;
        float *vector = c->vectors + i * dim;
        c->live[i] = (!valid || (int64_t)(i % each) < valid[c->first + i / each]) &&
                     vr_find_nonfinite(vector, dim) == dim;
        if (!c->live[i])
            vector[0] = NAN; /* which finds nothing */
        c->counts[i] = 0;
    }
}

static vrec_status search(const call *c, vrec_error *err)
{
    size_t each = c->interests->each, total = c->query->queries->rows / each;
    vrec_matrix queries = vrec_matrix_f32(c->vectors, c->users * each, c->index->dim);
    part whole = { c->query->progress, c->first, c->users, total };
    const vrec_progress progress = { .struct_size = sizeof progress,
                                     .report = report_part,
                                     .context = &whole };
    vr_query query = *c->query;
    queries.row_stride = (ptrdiff_t)(queries.dim * sizeof(float));
    queries.col_stride = sizeof(float);
    query.queries = &queries;
    query.progress = query.progress && query.progress->report ? &progress : NULL;
    query.names = NULL;
    query.ids = c->found;
    query.distances = c->distances;
    query.counts = c->counts;
    query.filter.interests = each;
    if (query.filter.exclude_offsets)
        query.filter.exclude_offsets += c->first;
    if (query.filter.allow)
        query.filter.allow += c->first * query.filter.allow_stride;
    copy_interests(c);
    return c->index->verbs->query(c->index, &query, err);
}

/* ---- Candidates ---- */

static int64_t id_of(const call *c, int64_t number)
{
    return c->query->names ? c->query->names[number] : number;
}

static bool larger_is_nearer(const call *c)
{
    return c->index->larger_is_nearer;
}

/* Everything that the interests of a user have found, each id once, with its nearest distance. */
static void gather(worker *w, size_t user)
{
    const call *c = w->c;
    size_t each = c->interests->each, k = c->query->top_k, at = user * each * k;
    w->found_count = w->candidate_count = 0;
    for (size_t i = 0; i < each; i++)
        for (size_t rank = 0; rank < (size_t)c->counts[user * each + i]; rank++) {
            w->places[w->found_count] = (uint32_t)(i * k + rank);
            w->ids[w->found_count++] = id_of(c, c->found[at + i * k + rank]);
        }
    const vr_id_entry *sorted = vr_ids_sort(w->ids, w->found_count, w->sorting);
    for (size_t i = 0; i < w->found_count; i++) {
        size_t place = at + w->places[sorted[i].place];
        float smaller = larger_is_nearer(c) ? -c->distances[place] : c->distances[place];
        candidate *last = &w->candidates[w->candidate_count];
        if (i > 0 && sorted[i].key == sorted[i - 1].key) {
            last[-1].smaller = fminf(last[-1].smaller, smaller);
        } else {
            *last = (candidate){ .number = c->found[place], .smaller = smaller };
            w->candidate_count++;
        }
        w->which[sorted[i].place] = (uint32_t)(w->candidate_count - 1);
    }
}

/* ---- Answers ---- */

static void put(const call *c, size_t user, size_t place, int64_t number, float smaller)
{
    float distance = larger_is_nearer(c) ? vr_negated(smaller) : smaller;
    vr_put_result(c->query, c->first + user, place, id_of(c, number), distance);
}

/* The nearest candidates; of those that are as near, the smaller id first. */
static void put_nearest(const worker *w, size_t user)
{
    vr_topk top;
    vr_topk_init(&top, w->keys, w->c->query->top_k);
    for (size_t i = 0; i < w->candidate_count; i++)
        if (isfinite(w->candidates[i].smaller))
            vr_topk_push(&top, vr_topk_key(w->candidates[i].smaller, (uint32_t)i));
    vr_topk_finish(&top);
    for (size_t i = 0; i < top.count; i++)
        put(w->c, user, i, w->candidates[vr_topk_row(top.keys[i])].number, vr_topk_value(top.keys[i]));
    vr_put_count(w->c->query, w->c->first + user, top.count);
}

/* Every interest's next item that none before it has brought, in turn. */
static void put_in_turn(worker *w, size_t user)
{
    const call *c = w->c;
    size_t each = c->interests->each, k = c->query->top_k, placed = 0, start = 0;
    for (size_t i = 0; i < each; i++) {
        w->next[i] = start;
        start += (size_t)c->counts[user * each + i];
        w->ends[i] = start;
    }
    size_t idle = 0; /* interests in a row that had nothing new */
    for (size_t i = 0; placed < k && idle < each; i = (i + 1) % each) {
        for (idle++; w->next[i] < w->ends[i] && idle > 0; w->next[i]++) {
            size_t at = user * each * k + w->places[w->next[i]];
            candidate *item = &w->candidates[w->which[w->next[i]]];
            if (item->taken)
                continue;
            item->taken = true;
            vr_put_result(c->query, c->first + user, placed++, id_of(c, c->found[at]), c->distances[at]);
            idle = 0;
        }
    }
    vr_put_count(c->query, c->first + user, placed);
}

/* ---- Sums ---- */

/* Adds one interest's distances to all candidates. */
static void add_interest(const worker *w, const float *query, const float *items)
{
    const call *c = w->c;
    const vr_simd *simd = vr_simd_get();
    size_t dim = c->index->dim, count = w->candidate_count;
    bool products = c->report == PRODUCT || c->report == CHORD;
    float norm;
    (products ? simd->dot_rows : simd->l2_rows)(query, items, count, dim, w->values);
    simd->dot_rows(query, query, 1, dim, &norm);
    for (size_t i = 0; i < count; i++) {
        float value = w->values[i], norms = norm * w->norms[i];
        if (c->report == CHORD)
            value = norms > 0.0f ? (float)(2.0 - 2.0 * (double)value / (double)sqrtf(norms)) : 2.0f;
        if (c->report == CHORD || c->report == ROOTED)
            value = sqrtf(fmaxf(value, 0.0f));
        w->sums[i] += (double)value;
    }
}

/* Ranks a user's candidates by the sum over all valid interests. */
static void sum_up(worker *w, size_t user)
{
    const call *c = w->c;
    size_t each = c->interests->each, dim = c->index->dim;
    const float *items = c->items + c->starts[user] * dim;
    w->candidate_count = c->starts[user + 1] - c->starts[user];
    for (size_t i = 0; i < w->candidate_count; i++) {
        w->sums[i] = 0.0;
        if (c->report == CHORD)
            vr_simd_get()->dot_rows(items + i * dim, items + i * dim, 1, dim, &w->norms[i]);
    }
    for (size_t i = user * each; i < (user + 1) * each; i++)
        if (c->live[i])
            add_interest(w, c->vectors + i * dim, items);
    for (size_t i = 0; i < w->candidate_count; i++)
        w->candidates[i] =
            (candidate){ .number = (int64_t)c->rows[c->starts[user] + i],
                         .smaller = (float)(larger_is_nearer(c) ? -w->sums[i] : w->sums[i]) };
    put_nearest(w, user);
}

/* Leaves a user's candidates for the sum that is to come. */
static void keep(const worker *w, size_t user)
{
    const call *c = w->c;
    for (size_t i = 0; i < w->candidate_count; i++)
        c->rows[user * c->most + i] = (size_t)w->candidates[i].number;
    c->starts[user + 1] = w->candidate_count;
}

/* Puts the candidates of all users side by side, and copies their vectors. */
static vrec_status copy_candidates(const call *c, vrec_error *err)
{
    size_t end = c->starts[0] = 0;
    for (size_t u = 0; u < c->users; u++) {
        size_t count = c->starts[u + 1];
        memmove(c->rows + end, c->rows + u * c->most, count * sizeof *c->rows);
        c->starts[u + 1] = end += count;
    }
    return end > 0 ? c->index->verbs->vectors(c->index, c->rows, end, c->items, err) : VREC_OK;
}

/* ---- Threads ---- */

/* Divides a block of memory, or measures it if there is none yet. */
static size_t place_worker(worker *w, void *block)
{
    size_t end = 0, most = w->c->most, each = w->c->interests->each;
    bool sums = w->c->rows;
    uintptr_t base = (uintptr_t)block;
    w->ids = (void *)(base + vr_carve(&end, most, sizeof *w->ids));
    w->places = (void *)(base + vr_carve(&end, most, sizeof *w->places));
    w->which = (void *)(base + vr_carve(&end, most, sizeof *w->which));
    w->sorting = (void *)(base + vr_carve(&end, 2 * most, sizeof *w->sorting));
    w->candidates = (void *)(base + vr_carve(&end, most, sizeof *w->candidates));
    w->keys = (void *)(base + vr_carve(&end, vr_topk_capacity(w->c->query->top_k), sizeof *w->keys));
    w->next = (void *)(base + vr_carve(&end, each, sizeof *w->next));
    w->ends = (void *)(base + vr_carve(&end, each, sizeof *w->ends));
    w->sums = (void *)(base + vr_carve(&end, sums ? most : 0, sizeof *w->sums));
    w->values = (void *)(base + vr_carve(&end, sums ? most : 0, sizeof *w->values));
    w->norms = (void *)(base + vr_carve(&end, sums ? most : 0, sizeof *w->norms));
    return end;
}

static void merge_user(worker *w, size_t user)
{
    gather(w, user);
    switch (w->c->interests->merge) {
    case VREC_MERGE_SUM: keep(w, user); break;
    case VREC_MERGE_ROUND_ROBIN: put_in_turn(w, user); break;
    default: put_nearest(w, user);
    }
}

static vrec_status work_on(const call *c, void (*each)(worker *w, size_t user), vr_worker *me,
                           vrec_error *err)
{
    worker w = { .c = c };
    size_t bytes = place_worker(&w, NULL);
    void *block = vr_alloc(bytes, 1);
    if (!block)
        return vr_fail_memory(err, bytes, "merging interests");
    place_worker(&w, block);
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t user = first; user < first + count; user++)
            each(&w, user);
    vr_free(block);
    return VREC_OK;
}

static vrec_status merge_users(void *context, vr_worker *me, vrec_error *err)
{
    return work_on(context, merge_user, me, err);
}

static vrec_status sum_users(void *context, vr_worker *me, vrec_error *err)
{
    return work_on(context, sum_up, me, err);
}

/* ---- Waves ---- */

/* Divides a block of memory for so many users, or measures it if there is none yet. */
static size_t place(call *c, size_t users, void *block)
{
    size_t end = 0, interests = users * c->interests->each, k = c->query->top_k, dim = c->index->dim;
    size_t candidates = c->interests->merge == VREC_MERGE_SUM ? users * c->most : 0;
    uintptr_t base = (uintptr_t)block;
    c->vectors = (void *)(base + vr_carve(&end, interests, dim * sizeof *c->vectors));
    c->live = (void *)(base + vr_carve(&end, interests, sizeof *c->live));
    c->found = (void *)(base + vr_carve(&end, interests, k * sizeof *c->found));
    c->distances = (void *)(base + vr_carve(&end, interests, k * sizeof *c->distances));
    c->counts = (void *)(base + vr_carve(&end, interests, sizeof *c->counts));
    if (candidates > 0) {
        c->rows = (void *)(base + vr_carve(&end, candidates, sizeof *c->rows));
        c->starts = (void *)(base + vr_carve(&end, users + 1, sizeof *c->starts));
        c->items = (void *)(base + vr_carve(&end, candidates, dim * sizeof *c->items));
    }
    return end;
}

static vrec_status run_wave(call *c, vrec_error *err)
{
    vr_work work = { .threads = c->query->threads,
                     .count = c->users,
                     .portion = PORTION,
                     .run = merge_users,
                     .context = c };
    vrec_status status = search(c, err);
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    if (status != VREC_OK || !c->rows)
        return status;
    status = copy_candidates(c, err);
    work.run = sum_users;
    return status == VREC_OK ? vr_work_do(&work, err) : status;
}

vrec_status vr_interests_query(const vr_interests *interests, vr_index *index, const vr_query *query,
                               vrec_error *err)
{
    call c = { .interests = interests,
               .index = index,
               .query = query,
               .report = report_of(index),
               .most = interests->each * query->top_k };
    size_t users = query->queries->rows / interests->each, one = place(&c, 1, NULL);
    size_t room = vr_max(vr_min(users, WAVE_BYTES / one), 1), bytes = place(&c, room, NULL);
    void *block = vr_alloc(bytes, 1);
    vrec_status status = block ? VREC_OK : vr_fail_memory(err, bytes, "what interests find");
    if (block)
        place(&c, room, block);
    for (; c.first < users && status == VREC_OK; c.first += c.users) {
        c.users = vr_min(room, users - c.first);
        status = run_wave(&c, err);
    }
    vr_free(block);
    return status;
}
