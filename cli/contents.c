/* What an index holds, taken out of it. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_finite(const float *vector, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        if (!isfinite(vector[i]))
            return false;
    return true;
}

static void drop_nonfinite(cli_contents *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++)
        if (is_finite(c->vectors + i * c->dim, c->dim)) {
            memmove(c->vectors + kept * c->dim, c->vectors + i * c->dim, c->dim * sizeof *c->vectors);
            c->ids[kept++] = c->ids[i];
        }
    c->count = kept;
}

static vrec_status fail_memory(size_t rows, size_t dim, vrec_error *err)
{
    *err = (vrec_error){ .status = VREC_NO_MEMORY };
    snprintf(err->message, sizeof err->message, "out of memory: could not get room for %zu x %zu values",
             rows, dim);
    return VREC_NO_MEMORY;
}

/* The names of the items that are left, a line each. */
static vrec_status read_names(const vrec_indexer *indexer, cli_contents *c, vrec_error *err)
{
    size_t size = 0, used = 0;
    if (c->count == 0 || !vrec_name(indexer, c->ids[0]))
        return VREC_OK;
    for (size_t i = 0; i < c->count; i++)
        size += strlen(vrec_name(indexer, c->ids[i])) + 1;
    c->names = malloc(size);
    if (!c->names)
        return fail_memory(size, 1, err);
    for (size_t i = 0; i < c->count; i++) {
        const char *name = vrec_name(indexer, c->ids[i]);
        size_t length = strlen(name);
        memcpy(c->names + used, name, length);
        c->names[used + length] = '\n';
        used += length + 1;
    }
    c->names_size = size;
    return VREC_OK;
}

vrec_status cli_contents_read(const vrec_indexer *indexer, bool finite, cli_contents *out, vrec_error *err)
{
    size_t rows = vrec_rows(indexer);
    *out = (cli_contents){ .dim = vrec_dim(indexer) };
    out->ids = calloc(rows + 1, sizeof *out->ids);
    vrec_status status = out->ids ? vrec_ids(indexer, 0, rows, out->ids, err) : fail_memory(rows, 1, err);
    for (size_t i = 0; i < rows && status == VREC_OK; i++)
        if (out->ids[i] != -1)
            out->ids[out->count++] = out->ids[i];
    if (status != VREC_OK)
        return status;
    out->vectors = calloc(out->count + 1, out->dim * sizeof *out->vectors);
    status = out->vectors ? vrec_vectors(indexer, out->ids, out->count, out->vectors, err)
                          : fail_memory(out->count, out->dim, err);
    if (status == VREC_OK && finite)
        drop_nonfinite(out);
    if (status == VREC_OK)
        status = read_names(indexer, out, err);
    for (size_t i = 0; i < out->count; i++)
        out->own_ids |= !out->names && out->ids[i] != (int64_t)i;
    return status;
}

void cli_contents_free(cli_contents *contents)
{
    free(contents->ids);
    free(contents->vectors);
    free(contents->names);
    *contents = (cli_contents){ 0 };
}
