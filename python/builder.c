/* The type Builder: what a backend was told, and what it makes. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

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
    Py_END_ALLOW_THREADS if (status != VREC_OK) return vr_py_raise_option(&err);
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
    PyObject *object, *report;
    Py_buffer view;
    vrec_matrix items;
    vr_py_call call;
    vrec_indexer *made = NULL;
    vrec_error err;
    if (!PyArg_ParseTuple(args, "OO", &object, &report) || !vr_py_matrix(object, "items", &view, &items))
        return NULL;
    vr_py_begin(&call, report);
    vrec_status status =
        vrec_from_embeddings(((builder *)self)->builder, &items, &call.progress, &made, &err);
    PyObject *result = finish(self, &call, status, made, &err, NULL);
    PyBuffer_Release(&view);
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

static PyObject *drop(PyObject *self, PyObject *unused)
{
    vrec_status status;
    vrec_error err;
    (void)unused;
    Py_BEGIN_ALLOW_THREADS status = vrec_drop(((builder *)self)->builder, &err);
    Py_END_ALLOW_THREADS return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
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

static PyMethodDef methods[] = {
    { "from_embeddings", from_embeddings, METH_VARARGS,
      "from_embeddings($self, items, report, /)\n--\n\n" },
    { "from_index_file", from_index_file, METH_VARARGS, "from_index_file($self, path, report, /)\n--\n\n" },
    { "attach", attach, METH_O, "attach($self, report, /)\n--\n\n" },
    { "drop", drop, METH_NOARGS, "drop($self, /)\n--\n\n" },
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
