/* The type Builder: what a backend was told, and what it makes. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>

typedef struct builder {
    PyObject_HEAD vrec_builder *builder;
} builder;

static PyObject *make(PyTypeObject *type, PyObject *args, PyObject *keywords)
{
    static char *names[] = { "", "", NULL };
    const char *backend, *options;
    vrec_builder *made;
    vrec_error err;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "O&O&", names, vr_py_text, &backend, vr_py_text,
                                     &options))
        return NULL;
    vrec_status status;
    Py_BEGIN_ALLOW_THREADS /* it may read a secret from a file */
        status = vrec_builder_factory(backend, options, &made, &err);
    Py_END_ALLOW_THREADS if (status != VREC_OK) return vr_py_raise_option(&err, NULL);
    builder *self = vr_py_new(type);
    if (self)
        self->builder = made;
    else
        vrec_builder_free(made);
    return (PyObject *)self;
}

static void delete (PyObject *self)
{
    vrec_builder_free(((builder *)self)->builder);
    vr_py_delete(self);
}

/* What a call that should have made an indexer came to. */
static PyObject *finish(PyObject *self, vr_py_call *call, vrec_status status, vrec_indexer *made,
                        const vrec_error *err, const char *path)
{
    if (!vr_py_end(call)) {
        vrec_indexer_free(made);
        return NULL;
    }
    if (status != VREC_OK)
        return vr_py_raise(err, path);
    vr_py_state *state = PyType_GetModuleState(Py_TYPE(self));
    return vr_py_make_indexer(state->indexer, made);
}

static PyObject *from_embeddings(PyObject *self, PyObject *args)
{
    PyObject *object, *ids, *names, *queries, *report, *result = NULL;
    char *lines = NULL;
    Py_ssize_t size = 0;
    Py_buffer view = { 0 }, id_view = { 0 }, query_view = { 0 };
    vrec_matrix items, sample;
    vr_py_call call;
    vrec_indexer *made = NULL;
    vrec_error err;
    size_t count;
    if (!PyArg_ParseTuple(args, "OOOOO", &object, &ids, &names, &queries, &report))
        return NULL;
    bool fine = vr_py_matrix(object, "items", &view, &items) &&
                vr_py_input(ids, "ids", VR_PY_INT64, &id_view, &count) &&
                (Py_IsNone(names) || PyBytes_AsStringAndSize(names, &lines, &size) == 0) &&
                (Py_IsNone(queries) || vr_py_matrix(queries, "queries", &query_view, &sample));
    if (fine && id_view.obj && count != items.rows) {
        vr_py_refuse("ids: there are %zu for %zu items", count, items.rows);
        fine = false;
    }
    if (fine) {
        vr_py_begin(&call, report);
        const vrec_build build = { .struct_size = sizeof build,
                                   .ids = id_view.buf,
                                   .queries = Py_IsNone(queries) ? NULL : &sample,
                                   .progress = &call.progress,
                                   .names = lines,
                                   .names_size = (size_t)size };
        vrec_status status = vrec_from_embeddings(((builder *)self)->builder, &items, &build, &made, &err);
        result = finish(self, &call, status, made, &err, NULL);
    }
    PyBuffer_Release(&view);
    PyBuffer_Release(&id_view);
    PyBuffer_Release(&query_view);
    return result;
}

static PyObject *from_index_file(PyObject *self, PyObject *args)
{
    const char *path;
    PyObject *report;
    vr_py_call call;
    vrec_indexer *made = NULL;
    vrec_error err;
    if (!PyArg_ParseTuple(args, "O&O", vr_py_text, &path, &report))
        return NULL;
    vr_py_begin(&call, report);
    vrec_status status =
        vrec_from_index_file(((builder *)self)->builder, path, &call.progress, &made, &err);
    return finish(self, &call, status, made, &err, path);
}

static PyObject *attach(PyObject *self, PyObject *report)
{
    vr_py_call call;
    vrec_indexer *made = NULL;
    vrec_error err;
    vr_py_begin(&call, report);
    vrec_status status = vrec_attach(((builder *)self)->builder, &call.progress, &made, &err);
    return finish(self, &call, status, made, &err, NULL);
}

static PyObject *drop(PyObject *self, PyObject *report)
{
    vr_py_call call;
    vrec_error err;
    vr_py_begin(&call, report);
    vrec_status status = vrec_drop(((builder *)self)->builder, &call.progress, &err);
    if (!vr_py_end(&call))
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
}

/* Names that are being collected, and the call that they come from. */
typedef struct names {
    vr_py_call call;
    PyObject *list; /* NULL after a failure */
} names;

static void add_name(void *context, const char *name)
{
    names *to = context;
    PyEval_RestoreThread(to->call.thread);
    PyObject *text = to->list ? PyUnicode_DecodeUTF8(name, (Py_ssize_t)strlen(name), "replace") : NULL;
    if (!text || PyList_Append(to->list, text) != 0)
        Py_CLEAR(to->list);
    Py_XDECREF(text);
    to->call.thread = PyEval_SaveThread();
}

static PyObject *list_indexes(PyObject *self, PyObject *report)
{
    vrec_error err;
    names to = { .list = PyList_New(0) };
    if (!to.list)
        return NULL;
    vr_py_begin(&to.call, report);
    vrec_status status = vrec_list(((builder *)self)->builder, add_name, &to, &to.call.progress, &err);
    bool raised = !vr_py_end(&to.call);
    if (status == VREC_OK && !raised)
        return to.list;
    Py_XDECREF(to.list);
    return raised || PyErr_Occurred() ? NULL : vr_py_raise(&err, NULL);
}

static PyObject *verify(PyObject *self, PyObject *args)
{
    const char *path;
    PyObject *report;
    vr_py_call call;
    vrec_error err;
    if (!PyArg_ParseTuple(args, "O&O", vr_py_text, &path, &report))
        return NULL;
    vr_py_begin(&call, report);
    vrec_status status = vrec_verify(((builder *)self)->builder, path, &call.progress, &err);
    if (!vr_py_end(&call))
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, path);
}

static PyObject *estimate(PyObject *self, PyObject *args)
{
    PyObject *object, *report;
    Py_buffer view = { 0 };
    vrec_matrix items;
    vr_py_call call;
    vrec_error err;
    vrec_status status = VREC_OK;
    vrec_plan plan = { .struct_size = sizeof plan };
    vrec_forecast forecast = { .struct_size = sizeof forecast };
    Py_ssize_t rows, dim;
    int own_ids;
    if (!PyArg_ParseTuple(args, "nnOpO", &rows, &dim, &object, &own_ids, &report))
        return NULL;
    bool fine = Py_IsNone(object) || vr_py_matrix(object, "items", &view, &items);
    if (fine) {
        plan.rows = (size_t)rows;
        plan.dim = (size_t)dim;
        plan.items = Py_IsNone(object) ? NULL : &items;
        plan.own_ids = own_ids;
        vr_py_begin(&call, report);
        plan.progress = &call.progress;
        status = vrec_estimate(((builder *)self)->builder, &plan, &forecast, &err);
        fine = vr_py_end(&call);
    }
    PyBuffer_Release(&view);
    if (!fine)
        return NULL;
    if (status != VREC_OK)
        return vr_py_raise(&err, NULL);
    return Py_BuildValue("(KKKKdKKK)", (unsigned long long)forecast.file_bytes,
                         (unsigned long long)forecast.index_bytes, (unsigned long long)forecast.codes_bytes,
                         (unsigned long long)forecast.peak_bytes, forecast.seconds,
                         (unsigned long long)forecast.trial_rows, (unsigned long long)forecast.opened_bytes,
                         (unsigned long long)forecast.mapped_bytes);
}

static PyMethodDef methods[] = {
    { "from_embeddings", from_embeddings, METH_VARARGS,
      "from_embeddings($self, items, ids, names, queries, report, /)\n--\n\n" },
    { "from_index_file", from_index_file, METH_VARARGS, "from_index_file($self, path, report, /)\n--\n\n" },
    { "estimate", estimate, METH_VARARGS, "estimate($self, rows, dim, items, own_ids, report, /)\n--\n\n" },
    { "attach", attach, METH_O, "attach($self, report, /)\n--\n\n" },
    { "list_indexes", list_indexes, METH_O, "list_indexes($self, report, /)\n--\n\n" },
    { "drop", drop, METH_O, "drop($self, report, /)\n--\n\n" },
    { "verify", verify, METH_VARARGS, "verify($self, path, report, /)\n--\n\n" },
    { 0 },
};

static PyType_Slot slots[] = {
    { Py_tp_doc, (void *)(uintptr_t) "Builder(backend, options, /)\n--\n\n" },
    { Py_tp_new, (void *)(uintptr_t)make },
    { Py_tp_dealloc, (void *)(uintptr_t) delete },
    { Py_tp_methods, methods },
    { 0 },
};

PyType_Spec vr_py_builder_spec = {
    .name = "vrec._core.Builder", .basicsize = sizeof(builder), .flags = Py_TPFLAGS_DEFAULT, .slots = slots
};
