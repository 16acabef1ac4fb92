/* Queries: what every backend would have to check is checked here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "api/allow.h"
#include "api/query.h"
#include "api/tuned.h"
#include "base/memory.h"
#include "base/threads.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <math.h>

/* ---- Who may be returned ---- */

/* Lists that came from outside, and what their arguments are called. */
typedef struct given {
    const char *offsets_name, *ids_name, *count_name;
    vr_id_lists lists;
} given;

static vrec_status check_ascending(const given *g, size_t first, size_t end, vrec_error *err)
{
    const int64_t *ids = g->lists.ids;
    for (size_t i = first + 1; i < end; i++)
        if (ids[i] < ids[i - 1])
            return vr_fail_at(err, VREC_INVALID, vr_in_row(g->ids_name, i),
                              "query: the %s of a query must ascend, but %lld comes before %lld, which is "
                              "number %zu",
                              g->ids_name, (long long)ids[i - 1], (long long)ids[i], i);
    return VREC_OK;
}

static vrec_status check_offsets(const given *g, size_t queries, vrec_error *err)
{
    const int64_t *offsets = g->lists.offsets;
    if (offsets[0] != 0)
        return vr_fail_at(err, VREC_INVALID, vr_in_row(g->offsets_name, 0),
                          "query: %s starts at %lld, not 0", g->offsets_name, (long long)offsets[0]);
    for (size_t i = 0; i < queries; i++)
        if (offsets[i + 1] < offsets[i])
            return vr_fail_at(err, VREC_INVALID, vr_in_row(g->offsets_name, i + 1),
                              "query: %s descend after query %zu", g->offsets_name, i);
    if ((uint64_t)offsets[queries] != g->lists.count)
        return vr_fail_at(err, VREC_INVALID, vr_in_row(g->offsets_name, queries),
                          "query: %s end with %lld, but %s is %zu", g->offsets_name,
                          (long long)offsets[queries], g->count_name, g->lists.count);
    return VREC_OK;
}

static vrec_status check_lists(const given *g, size_t queries, vrec_error *err)
{
    const int64_t *offsets = g->lists.offsets;
    if (!g->lists.ids && g->lists.count > 0)
        return vr_fail_at(err, VREC_INVALID, vr_in(g->ids_name), "query: %s is NULL, but %s is %zu",
                          g->ids_name, g->count_name, g->lists.count);
    if (!offsets)
        return check_ascending(g, 0, g->lists.count, err);
    vrec_status status = check_offsets(g, queries, err);
    for (size_t i = 0; i < queries && status == VREC_OK; i++)
        status = check_ascending(g, (size_t)offsets[i], (size_t)offsets[i + 1], err);
    return status;
}

static vrec_status check_exclusions(const vrec_query_options *o, size_t queries, vrec_error *err)
{
    const given g = { "exclude_offsets",
                      "exclude_ids",
                      "exclude_count",
                      { o->exclude_offsets, o->exclude_ids, o->exclude_count } };
    return check_lists(&g, queries, err);
}

static vrec_status check_allowed(const vrec_query_options *o, size_t queries, vrec_error *err)
{
    const given g = {
        "allow_offsets", "allow_ids", "allow_count", { o->allow_offsets, o->allow_ids, o->allow_count }
    };
    if (o->allow && vr_id_lists_are_set(&g.lists))
        return vr_fail_at(err, VREC_INVALID, vr_in(g.ids_name),
                          "query: allow and allow_ids are both given; it takes a bitmap or ids");
    return check_lists(&g, queries, err);
}

static vrec_status check_allowance(const vrec_query_options *options, const vr_index *index, size_t queries,
                                   vrec_error *err)
{
    size_t all, least = options->allow_rows / 8 + (options->allow_rows % 8 > 0);
    if (!options->allow && options->allow_rows > 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("allow"), "query: allow is NULL, but allow_rows is %zu",
                          options->allow_rows);
    if (!options->allow)
        return VREC_OK;
    if (options->allow_rows > index->rows)
        return vr_fail_at(err, VREC_INVALID, vr_in("allow_rows"),
                          "query: allow has bits for %zu rows, but the index has %zu rows",
                          options->allow_rows, index->rows);
    if (options->allow_stride > 0 && options->allow_stride < least)
        return vr_fail_at(err, VREC_INVALID, vr_in("allow_stride"),
                          "query: allow_stride is %zu bytes, but the bits of %zu rows take %zu",
                          options->allow_stride, options->allow_rows, least);
    if (!vr_mul(options->allow_stride, queries, &all))
        return vr_fail_at(err, VREC_INVALID, vr_in("allow_stride"),
                          "query: %zu bitmaps %zu bytes apart overflow the address space", queries,
                          options->allow_stride);
    return VREC_OK;
}

/* ---- One call ---- */

/* Its parts, as they are after checking. */
typedef struct call {
    vrec_matrix queries;
    vrec_results results;
    vrec_query_options options;
    vrec_progress progress;
    vr_interests interests; /* each 1: a query is a user */
    size_t users;
    vr_trial *trial;
} call;

static void fill_padding(const vr_index *index, const call *c, size_t top_k)
{
    float unused = index->larger_is_nearer ? -INFINITY : INFINITY;
    for (size_t i = 0; i < c->users * top_k; i++) {
        c->results.ids[i] = -1;
        c->results.distances[i] = unused;
    }
    for (size_t i = 0; c->results.counts && i < c->users; i++)
        c->results.counts[i] = 0;
}

/* Users are what everything but the queries is of. */
static void count_users(call *c)
{
    c->interests = (vr_interests){ .each = vr_max(c->options.interests, 1),
                                   .counts = c->options.interest_counts,
                                   .merge = c->options.merge };
    c->users = c->queries.rows / c->interests.each;
}

static vrec_status check_results(const call *c, size_t top_k, vrec_error *err)
{
    size_t slots;
    if (top_k < 1 || top_k > VREC_MAX_TOP_K)
        return vr_fail_at(err, VREC_INVALID, vr_in("top_k"), "query: top_k is %zu; it takes 1 to %d", top_k,
                          VREC_MAX_TOP_K);
    if (!vr_mul(c->users, top_k, &slots) || slots > PTRDIFF_MAX / sizeof(int64_t))
        return vr_fail_at(err, VREC_INVALID, vr_in("top_k"),
                          "query: %zu x %zu results overflow the address space", c->users, top_k);
    if (c->users > 0 && (!c->results.ids || !c->results.distances))
        return vr_fail_at(err, VREC_INVALID, vr_in("results"), "query: %s is NULL",
                          c->results.ids ? "distances" : "ids");
    return VREC_OK;
}

static vrec_status check_interests(const call *c, const vr_index *index, size_t top_k, vrec_error *err)
{
    if (c->options.interests > 0)
        return vr_interests_check(&c->interests, index, c->queries.rows, top_k, err);
    if (c->options.interest_counts || c->options.merge != 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("interests"),
                          "query: %s is set, but interests is 0: how many rows of queries are a user's?",
                          c->options.interest_counts ? "interest_counts" : "merge");
    return VREC_OK;
}

static vrec_status use_options(const vr_index *index, call *c, vr_query *query, vrec_error *err)
{
    const vrec_query_options *options = &c->options;
    vrec_status status = check_interests(c, index, query->top_k, err);
    if (status == VREC_OK)
        status = vr_take_progress(options->progress, &c->progress, &query->progress, err);
    if (status != VREC_OK)
        return status;
    if (options->threads < -1)
        return vr_fail_at(err, VREC_INVALID, vr_in("threads"), "query: threads is %d; it takes -1 and up",
                          (int)options->threads);
    query->threads = vr_thread_count(options->threads);
    query->filter.exclude_offsets = options->exclude_offsets;
    query->filter.exclude_ids = options->exclude_ids;
    query->filter.exclude_count = options->exclude_count;
    query->filter.allow = options->allow;
    query->filter.allow_rows = options->allow_rows;
    query->filter.allow_stride = options->allow_stride;
    query->filter.allowed =
        (vr_id_lists){ options->allow_offsets, options->allow_ids, options->allow_count };
    status = check_exclusions(options, c->users, err);
    if (status == VREC_OK)
        status = check_allowed(options, c->users, err);
    return status == VREC_OK ? check_allowance(options, index, c->users, err) : status;
}

/* A checked query. What changes in the index is atomic: the scratch pool, and what a backend makes on the
 * way. */
static vrec_status run(vr_index *index, const call *c, const vr_query *query, vrec_error *err)
{
    if (c->users == 0)
        return VREC_OK;
    vrec_status status =
        vr_allow_query(c->options.interests > 0 ? &c->interests : NULL, c->users, index, query, err);
    if (status != VREC_OK)
        fill_padding(index, c, query->top_k);
    return status;
}

static vrec_status run_overridden(const vrec_indexer *indexer, vr_index *index, const call *c,
                                  vr_query *query, vrec_error *err)
{
    vr_options overridden;
    vrec_status status =
        vr_options_query(&overridden, &indexer->options, index->kind, c->options.overrides, err);
    if (status != VREC_OK)
        return status;
    query->options = &overridden;
    if (indexer->settled)
        vr_tuned_yield(&overridden);
    if (vr_wants_recall(&overridden))
        status = vr_tuned_apply(indexer, index, query->top_k, &overridden, err);
    if (status == VREC_OK)
        status = run(index, c, query, err);
    vr_options_end_query(&overridden, &indexer->options);
    return status;
}

/* A call whose arrays are known, of an index that stays as it is. */
static vrec_status ask(const vrec_indexer *indexer, vr_index *index, size_t top_k, call *c, vrec_error *err)
{
    vr_query query = { .queries = &c->queries,
                       .options = &indexer->options,
                       .top_k = top_k,
                       .filter = { .row_ids = index->ids },
                       .names = index->ids,
                       .ids = c->results.ids,
                       .distances = c->results.distances,
                       .counts = c->results.counts,
                       .plain = c->trial && c->trial->plain,
                       .absent = c->trial ? c->trial->absent : NULL,
                       .compared = c->trial ? &c->trial->compared : NULL };
    fill_padding(index, c, top_k);
    if (c->queries.dim != index->dim)
        return vr_fail_at(err, VREC_INVALID, vr_in("queries"),
                          "query: the queries have %zu values each, the index has %zu", c->queries.dim,
                          index->dim);
    vrec_status status = use_options(index, c, &query, err);
    if (status != VREC_OK)
        return status;
    return c->options.overrides || vr_wants_recall(&indexer->options)
               ? run_overridden(indexer, index, c, &query, err)
               : run(index, c, &query, err);
}

vrec_status vr_query_tried(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                           const vrec_query_options *options, const vrec_results *results, vr_trial *trial,
                           vrec_error *err)
{
    call c = { .trial = trial };
    size_t place;
    if (!indexer)
        return vr_fail_at(err, VREC_INVALID, vr_in("indexer"), "query: the indexer is NULL");
    vrec_status status = vr_matrix_check(queries, "queries", &c.queries, err);
    if (status == VREC_OK)
        status = vr_take_results(results, &c.results, err);
    if (status == VREC_OK)
        status = vr_take_query_options(options, &c.options, err);
    if (status != VREC_OK)
        return status;
    count_users(&c);
    status = check_results(&c, top_k, err);
    if (status != VREC_OK)
        return status;
    vr_index *index = vr_indexer_enter(indexer, &place);
    status = ask(indexer, index, top_k, &c, err);
    vr_indexer_leave(indexer, place);
    return status;
}

vrec_status vrec_query(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                       const vrec_query_options *options, const vrec_results *results, vrec_error *err)
{
    return vr_query_tried(indexer, queries, top_k, options, results, NULL, err);
}
