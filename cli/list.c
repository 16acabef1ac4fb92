/* A file of integers as a plain list. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

int cli_list_open(const char *path, const char *user, cli_list *out)
{
    vrec_error err;
    *out = (cli_list){ .file = NULL };
    if (vrec_data_open(path, &out->file, &err) != VREC_OK)
        return cli_fail_library(&err);
    const vrec_matrix *m = vrec_data_matrix(out->file);
    if (m->type != VREC_I32 && m->type != VREC_I64)
        return cli_fail("%s: its values are neither int32 nor int64, as %s needs", path, user);
    if (m->dim != 1 && m->rows != 1)
        return cli_fail("%s: it has %zu rows of %zu values, but %s needs a plain list", path, m->rows,
                        m->dim, user);
    bool column = m->dim == 1;
    out->data = m->data;
    out->count = column ? m->rows : m->dim;
    out->stride = column ? m->row_stride : m->col_stride;
    out->wide = m->type == VREC_I64;
    return 0;
}

void cli_list_close(cli_list *list)
{
    vrec_data_close(list->file);
}

int64_t cli_list_at(const cli_list *list, size_t i)
{
    const char *p = list->data + (ptrdiff_t)i * list->stride;
    int32_t narrow;
    int64_t wide;
    if (list->wide) {
        memcpy(&wide, p, sizeof wide);
        return wide;
    }
    memcpy(&narrow, p, sizeof narrow);
    return narrow;
}

int cli_list_read(const char *path, const char *user, int64_t **out, size_t *count)
{
    cli_list list;
    int failed = cli_list_open(path, user, &list);
    *out = NULL;
    *count = list.count;
    if (!failed) {
        *out = calloc(list.count > 0 ? list.count : 1, sizeof **out);
        if (!*out)
            failed = cli_fail("out of memory: could not get room for %zu ids", list.count);
    }
    for (size_t i = 0; !failed && i < list.count; i++)
        (*out)[i] = cli_list_at(&list, i);
    cli_list_close(&list);
    return failed;
}
