/* Search: candidates are found in the trees (walk.c) and compared with the query (score.c). If somebody may
 * not be returned, only the others are candidates; where these are few, they are all compared. With option
 * "fill" they are also compared where a walk has found fewer than top_k.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "annoy/search.h"

#include "annoy/score.h"
#include "annoy/table.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "core/results.h"
#include "core/work.h"

#include <math.h>

/* One call. */
typedef struct search {
    vr_annoy *forest;
    const vr_query *query;
    const vr_simd *simd;
    const vr_records *codes; /* or NULL */
    vr_annoy_limits limits;
    size_t k, room;          /* results; candidates at the most */
    size_t portion;          /* queries that a thread takes at a time */
    bool filtered;           /* somebody may not be returned */
    bool fills;              /* no row is to be short while there are items */
    vr_filter_counts counts; /* of what bitmaps allow */
} search;

/* One thread's part. */
typedef struct worker {
    search *s;
    vr_annoy_crew crew;
    vr_annoy_scorer scorer;
    void *block;    /* that holds what these need, and */
    uint64_t *keys; /* the results of one query */
} worker;

static float root(float smaller)
{
    return sqrtf(fmaxf(smaller, 0.0f));
}

/* ---- Who may be returned ---- */

/* Whether so few items may be returned that comparing with each costs less than a walk that passes over the
 * others. One that is to find searchk of them looks at rows / allowed times as many items. */
static bool is_narrow(const search *s, size_t allowed)
{
    return (double)allowed * (double)allowed <= (double)s->limits.searchk * (double)s->forest->base.rows;
}

static size_t allowed_to(const search *s, size_t row)
{
    const vr_filter *filter = &s->query->filter;
    size_t allowed = vr_filter_counted(filter, &s->counts, row);
    return allowed - vr_min(allowed, vr_filter_excluded(filter, row));
}

/* Makes room for the items of those queries that may get few. */
static vrec_status plan_filter(search *s, vrec_error *err)
{
    const vr_filter *filter = &s->query->filter;
    size_t rows = s->forest->base.rows, queries = s->query->queries->rows;
    s->filtered = vr_filter_is_set(filter);
    vrec_status status = vr_filter_count(filter, queries, rows, s->query->threads, &s->counts, err);
    for (size_t row = 0; s->filtered && row < queries && status == VREC_OK; row++) {
        size_t allowed = allowed_to(s, row);
        if (is_narrow(s, allowed))
            s->room = vr_max(s->room, vr_min(allowed + vr_filter_excluded(filter, row), rows) + 1);
    }
    return status;
}

/* Makes all items that the query may get its candidates, if they are few. */
static void list_allowed(const search *s, vr_annoy_walk *walk)
{
    const vr_filter *filter = &s->query->filter;
    walk->listed = s->filtered && is_narrow(s, allowed_to(s, walk->row));
    walk->found_count = 0;
    for (uint32_t i = 0; walk->listed && i < s->forest->base.rows; i++)
        if (vr_filter_passes(filter, walk->row, i))
            walk->found[walk->found_count++] = i;
}

/* ---- Queries ---- */

/* Readies the queries from row first to before end, except those with a NaN or Inf. */
static void gather(worker *w, size_t first, size_t end)
{
    const search *s = w->s;
    size_t dim = s->forest->layout.dim;
    w->crew.count = 0;
    for (size_t row = first; row < end; row++) {
        vr_annoy_walk *walk = &w->crew.walks[w->crew.count];
        vr_matrix_rows(s->query->queries, row, 1, walk->vector);
        if (vr_find_nonfinite(walk->vector, dim) < dim)
            continue;
        s->simd->dot_rows(walk->vector, walk->vector, 1, dim, &walk->norm);
        walk->row = row;
        walk->least = vr_filter_narrows(&s->query->filter, row) ? s->k : 0;
        list_allowed(s, walk);
        w->crew.count++;
    }
}

/* Compares the query with all items that it may get, as many at a time as there is room for. */
static void score_all(const worker *w, vr_annoy_walk *walk, vr_topk *top)
{
    const search *s = w->s;
    vr_topk_init(top, w->keys, s->k);
    for (uint32_t i = 0; i < s->forest->base.rows; i++) {
        if (vr_filter_passes(&s->query->filter, walk->row, i))
            walk->found[walk->found_count++] = i;
        if (walk->found_count == s->room) {
            vr_annoy_score(&w->scorer, walk, top);
            walk->found_count = 0;
        }
    }
    vr_annoy_score(&w->scorer, walk, top);
    walk->found_count = 0;
}

static void score(const worker *w, vr_annoy_walk *walk)
{
    const search *s = w->s;
    vr_topk top;
    vr_topk_init(&top, w->keys, s->k);
    vr_annoy_score(&w->scorer, walk, &top);
    if (s->fills && !walk->listed && top.count < s->k) {
        vr_marks_clear(walk->marks, walk->found, walk->found_count);
        walk->found_count = 0;
        score_all(w, walk, &top);
    }
    vr_topk_finish(&top);
    bool dot = s->forest->layout.metric == VR_ANNOY_DOT;
    vr_put_topk(s->query, walk->row, &top, dot ? vr_negated : root);
}

static vrec_status answer(worker *w, size_t first, size_t end, vrec_error *err)
{
    gather(w, first, end);
    vrec_status status = vr_annoy_find(&w->crew, err);
    for (size_t i = 0; i < w->crew.count; i++) {
        vr_annoy_walk *walk = &w->crew.walks[i];
        vr_count_compared(w->s->query, walk->found_count);
        if (status == VREC_OK)
            score(w, walk);
        vr_marks_clear(walk->marks, walk->found, walk->found_count);
    }
    return status;
}

/* ---- Threads ---- */

/* Divides the block, or measures it if there is none yet. */
static size_t place(worker *w)
{
    size_t end = 0;
    uintptr_t base = (uintptr_t)w->block;
    for (size_t i = 0; i < w->crew.size; i++) {
        vr_annoy_walk *walk = &w->crew.walks[i];
        walk->vector = (void *)(base + vr_carve(&end, w->s->forest->layout.dim, sizeof(float)));
        walk->found = (void *)(base + vr_carve(&end, w->s->room, sizeof(uint32_t)));
    }
    size_t keys = vr_topk_capacity(w->s->k);
    w->keys = (void *)(base + vr_carve(&end, keys, sizeof *w->keys));
    if (w->s->codes) {
        w->scorer.digits = (void *)(base + vr_carve(&end, w->s->codes->lines, 64));
        w->scorer.bounds = (void *)(base + vr_carve(&end, w->s->room, sizeof(float)));
        w->scorer.best = (void *)(base + vr_carve(&end, keys, sizeof(uint64_t)));
    }
    return end;
}

static vrec_status start(worker *w, vrec_error *err)
{
    search *s = w->s;
    w->crew = (vr_annoy_crew){ .forest = s->forest,
                               .simd = s->simd,
                               .limits = &s->limits,
                               .filter = s->filtered ? &s->query->filter : NULL,
                               .size = s->portion };
    w->scorer = (vr_annoy_scorer){
        .forest = s->forest, .filter = w->crew.filter, .simd = s->simd, .codes = s->codes
    };
    size_t bytes = place(w);
    w->block = vr_scratch_take(&s->forest->base.scratch, bytes);
    place(w);
    return vr_annoy_take(&w->crew) && w->block ? VREC_OK : vr_fail_memory(err, bytes, "a query");
}

static void stop(worker *w)
{
    vr_scratch_give(&w->s->forest->base.scratch, w->block);
    vr_annoy_give(&w->crew);
}

static vrec_status answer_queries(void *context, vr_worker *me, vrec_error *err)
{
    worker w = { .s = context };
    vrec_status status = start(&w, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        status = answer(&w, first, first + count, err);
    stop(&w);
    return status;
}

vrec_status vr_annoy_query(vr_index *indexer, const vr_query *query, vrec_error *err)
{
    vr_annoy *forest = (vr_annoy *)indexer;
    search s = { .forest = forest,
                 .query = query,
                 .simd = vr_simd_get(),
                 .fills = query->options->value[VR_ANNOY_FILL] };
    if (indexer->rows == 0)
        return VREC_OK;
    int64_t searchk = query->options->value[VR_ANNOY_SEARCHK];
    size_t count = forest->count, threads = vr_min(query->threads, query->queries->rows);
    /* A split that is reached twice, as a root and as its copy, has two children each time. */
    s.limits.most_visits = forest->root_count + 4 * (uint64_t)(count - indexer->rows);
    s.limits.searchk = searchk >= 0 ? (uint64_t)searchk : (uint64_t)query->top_k * forest->root_count;
    s.k = vr_min(query->top_k, indexer->rows);
    /* The last leaf may give more than were asked for; and one more is written before it is known. */
    s.room = (size_t)vr_min(vr_max(s.limits.searchk, s.k), indexer->rows) + forest->layout.capacity + 1;
    s.room = vr_min(s.room, indexer->rows + 1);
    vrec_status status = plan_filter(&s, err);
    s.portion = vr_min(VR_ANNOY_TOGETHER, query->queries->rows / threads);
    size_t candidates = (size_t)vr_min(s.limits.searchk, indexer->rows);
    if (status == VREC_OK && vr_annoy_wants_codes(candidates, s.k)) {
        candidates *= query->queries->rows;
        status = vr_annoy_get_codes(forest, query, candidates, query->threads, &s.codes, err);
    }
    vr_work work = { .threads = threads,
                     .count = query->queries->rows,
                     .portion = s.portion,
                     .run = answer_queries,
                     .context = &s,
                     .progress = query->progress,
                     .phase = "searching",
                     .unit = "queries",
                     .steps = 1,
                     .total_steps = query->queries->rows };
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    vr_filter_counts_free(&s.counts);
    return status;
}
