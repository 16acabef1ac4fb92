/* Search. Queries are taken in waves. The quantizer says which lists each of them looks into; then lists
 * are scanned by several threads, each list for all queries of the wave that look into it, so that its
 * items are read once: first every query's nearest list, after which its limit drops nearly all that is in
 * the others, then the rest. Each thread keeps the k nearest that it has seen of every query; what the
 * threads found is merged at the end. All memory is one block, divided once.
 *
 * With exclusions or an allowance a query that has found fewer than k goes on through further lists, in the
 * order of their centroids, until it has k or has seen all. With option "fill" a query that would get fewer
 * looks into all lists. With option "budget" the first scan says into how many each query looks (budget.h).
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "faiss/ivf/search.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/results.h"
#include "core/work.h"
#include "faiss/hnsw/kind.h"
#include "faiss/ivf/budget.h"
#include "faiss/ivf/codes.h"
#include "faiss/ivf/coarse.h"
#include "faiss/table.h"
#include "scan/scan.h"

#include <math.h>
#include <stdatomic.h>

enum {
    WAVE = 2048,                /* queries that are searched together, */
    KEY_BYTES = 64 << 20,       /* as far as the candidates that are kept, */
    PAIR_BYTES = 64 << 20,      /* and pairs of query and list allow it */
    TOGETHER = 96,              /* queries that are compared with one list together */
    FEW = 4,                    /* queries; for so few, lists are scanned query by query */
    PORTION = 8,                /* queries that a thread takes at a time */
    FLOPS_PER_THREAD = 1 << 21, /* below that, waking a thread costs more than it brings */
    STEPS = 1000                /* of progress, a query */
};

/* A list, and those of the wave's queries that look into it. */
typedef struct unit {
    uint32_t list, count;
    size_t first; /* in pairs */
} unit;

/* What one thread has. */
typedef struct worker {
    vr_wave wave;       /* queries that are compared with a list */
    vr_scanner scanner; /* which compares them */
    vr_topk *picked;    /* their tops */
    vr_topk *tops;      /* of all queries of the wave */
    vr_ivf_chooser chooser;
    uint32_t *finite;  /* queries, while their lists are chosen */
    uint64_t *order;   /* for a query that goes on, keys of all lists, */
    uint32_t *lists;   /* and the lists */
    uint64_t compared; /* rows, by all queries */
} worker;

/* One call. */
typedef struct search {
    vr_ivf *ivf;
    const vr_query *query;
    size_t k, probes, threads, room;
    size_t portion;            /* queries whose lists a thread chooses together */
    const vr_ivf_codes *codes; /* or NULL */
    bool by_graph;             /* the quantizer is a graph */
    bool fills;                /* no row is to be short while there are items */
    uint64_t budget;           /* 0: every query looks into as many lists */

    size_t first, count; /* queries of the wave */
    float *vectors;      /* of the queries, */
    vr_queries queries;
    bool *finite;
    uint32_t *near;           /* room x probes: lists, nearest first */
    uint32_t *from, *to;      /* of these lists of a query, those that are scanned next */
    _Atomic uint64_t *limits; /* of each query the least that any thread has */
    uint32_t *pairs;          /* queries, list by list */
    uint32_t *ends;           /* of each list's, while they are sorted */
    unit *units;
    size_t unit_count;
    int64_t *ids; /* room x probes, for a graph's answers */
    float *graph_distances;
    worker *workers;
    uint64_t *keys;
} search;

static vr_rows rows_of(const search *s, size_t list)
{
    const vr_ivf *ivf = s->ivf;
    return (vr_rows){ .values = vr_ivf_items(ivf, list),
                      .count = vr_ivf_size(ivf, list),
                      .dim = ivf->index.base.dim,
                      .metric = ivf->index.metric,
                      .blocks = s->codes ? s->codes->items : NULL,
                      .first_block = ivf->blocks[list],
                      .numbers = ivf->numbers + ivf->starts[list] };
}

/* ---- Set-up ---- */

static void plan(search *s)
{
    const vr_ivf *ivf = s->ivf;
    size_t queries = s->query->queries->rows, rows = ivf->index.base.rows;
    double share = (double)s->probes / (double)ivf->lists;
    double compared = (double)ivf->lists + share * (double)rows;
    double worth = 1.0 + compared * (double)ivf->index.base.dim * (double)queries / FLOPS_PER_THREAD;
    s->k = vr_min(s->query->top_k, rows);
    s->threads = vr_min(s->query->threads, (size_t)fmin(worth, VR_MAX_THREADS));
    size_t by_keys = KEY_BYTES / (vr_topk_capacity(s->k) * sizeof(uint64_t) * s->threads);
    size_t by_pairs = PAIR_BYTES / (s->probes * 4 * sizeof(uint32_t));
    s->room = vr_min(vr_min(queries, WAVE), vr_max(vr_min(by_keys, by_pairs), 1));
    s->portion = vr_min((s->room - 1) / s->threads + 1, TOGETHER);
}

/* Plans a thread's waves: by blocks it doesn't matter how many queries share a list, since each list takes
 * the kernel that fits. */
static void plan_wave(const search *s, vr_wave *wave)
{
    vr_rows rows = rows_of(s, 0);
    double shared = (double)s->room * (double)s->probes / (double)s->ivf->lists;
    size_t together = vr_min(s->room, TOGETHER);
    vr_wave_plan(wave, &rows, s->codes ? together : (size_t)fmin(1.0 + shared, TOGETHER), together);
}

/* A thread's part of the block. */
static void place_worker(const search *s, worker *w, uintptr_t base, size_t *end)
{
    const vr_filter *filter = &s->query->filter;
    size_t ordered = filter->allow || filter->exclude_ids || s->fills ? s->ivf->lists : 0;
    plan_wave(s, &w->wave);
    vr_wave_place(&w->wave, base, end);
    vr_scanner_place(&w->scanner, &w->wave, base, end);
    w->picked = (void *)(base + vr_carve(end, w->wave.room, sizeof *w->picked));
    w->tops = (void *)(base + vr_carve(end, s->room, sizeof *w->tops));
    vr_ivf_chooser_plan(&w->chooser, s->ivf, s->codes, s->probes, s->portion, s->budget > 0);
    vr_ivf_chooser_place(&w->chooser, base, end);
    w->finite = (void *)(base + vr_carve(end, w->chooser.room, sizeof *w->finite));
    w->order =
        (void *)(base + vr_carve(end, ordered > 0 ? vr_topk_capacity(ordered) : 0, sizeof *w->order));
    w->lists = (void *)(base + vr_carve(end, ordered, sizeof *w->lists));
}

/* Divides a block of memory, or measures it if block is NULL. */
static size_t place(search *s, void *block)
{
    size_t end = 0, room = s->room, pairs = room * s->probes, asked = s->by_graph ? pairs : 0;
    uintptr_t base = (uintptr_t)block;
    vr_rows rows = rows_of(s, 0);
    s->vectors = (void *)(base + vr_carve(&end, room * rows.dim, sizeof(float)));
    s->queries.vectors = s->vectors;
    vr_queries_place(&s->queries, &rows, room, base, &end);
    s->finite = (void *)(base + vr_carve(&end, room, sizeof *s->finite));
    s->near = (void *)(base + vr_carve(&end, pairs, sizeof *s->near));
    s->from = (void *)(base + vr_carve(&end, room, sizeof *s->from));
    s->to = (void *)(base + vr_carve(&end, room, sizeof *s->to));
    s->limits = (void *)(base + vr_carve(&end, room, sizeof *s->limits));
    s->pairs = (void *)(base + vr_carve(&end, pairs, sizeof *s->pairs));
    s->ends = (void *)(base + vr_carve(&end, s->ivf->lists, sizeof *s->ends));
    s->units = (void *)(base + vr_carve(&end, vr_min(vr_max(s->ivf->lists, FEW * s->probes), pairs),
                                        sizeof *s->units));
    s->ids = (void *)(base + vr_carve(&end, asked, sizeof *s->ids));
    s->graph_distances = (void *)(base + vr_carve(&end, asked, sizeof *s->graph_distances));
    s->keys = (void *)(base + vr_carve(&end, s->threads * room * vr_topk_capacity(s->k), sizeof *s->keys));
    s->workers = (void *)(base + vr_carve(&end, s->threads, sizeof *s->workers));
    for (size_t t = 0; t < s->threads; t++) {
        worker w = { .scanner = { .filter = &s->query->filter } };
        place_worker(s, &w, base, &end);
        if (!block)
            continue;
        s->workers[t] = w;
        s->workers[t].scanner.wave = &s->workers[t].wave;
        s->workers[t].scanner.tops = w.picked;
    }
    return end;
}

/* ---- Choosing lists ---- */

/* Reads a query and readies it; returns whether it is finite. */
static bool read_query(search *s, size_t q)
{
    size_t dim = s->ivf->index.base.dim;
    float *vector = s->vectors + q * dim;
    vr_matrix_rows(s->query->queries, s->first + q, 1, vector);
    s->finite[q] = vr_find_nonfinite(vector, dim) == dim;
    if (s->finite[q])
        vr_queries_ready(&s->queries, q);
    return s->finite[q];
}

/* For queries from first on, no more than the chooser has room for. */
static void choose_lists(search *s, worker *w, size_t first, size_t count)
{
    size_t finite = 0;
    for (size_t q = first; q < first + count; q++) {
        if (read_query(s, q))
            w->finite[finite++] = (uint32_t)q;
        for (size_t i = 0; i < s->probes && !s->finite[q]; i++)
            s->near[q * s->probes + i] = VR_IVF_NO_LIST;
    }
    if (!s->by_graph && finite > 0)
        vr_ivf_choose(&w->chooser, &s->queries, w->finite, finite, s->near);
}

static vrec_status choose(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    worker *w = &s->workers[me->number];
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t q = first; q < first + count; q += w->chooser.room)
            choose_lists(s, w, q, vr_min(w->chooser.room, first + count - q));
    return VREC_OK;
}

/* ---- Scanning ---- */

/* Makes one unit of every query and list, nearest lists first. */
static void pair_one_by_one(search *s)
{
    for (size_t rank = 0; rank < s->probes; rank++)
        for (size_t q = 0; q < s->count; q++) {
            uint32_t list = s->near[q * s->probes + rank];
            if (rank < s->from[q] || rank >= s->to[q] || list == VR_IVF_NO_LIST ||
                vr_ivf_size(s->ivf, list) == 0)
                continue;
            s->pairs[s->unit_count] = (uint32_t)q;
            s->units[s->unit_count] = (unit){ .list = list, .count = 1, .first = s->unit_count };
            s->unit_count++;
        }
}

/* Makes one unit of every list. */
static void pair_by_list(search *s)
{
    size_t lists = s->ivf->lists, sum = 0;
    for (size_t list = 0; list < lists; list++)
        s->ends[list] = 0;
    for (size_t q = 0; q < s->count; q++)
        for (size_t i = q * s->probes + s->from[q]; i < q * s->probes + s->to[q]; i++)
            if (s->near[i] != VR_IVF_NO_LIST)
                s->ends[s->near[i]]++;
    for (size_t list = 0; list < lists; list++) {
        uint32_t count = s->ends[list];
        s->ends[list] = (uint32_t)sum;
        if (count > 0 && vr_ivf_size(s->ivf, list) > 0)
            s->units[s->unit_count++] = (unit){ .list = (uint32_t)list, .count = count, .first = sum };
        sum += count;
    }
    for (size_t q = 0; q < s->count; q++)
        for (size_t i = q * s->probes + s->from[q]; i < q * s->probes + s->to[q]; i++)
            if (s->near[i] != VR_IVF_NO_LIST)
                s->pairs[s->ends[s->near[i]]++] = (uint32_t)q;
}

static void pair(search *s)
{
    s->unit_count = 0;
    (s->count <= FEW ? pair_one_by_one : pair_by_list)(s);
}

static void share_limit(search *s, size_t q, uint64_t limit)
{
    uint64_t shared = atomic_load_explicit(&s->limits[q], memory_order_relaxed);
    while (limit < shared && !atomic_compare_exchange_weak_explicit(
                                 &s->limits[q], &shared, limit, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Compares a list with up to TOGETHER of the wave's queries. */
static void scan_list(search *s, worker *w, size_t list, const uint32_t *queries, size_t count)
{
    vr_rows rows = rows_of(s, list);
    if (rows.blocks)
        vr_prefetch(vr_blocks_digits(rows.blocks, rows.first_block), rows.blocks->block_bytes);
    vr_wave_gather(&w->wave, &s->queries, queries, count, s->first);
    for (size_t i = 0; i < count; i++) {
        w->picked[i] = w->tops[queries[i]];
        uint64_t shared = atomic_load_explicit(&s->limits[queries[i]], memory_order_relaxed);
        if (shared < w->picked[i].limit)
            w->picked[i].limit = shared;
    }
    w->scanner.rows = &rows;
    vr_scanner_start(&w->scanner);
    vr_scan(&w->scanner, 0, rows.count);
    w->compared += (uint64_t)rows.count * count;
    for (size_t i = 0; i < count; i++) {
        vr_topk *top = &w->picked[i];
        if (top->count > s->k)
            vr_topk_shrink(top);
        w->tops[queries[i]] = *top;
        share_limit(s, queries[i], top->limit);
    }
}

static vrec_status scan_units(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t u = first; u < first + count; u++) {
            const unit *here = &s->units[u];
            for (size_t i = 0; i < here->count; i += TOGETHER)
                scan_list(s, &s->workers[me->number], here->list, s->pairs + here->first + i,
                          vr_min(TOGETHER, here->count - i));
        }
    return VREC_OK;
}

/* What the threads found for query q. It is the first thread's from then on. */
static vr_topk *merge(search *s, size_t q)
{
    vr_topk *all = &s->workers[0].tops[q];
    for (size_t t = 1; t < s->threads; t++) {
        vr_topk *top = &s->workers[t].tops[q];
        for (size_t i = 0; i < top->count; i++)
            vr_topk_push(all, top->keys[i]);
        top->count = 0;
    }
    return all;
}

/* ---- How many lists ---- */

/* Goes on through the lists of query q, from its to-th on, until they have so many rows, beside those that
 * it has been through. */
static void extend(search *s, size_t q, double rows)
{
    const uint32_t *near = s->near + q * s->probes;
    double passed = 0;
    uint32_t rank = 0;
    for (; rank < s->probes && near[rank] != VR_IVF_NO_LIST && (rank < s->to[q] || passed < rows); rank++)
        passed += (double)vr_ivf_size(s->ivf, near[rank]);
    s->to[q] = rank;
}

/* The nearest list; with a budget also further ones, until there are k items. */
static void plan_first(search *s, size_t q)
{
    s->from[q] = 0;
    s->to[q] = 1;
    if (s->budget > 0)
        extend(s, q, (double)s->k);
}

static void spend_budget(search *s, size_t q)
{
    vr_topk *top = merge(s, q);
    double rows = (double)s->budget;
    vr_topk_shrink(top);
    if (top->count == s->k) {
        rows = vr_ivf_budget_rows(s->ivf, s->budget, s->queries.norms[q], vr_topk_value(top->limit));
        share_limit(s, q, top->limit);
    }
    s->from[q] = s->to[q];
    extend(s, q, rows);
}

static vrec_status spend_budgets(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t q = first; q < first + count; q++)
            spend_budget(s, q);
    return VREC_OK;
}

static vrec_status plan_rest(search *s, vrec_error *err)
{
    vr_work work = {
        .threads = s->threads, .count = s->count, .portion = PORTION, .run = spend_budgets, .context = s
    };
    for (size_t q = 0; q < s->count && s->budget == 0; q++) {
        s->from[q] = 1;
        s->to[q] = (uint32_t)s->probes;
    }
    return s->budget > 0 ? vr_work_do(&work, err) : VREC_OK;
}

/* ---- Answers ---- */

static bool was_probed(const search *s, size_t q, uint32_t list)
{
    for (size_t i = 0; i < s->to[q]; i++)
        if (s->near[q * s->probes + i] == list)
            return true;
    return false;
}

/* Goes on through the lists that query q hasn't looked into yet, until it has k; or through all of them,
 * which makes the answer exact. */
static void go_on(search *s, worker *w, size_t q, bool through_all, vr_topk *top)
{
    const vr_ivf *ivf = s->ivf;
    uint32_t asked = (uint32_t)q;
    vr_ivf_nearest_lists(ivf, s->queries.vectors + q * ivf->index.base.dim, ivf->lists,
                         w->chooser.distances, w->order, w->lists);
    for (size_t i = 0; i < ivf->lists && (through_all || top->count < s->k); i++) {
        uint32_t list = w->lists[i];
        if (list == VR_IVF_NO_LIST || vr_ivf_size(ivf, list) == 0 || was_probed(s, q, list))
            continue;
        vr_rows rows = rows_of(s, list);
        vr_wave_gather(&w->wave, &s->queries, &asked, 1, s->first);
        w->picked[0] = *top;
        w->scanner.rows = &rows;
        vr_scanner_start(&w->scanner);
        vr_scan(&w->scanner, 0, rows.count);
        w->compared += rows.count;
        *top = w->picked[0];
    }
    vr_topk_finish(top);
}

static void answer(search *s, worker *w, size_t q)
{
    const vr_index *base = &s->ivf->index.base;
    vr_topk *all = merge(s, q);
    vr_topk_finish(all);
    bool widens = vr_filter_narrows(&s->query->filter, s->first + q);
    if (all->count < s->k && s->finite[q] && (widens || s->fills))
        go_on(s, w, q, !widens, all);
    vr_put_topk(s->query, s->first + q, all, base->larger_is_nearer ? vr_negated : vr_unchanged);
}

static vrec_status answer_all(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    (void)err;
    for (size_t first, count; vr_work_take(me, &first, &count);)
        for (size_t q = first; q < first + count; q++)
            answer(s, &s->workers[me->number], q);
    return VREC_OK;
}

/* ---- One wave ---- */

static void start_wave(search *s)
{
    size_t capacity = vr_topk_capacity(s->k);
    for (size_t q = 0; q < s->count; q++)
        atomic_init(&s->limits[q], vr_no_limit());
    for (size_t t = 0; t < s->threads; t++)
        for (size_t q = 0; q < s->count; q++) {
            vr_topk_init(&s->workers[t].tops[q], s->keys + (t * s->room + q) * capacity, s->k);
            s->workers[t].tops[q].limit = vr_no_limit();
        }
}

/* The lists that come next. */
static vrec_status scan_lists(search *s, bool are_first, vrec_error *err)
{
    pair(s);
    for (size_t t = 0; t < s->threads; t++) /* those that have no limit yet are compared alone */
        s->workers[t].wave.narrow = are_first;
    uint64_t all = (uint64_t)STEPS * s->count;
    vr_work work = { .threads = s->threads,
                     .count = s->unit_count,
                     .portion = 1,
                     .run = scan_units,
                     .context = s,
                     .progress = s->query->progress,
                     .phase = "searching",
                     .unit = "steps",
                     .done_before = (uint64_t)STEPS * s->first,
                     .steps = !are_first ? all / vr_max(s->unit_count, 1) : 0,
                     .total_steps = (uint64_t)STEPS * s->query->queries->rows };
    return vr_work_do(&work, err);
}

static vrec_status search_wave(search *s, vrec_error *err)
{
    vr_work work = { .threads = s->threads, .count = s->count, .portion = s->portion, .context = s };
    vrec_status status = VREC_OK;
    start_wave(s);
    if (s->by_graph)
        status = vr_ivf_ask_quantizer(s->ivf, s->query, s->first, s->count, s->probes, s->ids,
                                      s->graph_distances, s->near, err);
    work.run = choose;
    if (status == VREC_OK)
        status = vr_work_do(&work, err);
    for (size_t q = 0; q < s->count; q++)
        plan_first(s, q);
    if (status == VREC_OK)
        status = scan_lists(s, true, err);
    if (status == VREC_OK)
        status = plan_rest(s, err);
    if (status == VREC_OK)
        status = scan_lists(s, false, err);
    work.run = answer_all;
    work.portion = PORTION;
    return status == VREC_OK ? vr_work_do(&work, err) : status;
}

/* Lists that a query looks into at the most. */
static size_t probes_of(const vr_ivf *ivf, const vr_options *options, uint64_t budget)
{
    uint64_t probes = budget > 0 ? vr_ivf_budget_lists(ivf, budget) : ivf->probes;
    uint64_t given = (uint64_t)options->value[VR_FAISS_NPROBE];
    if (options->given[VR_FAISS_NPROBE])
        probes = budget > 0 && probes < given ? probes : given;
    return probes < 1 ? 1 : (size_t)(probes < ivf->lists ? probes : ivf->lists);
}

vrec_status vr_ivf_query(vr_index *indexer, const vr_query *query, vrec_error *err)
{
    vr_ivf *ivf = (vr_ivf *)indexer;
    search s = { .ivf = ivf,
                 .query = query,
                 .by_graph = ivf->quantizer->kind == &vr_hnsw_kind,
                 .budget = (uint64_t)query->options->value[VR_FAISS_BUDGET],
                 .fills = query->options->value[VR_FAISS_FILL] };
    if (indexer->rows == 0)
        return VREC_OK;
    s.probes = probes_of(ivf, query->options, s.budget);
    vrec_status status = vr_ivf_get_codes(ivf, query, s.probes, &s.codes, err);
    if (status != VREC_OK)
        return status;
    plan(&s);
    size_t bytes = place(&s, NULL), queries = query->queries->rows;
    void *block = vr_scratch_take(&indexer->scratch, bytes);
    if (!block)
        return vr_fail_memory(err, bytes, "a query");
    place(&s, block);
    for (; s.first < queries && status == VREC_OK; s.first += s.count) {
        s.count = vr_min(s.room, queries - s.first);
        status = search_wave(&s, err);
    }
    for (size_t t = 0; t < s.threads; t++)
        vr_count_compared(query, s.workers[t].compared);
    if (!s.by_graph) /* the centroids; a budget compares those that are near twice, to put them in order */
        vr_count_compared(query, (uint64_t)queries * (ivf->lists + (s.budget > 0 ? s.probes : 0)));
    vr_scratch_give(&indexer->scratch, block);
    return status;
}
