/* Indexer.query(): its arguments, the call, its end. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

typedef struct query {
    Py_buffer queries, ids, distances, counts, offsets, excluded;
    vrec_matrix matrix;
    size_t top_k;
    vrec_query_options options;
} query;

static void release(query *q)
{
    Py_buffer *views[] = { &q->queries, &q->ids, &q->distances, &q->counts, &q->offsets, &q->excluded };
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
    if (__builtin_mul_overflow(q->matrix.rows, q->top_k, &slots) || ids != slots || distances != slots ||
        (q->counts.obj && counts != q->matrix.rows)) {
        vr_py_refuse("query: results for %zu queries and top_k %zu want other arrays", q->matrix.rows,
                     q->top_k);
        return false;
    }
    return true;
}

/* The library follows offsets before it has seen all of them, and can't know how many ids there are. */
static bool parse_exclusions(query *q, PyObject *const *args)
{
    size_t offset_count, id_count;
    if (!vr_py_input(args[0], "offsets", VR_PY_INT64, &q->offsets, &offset_count) ||
        !vr_py_input(args[1], "excluded", VR_PY_INT64, &q->excluded, &id_count))
        return false;
    q->options.exclude_ids = q->excluded.buf;
    if (!q->offsets.obj)
        return true;
    if (offset_count != q->matrix.rows + 1) {
        vr_py_refuse("query: exclude is for %zu queries, and there are %zu",
                     offset_count > 0 ? offset_count - 1 : 0, q->matrix.rows);
        return false;
    }
    const int64_t *offsets = q->offsets.buf;
    for (size_t i = 0; i < offset_count; i++)
        if (offsets[i] < 0 || (uint64_t)offsets[i] > id_count) {
            vr_py_refuse("query: an offset of exclude is %lld, and there are %zu ids",
                         (long long)offsets[i], id_count);
            return false;
        }
    q->options.exclude_offsets = offsets;
    return true;
}

/* args: as the table of methods names them. */
static bool parse(query *q, PyObject *const *args)
{
    int overflow;
    q->top_k = PyLong_AsSize_t(args[1]);
    if (q->top_k == SIZE_MAX && PyErr_Occurred())
        return false;
    long threads = PyLong_AsLongAndOverflow(args[5], &overflow);
    if (threads == -1 && PyErr_Occurred())
        return false;
    if (overflow || threads < INT32_MIN || threads > INT32_MAX) {
        vr_py_refuse("query: threads is no 32-bit number; it takes -1 and up");
        return false;
    }
    q->options = (vrec_query_options){ .struct_size = sizeof q->options, .threads = (int32_t)threads };
    if (!Py_IsNone(args[8]) && !(q->options.overrides = PyBytes_AsString(args[8])))
        return false;
    return vr_py_matrix(args[0], "queries", &q->queries, &q->matrix) && parse_results(q, args + 2) &&
           parse_exclusions(q, args + 6);
}

/* Whether the options of this call alone are refused: a query for nothing has no other fault. */
static bool are_options_bad(const vrec_indexer *index, const char *overrides)
{
    const vrec_matrix nothing = { .struct_size = sizeof nothing, .dim = vrec_dim(index) };
    const vrec_query_options options = { .struct_size = sizeof options, .overrides = overrides };
    return vrec_query(index, &nothing, 1, &options, NULL, NULL, NULL, NULL) == VREC_INVALID;
}

static PyObject *run(vr_py_index *self, query *q, PyObject *report)
{
    _Static_assert(sizeof(size_t) == sizeof(int64_t), "counts are written as they are");
    vr_py_call call;
    vrec_error err;
    vr_py_begin(&call, report);
    q->options.progress = &call.progress;
    vrec_status status = vrec_query(self->indexer, &q->matrix, q->top_k, &q->options, q->ids.buf,
                                    q->distances.buf, q->counts.buf, &err);
    if (!vr_py_end(&call))
        return NULL;
    if (status == VREC_OK)
        return Py_NewRef(Py_None);
    if (q->options.overrides && are_options_bad(self->indexer, q->options.overrides))
        return vr_py_raise_option(&err);
    return vr_py_raise(&err, NULL);
}

PyObject *vr_py_query(PyObject *object, PyObject *const *args, Py_ssize_t count)
{
    enum { ARGUMENTS = 10 };
    query q = { .top_k = 0 };
    if (count != ARGUMENTS) {
        PyErr_Format(PyExc_TypeError, "query() takes %d arguments, not %zd", ARGUMENTS, count);
        return NULL;
    }
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    PyObject *result = parse(&q, args) ? run(self, &q, args[9]) : NULL;
    release(&q);
    vr_py_leave(self);
    return result;
}
