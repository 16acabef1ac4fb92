/* The annoy backend: from what an indexer is made. SPDX-License-Identifier: Apache-2.0 */
#include "annoy/backend.h"

#include "annoy/build.h"
#include "annoy/file.h"
#include "annoy/table.h"
#include "annoy/verify.h"
#include "base/threads.h"

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

static vrec_status from_embeddings(const vr_options *given, const vrec_matrix *items,
                                   const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vr_annoy *forest;
    uint8_t *image;
    size_t bytes;
    if (given->given[VR_ANNOY_DIM] && (size_t)given->value[VR_ANNOY_DIM] != items->dim)
        return vr_fail(err, VREC_INVALID, "annoy: d is %lld, but the items have %zu values each",
                       (long long)given->value[VR_ANNOY_DIM], items->dim);
    if (items->dim > 1048576)
        return vr_fail(err, VREC_UNSUPPORTED, "annoy: %zu values per item; at most 1048576 are supported",
                       items->dim);
    if (given->value[VR_ANNOY_TREES] == 0)
        return vr_fail(err, VREC_INVALID, "annoy: n_trees is 0; a forest without trees finds nothing");
    vr_annoy_source source = source_of(given, items->dim);
    source.layout_known = true;
    vr_annoy_plan plan = { .layout = vr_annoy_layout_of(source.metric, items->dim, source.current),
                           .trees = given->value[VR_ANNOY_TREES],
                           .seed = (uint64_t)given->value[VR_ANNOY_SEED],
                           .one_stream = given->value[VR_ANNOY_STREAM] == 1,
                           .threads = vr_thread_count((int32_t)given->value[VR_ANNOY_THREADS]) };
    vrec_status status = vr_annoy_build(&plan, items, progress, &image, &bytes, err);
    if (status == VREC_OK)
        status = vr_annoy_adopt(&source, "the new forest", image, bytes, &forest, err);
    if (status == VREC_OK)
        *out = &forest->base;
    return status;
}

static vrec_status open_file(const vr_options *given, const char *path, const vrec_progress *progress,
                             vr_annoy **out, vrec_error *err)
{
    if (!given->given[VR_ANNOY_DIM])
        return vr_fail(err, VREC_INVALID,
                       "opening %s: Annoy's files don't say their dimension; set d (--d N)", path);
    vr_annoy_source source = source_of(given, (size_t)given->value[VR_ANNOY_DIM]);
    return vr_annoy_open(&source, path, progress, out, err);
}

static vrec_status from_index_file(const vr_options *given, const char *path, const vrec_progress *progress,
                                   vrec_indexer **out, vrec_error *err)
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
                                      .from_embeddings = from_embeddings,
                                      .from_index_file = from_index_file,
                                      .verify = verify };
