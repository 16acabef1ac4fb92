/* Who took what, or has seen what: the rows of a sparse matrix in two files (CSR), or one table of
 * user,item. SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"
#include "system.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool cli_is_table(const char *path)
{
    size_t length = strlen(path);
    return length > 4 && strcmp(path + length - 4, ".csv") == 0;
}

static int fail_memory(const char *path, size_t count)
{
    return cli_fail("out of memory: could not get room for the %zu pairs of %s", count, path);
}

/* ---- A table ---- */

typedef struct table {
    int64_t (*pairs)[2];
    size_t count, room;
} table;

static bool append(table *t, int64_t user, int64_t item)
{
    if (t->count == t->room) {
        size_t room = t->room > 0 ? 2 * t->room : 1024;
        void *grown = realloc(t->pairs, room * sizeof *t->pairs);
        if (!grown)
            return false;
        t->pairs = grown;
        t->room = room;
    }
    t->pairs[t->count][0] = user;
    t->pairs[t->count++][1] = item;
    return true;
}

/* A whole number, and where it ends; NULL if there is none. */
static const char *read_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end > text && errno == 0 ? end : NULL;
}

/* A name that stands to the end of a line, in place; quotes around it, as they are where it holds a comma,
 * are no part of it, and one within is doubled. */
static char *read_name(char *text)
{
    size_t length = strcspn(text, "\r\n");
    text[length] = '\0';
    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        return text;
    char *to = text;
    for (size_t i = 1; i + 1 < length; i++) {
        i += text[i] == '"' && text[i + 1] == '"' && i + 2 < length;
        *to++ = text[i];
    }
    *to = '\0';
    return text;
}

/* Who took what in that line: an item by its id, or by its name where items have names. */
static int read_pair(const char *path, char *line, size_t number, const cli_names *names, int64_t *user,
                     int64_t *item)
{
    const char *comma = read_number(line, user), *end = NULL;
    if (!comma || *comma != ',')
        return cli_fail("%s, line %zu: it isn't user,item", path, number);
    if (names->named) {
        char *name = read_name(line + (comma + 1 - line));
        return cli_find_name(names, name, item)
                   ? 0
                   : cli_fail("%s, line %zu: no item has the name \"%s\"", path, number, name);
    }
    end = read_number(comma + 1, item);
    if (!end || end[strspn(end, " \r\n")] != '\0')
        return cli_fail("%s, line %zu: it isn't user,item, two whole numbers", path, number);
    return 0;
}

static int take_line(table *t, const char *path, char *line, size_t number, size_t users,
                     const cli_names *names)
{
    int64_t user, item;
    if (line[strspn(line, " \r\n")] == '\0' || (number == 1 && isalpha((unsigned char)*line)))
        return 0; /* nothing, or the names of the columns */
    int failed = read_pair(path, line, number, names, &user, &item);
    if (failed)
        return failed;
    if (user < 0 || (uint64_t)user >= users)
        return cli_fail("%s, line %zu: user %" PRId64 ", and there are users 0 to %zu", path, number, user,
                        users - 1);
    if (item == -1)
        return cli_fail("%s, line %zu: item -1, which stands for no item", path, number);
    return append(t, user, item) ? 0 : fail_memory(path, t->count);
}

static int read_table(const char *path, size_t users, const cli_names *names, table *t)
{
    char *line = NULL;
    size_t room = 0, number = 0;
    int failed = 0;
    FILE *file = cli_open(path, "r");
    if (!file)
        return cli_fail("opening %s: %s", path, strerror(errno));
    while (!failed && cli_read_line(file, &line, &room))
        failed = take_line(t, path, line, ++number, users, names);
    if (!failed && ferror(file))
        failed = cli_fail("reading %s: %s", path, strerror(errno));
    free(line);
    fclose(file);
    return failed;
}

static int from_table(const char *path, size_t users, const cli_names *names, cli_pairs *out)
{
    table t = { .pairs = NULL };
    int failed = read_table(path, users, names, &t);
    out->offsets = failed ? NULL : calloc(users + 1, sizeof *out->offsets);
    out->ids = failed ? NULL : calloc(t.count + 1, sizeof *out->ids);
    if (!failed && (!out->offsets || !out->ids))
        failed = fail_memory(path, t.count);
    for (size_t i = 0; !failed && i < t.count; i++)
        out->offsets[t.pairs[i][0] + 1]++;
    for (size_t user = 0; !failed && user < users; user++)
        out->offsets[user + 1] += out->offsets[user];
    /* Backwards, each row is filled from its end, which moves to its beginning. */
    for (size_t i = t.count; !failed && i-- > 0;)
        out->ids[--out->offsets[t.pairs[i][0] + 1]] = t.pairs[i][1];
    if (!failed) {
        memmove(out->offsets, out->offsets + 1, users * sizeof *out->offsets);
        out->offsets[users] = (int64_t)t.count;
        out->count = t.count;
    }
    free(t.pairs);
    return failed;
}

/* ---- Two files ---- */

static int check_rows(const char *const paths[2], const cli_list *offsets, const cli_list *ids,
                      size_t users)
{
    if (offsets->count != users + 1)
        return cli_fail("%s: it has %zu offsets; %zu users need %zu, one more", paths[0], offsets->count,
                        users, users + 1);
    if (cli_list_at(offsets, 0) != 0)
        return cli_fail("%s: it starts with %" PRId64 ", not 0", paths[0], cli_list_at(offsets, 0));
    for (size_t i = 0; i < users; i++)
        if (cli_list_at(offsets, i + 1) < cli_list_at(offsets, i))
            return cli_fail("%s: the offsets run backwards at user %zu, from %" PRId64 " to %" PRId64,
                            paths[0], i, cli_list_at(offsets, i), cli_list_at(offsets, i + 1));
    if ((uint64_t)cli_list_at(offsets, users) != ids->count)
        return cli_fail("%s: it ends with %" PRId64 ", but %s has %zu ids", paths[0],
                        cli_list_at(offsets, users), paths[1], ids->count);
    for (size_t i = 0; i < ids->count; i++)
        if (cli_list_at(ids, i) == -1)
            return cli_fail("%s: id %zu is -1, which stands for no item", paths[1], i);
    return 0;
}

static int from_rows(const char *flag, const char *const paths[2], size_t users, cli_pairs *out)
{
    cli_list offsets = { .file = NULL }, ids = { .file = NULL };
    int failed = cli_list_open(paths[0], flag, &offsets);
    if (!failed)
        failed = cli_list_open(paths[1], flag, &ids);
    if (!failed)
        failed = check_rows(paths, &offsets, &ids, users);
    if (!failed) {
        out->offsets = calloc(users + 1, sizeof *out->offsets);
        out->ids = calloc(ids.count + 1, sizeof *out->ids);
        out->count = ids.count;
        failed = out->offsets && out->ids ? 0 : fail_memory(paths[1], ids.count);
    }
    for (size_t i = 0; !failed && i <= users; i++)
        out->offsets[i] = cli_list_at(&offsets, i);
    for (size_t i = 0; !failed && i < ids.count; i++)
        out->ids[i] = cli_list_at(&ids, i);
    cli_list_close(&offsets);
    cli_list_close(&ids);
    return failed;
}

/* ---- Either ---- */

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int cli_pairs_open(const char *flag, const char *const paths[2], size_t users, const cli_names *names,
                   cli_pairs *out)
{
    int failed = cli_is_table(paths[0]) ? from_table(paths[0], users, names, out)
                                        : from_rows(flag, paths, users, out);
    for (size_t user = 0; !failed && user < users; user++)
        qsort(out->ids + out->offsets[user], (size_t)(out->offsets[user + 1] - out->offsets[user]),
              sizeof *out->ids, ascending);
    return failed;
}

void cli_pairs_close(cli_pairs *pairs)
{
    free(pairs->offsets);
    free(pairs->ids);
}
