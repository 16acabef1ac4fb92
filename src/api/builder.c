/* SPDX-License-Identifier: Apache-2.0 */
#include "api/backends.h"
#include "base/memory.h"
#include "core/matrix.h"

struct vrec_builder {
    const vr_backend *backend;
    vr_options options;
};

vrec_status vrec_builder_factory(const char *backend, const char *options, vrec_builder **out,
                                 vrec_error *err)
{
    if (!out)
        return vr_fail(err, VREC_INVALID, "making a builder: out is NULL");
    *out = NULL;
    if (!backend)
        return vr_fail(err, VREC_INVALID, "making a builder: backend is NULL");
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
        return vr_fail(err, VREC_INVALID, "setting an option: the builder is NULL");
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
        return vr_fail(err, VREC_INVALID, "making an indexer: out is NULL");
    *out = NULL;
    if (!builder)
        return vr_fail(err, VREC_INVALID, "making an indexer: the builder is NULL");
    return VREC_OK;
}

/* An indexer takes along what its queries need to know of the builder's options. */
static vrec_status hand_over(const vrec_builder *builder, vrec_indexer **out, vrec_error *err)
{
    vrec_status status = vr_options_keep(&(*out)->options, &builder->options, err);
    if (status != VREC_OK) {
        (*out)->verbs->free(*out);
        *out = NULL;
    }
    return status;
}

/* The same for one that was there before the builder, and may be of another kind than its options are for.
 */
static vrec_status hand_over_opened(const vrec_builder *builder, vrec_indexer **out, vrec_error *err)
{
    vrec_status status = vr_options_check_open(&builder->options, (*out)->kind, err);
    if (status == VREC_OK)
        return hand_over(builder, out, err);
    (*out)->verbs->free(*out);
    *out = NULL;
    return status;
}

vrec_status vrec_from_embeddings(const vrec_builder *builder, const vrec_matrix *items,
                                 const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vrec_matrix checked;
    vrec_status status = check_call(builder, out, err);
    if (status == VREC_OK)
        status = vr_matrix_check(items, "items", &checked, err);
    if (status != VREC_OK)
        return status;
    if (checked.rows == 0 || checked.dim == 0)
        return vr_fail(err, VREC_INVALID,
                       "items: %zu rows of %zu values; an index needs at least one of each", checked.rows,
                       checked.dim);
    status = vr_options_check_build(&builder->options, err);
    if (status == VREC_OK)
        status = builder->backend->from_embeddings(&builder->options, &checked, progress, out, err);
    return status == VREC_OK ? hand_over(builder, out, err) : status;
}

vrec_status vrec_from_index_file(const vrec_builder *builder, const char *path,
                                 const vrec_progress *progress, vrec_indexer **out, vrec_error *err)
{
    vrec_status status = check_call(builder, out, err);
    if (status != VREC_OK)
        return status;
    if (!path)
        return vr_fail(err, VREC_INVALID, "opening an index: path is NULL");
    status = builder->backend->from_index_file(&builder->options, path, progress, out, err);
    return status == VREC_OK ? hand_over_opened(builder, out, err) : status;
}

/* A backend whose indexes are files has neither attach nor drop. */
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
    vrec_status status = check_call(builder, out, err);
    if (status != VREC_OK)
        return status;
    if (!builder->backend->attach)
        return fail_local(builder, "attach", "open it with vrec_from_index_file", err);
    status = builder->backend->attach(&builder->options, progress, out, err);
    return status == VREC_OK ? hand_over_opened(builder, out, err) : status;
}

vrec_status vrec_drop(const vrec_builder *builder, vrec_error *err)
{
    if (!builder)
        return vr_fail(err, VREC_INVALID, "dropping an index: the builder is NULL");
    if (!builder->backend->drop)
        return fail_local(builder, "drop", "remove the file", err);
    return builder->backend->drop(&builder->options, err);
}

vrec_status vrec_verify(const vrec_builder *builder, const char *path, const vrec_progress *progress,
                        vrec_error *err)
{
    vrec_indexer *indexer;
    if (builder && path && builder->backend->verify)
        return builder->backend->verify(&builder->options, path, progress, err);
    vrec_status status = vrec_from_index_file(builder, path, progress, &indexer, err);
    vrec_indexer_free(indexer);
    return status;
}
