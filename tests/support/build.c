/* SPDX-License-Identifier: Apache-2.0 */
#include "support/build.h"

#include "support/failed.h"

vrec_status build_index(const char *backend, const char *options, const vrec_matrix *items,
                        const vrec_build *how, vrec_indexer **out, vrec_error *err)
{
    vrec_builder *builder;
    *out = NULL;
    vrec_status status = vrec_builder_factory(backend, options, &builder, err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, items, how, out, err);
    vrec_builder_free(builder);
    return status;
}

vrec_indexer *must_build_index(const char *backend, const char *options, const vrec_matrix *items,
                               const vrec_build *how)
{
    vrec_indexer *indexer;
    vrec_error err;
    if (build_index(backend, options, items, how, &indexer, &err) != VREC_OK)
        fail_msg("%s, %s: %s", backend, options, err.message);
    return indexer;
}
