/* What changes an indexer: one caller at a time, while queries go on. SPDX-License-Identifier: Apache-2.0
 */
#include "api/given_names.h"
#include "api/indexer.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <string.h>

/* Begins a change: the index as it is, which nobody else replaces until end_change(). */
static vr_index *begin_change(vrec_indexer *indexer, size_t *place)
{
    vr_mutex_lock(&indexer->changing);
    return vr_indexer_enter(indexer, place);
}

static void end_change(vrec_indexer *indexer, size_t place)
{
    vr_indexer_leave(indexer, place);
    vr_mutex_unlock(&indexer->changing);
}

static vrec_status refuse(const vrec_indexer *indexer, const char *verb, vrec_error *err)
{
    const char *backend = vr_indexer_backend(indexer);
    if (vrec_backend_can(backend) & VREC_CAN_ADD)
        return vr_fail(
            err, VREC_UNSUPPORTED,
            "%s: can't %s items yet; build the index anew, or keep queries from items that are out "
            "of date by exclusions",
            backend, verb);
    return vr_fail(err, VREC_UNSUPPORTED,
                   "%s: can't %s items, because an index of %s can't change; build it anew", backend, verb,
                   backend);
}

static vrec_status refuse_add(const vrec_indexer *indexer, vrec_error *err)
{
    const char *backend = vr_indexer_backend(indexer);
    if (vr_indexer_verbs(indexer)->upsert)
        return vr_fail(err, VREC_UNSUPPORTED, "%s: its items all have ids of their own; upsert adds some",
                       backend);
    return vr_fail(err, VREC_UNSUPPORTED,
                   "%s: can't add items, because its trees divide the space by the items that they were "
                   "built over; build it anew with all items",
                   backend);
}

/* Whether new items come with names exactly where those that there are have some. */
static vrec_status check_named(const vr_index *index, const vrec_build *with, vrec_error *err)
{
    if (index->names && !with->names)
        return vr_fail_at(err, VREC_INVALID, vr_in(with->ids ? "ids" : "names"),
                          "adding: items of this index have names; give the new ones theirs");
    if (!index->names && with->names && (index->rows > 0 || index->ids))
        return vr_fail_at(err, VREC_INVALID, vr_in("names"),
                          "adding: items of this index have no names; leave names out");
    return VREC_OK;
}

/* An IVF leaves out items that are near no list, and has no name for a row that there isn't. */
static vrec_status check_rows(const vr_index *index, const vr_names *names, vrec_error *err)
{
    if (!names || names->count == index->rows)
        return VREC_OK;
    return vr_fail_at(
        err, VREC_INVALID, vr_in("items"),
        "adding: %zu items are so large that they are near no list, and items with names have "
        "to be in one; leave them out",
        names->count - index->rows);
}

/* The index with the items, and with its names. */
static vrec_status make_longer(const vr_index *index, const vr_addition *addition, const vrec_build *with,
                               vr_index **out, vrec_error *err)
{
    vr_index *longer;
    vr_names *names = NULL;
    vrec_status status = check_named(index, with, err);
    if (status == VREC_OK && with->names)
        status = vr_given_names_take(with, index->names, addition->items->rows, &names, err);
    if (status != VREC_OK)
        return status;
    status = index->verbs->add(index, addition, &longer, err);
    if (status == VREC_OK && (status = check_rows(longer, names, err)) != VREC_OK)
        longer->verbs->free(longer);
    if (status != VREC_OK) {
        vr_names_free_grown(names, index->names);
        return status;
    }
    longer->names = names;
    if (names)
        vr_fact_truth(&longer->facts, "names", true);
    *out = longer;
    return VREC_OK;
}

static vrec_status add(vrec_indexer *indexer, const vr_addition *addition, const vrec_build *with,
                       vrec_error *err)
{
    size_t place;
    vr_index *longer, *index = begin_change(indexer, &place);
    vrec_status status = make_longer(index, addition, with, &longer, err);
    if (status == VREC_OK)
        status = vr_indexer_replace(indexer, longer, err);
    end_change(indexer, place);
    return status;
}

static vrec_status take_build(const vrec_build *given, vrec_build *out, vrec_progress *room,
                              vrec_error *err)
{
    vrec_status status = vr_take_build(given, out, err);
    if (status == VREC_OK)
        status = vr_take_progress(out->progress, room, &out->progress, err);
    if (status == VREC_OK && out->queries)
        return vr_fail_at(err, VREC_UNSUPPORTED, vr_in("queries"),
                          "adding: a sample of queries counts when an index is built; leave it out");
    return status == VREC_OK ? vr_given_names_check(out, err) : status;
}

vrec_status vrec_add(vrec_indexer *indexer, const vrec_matrix *items, const vrec_build *build,
                     vrec_error *err)
{
    vrec_matrix checked;
    vrec_build with;
    vrec_progress room;
    if (!indexer)
        return vr_fail_at(err, VREC_INVALID, vr_in("indexer"), "adding: the indexer is NULL");
    if (!vr_indexer_verbs(indexer)->add)
        return refuse_add(indexer, err);
    vrec_status status = vr_matrix_check(items, "items", &checked, err);
    if (status == VREC_OK)
        status = take_build(build, &with, &room, err);
    if (status != VREC_OK || checked.rows == 0)
        return status;
    if (checked.dim != vrec_dim(indexer))
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "adding: the items have %zu values each, the index has %zu", checked.dim,
                          vrec_dim(indexer));
    vr_addition addition = {
        .items = &checked, .ids = with.ids, .options = &indexer->options, .progress = with.progress
    };
    return add(indexer, &addition, &with, err);
}

static vrec_status refuse_optimize(const vrec_indexer *indexer, vrec_error *err)
{
    static const struct {
        const char *kind, *why; /* of an index; a backend's name where it has one kind */
    } reasons[] = {
        { "Flat", "it compares with all items, and finds all; index_type=HNSW is faster" },
        { "IVF", "its items are in the lists that they belong to; other lists are a build anew" },
        { "annoy", "its trees divide at random; more of them are a build anew with a larger n_trees" },
        { "milvus", "the server does that itself" },
    };
    const char *backend = vr_indexer_backend(indexer), *kind = vr_indexer_kind(indexer);
    const char *name = *kind && !vr_indexer_verbs(indexer)->upsert ? kind : backend;
    size_t i = 0;
    while (i + 1 < sizeof reasons / sizeof reasons[0] && strcmp(reasons[i].kind, name) != 0)
        i++;
    return vr_fail(err, VREC_UNSUPPORTED, "%s: there is nothing to optimize in an index of %s: %s", backend,
                   name, reasons[i].why);
}

/* With the same names, in a table of its own. */
static vrec_status make_better(const vr_index *index, const vr_optimizing *how, vr_index **out,
                               vrec_error *err)
{
    const vrec_build no_more = { .names = "" };
    vr_names *names = NULL;
    vrec_status status =
        index->names ? vr_given_names_take(&no_more, index->names, 0, &names, err) : VREC_OK;
    if (status != VREC_OK)
        return status;
    status = index->verbs->optimize(index, how, out, err);
    if (status == VREC_OK)
        (*out)->names = names;
    else
        vr_names_free_grown(names, index->names);
    return status;
}

/* The new index is made beside the old one, which queries go on with. */
static vrec_status optimize(vrec_indexer *indexer, const vr_optimizing *how, vrec_error *err)
{
    size_t place;
    vr_index *better, *index = begin_change(indexer, &place);
    vrec_status status = VREC_OK;
    if (index->rows > 0)
        status = make_better(index, how, &better, err);
    if (status == VREC_OK && index->rows > 0)
        status = vr_indexer_replace(indexer, better, err);
    end_change(indexer, place);
    return status;
}

vrec_status vrec_optimize(vrec_indexer *indexer, const vrec_matrix *queries, const vrec_progress *progress,
                          vrec_error *err)
{
    vrec_matrix checked;
    vrec_progress room;
    vrec_status status = VREC_OK;
    if (!indexer)
        return vr_fail_at(err, VREC_INVALID, vr_in("indexer"), "optimizing: the indexer is NULL");
    if (!vr_indexer_verbs(indexer)->optimize)
        return refuse_optimize(indexer, err);
    if (queries)
        status = vr_matrix_check_sample(queries, vrec_dim(indexer), &checked, err);
    if (status == VREC_OK)
        status = vr_take_progress(progress, &room, &progress, err);
    if (status != VREC_OK)
        return status;
    vr_optimizing how = { .queries = queries ? &checked : NULL,
                          .options = &indexer->options,
                          .progress = progress };
    return optimize(indexer, &how, err);
}

vrec_status vrec_upsert(vrec_indexer *indexer, const int64_t *ids, const vrec_matrix *items,
                        const vrec_progress *progress, vrec_error *err)
{
    vrec_matrix checked;
    vrec_progress room;
    size_t place;
    if (!indexer)
        return vr_fail_at(err, VREC_INVALID, vr_in("indexer"), "upsert: the indexer is NULL");
    if (!vr_indexer_verbs(indexer)->upsert)
        return refuse(indexer, "upsert", err);
    vrec_status status = vr_matrix_check(items, "items", &checked, err);
    if (status == VREC_OK)
        status = vr_take_progress(progress, &room, &progress, err);
    if (status != VREC_OK || checked.rows == 0)
        return status;
    if (!ids)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"), "upsert: ids is NULL");
    if (checked.dim != vrec_dim(indexer))
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "upsert: the items have %zu values each, the index has %zu", checked.dim,
                          vrec_dim(indexer));
    vr_index *index = begin_change(indexer, &place);
    status = index->verbs->upsert(index, &indexer->options, ids, &checked, progress, err);
    end_change(indexer, place);
    return status;
}

vrec_status vrec_delete(vrec_indexer *indexer, const int64_t *ids, size_t count,
                        const vrec_progress *progress, vrec_error *err)
{
    vrec_progress room;
    size_t place;
    if (!indexer)
        return vr_fail_at(err, VREC_INVALID, vr_in("indexer"), "delete: the indexer is NULL");
    if (!vr_indexer_verbs(indexer)->remove)
        return refuse(indexer, "delete", err);
    vrec_status status = vr_take_progress(progress, &room, &progress, err);
    if (status != VREC_OK || count == 0)
        return status;
    if (!ids)
        return vr_fail_at(err, VREC_INVALID, vr_in("ids"), "delete: ids is NULL");
    vr_index *index = begin_change(indexer, &place);
    status = index->verbs->remove(index, ids, count, progress, err);
    end_change(indexer, place);
    return status;
}
