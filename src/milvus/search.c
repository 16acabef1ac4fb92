/* Queries in portions over several connections, and what the server found back into the caller's arrays.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "core/matrix.h"
#include "core/results.h"
#include "core/work.h"
#include "milvus/milvus.h"

#include <math.h>
#include <stdio.h>

enum {
    PORTION_MAX = 1000,       /* queries that the server handles as one */
    REQUEST_BYTES = 32 << 20, /* half of its limit */
    REPLY_BYTES = 32 << 20,
    HIT_BYTES = 24 /* an id, once as such and once as a field, and a distance */
};

/* What the workers share. */
typedef struct search {
    vr_milvus *milvus;
    const vr_query *query;
    size_t portion;
    size_t limit; /* results to ask for: excluded ones that the server isn't told of come on top */
    vr_milvus_filter filter; /* of all queries */
    bool alone;              /* each query has a limit and a filter of its own, and a request */
    int32_t consistency;
    uint64_t timestamp;
    vr_watch watch;
} search;

/* ---- One portion ---- */

/* A worker's own memory. */
typedef struct portion {
    vr_frame frame;
    float *queries;
    uint32_t *rows; /* which query of the caller's each of them is */
    size_t count;
    size_t limit;
    vr_milvus_filter own; /* of a query alone */
    char params[VR_OPTION_TEXT_MAX];
} portion;

/* Those without NaN and Inf: the server refuses a portion for a single one of them. */
static void take_queries(const search *s, portion *p, size_t first, size_t count)
{
    size_t dim = s->milvus->base.dim;
    p->count = 0;
    for (size_t i = first; i < first + count; i++) {
        float *to = p->queries + p->count * dim;
        vr_matrix_rows(s->query->queries, i, 1, to);
        if (vr_find_nonfinite(to, dim) == dim)
            p->rows[p->count++] = (uint32_t)(i - first);
    }
}

/* Whether the server may have found this for a query: it may know nothing of who is excluded. */
static bool passes(const vr_filter *filter, size_t q, int64_t id)
{
    return !vr_filter_excludes(filter, q, id) && vr_filter_lists(filter, q, id);
}

static void give_hits(const search *s, size_t row, const int64_t *ids, const float *scores, size_t count)
{
    const vr_query *query = s->query;
    size_t kept = 0;
    for (size_t i = 0; i < count && kept < query->top_k; i++) {
        if (!isfinite(scores[i]) || !passes(&query->filter, row, ids[i]))
            continue;
        vr_put_result(query, row, kept++, ids[i], scores[i]);
    }
    vr_put_count(query, row, kept);
}

static vrec_status give_results(const search *s, const portion *p, size_t first,
                                const Vr__SearchReply *reply, vrec_error *err)
{
    vr_hits hits;
    size_t at = 0;
    vrec_status status = vr_reply_hits(reply, p->count, p->limit, &hits, err);
    for (size_t i = 0; status == VREC_OK && hits.counts && i < p->count; i++) {
        size_t count = (size_t)hits.counts[i];
        if (count > 0)
            give_hits(s, first + p->rows[i], hits.ids + at, hits.scores + at, count);
        at += count;
    }
    return status;
}

/* How many results to ask for, and from among whom. */
static vrec_status plan_request(const search *s, portion *p, size_t first, vrec_error *err)
{
    const vr_filter *filter = &s->query->filter;
    bool few = s->query->top_k + vr_filter_excluded(filter, first) <= VREC_MAX_TOP_K;
    vrec_status status = VREC_OK;
    p->limit = s->limit;
    if (s->alone && few && !vr_id_lists_are_set(&filter->allowed))
        p->limit = s->query->top_k + vr_filter_excluded(filter, first);
    else if (s->alone)
        status = vr_milvus_filter_of(s->milvus, filter, first, &p->own, err);
    vr_milvus_search_params(s->query->options, s->milvus->index_type, p->limit, p->params);
    return status;
}

static vrec_status search_portion(search *s, portion *p, bool reports, size_t first, size_t count,
                                  vrec_error *err)
{
    vr_milvus *milvus = s->milvus;
    ProtobufCMessage *reply = NULL;
    vrec_status status = plan_request(s, p, first, err);
    take_queries(s, p, first, count);
    if (p->own.nobody)
        p->count = 0;
    vr_search request = { .collection = milvus->client.collection,
                          .id_field = milvus->id_field,
                          .vector_field = milvus->vector_field,
                          .metric = milvus->metric,
                          .params = p->params,
                          .queries = p->queries,
                          .count = p->count,
                          .dim = milvus->base.dim,
                          .limit = p->limit,
                          .filter = s->alone ? p->own.text : s->filter.text,
                          .consistency = s->consistency,
                          .timestamp = s->timestamp };
    vr_call call = {
        .rpc = &vr_rpc_search, .timeout_ms = milvus->client.call_ms, .watch = &s->watch, .reports = reports
    };
    if (status == VREC_OK && p->count > 0)
        status = vr_frame_search(&p->frame, &request, err);
    if (status == VREC_OK && p->count > 0)
        status = vr_client_send(&milvus->client, &call, &p->frame, &reply, err);
    if (reply)
        status = give_results(s, p, first, (const Vr__SearchReply *)reply, err);
    vr_reply_free(reply);
    vr_milvus_filter_free(&p->own);
    atomic_fetch_add(&s->watch.done, count);
    return status;
}

static vrec_status search_portions(void *context, vr_worker *me, vrec_error *err)
{
    search *s = context;
    vrec_status status = VREC_OK;
    portion p = { .queries = vr_alloc(s->portion, s->milvus->base.dim * sizeof(float)),
                  .rows = vr_alloc(s->portion, sizeof(uint32_t)) };
    vr_watch_enter(&s->watch, me->number);
    if (!p.queries || !p.rows)
        status = vr_fail_memory(err, s->portion * s->milvus->base.dim * sizeof(float), "queries");
    for (size_t first, count; status == VREC_OK && vr_work_take(me, &first, &count);)
        status = search_portion(s, &p, me->number == 0, first, count, err);
    if (status != VREC_OK)
        atomic_store(&s->watch.stopped, true); /* the others needn't wait for their replies */
    vr_watch_leave(&s->watch, me->number);
    vr_frame_free(&p.frame);
    vr_free(p.queries);
    vr_free(p.rows);
    return status;
}

/* ---- All of them ---- */

static vrec_status check_allowance(const vr_query *query, vrec_error *err)
{
    if (!query->filter.allow)
        return VREC_OK;
    return vr_fail_at(
        err, VREC_UNSUPPORTED, vr_in("allow"),
        "milvus: can't take a bitmap of rows, because the items of a collection are known by id "
        "alone; give their ids, as allow_ids");
}

/* Who is told of whom may be found, and how: reading a filter takes the server about as long as two queries
 * that drop as many results, so it pays from two queries on that share it. One that has it for itself drops
 * them, unless they are more than the server gives. */
static vrec_status plan_filter(search *s, vrec_error *err)
{
    const vr_query *query = s->query;
    const vr_filter *filter = &query->filter;
    size_t queries = query->queries->rows, most = 0;
    bool allows = vr_id_lists_are_set(&filter->allowed);
    bool one = !filter->exclude_offsets && !filter->allowed.offsets; /* list, for all queries */
    for (size_t i = 0; i < queries; i++)
        most = vr_max(most, vr_filter_excluded(filter, i));
    bool many = query->top_k + most > VREC_MAX_TOP_K;
    s->limit = query->top_k;
    s->alone = !one && (allows || many);
    if (one && (allows || many || (most > 0 && queries > 1)))
        return vr_milvus_filter_of(s->milvus, filter, 0, &s->filter, err);
    if (!s->alone)
        s->limit += most;
    return VREC_OK;
}

static size_t plan_portion(const search *s)
{
    const vr_milvus *milvus = s->milvus;
    const vr_query *query = s->query;
    if (s->alone)
        return 1;
    size_t portion = vr_min(PORTION_MAX, REQUEST_BYTES / (milvus->base.dim * sizeof(float) + 8));
    portion = vr_min(portion, REPLY_BYTES / (s->limit * HIT_BYTES));
    size_t share = (query->queries->rows + query->threads - 1) / query->threads;
    return vr_max(1, vr_min(portion, share));
}

vrec_status vr_milvus_query(vr_index *indexer, const vr_query *query, vrec_error *err)
{
    vr_milvus *milvus = (vr_milvus *)indexer;
    search s = { .milvus = milvus,
                 .query = query,
                 .watch = { .progress = query->progress,
                            .what = "searching",
                            .unit = "queries",
                            .total = query->queries->rows } };
    vrec_status status = check_allowance(query, err);
    if (status == VREC_OK)
        status = plan_filter(&s, err);
    if (status != VREC_OK || s.filter.nobody)
        return status;
    s.portion = plan_portion(&s);
    vr_milvus_consistency(query->options, milvus, &s.consistency, &s.timestamp);
    vr_work work = { .threads = vr_min(query->threads, VR_CLIENT_IDLE),
                     .count = query->queries->rows,
                     .portion = s.portion,
                     .run = search_portions,
                     .context = &s };
    status = vr_work_do(&work, err);
    vr_milvus_filter_free(&s.filter);
    return status;
}
