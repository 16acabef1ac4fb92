/* SPDX-License-Identifier: Apache-2.0 */
#include "api/builder.h"

#include "api/auto.h"
#include "api/backends.h"
#include "api/build_tuned.h"
#include "api/given_names.h"
#include "api/ids_file.h"
#include "api/indexer.h"
#include "api/tune.h"
#include "api/tuned.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "core/structs.h"

#include <string.h>

vrec_status vrec_builder_factory(const char *backend, const char *options, vrec_builder **out,
                                 vrec_error *err)
{
    if (!out)
        return vr_fail_at(err, VREC_INVALID, vr_in("out"), "making a builder: out is NULL");
    *out = NULL;
    if (!backend)
        return vr_fail_at(err, VREC_INVALID, vr_in("backend"), "making a builder: backend is NULL");
    const vr_backend *found = vr_backend_find(backend, err);
    if (!found)
        return VREC_UNSUPPORTED;
    vrec_status status = found->ready ? found->ready(err) : VREC_OK;
    if (status != VREC_OK)
        return status;
    vrec_builder *builder = vr_alloc(1, sizeof *builder);
    if (!builder)
        return vr_fail_memory(err, sizeof *builder, "a builder");
    builder->backend = found;
    vr_options_init(&builder->options, found->options);
    status = vr_options_parse(&builder->options, options, err);
    if (status == VREC_OK)
        *out = builder;
    else
        vrec_builder_free(builder);
    return status;
}

vrec_status vrec_builder_set(vrec_builder *builder, const char *key, const char *value, vrec_error *err)
{
    if (!builder)
        return vr_fail_at(err, VREC_INVALID, vr_in("builder"), "setting an option: the builder is NULL");
    return vr_options_set(&builder->options, key, value, err);
}

void vrec_builder_free(vrec_builder *builder)
{
    if (builder)
        vr_options_free(&builder->options);
    vr_free(builder);
}

static vrec_status check_call(const vrec_builder *builder, vrec_indexer **out, vrec_error *err)
{
    if (!out)
        return vr_fail_at(err, VREC_INVALID, vr_in("out"), "making an indexer: out is NULL");
    *out = NULL;
    if (!builder)
        return vr_fail_at(err, VREC_INVALID, vr_in("builder"), "making an indexer: the builder is NULL");
    return VREC_OK;
}

/* An indexer for what has been made, unless that failed. */
static vrec_status hand_over(const vrec_builder *builder, vr_index *index, vrec_status status,
                             vrec_indexer **out, vrec_error *err)
{
    if (status == VREC_OK)
        return vr_indexer_make(index, &builder->options, out, err);
    vr_indexer_discard(index);
    return status;
}

static vrec_status check_names(const vrec_builder *builder, const vrec_build *build, vrec_error *err)
{
    vrec_status status = vr_given_names_check(build, err);
    if (status != VREC_OK)
        return status;
    if (build->names && !(builder->backend->can & VREC_CAN_SAVE))
        return vr_fail_at(
            err, VREC_UNSUPPORTED, vr_in("names"),
            "%s: an item's id is an int64 there, and no name; give numbers as ids, and keep a "
            "table of their names",
            builder->backend->name);
    return VREC_OK;
}

/* What a build is told besides its items, with all that it points at. */
typedef struct told {
    vrec_build build;
    vrec_matrix queries;
    vrec_progress progress;
} told;

static vrec_status take_build(const vrec_build *given, size_t dim, told *out, vrec_error *err)
{
    vrec_status status = vr_take_build(given, &out->build, err);
    if (status == VREC_OK)
        status = vr_take_progress(out->build.progress, &out->progress, &out->build.progress, err);
    if (status != VREC_OK || !out->build.queries)
        return status;
    status = vr_matrix_check_sample(out->build.queries, dim, &out->queries, err);
    out->build.queries = &out->queries;
    return status;
}

vrec_status vrec_from_embeddings(const vrec_builder *builder, const vrec_matrix *items,
                                 const vrec_build *build, vrec_indexer **out, vrec_error *err)
{
    vr_index *index = NULL;
    vrec_matrix checked;
    told with;
    vrec_status status = check_call(builder, out, err);
    if (status == VREC_OK)
        status = vr_matrix_check(items, "items", &checked, err);
    if (status != VREC_OK)
        return status;
    if (checked.rows == 0 || checked.dim == 0)
        return vr_fail_at(err, VREC_INVALID, vr_in("items"),
                          "items: %zu rows of %zu values; an index needs at least one of each",
                          checked.rows, checked.dim);
    status = take_build(build, checked.dim, &with, err);
    if (status == VREC_OK)
        status = check_names(builder, &with.build, err);
    if (status == VREC_OK)
        status = vr_options_check_build(&builder->options, err);
    if (status == VREC_OK)
        status = vr_check_recall_alone(&builder->options, err);
    if (status == VREC_OK && with.build.queries && vr_wants_recall(&builder->options))
        status =
            vr_check_asked(with.build.queries, err); /* before they are divided: the row is the caller's */
    if (status == VREC_OK && vr_options_any_kind(&builder->options))
        return vr_auto_build(builder, &checked, &with.build, out, err);
    if (status == VREC_OK && vr_wants_recall(&builder->options))
        return vr_build_for_recall(builder, &checked, &with.build, out, err);
    if (status == VREC_OK)
        status = builder->backend->from_embeddings(&builder->options, &checked, &with.build, &index, err);
    if (status == VREC_OK && with.build.names)
        status = vr_given_names_take(&with.build, NULL, index->rows, &index->names, err);
    if (status == VREC_OK && with.build.names)
        vr_fact_truth(&index->facts, "names", true);
    return hand_over(builder, index, status, out, err);
}

/* Whether a file was replaced while it was opened by one that may have another table of ids, where it
 * itself may have had none. */
static vrec_status was_replaced(const vr_input *file, bool has_table, bool *out, vrec_error *err)
{
    vrec_status status = vr_input_is_replaced(file, file->path, out, err);
    return status == VREC_OK && *out && !has_table ? vr_ids_file_exists(file->path, out, err) : status;
}

/* Opens the index at path, and the table of ids beside it. whole: the table's checksum is that of the whole
 * file. */
static vrec_status open_once(const vrec_builder *builder, const char *path, bool whole,
                             const vrec_progress *progress, vrec_indexer **out, bool *replaced,
                             vrec_error *err)
{
    vr_index *index = NULL;
    vr_input file;
    vrec_error cause;
    bool has_table = false;
    *replaced = false;
    vrec_status known = vr_input_open(path, &file, &cause);
    if (known == VREC_OK)
        known = vr_ids_file_exists(path, &has_table, &cause);
    /* Of a file that can't be opened the backend says more. */
    vrec_status status = builder->backend->from_index_file(&builder->options, path, progress, &index, err);
    if (status == VREC_OK)
        status = vr_options_check_open(&builder->options, index->kind, err);
    if (status == VREC_OK && known != VREC_OK)
        status = vr_fail_from(err, &cause, "%s", cause.message);
    if (status == VREC_OK)
        status = vr_ids_file_open(&file, whole, progress, index, err);
    if (status == VREC_OK)
        status = was_replaced(&file, has_table, replaced, err);
    else if (status == VREC_CORRUPT && known == VREC_OK)
        was_replaced(&file, has_table, replaced, NULL);
    vr_input_close(&file);
    return hand_over(builder, index, status, out, err);
}

/* A file that is replaced while it is being opened could get the other's table of ids: then it is opened
 * again. */
static vrec_status open_with_ids(const vrec_builder *builder, const char *path, bool whole,
                                 const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    enum { TRIES = 20 };
    bool replaced = true;
    vrec_status status = VREC_OK;
    for (size_t i = 0; i < TRIES && replaced && status != VREC_CANCELLED; i++) {
        vrec_indexer_free(*out);
        *out = NULL;
        status = open_once(builder, path, whole, progress, out, &replaced, err);
    }
    if (status != VREC_OK || !replaced)
        return status;
    vrec_indexer_free(*out);
    *out = NULL;
    return vr_fail(err, VREC_IO, "opening %s: it was replaced each of %d times; try again", path, TRIES);
}

vrec_status vrec_from_index_file(const vrec_builder *builder, const char *path,
                                 const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vrec_progress room;
    vrec_status status = check_call(builder, out, err);
    if (status != VREC_OK)
        return status;
    if (!path)
        return vr_fail_at(err, VREC_INVALID, vr_in("path"), "opening an index: path is NULL");
    status = vr_take_progress(progress, &room, &progress, err);
    return status == VREC_OK ? open_with_ids(builder, path, false, progress, out, err) : status;
}

/* A backend whose indexes are files has neither attach nor list nor drop. */
static vrec_status fail_local(const vrec_builder *builder, const char *verb, const char *instead,
                              vrec_error *err)
{
    return vr_fail(err, VREC_UNSUPPORTED,
                   "%s: can't %s, because an index of %s is a file, not on a server; %s",
                   builder->backend->name, verb, builder->backend->name, instead);
}

vrec_status vrec_attach(const vrec_builder *builder, const vrec_progress *progress, vrec_indexer **out,
                        vrec_error *err)
{
    vr_index *index = NULL;
    vrec_progress room;
    vrec_status status = check_call(builder, out, err);
    if (status != VREC_OK)
        return status;
    if (!builder->backend->attach)
        return fail_local(builder, "attach", "open its file", err);
    status = vr_take_progress(progress, &room, &progress, err);
    if (status == VREC_OK)
        status = builder->backend->attach(&builder->options, progress, &index, err);
    if (status == VREC_OK)
        status = vr_options_check_open(&builder->options, index->kind, err);
    return hand_over(builder, index, status, out, err);
}

vrec_status vrec_list(const vrec_builder *builder, void (*name)(void *context, const char *name),
                      void *context, const vrec_progress *progress, vrec_error *err)
{
    vrec_progress room;
    if (!builder || !name)
        return vr_fail_at(err, VREC_INVALID, vr_in(builder ? "name" : "builder"),
                          "listing indexes: the %s is NULL", builder ? "name" : "builder");
    if (!builder->backend->list)
        return fail_local(builder, "list indexes", "look into its folder", err);
    vrec_status status = vr_take_progress(progress, &room, &progress, err);
    return status == VREC_OK ? builder->backend->list(&builder->options, name, context, progress, err)
                             : status;
}

vrec_status vrec_drop(const vrec_builder *builder, const vrec_progress *progress, vrec_error *err)
{
    vrec_progress room;
    if (!builder)
        return vr_fail_at(err, VREC_INVALID, vr_in("builder"), "dropping an index: the builder is NULL");
    if (!builder->backend->drop)
        return fail_local(builder, "drop", "remove the file", err);
    vrec_status status = vr_take_progress(progress, &room, &progress, err);
    return status == VREC_OK ? builder->backend->drop(&builder->options, progress, err) : status;
}

/* Whether the table of ids beside a file is that file's, all of it. */
static vrec_status verify_ids(const vrec_builder *builder, const char *path, const vrec_progress *progress,
                              vrec_error *err)
{
    vrec_indexer *indexer = NULL;
    vrec_status status = open_with_ids(builder, path, true, progress, &indexer, err);
    vrec_indexer_free(indexer);
    return status;
}

vrec_status vrec_verify(const vrec_builder *builder, const char *path, const vrec_progress *progress,
                        vrec_error *err)
{
    vrec_indexer *none;
    vrec_progress room;
    vrec_status status = check_call(builder, &none, err);
    if (status == VREC_OK && !path)
        status = vr_fail_at(err, VREC_INVALID, vr_in("path"), "opening an index: path is NULL");
    if (status == VREC_OK)
        status = vr_take_progress(progress, &room, &progress, err);
    if (status == VREC_OK && builder->backend->verify)
        status = builder->backend->verify(&builder->options, path, progress, err);
    bool has_table = !builder || !builder->backend->verify;
    if (status == VREC_OK && !has_table)
        status = vr_ids_file_exists(path, &has_table, err);
    if (status == VREC_OK && has_table)
        status = verify_ids(builder, path, progress, err);
    return status;
}
