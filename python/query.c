/* Indexer.query(): its arguments, the call, its end. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

typedef struct query {
    Py_buffer queries, ids, distances, counts, offsets, excluded, allowed, allow_offsets, allow_ids, valid;
    vrec_matrix matrix;
    size_t users, top_k;
    vrec_query_options options;
} query;

static void release(query *q)
{
    Py_buffer *views[] = { &q->queries,  &q->ids,     &q->distances,     &q->counts,    &q->offsets,
                           &q->excluded, &q->allowed, &q->allow_offsets, &q->allow_ids, &q->valid };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        PyBuffer_Release(views[i]);
}

static bool parse_results(query *q, PyObject *const *args)
{
    size_t ids, distances, counts, slots;
    if (!vr_py_output(args[0], "ids", VR_PY_INT64, &q->ids, &ids) ||
        !vr_py_output(args[1], "distances", VR_PY_FLOAT32, &q->distances, &distances) ||
        !vr_py_output(args[2], "counts", VR_PY_INT64, &q->counts, &counts))
        return false;
    if (__builtin_mul_overflow(q->users, q->top_k, &slots) || ids != slots || distances != slots ||
        (q->counts.obj && counts != q->users)) {
        vr_py_refuse("query: results for %zu queries and top_k %zu want other arrays", q->users, q->top_k);
        return false;
    }
    return true;
}

/* Lists of ids. The library looks at all offsets, so that there must be as many as it thinks. */
static bool parse_lists(const query *q, const char *what, PyObject *const *args, Py_buffer *offsets,
                        Py_buffer *ids, size_t *count)
{
    size_t offset_count;
    if (!vr_py_input(args[0], what, VR_PY_INT64, offsets, &offset_count) ||
        !vr_py_input(args[1], what, VR_PY_INT64, ids, count))
        return false;
    if (!offsets->obj || offset_count == q->users + 1)
        return true;
    vr_py_refuse("query: %s is for %zu queries, and there are %zu", what,
                 offset_count > 0 ? offset_count - 1 : 0, q->users);
    return false;
}

static bool parse_exclusions(query *q, PyObject *const *args)
{
    if (!parse_lists(q, "exclude", args, &q->offsets, &q->excluded, &q->options.exclude_count))
        return false;
    q->options.exclude_offsets = q->offsets.buf;
    q->options.exclude_ids = q->excluded.buf;
    return true;
}

/* A size that the library takes on trust. */
static bool parse_size(PyObject *number, size_t *out)
{
    *out = PyLong_AsSize_t(number);
    return *out != SIZE_MAX || !PyErr_Occurred();
}

/* Of an empty list, which allows nobody, any address tells that it is one. */
static bool parse_allowed(query *q, PyObject *const *args)
{
    static const int64_t none = 0;
    if (!parse_lists(q, "allow", args, &q->allow_offsets, &q->allow_ids, &q->options.allow_count))
        return false;
    q->options.allow_offsets = q->allow_offsets.buf;
    q->options.allow_ids = q->allow_ids.obj && q->options.allow_count == 0 ? &none : q->allow_ids.buf;
    return true;
}

/* The bytes of a bitmap for each query, or of one. */
static bool parse_allowance(query *q, PyObject *const *args)
{
    vrec_query_options *o = &q->options;
    if (!parse_size(args[1], &o->allow_rows) || !parse_size(args[2], &o->allow_stride))
        return false;
    if (Py_IsNone(args[0]))
        return true;
    if (PyObject_GetBuffer(args[0], &q->allowed, PyBUF_SIMPLE) != 0)
        return false;
    size_t others = q->users > 0 ? q->users - 1 : 0, bytes;
    if (__builtin_mul_overflow(others, o->allow_stride, &bytes) ||
        __builtin_add_overflow(bytes, o->allow_rows / 8 + (o->allow_rows % 8 > 0), &bytes) ||
        bytes > (size_t)q->allowed.len) {
        vr_py_refuse("query: allow has %zd bytes, which are too few for %zu rows", q->allowed.len,
                     o->allow_rows);
        return false;
    }
    o->allow = q->allowed.buf;
    return true;
}

/* Rows of queries that are one user's. */
static bool parse_interests(query *q, PyObject *const *args)
{
    size_t counts;
    long merge = PyLong_AsLong(args[2]);
    if (PyErr_Occurred() || !parse_size(args[0], &q->options.interests) ||
        !vr_py_input(args[1], "valid", VR_PY_INT64, &q->valid, &counts))
        return false;
    q->users = q->options.interests > 1 ? q->matrix.rows / q->options.interests : q->matrix.rows;
    q->options.merge = (vrec_merge)merge;
    q->options.interest_counts = q->valid.buf;
    if (!q->valid.obj || counts == q->users)
        return true;
    vr_py_refuse("query: valid is for %zu users, and there are %zu", counts, q->users);
    return false;
}

/* args: as the table of methods names them. */
static bool parse(query *q, PyObject *const *args)
{
    int32_t threads;
    q->top_k = PyLong_AsSize_t(args[1]);
    if (q->top_k == SIZE_MAX && PyErr_Occurred())
        return false;
    if (!vr_py_threads(args[5], &threads))
        return false;
    q->options = (vrec_query_options){ .struct_size = sizeof q->options, .threads = threads };
    if (!Py_IsNone(args[16]) && !(q->options.overrides = PyBytes_AsString(args[16])))
        return false;
    return vr_py_matrix(args[0], "queries", &q->queries, &q->matrix) && parse_interests(q, args + 13) &&
           parse_results(q, args + 2) && parse_exclusions(q, args + 6) && parse_allowance(q, args + 8) &&
           parse_allowed(q, args + 11);
}

static PyObject *run(vr_py_index *self, query *q, PyObject *report)
{
    static const char *const arguments[] = { "queries",         "top_k",         "results",   "threads",
                                             "exclude_offsets", "exclude_ids",   "allow",     "allow_rows",
                                             "allow_stride",    "allow_offsets", "allow_ids", "interests",
                                             "interest_counts", "merge",         NULL };
    vr_py_call call;
    vrec_error err;
    const vrec_results results = { .struct_size = sizeof results,
                                   .ids = q->ids.buf,
                                   .distances = q->distances.buf,
                                   .counts = q->counts.buf };
    vr_py_begin(&call, report);
    q->options.progress = &call.progress;
    vrec_status status = vrec_query(self->indexer, &q->matrix, q->top_k, &q->options, &results, &err);
    if (!vr_py_end(&call))
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise_option(&err, arguments);
}

PyObject *vr_py_query(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    enum { ARGUMENTS = 18 };
    query q = { .top_k = 0 };
    if (count != ARGUMENTS) {
        PyErr_Format(PyExc_TypeError, "query() takes %d arguments, not %zd", ARGUMENTS, count);
        return NULL;
    }
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    PyObject *result = parse(&q, args) ? run(self, &q, args[17]) : NULL;
    release(&q);
    vr_py_leave(self);
    return result;
}
