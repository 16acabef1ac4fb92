/* The annoy backend: from what an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "annoy/backend.h"

#include "annoy/build.h"
#include "annoy/estimate.h"
#include "annoy/file.h"
#include "annoy/table.h"
#include "annoy/verify.h"
#include "base/memory.h"
#include "base/threads.h"
#include "core/ids.h"

static vr_annoy_source source_of(const vr_options *given, size_t dim)
{
    return (vr_annoy_source){ .metric = (vr_annoy_metric)given->value[VR_ANNOY_METRIC],
                              .dim = dim,
                              .layout_known = given->given[VR_ANNOY_DOT_LAYOUT],
                              .current = given->value[VR_ANNOY_DOT_LAYOUT] == 1,
                              .read = given->value[VR_ANNOY_LOAD] == 1,
                              .prefault = given->value[VR_ANNOY_PREFAULT] == 1,
                              .codes = given->value[VR_ANNOY_CODES] == 0 };
}

/* Annoy's default is all cores; the process's, where somebody set one, comes first. */
static size_t threads_of(const vr_options *given)
{
    return vr_thread_count(given->given[VR_ANNOY_THREADS] ? (int32_t)given->value[VR_ANNOY_THREADS] : 0);
}

/* Whether such items can be built from with these options, and how. */
static vrec_status make_plan(const vr_options *given, size_t rows, size_t dim, vr_annoy_plan *out,
                             vrec_error *err)
{
    bool current = given->value[VR_ANNOY_DOT_LAYOUT] == 1;
    if (given->given[VR_ANNOY_DIM] && (size_t)given->value[VR_ANNOY_DIM] != dim)
        return vr_fail(err, VREC_INVALID, "annoy: d is %lld, but the items have %zu values each",
                       (long long)given->value[VR_ANNOY_DIM], dim);
    if (dim > 1048576)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu values per item; at most 1048576 are supported",
                       dim);
    if (given->value[VR_ANNOY_TREES] == 0)
        return vr_fail(err, VREC_INVALID, "annoy: n_trees is 0; a forest without trees finds nothing");
    if (rows > INT32_MAX)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu rows; at most %d are supported", rows, INT32_MAX);
    *out = (vr_annoy_plan){ .layout = vr_annoy_layout_of((vr_annoy_metric)given->value[VR_ANNOY_METRIC],
                                                         dim, current),
                            .trees = given->value[VR_ANNOY_TREES],
                            .seed = (uint64_t)given->value[VR_ANNOY_SEED],
                            .one_stream = given->value[VR_ANNOY_STREAM] == 1,
                            .threads = threads_of(given) };
    return VREC_OK;
}

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_build *build, vr_index **out, vrec_error *err)
{
    vr_annoy *forest;
    vr_annoy_plan plan;
    uint8_t *image;
    int64_t *ids;
    size_t bytes;
    vrec_status status = vr_refuse_queries(build, "annoy", err);
    if (status == VREC_OK)
        status = make_plan(given, items->rows, items->dim, &plan, err);
    if (status != VREC_OK)
        return status;
    vr_annoy_source source = source_of(given, items->dim);
    source.layout_known = true;
    status = vr_ids_take(build->ids, items->rows, &ids, err);
    if (status == VREC_OK)
        status = vr_annoy_build(&plan, items, build->progress, &image, &bytes, err);
    if (status == VREC_OK)
        status = vr_annoy_adopt(&source, "the new forest", image, bytes, &forest, err);
    if (status != VREC_OK) {
        vr_free(ids);
        return status;
    }
    forest->base.ids = ids;
    if (ids)
        vr_fact(&forest->base.facts, "ids", "own, beside the file");
    *out = &forest->base;
    return VREC_OK;
}

static vrec_status estimate(const vr_options *given, const vr_plan *plan, vrec_forecast *out, double *work,
                            vrec_error *err)
{
    vr_annoy_plan forest;
    vrec_status status = make_plan(given, plan->rows, plan->dim, &forest, err);
    if (status != VREC_OK)
        return status;
    vr_annoy_estimate(&forest, plan, given->value[VR_ANNOY_CODES] == 0, given->value[VR_ANNOY_LOAD] == 0,
                      out, work);
    return VREC_OK;
}

static vrec_status open_file(const vr_options *given, const char *path, const vrec_progress *progress,
                             vr_annoy **out, vrec_error *err)
{
    if (!given->given[VR_ANNOY_DIM])
        return vr_fail(err, VREC_INVALID,
                       "opening %s: Annoy's files don't say how many values an item has; set option d",
                       path);
    vr_annoy_source source = source_of(given, (size_t)given->value[VR_ANNOY_DIM]);
    return vr_annoy_open(&source, path, progress, out, err);
}

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vr_index **out, vrec_error *err)
{
    vr_annoy *forest;
    vrec_status status = open_file(given, path, progress, &forest, err);
    if (status == VREC_OK)
        *out = &forest->base;
    return status;
}

static vrec_status verify(const vr_options *given, const char *path, const vrec_progress *progress,
                          vrec_error *err)
{
    vr_annoy *forest;
    vrec_status status = open_file(given, path, progress, &forest, err);
    if (status != VREC_OK)
        return status;
    status = vr_annoy_verify(forest, path, progress, err);
    vr_annoy_free(&forest->base);
    return status;
}

const vr_backend vr_annoy_backend = { .name = "annoy",
                                      .summary = "forest of trees, mapped from disk; reads and writes "
                                                 "Annoy's files",
                                      .options = &vr_annoy_options,
                                      .can = VREC_CAN_BUILD | VREC_CAN_SAVE | VREC_CAN_OPEN,
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = from_index_file,
                                      .verify = verify,
                                      .estimate = estimate };
