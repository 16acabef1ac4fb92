/* The verbs of an indexer: what every backend would have to check is checked here.
 * SPDX-License-Identifier: Apache-2.0 */
#include "base/memory.h"
#include "base/threads.h"
#include "core/indexer.h"
#include "core/matrix.h"

#include <math.h>

size_t vrec_rows(const vrec_indexer *indexer)
{
    return indexer ? indexer->rows : 0;
}

size_t vrec_dim(const vrec_indexer *indexer)
{
    return indexer ? indexer->dim : 0;
}

int vrec_larger_is_nearer(const vrec_indexer *indexer)
{
    return indexer && indexer->larger_is_nearer;
}

int vrec_info(const vrec_indexer *indexer, size_t i, const char **key, const char **value)
{
    if (!indexer || !key || !value || i >= indexer->fact_count)
        return 0;
    *key = indexer->facts[i].key;
    *value = indexer->facts[i].value;
    return 1;
}

void vrec_indexer_free(vrec_indexer *indexer)
{
    if (!indexer)
        return;
    vr_options_free(&indexer->options);
    indexer->verbs->free(indexer);
}

vrec_status vrec_save(const vrec_indexer *indexer, const char *path, const vrec_progress *progress,
                      vrec_error *err)
{
    if (!indexer || !path)
        return vr_fail(err, VREC_INVALID, "saving an index: the %s is NULL", indexer ? "path" : "indexer");
    return indexer->verbs->save(indexer, path, progress, err);
}

/* ---- Change ---- */

static vrec_status check_change(const vrec_indexer *indexer, const char *verb, bool supported,
                                vrec_error *err)
{
    const char *backend = indexer ? indexer->options.table->backend : "";
    if (!indexer)
        return vr_fail(err, VREC_INVALID, "%s: the indexer is NULL", verb);
    if (!supported)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s: can't %s items, because an index of %s can't change; build it anew", backend,
                       verb, backend);
    return VREC_OK;
}

vrec_status vrec_upsert(vrec_indexer *indexer, const int64_t *ids, const vrec_matrix *items,
                        const vrec_progress *progress, vrec_error *err)
{
    vrec_matrix checked;
    vrec_status status = check_change(indexer, "upsert", indexer && indexer->verbs->upsert, err);
    if (status == VREC_OK)
        status = vr_matrix_check(items, "items", &checked, err);
    if (status != VREC_OK || checked.rows == 0)
        return status;
    if (!ids)
        return vr_fail(err, VREC_INVALID, "upsert: ids is NULL");
    if (checked.dim != indexer->dim)
        return vr_fail(err, VREC_INVALID, "upsert: the items have %zu values each, the index has %zu",
                       checked.dim, indexer->dim);
    return indexer->verbs->upsert(indexer, ids, &checked, progress, err);
}

vrec_status vrec_delete(vrec_indexer *indexer, const int64_t *ids, size_t count, vrec_error *err)
{
    vrec_status status = check_change(indexer, "delete", indexer && indexer->verbs->remove, err);
    if (status != VREC_OK || count == 0)
        return status;
    if (!ids)
        return vr_fail(err, VREC_INVALID, "delete: ids is NULL");
    return indexer->verbs->remove(indexer, ids, count, err);
}

/* ---- Query ---- */

static void fill_padding(const vrec_indexer *indexer, const vr_query *query)
{
    float unused = indexer->larger_is_nearer ? -INFINITY : INFINITY;
    size_t rows = query->queries->rows;
    for (size_t i = 0; i < rows * query->top_k; i++) {
        query->ids[i] = -1;
        query->distances[i] = unused;
    }
    for (size_t i = 0; query->counts && i < rows; i++)
        query->counts[i] = 0;
}

static vrec_status check_exclusions(const vrec_query_options *options, size_t queries, vrec_error *err)
{
    const int64_t *offsets = options->exclude_offsets, *ids = options->exclude_ids;
    if (!offsets && !ids)
        return VREC_OK;
    if (!offsets || (!ids && offsets[queries] > 0))
        return vr_fail(err, VREC_INVALID, "query: exclude_%s is NULL, but the other is not",
                       offsets ? "ids" : "offsets");
    if (offsets[0] != 0)
        return vr_fail(err, VREC_INVALID, "query: exclude_offsets starts at %lld, not 0",
                       (long long)offsets[0]);
    for (size_t i = 0; i < queries; i++) {
        if (offsets[i + 1] < offsets[i])
            return vr_fail(err, VREC_INVALID, "query: exclude_offsets descend after query %zu", i);
        for (int64_t j = offsets[i] + 1; j < offsets[i + 1]; j++)
            if (ids[j] < ids[j - 1])
                return vr_fail(err, VREC_INVALID, "query: the exclude_ids of query %zu aren't ascending",
                               i);
    }
    return VREC_OK;
}

static vrec_status check_options(const vrec_query_options *options, vr_query *query, vrec_error *err)
{
    query->threads = vr_thread_count(options ? options->threads : 0);
    if (!options)
        return VREC_OK;
    if (options->struct_size < sizeof *options)
        return vr_fail(err, VREC_INVALID, "query: struct_size is %zu, not sizeof(vrec_query_options) = %zu",
                       options->struct_size, sizeof *options);
    if (options->threads < -1)
        return vr_fail(err, VREC_INVALID, "query: threads is %d; it takes -1 and up",
                       (int)options->threads);
    query->progress = options->progress;
    query->filter.exclude_offsets = options->exclude_offsets;
    query->filter.exclude_ids = options->exclude_ids;
    return check_exclusions(options, query->queries->rows, err);
}

/* A checked query. What changes in the indexer is atomic: the scratch pool, and what a backend makes on the
 * way. */
static vrec_status run(const vrec_indexer *indexer, const vr_query *query, vrec_error *err)
{
    if (query->queries->rows == 0)
        return VREC_OK;
    vrec_status status = indexer->verbs->query((vrec_indexer *)(uintptr_t)indexer, query, err);
    if (status != VREC_OK)
        fill_padding(indexer, query);
    return status;
}

vrec_status vrec_query(const vrec_indexer *indexer, const vrec_matrix *queries, size_t top_k,
                       const vrec_query_options *options, int64_t *ids, float *distances, size_t *counts,
                       vrec_error *err)
{
    vrec_matrix checked;
    vr_options overridden;
    size_t slots;
    if (!indexer)
        return vr_fail(err, VREC_INVALID, "query: the indexer is NULL");
    vrec_status status = vr_matrix_check(queries, "queries", &checked, err);
    if (status != VREC_OK)
        return status;
    if (top_k < 1 || top_k > VREC_MAX_TOP_K)
        return vr_fail(err, VREC_INVALID, "query: top_k is %zu; it takes 1 to %d", top_k, VREC_MAX_TOP_K);
    if (!vr_mul(checked.rows, top_k, &slots) || slots > PTRDIFF_MAX / sizeof(int64_t))
        return vr_fail(err, VREC_INVALID, "query: %zu x %zu results overflow the address space",
                       checked.rows, top_k);
    if (checked.rows > 0 && (!ids || !distances))
        return vr_fail(err, VREC_INVALID, "query: %s is NULL", ids ? "distances" : "ids");
    vr_query query = { .queries = &checked,
                       .options = &indexer->options,
                       .top_k = top_k,
                       .filter = { .row_ids = indexer->ids },
                       .ids = ids,
                       .distances = distances,
                       .counts = counts };
    fill_padding(indexer, &query);
    if (checked.dim != indexer->dim)
        return vr_fail(err, VREC_INVALID, "query: the queries have %zu values each, the index has %zu",
                       checked.dim, indexer->dim);
    status = check_options(options, &query, err);
    if (status != VREC_OK || !options || !options->overrides)
        return status == VREC_OK ? run(indexer, &query, err) : status;
    status = vr_options_query(&overridden, &indexer->options, indexer->kind, options->overrides, err);
    if (status != VREC_OK)
        return status;
    query.options = &overridden;
    status = run(indexer, &query, err);
    vr_options_end_query(&overridden, &indexer->options);
    return status;
}
