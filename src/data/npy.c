/* NumPy's .npy: 6 bytes of magic, 2 of version, the length of the header (2 bytes in version 1, 4 in 2
 * and 3), the header, and the values. The header is a Python literal with exactly three keys:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (1000, 64), }
 *
 * It is read by the small parser below, which knows these three and nothing else of Python.
 *
 * SPDX-License-Identifier: Apache-2.0 */
#include "data/npy.h"

#include "base/bytes.h"
#include "base/memory.h"
#include "core/matrix.h"
#include "data/packed.h"

#include <stdio.h>
#include <string.h>

enum {
    AT_VERSION = 6,
    AT_LENGTH = 8,
    PREFIX_1 = 10, /* bytes before the header in version 1 */
    PREFIX_2 = 12,
    TEXT_MAX = 64 /* more than any key or type that can be read */
};

static const uint8_t magic[] = { 0x93, 'N', 'U', 'M', 'P', 'Y' };

/* What the header says. */
typedef struct array {
    int32_t type;
    bool fortran;
    size_t shape[2];
    size_t dims; /* all of them; of more than 2 the shape has only the first */
} array;

typedef struct parser {
    const char *path;
    const uint8_t *file;
    size_t at, end; /* in the file, so that errors can say where */
    vrec_error *err;
} parser;

/* ---- Tokens ---- */

static vrec_status expected(const parser *p, const char *what)
{
    return vr_fail_at(p->err, VREC_CORRUPT, vr_at_byte(p->at),
                      "%s: the header can't be read at byte %zu: expected %s", p->path, p->at, what);
}

/* The next byte that is no space; 0 at the end. */
static uint8_t peek(parser *p)
{
    while (p->at < p->end && memchr(" \t\r\n", p->file[p->at], 4))
        p->at++;
    return p->at < p->end ? p->file[p->at] : 0;
}

/* Takes word, if it comes next. */
static bool accept(parser *p, const char *word)
{
    size_t length = strlen(word);
    if (peek(p) != (uint8_t)word[0] || p->end - p->at < length ||
        memcmp(p->file + p->at, word, length) != 0)
        return false;
    p->at += length;
    return true;
}

/* A string of printable ASCII without escapes, in either kind of quotes. */
static vrec_status parse_text(parser *p, const char *what, char out[TEXT_MAX])
{
    uint8_t quote = peek(p);
    if (quote != '\'' && quote != '"')
        return expected(p, what);
    size_t length = 0, at = p->at + 1;
    for (; at < p->end && p->file[at] != quote; at++) {
        uint8_t c = p->file[at];
        if (c < ' ' || c > '~' || c == '\\' || length == TEXT_MAX - 1)
            return expected(p, what);
        out[length++] = (char)c;
    }
    if (at == p->end)
        return expected(p, what);
    out[length] = '\0';
    p->at = at + 1;
    return VREC_OK;
}

static vrec_status parse_size(parser *p, size_t *out)
{
    uint8_t c = peek(p);
    *out = 0;
    if (c < '0' || c > '9')
        return expected(p, "a number");
    size_t at = p->at;
    for (; at < p->end && p->file[at] >= '0' && p->file[at] <= '9'; at++)
        if (!vr_mul(*out, 10, out) || !vr_add(*out, p->file[at] - (size_t)'0', out))
            return expected(p, "a number within the address space");
    p->at = at;
    accept(p, "L"); /* as Python 2 writes a long */
    return VREC_OK;
}

/* ---- The three keys ---- */

/* What to do about a type that can't be read depends on what it is. */
static vrec_status fail_type(const parser *p, const char *descr, char kind)
{
    const char *advice = "";
    if (kind == 'V')
        advice = "; bfloat16 is saved so: convert the array before, array.astype('float32')";
    else if (strchr("fiub?", kind) && kind)
        advice = "; save array.astype('float32') instead, or array.astype('int64') if these are ids";
    return vr_fail(p->err, VREC_UNSUPPORTED,
                   "%s: it holds values of type %s; f2 f4 f8 i1 u1 i4 i8 can be read%s", p->path, descr,
                   advice);
}

static vrec_status find_type(const parser *p, const char *descr, int32_t *type)
{
    size_t order = strspn(descr, "<|="); /* "=" and nothing are the machine's, which is little-endian */
    if (order <= 1)
        for (int32_t i = VREC_F32; i <= VREC_I64; i++)
            if (strcmp(descr + order, vr_type_code(i)) == 0) {
                *type = i;
                return VREC_OK;
            }
    if (descr[0] == '>')
        return vr_fail(p->err, VREC_UNSUPPORTED,
                       "%s: its values (%s) are big-endian; save array.astype('<%s') instead", p->path,
                       descr, descr + 1);
    if (strchr(descr, 'O'))
        return vr_fail(p->err, VREC_UNSUPPORTED,
                       "%s: it holds pickled Python objects (%s), and reading those could run code; save "
                       "array.astype('float32') instead",
                       p->path, descr);
    return fail_type(p, descr, descr[order]);
}

static vrec_status parse_descr(parser *p, array *a)
{
    char descr[TEXT_MAX];
    uint8_t c = peek(p);
    if (c == '[' || c == '(' || c == '{')
        return vr_fail(p->err, VREC_UNSUPPORTED,
                       "%s: it holds records of named fields (a structured dtype); save the field with the "
                       "vectors, array['name'], instead",
                       p->path);
    vrec_status status = parse_text(p, "a type such as '<f4'", descr);
    return status == VREC_OK ? find_type(p, descr, &a->type) : status;
}

static vrec_status parse_fortran_order(parser *p, array *a)
{
    a->fortran = accept(p, "True");
    return a->fortran || accept(p, "False") ? VREC_OK : expected(p, "True or False");
}

static vrec_status parse_shape(parser *p, array *a)
{
    bool comma = true;
    if (!accept(p, "("))
        return expected(p, "a shape such as (1000, 64)");
    while (!accept(p, ")")) {
        size_t size;
        if (!comma)
            return expected(p, "a comma or )");
        vrec_status status = parse_size(p, &size);
        if (status != VREC_OK)
            return status;
        if (a->dims < 2)
            a->shape[a->dims] = size;
        a->dims++;
        comma = accept(p, ",");
    }
    if (a->dims == 1 && !comma)
        return expected(p, "a comma before the ): (1000,) is a shape, (1000) is a number");
    return VREC_OK;
}

static const struct {
    const char *name;
    vrec_status (*parse)(parser *p, array *a);
} keys[] = {
    { "descr", parse_descr },
    { "fortran_order", parse_fortran_order },
    { "shape", parse_shape },
};

enum { KEYS = sizeof keys / sizeof keys[0] };

static vrec_status parse_entry(parser *p, array *a, bool seen[KEYS])
{
    char name[TEXT_MAX];
    vrec_status status = parse_text(p, "'descr', 'fortran_order' or 'shape'", name);
    if (status != VREC_OK)
        return status;
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(name, keys[i].name) != 0)
            continue;
        if (seen[i])
            return vr_fail(p->err, VREC_CORRUPT, "%s: the header says '%s' twice, again before byte %zu",
                           p->path, name, p->at);
        seen[i] = true;
        return accept(p, ":") ? keys[i].parse(p, a) : expected(p, "a colon");
    }
    return vr_fail(p->err, VREC_CORRUPT, "%s: the header has an unknown key '%s' before byte %zu", p->path,
                   name, p->at);
}

static vrec_status parse_header(parser *p, array *a)
{
    bool seen[KEYS] = { false }, comma = true;
    if (!accept(p, "{"))
        return expected(p, "{");
    while (!accept(p, "}")) {
        if (!comma)
            return expected(p, "a comma or }");
        vrec_status status = parse_entry(p, a, seen);
        if (status != VREC_OK)
            return status;
        comma = accept(p, ",");
    }
    peek(p);
    if (p->at < p->end)
        return expected(p, "nothing after the }");
    for (size_t i = 0; i < KEYS; i++)
        if (!seen[i])
            return vr_fail(p->err, VREC_CORRUPT, "%s: the header doesn't say '%s'", p->path, keys[i].name);
    return VREC_OK;
}

/* ---- The file ---- */

/* Finds the header: at and end. */
static vrec_status find_header(const vr_map *map, parser *p)
{
    if (map->size < sizeof magic || memcmp(map->data, magic, sizeof magic) != 0)
        return vr_fail(p->err, VREC_CORRUPT, "%s is no .npy file: it doesn't begin with \\x93NUMPY",
                       p->path);
    if (map->size < PREFIX_2)
        return vr_fail(p->err, VREC_CORRUPT, "%s: cut short: it ends at byte %zu, before its header",
                       p->path, map->size);
    uint8_t major = map->data[AT_VERSION], minor = map->data[AT_VERSION + 1];
    if (major < 1 || major > 3 || minor != 0)
        return vr_fail(p->err, VREC_UNSUPPORTED,
                       "%s: it has version %u.%u of the format; 1.0, 2.0 and 3.0 can be read", p->path,
                       major, minor);
    uint32_t length = vr_get_u32(map->data + AT_LENGTH);
    if (major == 1)
        length &= 0xffff;
    p->at = major == 1 ? PREFIX_1 : PREFIX_2;
    if (length > map->size - p->at)
        return vr_fail(p->err, VREC_CORRUPT,
                       "%s: cut short: a header of %u bytes begins at byte %zu, but the file ends at "
                       "byte %zu",
                       p->path, length, p->at, map->size);
    p->end = p->at + length;
    return VREC_OK;
}

vrec_status vr_npy_view(const vr_map *map, const char *path, vrec_matrix *out, bool *list, vrec_error *err)
{
    array a = { 0 };
    parser p = { .path = path, .file = map->data, .err = err };
    vrec_status status = find_header(map, &p);
    if (status == VREC_OK)
        status = parse_header(&p, &a);
    if (status != VREC_OK)
        return status;
    if (a.dims != 1 && a.dims != 2)
        return vr_fail(err, VREC_UNSUPPORTED,
                       "%s: its array has %zu dimensions; a matrix has 2, and 1 is read as one value a "
                       "row; save array.reshape(len(array), -1) instead",
                       path, a.dims);
    size_t dim = a.dims == 2 ? a.shape[1] : 1;
    *list = a.dims == 1;
    status = vr_packed_view(map, path, p.end, a.shape[0], dim, a.type, out, err);
    if (status == VREC_OK && a.fortran) {
        out->row_stride = (ptrdiff_t)vr_type_size(a.type);
        out->col_stride = (ptrdiff_t)(a.shape[0] * vr_type_size(a.type));
    }
    return status;
}

void vr_npy_header(int32_t type, size_t rows, size_t dim, uint8_t out[VR_NPY_HEADER])
{
    char text[VR_NPY_HEADER - PREFIX_1];
    int length =
        snprintf(text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (%zu, %zu), }",
                 vr_type_size(type) == 1 ? '|' : '<', vr_type_code(type), rows, dim);
    memset(out, ' ', VR_NPY_HEADER);
    memcpy(out, magic, sizeof magic);
    vr_put_u32(out + AT_VERSION, 1 | (uint32_t)sizeof text << 16); /* version 1.0, header's length */
    memcpy(out + PREFIX_1, text, (size_t)length);
    out[VR_NPY_HEADER - 1] = '\n';
}
