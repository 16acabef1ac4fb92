/* The type Indexer: its life, and every verb but query. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>

/* ---- Life and death ---- */

PyObject *vr_py_make_indexer(PyTypeObject *type, vrec_indexer *made)
{
    vr_py_index *self = vr_py_new(type);
    if (self)
        self->indexer = made;
    else
        vrec_indexer_free(made);
    return (PyObject *)self;
}

static void free_indexer(vr_py_index *self)
{
    vrec_indexer *unused = self->indexer;
    self->indexer = NULL;
    if (!unused)
        return;
    Py_BEGIN_ALLOW_THREADS /* a server may take its time */
        vrec_indexer_free(unused);
    Py_END_ALLOW_THREADS
}

vr_py_index *vr_py_enter(PyObject *object)
{
    vr_py_index *self = (vr_py_index *)object;
    if (!self->closed) {
        self->calls++;
        return self;
    }
    PyObject *errors = PyImport_ImportModule("vrec._errors");
    PyObject *class = errors ? PyObject_GetAttrString(errors, "ClosedError") : NULL;
    if (class)
        PyErr_SetString(class, "the indexer is closed");
    Py_XDECREF(class);
    Py_XDECREF(errors);
    return NULL;
}

void vr_py_leave(vr_py_index *self)
{
    self->calls--;
    if (self->closed && self->calls == 0)
        free_indexer(self);
}

static PyObject *close_indexer(PyObject *object, PyObject *unused)
{
    vr_py_index *self = (vr_py_index *)object;
    (void)unused;
    if (!self->closed) {
        self->closed = true;
        if (self->calls == 0)
            free_indexer(self);
    }
    Py_RETURN_NONE;
}

static void delete (PyObject *object)
{
    free_indexer((vr_py_index *)object);
    vr_py_delete(object);
}

/* ---- Other verbs ---- */

static PyObject *save(PyObject *object, PyObject *args)
{
    const char *path;
    PyObject *report;
    vr_py_call call;
    vrec_error err;
    if (!PyArg_ParseTuple(args, "O&O", vr_py_text, &path, &report))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    vr_py_begin(&call, report);
    vrec_status status = vrec_save(self->indexer, path, &call.progress, &err);
    bool fine = vr_py_end(&call);
    vr_py_leave(self);
    if (!fine)
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, path);
}

static bool change(vr_py_index *self, const Py_buffer *ids, const vrec_matrix *items, size_t count,
                   PyObject *report)
{
    vr_py_call call;
    vrec_error err;
    vr_py_begin(&call, report);
    vrec_status status = items ? vrec_upsert(self->indexer, ids->buf, items, &call.progress, &err)
                               : vrec_delete(self->indexer, ids->buf, count, &err);
    if (!vr_py_end(&call))
        return false;
    if (status != VREC_OK)
        vr_py_raise(&err, NULL);
    return status == VREC_OK;
}

static PyObject *upsert(PyObject *object, PyObject *args)
{
    PyObject *ids, *items, *report;
    Py_buffer id_view = { 0 }, item_view = { 0 };
    vrec_matrix matrix;
    size_t count;
    if (!PyArg_ParseTuple(args, "OOO", &ids, &items, &report))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine = vr_py_input(ids, "ids", VR_PY_INT64, &id_view, &count) &&
                vr_py_matrix(items, "items", &item_view, &matrix);
    if (fine && count != matrix.rows) {
        vr_py_refuse("upsert: %zu ids for %zu items", count, matrix.rows);
        fine = false;
    }
    fine = fine && change(self, &id_view, &matrix, count, report);
    PyBuffer_Release(&id_view);
    PyBuffer_Release(&item_view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

static PyObject *remove_ids(PyObject *object, PyObject *ids)
{
    Py_buffer view = { 0 };
    size_t count;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine =
        vr_py_input(ids, "ids", VR_PY_INT64, &view, &count) && change(self, &view, NULL, count, Py_None);
    PyBuffer_Release(&view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

/* Pairs of key and value; keys may repeat. */
static PyObject *info(PyObject *object, PyObject *unused)
{
    const char *key, *value;
    (void)unused;
    vr_py_index *self = vr_py_enter(object);
    PyObject *pairs = self ? PyList_New(0) : NULL;
    for (size_t i = 0; pairs && vrec_info(self->indexer, i, &key, &value); i++) {
        PyObject *text = PyUnicode_DecodeUTF8(value, (Py_ssize_t)strlen(value), "replace");
        PyObject *pair = text ? Py_BuildValue("sN", key, text) : NULL;
        if (!pair || PyList_Append(pairs, pair) != 0)
            Py_CLEAR(pairs);
        Py_XDECREF(pair);
    }
    if (self)
        vr_py_leave(self);
    return pairs;
}

/* What is read at once: no other thread can close it meanwhile. */
static const vrec_indexer *look(PyObject *object)
{
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    self->calls--;
    return self->indexer;
}

static PyObject *rows(PyObject *object, void *unused)
{
    const vrec_indexer *index = look(object);
    (void)unused;
    return index ? PyLong_FromSize_t(vrec_rows(index)) : NULL;
}

static PyObject *dim(PyObject *object, void *unused)
{
    const vrec_indexer *index = look(object);
    (void)unused;
    return index ? PyLong_FromSize_t(vrec_dim(index)) : NULL;
}

static PyObject *larger_is_nearer(PyObject *object, void *unused)
{
    const vrec_indexer *index = look(object);
    (void)unused;
    return index ? PyBool_FromLong(vrec_larger_is_nearer(index)) : NULL;
}

static PyObject *is_closed(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((vr_py_index *)object)->closed);
}

/* ---- The type ---- */

static PyMethodDef methods[] = {
    { "query", (PyCFunction)(void (*)(void))vr_py_query, METH_FASTCALL,
      "query($self, queries, top_k, ids, distances, counts, threads, offsets, excluded,\n"
      "      overrides, report, /)\n--\n\n" },
    { "save", save, METH_VARARGS, "save($self, path, report, /)\n--\n\n" },
    { "upsert", upsert, METH_VARARGS, "upsert($self, ids, items, report, /)\n--\n\n" },
    { "delete", remove_ids, METH_O, "delete($self, ids, /)\n--\n\n" },
    { "info", info, METH_NOARGS, "info($self, /)\n--\n\n" },
    { "close", close_indexer, METH_NOARGS, "close($self, /)\n--\n\n" },
    { 0 },
};

static PyGetSetDef attributes[] = {
    { "rows", rows, NULL, NULL, NULL },
    { "dim", dim, NULL, NULL, NULL },
    { "larger_is_nearer", larger_is_nearer, NULL, NULL, NULL },
    { "closed", is_closed, NULL, NULL, NULL },
    { 0 },
};

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)(uintptr_t) delete },
    { Py_tp_methods, methods },
    { Py_tp_getset, attributes },
    { 0 },
};

PyType_Spec vr_py_indexer_spec = { .name = "vrec._core.Indexer",
                                   .basicsize = sizeof(vr_py_index),
                                   .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                   .slots = slots };
