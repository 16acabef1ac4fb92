/* Search: a walk through the graph finds candidates, by estimates if there are codes, and the vectors
 * decide between them.
 *
 * A walk of ef steps looks at some ten nodes a step, and moves what is in the pool for each that it puts
 * there. Where that costs more, a query is compared with everything instead: if nobody is excluded, with
 * all that a walk could reach and no more, so that it gets as many results as from FAISS; else with all
 * that is allowed. By option "fill" a query that got fewer than it asked for is compared with all that is
 * allowed.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/hnsw/search.h"

#include "base/memory.h"
#include "core/matrix.h"
#include "core/results.h"
#include "core/work.h"
#include "faiss/hnsw/walk.h"
#include "faiss/table.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum {
    PORTION = 4,         /* queries that a thread takes at a time */
    FETCHED_LINES = 8,   /* of a vector, ahead; processors fetch the rest */
    BATCH = 64,          /* vectors compared at a time */
    LEAST_RERANKED = 40, /* of 4-bit codes */
    ADAPTIVE_EF = 1000   /* candidates that a walk keeps where not their number ends it */
};

/* One call. */
typedef struct search {
    vr_hnsw *hnsw;
    const vr_query *query;
    vr_filter filter;
    const vr_hnsw_codes *codes; /* that walks go by; or NULL */
    size_t ef;                  /* efSearch; from plan() on, how many candidates a walk keeps */
    size_t k;                   /* results */
    vr_filter_counts counts;    /* of what bitmaps allow */
    size_t pool;                /* room of the pools */
    bool floods;                /* some query may reach for everything */
    bool fills;                 /* no row is to be short while there are items */
    float stretch;              /* of the adaptive stop: the square of 1 + gamma; 0: without */
} search;

/* One thread's part. */
typedef struct worker {
    const search *s;
    vr_hnsw_walk walk;
    void *block;       /* that holds what these need, and */
    float *vector;     /* the query, */
    float *space;      /* dim values for making its code, */
    int8_t *digits;    /* which these are, */
    uint64_t *keys;    /* the results of one query, */
    uint32_t *nodes;   /* and all nodes, for one that reaches for everything */
    uint64_t compared; /* items, by their vectors */
} worker;

/* ---- What to do ---- */

/* Whom a query may get. */
typedef struct scope {
    bool filtered;
    size_t allowed; /* at least so many items, but for those that are excluded twice */
} scope;

static scope scope_of(const search *s, size_t row)
{
    const vr_filter *f = &s->filter;
    size_t excluded = vr_filter_excluded(f, row), allowed = vr_filter_counted(f, &s->counts, row);
    return (scope){ .filtered = f->allow || excluded > 0 || s->hnsw->index.hidden > 0,
                    .allowed = allowed - vr_min(allowed, excluded) };
}

/* How long a walk's pool can get. Of rows with ids of their own, one id may exclude any number. */
static size_t pool_of(const search *s, scope which)
{
    size_t rows = s->hnsw->index.base.rows;
    if (!which.filtered)
        return s->ef;
    return s->hnsw->index.base.ids ? rows : vr_min(s->ef + rows - which.allowed, rows);
}

/* Nanoseconds, very roughly: what matters is the order of magnitude. FAISS walks always, and who wants to
 * know what it finds wants what it misses, too. */
static bool walk_pays(const search *s, scope which)
{
    if (s->query->plain && !which.filtered)
        return true;
    double rows = (double)s->hnsw->index.base.rows, dim = (double)s->hnsw->index.base.dim;
    double allowed = fmax((double)which.allowed, 1.0), steps = (double)s->ef * rows / allowed;
    double walk = 350.0 * steps + 0.15 * steps * steps;
    double scan = which.filtered ? 0.1 * allowed * (dim + 16.0) + 2.0 * rows : rows * (0.1 * dim + 200.0);
    return walk < scan;
}

/* How many a walk keeps. By estimates it misplaces some, so it keeps more than it would need to: its
 * answers are then as good as those of a walk by the items themselves. */
static size_t candidates(const search *s, size_t ef)
{
    if (!s->codes)
        return ef;
    size_t most = s->hnsw->index.base.rows, k = s->k;
    if (s->codes->kind == VR_HNSW_SQ4)
        return vr_min(vr_max(ef + ef / 16, 2 * k + 20), most);
    return vr_min(vr_max(ef, k + k / 4 + 4), most);
}

static vrec_status plan(search *s, vrec_error *err)
{
    const vr_hnsw *hnsw = s->hnsw;
    size_t rows = hnsw->index.base.rows, queries = s->query->queries->rows;
    s->k = vr_min(s->query->top_k, rows);
    s->ef = candidates(s, vr_min(vr_max(s->ef, s->k), rows));
    vrec_status status = vr_filter_count(&s->filter, queries, rows, s->query->threads, &s->counts, err);
    for (size_t row = 0; row < queries && status == VREC_OK; row++) {
        scope which = scope_of(s, row);
        if (walk_pays(s, which))
            s->pool = vr_max(s->pool, pool_of(s, which));
        else
            s->floods |= !which.filtered;
    }
    return status;
}

/* ---- One query ---- */

/* Pushes the items among nodes, by their vectors. */
static void compare(worker *w, const uint32_t *nodes, size_t count, vr_topk *top)
{
    w->compared += count;
    const vr_hnsw *hnsw = w->s->hnsw;
    const vr_simd *simd = w->walk.simd;
    size_t dim = hnsw->index.base.dim, stride = dim * sizeof(float);
    bool l2 = hnsw->index.metric == VR_METRIC_L2;
    for (size_t first = 0; first < count; first += BATCH) {
        float values[BATCH];
        size_t here = vr_min(BATCH, count - first);
        (l2 ? simd->l2_ids : simd->dot_ids)(w->vector, hnsw->items, stride, nodes + first, here, dim,
                                            values);
        for (size_t i = 0; i < here; i++)
            if (fabsf(values[i]) <= FLT_MAX && nodes[first + i] != w->walk.absent)
                vr_topk_push(top, vr_topk_key(l2 ? values[i] : -values[i], nodes[first + i]));
    }
}

/* Candidates whose items are compared. */
static size_t reranked(const worker *w)
{
    const vr_hnsw_codes *codes = w->s->hnsw->codes;
    size_t k = w->s->k, share = w->walk.allowed / 4;
    if (!w->walk.by_codes)
        return k;
    return codes->kind == VR_HNSW_SQ4 ? vr_max(vr_max(4 * k, LEAST_RERANKED), share) : vr_max(2 * k, share);
}

/* Compares the best candidates of the walk. */
static void rerank(worker *w, vr_topk *top)
{
    const vr_hnsw_walk *walk = &w->walk;
    const vr_hnsw *hnsw = w->s->hnsw;
    size_t bytes = vr_min(hnsw->index.base.dim * sizeof(float), FETCHED_LINES * 64);
    uint32_t nodes[BATCH];
    size_t count = 0, taken = 0, most = reranked(w);
    for (size_t i = 0; i < walk->count && taken < most; i++) {
        uint32_t node = vr_hnsw_pool_node(walk->pool[i]);
        if (!vr_hnsw_allows(walk, node))
            continue;
        vr_prefetch(hnsw->items + (size_t)node * hnsw->index.base.dim, bytes);
        nodes[count++] = node;
        taken++;
        if (count == BATCH) {
            compare(w, nodes, count, top);
            count = 0;
        }
    }
    compare(w, nodes, count, top);
}

static void scan_allowed(worker *w, size_t row, vr_topk *top)
{
    const search *s = w->s;
    uint32_t nodes[BATCH];
    size_t count = 0;
    vr_topk_init(top, w->keys, s->k);
    for (size_t i = 0; i < s->hnsw->index.base.rows; i++) {
        if (vr_filter_passes(&s->filter, row, i))
            nodes[count++] = (uint32_t)i;
        if (count == BATCH) {
            compare(w, nodes, count, top);
            count = 0;
        }
    }
    compare(w, nodes, count, top);
}

static void ready_walk(worker *w, size_t row, scope which)
{
    vr_hnsw_walk *walk = &w->walk;
    const vr_hnsw *hnsw = w->s->hnsw;
    walk->row = row;
    walk->absent = w->s->query->absent ? w->s->query->absent[row] : (uint32_t)hnsw->graph.rows;
    walk->filtered = which.filtered;
    walk->offset = 0.0f;
    walk->by_codes = w->s->codes && vr_hnsw_codes_query(hnsw->codes, w->vector, w->space, w->digits,
                                                        &walk->coded, &walk->offset);
    walk->factor = walk->by_codes ? 2.0f : 1.0f;
    walk->adaptive = w->s->stretch > 0.0f && (walk->by_codes || hnsw->index.metric == VR_METRIC_L2);
    walk->by_records = walk->by_codes && vr_hnsw_codes_complete(hnsw->codes);
    walk->fetched = walk->by_records ? hnsw->codes->lines * 64
                                     : vr_min(hnsw->index.base.dim * sizeof(float), FETCHED_LINES * 64);
}

static void answer(worker *w, size_t row)
{
    const search *s = w->s;
    const vr_index *base = &s->hnsw->index.base;
    scope which = scope_of(s, row);
    vr_topk top;
    vr_matrix_rows(s->query->queries, row, 1, w->vector);
    if (vr_find_nonfinite(w->vector, base->dim) < base->dim)
        return; /* its row of results stays padding */
    vr_topk_init(&top, w->keys, s->k);
    ready_walk(w, row, which);
    bool walks = walk_pays(s, which), scans = !walks && which.filtered;
    if (walks) {
        vr_hnsw_mark_excluded(&w->walk);
        vr_hnsw_walk_to(&w->walk);
        rerank(w, &top);
        vr_hnsw_unmark_excluded(&w->walk);
    } else if (!scans) {
        compare(w, w->nodes, vr_hnsw_reach(&w->walk, w->nodes), &top);
    }
    if (scans || (s->fills && top.count < s->k))
        scan_allowed(w, row, &top);
    vr_topk_finish(&top);
    vr_put_topk(s->query, row, &top, base->larger_is_nearer ? vr_negated : vr_unchanged);
}

/* ---- Threads ---- */

/* Divides the block, or measures it if there is none yet. */
static size_t place(worker *w)
{
    const search *s = w->s;
    const vr_hnsw *hnsw = s->hnsw;
    size_t end = 0, widest = vr_hnsw_widest_row(&hnsw->graph);
    uintptr_t base = (uintptr_t)w->block;
    w->vector = (void *)(base + vr_carve(&end, hnsw->index.base.dim, sizeof(float)));
    w->keys = (void *)(base + vr_carve(&end, vr_topk_capacity(s->k), sizeof *w->keys));
    w->walk.pool = (void *)(base + vr_carve(&end, s->pool + widest, sizeof *w->walk.pool));
    w->walk.fresh.nodes = (void *)(base + vr_carve(&end, widest, sizeof *w->walk.fresh.nodes));
    w->walk.coming.nodes = (void *)(base + vr_carve(&end, widest, sizeof *w->walk.coming.nodes));
    w->walk.values = (void *)(base + vr_carve(&end, widest, sizeof *w->walk.values));
    w->walk.places = (void *)(base + vr_carve(&end, widest, sizeof *w->walk.places));
    w->walk.near = (void *)(base + vr_carve(&end, widest, sizeof *w->walk.near));
    w->nodes = (void *)(base + vr_carve(&end, s->floods ? hnsw->index.base.rows : 0, sizeof *w->nodes));
    if (s->codes) {
        w->space = (void *)(base + vr_carve(&end, hnsw->index.base.dim, sizeof(float)));
        w->digits = (void *)(base + vr_carve(&end, vr_hnsw_codes_digits(hnsw->codes), 1));
    }
    return end;
}

static vrec_status start(worker *w, vrec_error *err)
{
    const search *s = w->s;
    w->walk = (vr_hnsw_walk){ .hnsw = s->hnsw,
                              .simd = vr_simd_get(),
                              .filter = &s->filter,
                              .ef = s->ef,
                              .in_turn = s->query->plain,
                              .k = s->k,
                              .stretch = s->stretch };
    size_t bytes = place(w);
    w->block = vr_scratch_take(&s->hnsw->index.base.scratch, bytes);
    place(w);
    w->walk.query = w->vector;
    return vr_hnsw_take_marks(&w->walk) && w->block ? VREC_OK : vr_fail_memory(err, bytes, "a query");
}

static void stop(worker *w)
{
    vr_scratch_give(&w->s->hnsw->index.base.scratch, w->block);
    vr_hnsw_give_marks(&w->walk);
}

static vrec_status answer_queries(void *context, vr_worker *me, vrec_error *err)
{
    worker w = { .s = context };
    vrec_status status = start(&w, err);
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        for (size_t row = first; row < first + count; row++)
            answer(&w, row);
    vr_count_compared(w.s->query, w.walk.measured + w.compared);
    stop(&w);
    return status;
}

static size_t ef_of(const vr_hnsw *hnsw, const vr_options *options)
{
    if (options->given[VR_FAISS_EF_SEARCH])
        return (size_t)options->value[VR_FAISS_EF_SEARCH];
    return options->given[VR_FAISS_GAMMA] ? ADAPTIVE_EF : (size_t)hnsw->graph.ef_search;
}

/* Squares of distances are compared. */
static float stretch_of(int64_t gamma)
{
    float stretch = 1.0f + (float)gamma / VR_OPTION_ONE;
    return stretch * stretch;
}

static vrec_status check_stop(const vr_hnsw *hnsw, vrec_error *err)
{
    if (hnsw->index.metric == VR_METRIC_L2 || hnsw->codes)
        return VREC_OK;
    return vr_fail(err, VREC_UNSUPPORTED,
                   "query: gamma needs codes where the metric is IP, and this index has none: %s",
                   hnsw->without_codes);
}

vrec_status vr_hnsw_query(vr_index *indexer, const vr_query *query, vrec_error *err)
{
    vr_hnsw *hnsw = (vr_hnsw *)indexer;
    const vr_options *options = query->options;
    bool adaptive = options->given[VR_FAISS_GAMMA];
    search s = { .hnsw = hnsw,
                 .query = query,
                 .filter = query->filter,
                 .codes = query->plain ? NULL : hnsw->codes,
                 .ef = ef_of(hnsw, options),
                 .fills = options->value[VR_FAISS_FILL] };
    size_t rows = query->queries->rows;
    if (indexer->rows == 0)
        return VREC_OK;
    vrec_status status = adaptive ? check_stop(hnsw, err) : VREC_OK;
    if (status != VREC_OK)
        return status;
    if (adaptive)
        s.stretch = stretch_of(options->value[VR_FAISS_GAMMA]);
    if (s.codes && !vr_hnsw_codes_complete(hnsw->codes))
        status = vr_hnsw_codes_go_on(hnsw->codes, rows, query->threads, query->progress, err);
    if (status == VREC_OK)
        status = plan(&s, err);
    vr_work work = { .threads = query->threads,
                     .count = rows,
                     .portion = PORTION,
                     .run = answer_queries,
                     .context = &s,
                     .progress = query->progress,
                     .phase = "searching",
                     .unit = "queries",
                     .steps = 1,
                     .total_steps = rows };
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    vr_filter_counts_free(&s.counts);
    return status;
}
