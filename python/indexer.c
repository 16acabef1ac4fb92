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
                               : vrec_delete(self->indexer, ids->buf, count, &call.progress, &err);
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

/* ids, names: None where there are none. */
static PyObject *add(PyObject *object, PyObject *args)
{
    PyObject *items, *ids, *names, *report;
    Py_buffer id_view = { 0 }, item_view = { 0 };
    vrec_matrix matrix;
    char *lines = NULL;
    Py_ssize_t size = 0;
    size_t count = 0;
    if (!PyArg_ParseTuple(args, "OOOO", &items, &ids, &names, &report))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine = vr_py_matrix(items, "items", &item_view, &matrix) &&
                (Py_IsNone(names) || PyBytes_AsStringAndSize(names, &lines, &size) == 0) &&
                (Py_IsNone(ids) || vr_py_input(ids, "ids", VR_PY_INT64, &id_view, &count));
    if (fine && !Py_IsNone(ids) && count != matrix.rows) {
        vr_py_refuse("add: %zu ids for %zu items", count, matrix.rows);
        fine = false;
    }
    if (fine) {
        vr_py_call call;
        vrec_error err;
        vr_py_begin(&call, report);
        const vrec_build build = { .struct_size = sizeof build,
                                   .ids = id_view.buf,
                                   .progress = &call.progress,
                                   .names = lines,
                                   .names_size = (size_t)size };
        vrec_status status = vrec_add(self->indexer, &matrix, &build, &err);
        fine = vr_py_end(&call) && status == VREC_OK;
        if (status != VREC_OK && !PyErr_Occurred())
            vr_py_raise(&err, NULL);
    }
    PyBuffer_Release(&id_view);
    PyBuffer_Release(&item_view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

/* queries: None where there is no sample. */
static PyObject *optimize(PyObject *object, PyObject *args)
{
    PyObject *queries, *report;
    Py_buffer view = { 0 };
    vrec_matrix sample;
    if (!PyArg_ParseTuple(args, "OO", &queries, &report))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine = Py_IsNone(queries) || vr_py_matrix(queries, "queries", &view, &sample);
    if (fine) {
        vr_py_call call;
        vrec_error err;
        vr_py_begin(&call, report);
        vrec_status status =
            vrec_optimize(self->indexer, Py_IsNone(queries) ? NULL : &sample, &call.progress, &err);
        fine = vr_py_end(&call) && status == VREC_OK;
        if (status != VREC_OK && !PyErr_Occurred())
            vr_py_raise(&err, NULL);
    }
    PyBuffer_Release(&view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

static PyObject *remove_ids(PyObject *object, PyObject *args)
{
    PyObject *ids, *report;
    Py_buffer view = { 0 };
    size_t count;
    if (!PyArg_ParseTuple(args, "OO", &ids, &report))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine =
        vr_py_input(ids, "ids", VR_PY_INT64, &view, &count) && change(self, &view, NULL, count, report);
    PyBuffer_Release(&view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

/* ---- What is in it ---- */

/* The ids of all rows, into an array of as many. */
static PyObject *list_ids(PyObject *object, PyObject *out)
{
    Py_buffer view = { 0 };
    size_t count;
    vrec_error err;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    vrec_status status = VREC_OK;
    bool fine = vr_py_output(out, "ids", VR_PY_INT64, &view, &count);
    if (fine) {
        Py_BEGIN_ALLOW_THREADS status = vrec_ids(self->indexer, 0, count, view.buf, &err);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&view);
    vr_py_leave(self);
    if (!fine)
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
}

static PyObject *name_or_none(const vrec_indexer *indexer, int64_t id)
{
    const char *name = vrec_name(indexer, id);
    return name ? PyUnicode_FromString(name) : Py_NewRef(Py_None);
}

/* The names of ids, None where there is none. */
static PyObject *list_names(PyObject *object, PyObject *ids)
{
    Py_buffer view = { 0 };
    size_t count;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    PyObject *names =
        vr_py_input(ids, "ids", VR_PY_INT64, &view, &count) ? PyList_New((Py_ssize_t)count) : NULL;
    for (size_t i = 0; names && i < count; i++) {
        PyObject *name = name_or_none(self->indexer, ((const int64_t *)view.buf)[i]);
        if (!name || PyList_SetItem(names, (Py_ssize_t)i, name) != 0)
            Py_CLEAR(names);
    }
    PyBuffer_Release(&view);
    vr_py_leave(self);
    return names;
}

/* The id of a text; -1 also for what can't be a name. False if it isn't even a text. */
static bool find_name(const vrec_indexer *indexer, PyObject *text, int64_t *id)
{
    Py_ssize_t length;
    const char *name = PyUnicode_AsUTF8AndSize(text, &length);
    *id = -1;
    if (!name && !PyErr_ExceptionMatches(PyExc_UnicodeEncodeError))
        return false;
    if (!name)
        PyErr_Clear();
    else if (strlen(name) == (size_t)length)
        *id = vrec_find(indexer, name);
    return true;
}

/* The ids of a list of names, into an array of as many; -1 where nobody has it. */
static PyObject *find_names(PyObject *object, PyObject *args)
{
    PyObject *names, *out;
    Py_buffer view = { 0 };
    size_t count;
    if (!PyArg_ParseTuple(args, "O!O", &PyList_Type, &names, &out))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    bool fine = vr_py_output(out, "ids", VR_PY_INT64, &view, &count);
    if (fine && count != (size_t)PyList_Size(names)) {
        vr_py_refuse("find: there is room for %zu ids, not for %zd", count, PyList_Size(names));
        fine = false;
    }
    for (size_t i = 0; i < count && fine; i++) {
        PyObject *text = PyList_GetItem(names, (Py_ssize_t)i);
        fine = text && find_name(self->indexer, text, (int64_t *)view.buf + i);
    }
    PyBuffer_Release(&view);
    vr_py_leave(self);
    return fine ? Py_NewRef(Py_None) : NULL;
}

/* The vectors of ids, into an array of as many rows. */
static PyObject *copy_vectors(PyObject *object, PyObject *args)
{
    PyObject *ids, *out;
    Py_buffer id_view = { 0 }, out_view = { 0 };
    size_t count, room;
    vrec_error err;
    if (!PyArg_ParseTuple(args, "OO", &ids, &out))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    vrec_status status = VREC_OK;
    bool fine = vr_py_input(ids, "ids", VR_PY_INT64, &id_view, &count) &&
                vr_py_output(out, "vectors", VR_PY_FLOAT32, &out_view, &room);
    if (fine && (count > SIZE_MAX / vrec_dim(self->indexer) || room != count * vrec_dim(self->indexer))) {
        vr_py_refuse("vectors: there is room for %zu values, not for %zu vectors", room, count);
        fine = false;
    }
    if (fine) {
        Py_BEGIN_ALLOW_THREADS status = vrec_vectors(self->indexer, id_view.buf, count, out_view.buf, &err);
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&id_view);
    PyBuffer_Release(&out_view);
    vr_py_leave(self);
    if (!fine)
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
}

/* ---- Tuning ---- */

static PyObject *steps_of(const vrec_tuning *tuning)
{
    PyObject *steps = PyList_New(tuning->step_count);
    for (int32_t i = 0; steps && i < tuning->step_count; i++) {
        const vrec_tuning_step *step = &tuning->steps[i];
        PyObject *item = Py_BuildValue("(sdddd)", step->options, step->recall, step->error,
                                       step->queries_per_second, step->distances);
        if (!item || PyList_SetItem(steps, i, item) != 0)
            Py_CLEAR(steps);
    }
    return steps;
}

static PyObject *tune(PyObject *object, PyObject *args)
{
    PyObject *queries, *threads, *items, *ids, *report;
    Py_buffer view = { 0 }, item_view = { 0 }, id_view = { 0 };
    vrec_matrix matrix, all;
    vr_py_call call;
    vrec_error err;
    vrec_tuning_options options = { .struct_size = sizeof options };
    vrec_tuning tuning = { .struct_size = sizeof tuning };
    Py_ssize_t top_k;
    size_t count;
    if (!PyArg_ParseTuple(args, "OdnOOOO", &queries, &options.recall, &top_k, &threads, &items, &ids,
                          &report) ||
        !vr_py_threads(threads, &options.threads))
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    if (!self)
        return NULL;
    vrec_status status = VREC_OK;
    bool fine = (Py_IsNone(queries) || vr_py_matrix(queries, "queries", &view, &matrix)) &&
                (Py_IsNone(items) || vr_py_matrix(items, "items", &item_view, &all)) &&
                vr_py_input(ids, "ids", VR_PY_INT64, &id_view, &count);
    if (fine && id_view.obj && (Py_IsNone(items) || count != all.rows)) {
        vr_py_refuse("ids: there are %zu for %zu items", count, Py_IsNone(items) ? (size_t)0 : all.rows);
        fine = false;
    }
    if (fine) {
        options.queries = Py_IsNone(queries) ? NULL : &matrix;
        options.items = Py_IsNone(items) ? NULL : &all;
        options.item_ids = id_view.buf;
        options.top_k = (size_t)top_k;
        vr_py_begin(&call, report);
        options.progress = &call.progress;
        status = vrec_tune(self->indexer, &options, &tuning, &err);
        fine = vr_py_end(&call);
    }
    PyBuffer_Release(&view);
    PyBuffer_Release(&item_view);
    PyBuffer_Release(&id_view);
    vr_py_leave(self);
    if (!fine)
        return NULL;
    if (status != VREC_OK)
        return vr_py_raise(&err, NULL);
    return Py_BuildValue("(ssddddLddN)", tuning.options, tuning.file_options, tuning.recall, tuning.error,
                         tuning.queries_per_second, tuning.distances, (long long)tuning.queries,
                         tuning.exact_queries_per_second, tuning.farther, steps_of(&tuning));
}

static PyObject *value_of(const vrec_fact *fact)
{
    switch (fact->type) {
    case VREC_FACT_INTEGER: return PyLong_FromLongLong(fact->integer);
    case VREC_FACT_REAL: return PyFloat_FromDouble(fact->real);
    case VREC_FACT_TRUTH: return PyBool_FromLong(fact->integer != 0);
    default: return PyUnicode_DecodeUTF8(fact->text, (Py_ssize_t)strlen(fact->text), "replace");
    }
}

/* Pairs of key and value; keys may repeat. last: the key of the last that is wanted, or None for all, of
 * which some may take time to find out. */
static PyObject *info(PyObject *object, PyObject *last)
{
    const vrec_fact *fact;
    const char *wanted = last == Py_None ? "" : PyUnicode_AsUTF8AndSize(last, NULL);
    if (!wanted)
        return NULL;
    vr_py_index *self = vr_py_enter(object);
    PyObject *pairs = self ? PyList_New(0) : NULL;
    for (size_t i = 0; pairs && (fact = vrec_info(self->indexer, i)); i++) {
        PyObject *value = value_of(fact);
        PyObject *pair = value ? Py_BuildValue("sN", fact->key, value) : NULL;
        if (!pair || PyList_Append(pairs, pair) != 0)
            Py_CLEAR(pairs);
        Py_XDECREF(pair);
        if (strcmp(fact->key, wanted) == 0)
            break;
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
      "      allow, allow_rows, allow_stride, allow_offsets, allow_ids, interests, valid, merge, "
      "overrides, report, /)\n--\n\n" },
    { "save", save, METH_VARARGS, "save($self, path, report, /)\n--\n\n" },
    { "add", add, METH_VARARGS, "add($self, items, ids, names, report, /)\n--\n\n" },
    { "optimize", optimize, METH_VARARGS, "optimize($self, queries, report, /)\n--\n\n" },
    { "upsert", upsert, METH_VARARGS, "upsert($self, ids, items, report, /)\n--\n\n" },
    { "delete", remove_ids, METH_VARARGS, "delete($self, ids, report, /)\n--\n\n" },
    { "ids", list_ids, METH_O, "ids($self, out, /)\n--\n\n" },
    { "names", list_names, METH_O, "names($self, ids, /)\n--\n\n" },
    { "find", find_names, METH_VARARGS, "find($self, names, out, /)\n--\n\n" },
    { "vectors", copy_vectors, METH_VARARGS, "vectors($self, ids, out, /)\n--\n\n" },
    { "tune", tune, METH_VARARGS,
      "tune($self, queries, recall, top_k, threads, items, ids, report, /)\n--\n\n" },
    { "info", info, METH_O, "info($self, last, /)\n--\n\n" },
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
