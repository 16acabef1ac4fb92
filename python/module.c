/* The module vrec._core: its types, its functions, and how it fails. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Objects ---- */

void *vr_py_new(PyTypeObject *type)
{
    allocfunc allocate = (allocfunc)(uintptr_t)PyType_GetSlot(type, Py_tp_alloc);
    return allocate(type, 0);
}

void vr_py_delete(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    freefunc release = (freefunc)(uintptr_t)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- Errors ---- */

static PyObject *decode(const char *text)
{
    return PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace");
}

static PyObject *raise_error(const vrec_error *err, const char *path, bool of_options)
{
    PyObject *error = NULL, *errors = PyImport_ImportModule("vrec._errors");
    PyObject *message = errors ? decode(err->message) : NULL;
    PyObject *subject = message ? decode(err->subject) : NULL;
    PyObject *file = !subject ? NULL : path ? PyUnicode_DecodeFSDefault(path) : Py_NewRef(Py_None);
    if (file)
        error = PyObject_CallMethod(errors, "from_library", "iiLLLOOOO", err->status, err->system_error,
                                    (long long)err->row, (long long)err->offset, (long long)err->done,
                                    subject, message, file, of_options ? Py_True : Py_False);
    if (error)
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
    Py_XDECREF(errors);
    Py_XDECREF(message);
    Py_XDECREF(subject);
    Py_XDECREF(file);
    Py_XDECREF(error);
    return NULL;
}

PyObject *vr_py_raise(const vrec_error *err, const char *path)
{
    return raise_error(err, path, false);
}

PyObject *vr_py_raise_option(const vrec_error *err, const char *const *arguments)
{
    bool is_argument = false;
    for (; arguments && *arguments; arguments++)
        is_argument |= strcmp(err->subject, *arguments) == 0;
    return raise_error(err, NULL, !is_argument);
}

PyObject *vr_py_refuse(const char *format, ...)
{
    vrec_error err = { .status = VREC_INVALID, .row = -1, .offset = -1, .done = -1 };
    va_list args;
    va_start(args, format);
    vsnprintf(err.message, sizeof err.message, format, args);
    va_end(args);
    return raise_error(&err, NULL, false);
}

/* ---- Functions ---- */

static PyObject *version(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyUnicode_FromString(vrec_version());
}

static PyObject *cpu(PyObject *module, PyObject *unused)
{
    (void)module, (void)unused;
    return PyUnicode_FromString(vrec_cpu());
}

static PyObject *default_threads(PyObject *module, PyObject *none)
{
    (void)module;
    (void)none;
    return PyLong_FromLong(vrec_default_threads());
}

static PyObject *set_default_threads(PyObject *module, PyObject *number)
{
    int overflow;
    vrec_error err;
    long threads = PyLong_AsLongAndOverflow(number, &overflow);
    (void)module;
    if (threads == -1 && PyErr_Occurred())
        return NULL;
    if (overflow || threads < INT32_MIN || threads > INT32_MAX)
        return vr_py_refuse("set_default_threads: it takes -1 (all cores), or 1 and up");
    if (vrec_set_default_threads((int32_t)threads, &err) != VREC_OK)
        return vr_py_raise(&err, NULL);
    Py_RETURN_NONE;
}

static bool append(PyObject *list, PyObject *item)
{
    bool appended = item && PyList_Append(list, item) == 0;
    Py_XDECREF(item);
    return appended;
}

static PyObject *backends(PyObject *module, PyObject *unused)
{
    PyObject *names = PyList_New(0);
    (void)module, (void)unused;
    for (size_t i = 0; names && vrec_backend_name(i); i++)
        if (!append(names, PyUnicode_FromString(vrec_backend_name(i))))
            Py_CLEAR(names);
    return names;
}

/* A tuple of texts for each option, in the order of vrec_option; nothing for an unknown backend. */
static PyObject *options(PyObject *module, PyObject *args)
{
    const char *backend;
    const vrec_option *o;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&", vr_py_text, &backend))
        return NULL;
    PyObject *list = PyList_New(0);
    for (size_t i = 0; list && (o = vrec_backend_option(backend, i)); i++)
        if (!append(list, Py_BuildValue("ssssssss", o->key, o->aliases, o->type, o->default_value, o->range,
                                        o->stage, o->kinds, o->help)))
            Py_CLEAR(list);
    return list;
}

static PyMethodDef functions[] = {
    { "version", version, METH_NOARGS, "version()\n--\n\n" },
    { "cpu", cpu, METH_NOARGS, "cpu()\n--\n\n" },
    { "default_threads", default_threads, METH_NOARGS, "default_threads()\n--\n\n" },
    { "set_default_threads", set_default_threads, METH_O, "set_default_threads(threads, /)\n--\n\n" },
    { "backends", backends, METH_NOARGS, "backends()\n--\n\n" },
    { "options", options, METH_VARARGS, "options(backend, /)\n--\n\n" },
    { "compare", (PyCFunction)(void (*)(void))vr_py_compare, METH_FASTCALL,
      "compare(found, exact, users, ks, queries, items, metric, threads, recall, report, /)\n--\n\n" },
    { "conventions", vr_py_conventions, METH_NOARGS, "conventions()\n--\n\n" },
    { "encode", vr_py_encode, METH_VARARGS,
      "encode(taken, predicted, width, offsets, truth, ids, /)\n--\n\n" },
    { "evaluate", (PyCFunction)(void (*)(void))vr_py_evaluate, METH_FASTCALL,
      "evaluate(ids, width, truth_offsets, truth_ids, ks, convention, items, popularity, embeddings, "
      "threads, "
      "wanted, means, per_user, report, /)\n--\n\n" },
    { "open_data", vr_py_open_data, METH_VARARGS, "open_data(path, /)\n--\n\n" },
    { "save_data", vr_py_save_data, METH_VARARGS, "save_data(path, vectors, /)\n--\n\n" },
    { 0 },
};

/* ---- Module ---- */

static PyTypeObject *add_type(PyObject *module, PyType_Spec *spec)
{
    PyTypeObject *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    if (type && PyModule_AddType(module, type) != 0)
        Py_CLEAR(type);
    return type;
}

static int start(PyObject *module)
{
    vr_py_state *state = PyModule_GetState(module);
    if (vrec_abi() < VREC_ABI) {
        PyErr_Format(PyExc_ImportError, "libvrec %s is older than this package; install it anew",
                     vrec_version());
        return -1;
    }
    state->builder = add_type(module, &vr_py_builder_spec);
    state->indexer = state->builder ? add_type(module, &vr_py_indexer_spec) : NULL;
    state->data = state->indexer ? add_type(module, &vr_py_data_spec) : NULL;
    return state->data ? PyModule_AddIntConstant(module, "MAX_TOP_K", VREC_MAX_TOP_K) : -1;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    vr_py_state *state = PyModule_GetState(module);
    Py_VISIT(state->builder);
    Py_VISIT(state->indexer);
    Py_VISIT(state->data);
    return 0;
}

static int clear(PyObject *module)
{
    vr_py_state *state = PyModule_GetState(module);
    Py_CLEAR(state->builder);
    Py_CLEAR(state->indexer);
    Py_CLEAR(state->data);
    return 0;
}

static void end(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = { { Py_mod_exec, (void *)(uintptr_t)start }, { 0 } };

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,  .m_name = "vrec._core", .m_size = sizeof(vr_py_state),
    .m_methods = functions, .m_slots = slots,       .m_traverse = traverse,
    .m_clear = clear,       .m_free = end
};

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
