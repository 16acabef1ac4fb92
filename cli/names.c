/* Ids and names that files give to items: to those that are built, and to those that were found.
 *
 * A table of names that is no index's is made one, of an index with nothing in it but the names: so the
 * library checks it, and finds names in it, as it does with an index's own.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Texts ---- */

bool cli_is_text(const char *path)
{
    vrec_data *file = NULL;
    vrec_error err;
    vrec_status status = vrec_data_open(path, &file, &err);
    vrec_data_close(file);
    return status == VREC_UNSUPPORTED && strcmp(err.subject, "path") == 0;
}

int cli_text_read(const char *path, char **text, size_t *size)
{
    size_t room = 1 << 16, got;
    FILE *file = cli_open(path, "rb");
    *size = 0;
    *text = NULL;
    if (!file)
        return cli_fail("opening %s: %s", path, strerror(errno));
    do {
        room += *size;
        char *grown = realloc(*text, room);
        if (!grown) {
            fclose(file);
            return cli_fail("out of memory: could not get room for %s", path);
        }
        *text = grown;
        got = fread(*text + *size, 1, room - 1 - *size, file);
        *size += got;
    } while (got > 0);
    (*text)[*size] = '\0';
    int failed = ferror(file) ? cli_fail("reading %s: %s", path, strerror(errno)) : 0;
    fclose(file);
    return failed;
}

static size_t count_lines(const char *text, size_t size)
{
    size_t count = size > 0 && text[size - 1] != '\n';
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n';
    return count;
}

/* ---- Of items that are built ---- */

int cli_labels_read(const char *path, cli_labels *out)
{
    *out = (cli_labels){ .path = path };
    if (!path)
        return 0;
    return cli_is_text(path) ? cli_text_read(path, &out->names, &out->names_size)
                             : cli_list_read(path, "--ids", &out->ids, &out->count);
}

int cli_labels_give(const cli_labels *labels, size_t rows, vrec_build *build)
{
    if (labels->ids && labels->count != rows)
        return cli_fail("%s has %zu ids, but there are %zu items", labels->path, labels->count, rows);
    if (!labels->path)
        return 0;
    build->ids = labels->ids;
    build->names = labels->names;
    build->names_size = labels->names_size;
    return 0;
}

int cli_labels_fail(const cli_labels *labels, const vrec_error *err)
{
    bool about_them = strcmp(err->subject, "ids") == 0 || strcmp(err->subject, "names") == 0;
    return labels->path && about_them ? cli_fail("%s: %s", labels->path, err->message)
                                      : cli_fail_library(err);
}

void cli_labels_free(cli_labels *labels)
{
    free(labels->ids);
    free(labels->names);
}

/* ---- Of items that are found ---- */

struct cli_row {
    int64_t id, row;
};

static int compare(const void *a, const void *b)
{
    int64_t one = ((const cli_row *)a)->id, other = ((const cli_row *)b)->id;
    return (one > other) - (one < other);
}

/* The table of a file, for so many rows. */
static int make_table(const char *path, const char *text, size_t size, size_t rows, vrec_indexer **out)
{
    vrec_builder *builder = NULL;
    vrec_error err;
    float *nothing = calloc(rows + 1, sizeof *nothing);
    if (!nothing)
        return cli_fail("out of memory: could not get room for %s", path);
    vrec_matrix items = vrec_matrix_f32(nothing, rows, 1);
    vrec_build build = { .struct_size = sizeof build, .names = text, .names_size = size };
    vrec_status status = vrec_builder_factory("faiss", "index_type=Flat,codes=off", &builder, &err);
    if (status == VREC_OK)
        status = vrec_from_embeddings(builder, &items, &build, out, &err);
    vrec_builder_free(builder);
    free(nothing);
    return status == VREC_OK ? 0 : cli_fail("%s: %s", path, err.message);
}

/* Where an index has ids of its own, which row has which. */
static int find_rows(const vrec_indexer *indexer, cli_names *out)
{
    vrec_error err;
    size_t rows = vrec_rows(indexer);
    bool own = false;
    int64_t *ids = calloc(rows + 1, sizeof *ids);
    out->rows = calloc(rows + 1, sizeof *out->rows);
    int failed = ids && out->rows ? 0 : cli_fail("out of memory: could not get room for %zu ids", rows);
    if (!failed && vrec_ids(indexer, 0, rows, ids, &err) != VREC_OK)
        failed = cli_fail_library(&err);
    for (size_t i = 0; i < rows && !failed; i++) {
        out->rows[i] = (cli_row){ ids[i], (int64_t)i };
        own |= ids[i] != (int64_t)i && ids[i] != -1;
    }
    free(ids);
    out->count = rows;
    if (failed || !own) {
        free(out->rows);
        out->rows = NULL;
    } else {
        qsort(out->rows, rows, sizeof *out->rows, compare);
    }
    return failed;
}

int cli_names_open(const char *path, const vrec_indexer *indexer, size_t rows, cli_names *out)
{
    char *text = NULL;
    size_t size;
    *out = (cli_names){ .named = indexer && vrec_name(indexer, 0) ? indexer : NULL };
    if (!path)
        return 0;
    int failed = cli_text_read(path, &text, &size);
    if (!failed) /* rows 0: nobody knows how many there are */
        failed = make_table(path, text, size, rows > 0 ? rows : count_lines(text, size), &out->table);
    if (!failed && indexer && rows > 0)
        failed = find_rows(indexer, out);
    out->named = out->table;
    free(text);
    return failed;
}

void cli_names_close(cli_names *names)
{
    vrec_indexer_free(names->table);
    free(names->rows);
}

const char *cli_name_of(const cli_names *names, int64_t id)
{
    const cli_row wanted = { .id = id };
    if (!names->rows)
        return vrec_name(names->named, id);
    const cli_row *found = bsearch(&wanted, names->rows, names->count, sizeof wanted, compare);
    return found ? vrec_name(names->named, found->row) : NULL;
}

bool cli_find_name(const cli_names *names, const char *name, int64_t *id)
{
    int64_t row = vrec_find(names->named, name);
    *id = row;
    for (size_t i = 0; i < names->count && names->rows && row >= 0; i++)
        if (names->rows[i].row == row)
            *id = names->rows[i].id;
    return row >= 0;
}

int cli_names_list(const char *path, const cli_names *names, int64_t **ids, size_t *count)
{
    char *text = NULL, *line;
    size_t size, number = 0;
    *ids = NULL;
    *count = 0;
    if (!names->named)
        return cli_fail(
            "%s: it is no file of integers, and the items have no names; --names gives them some", path);
    int failed = cli_text_read(path, &text, &size);
    if (!failed)
        *ids = calloc(count_lines(text, size) + 1, sizeof **ids);
    if (!failed && !*ids)
        failed = cli_fail("out of memory: could not get room for the ids of %s", path);
    for (char *rest = text; !failed && rest && *rest;) {
        line = rest;
        number++;
        rest = strchr(line, '\n');
        if (rest)
            *rest++ = '\0';
        if (!cli_find_name(names, line, &(*ids)[(*count)++]))
            failed = cli_fail("%s, line %zu: no item has the name \"%s\"", path, number, line);
    }
    free(text);
    return failed;
}
