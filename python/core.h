/* The extension vrec._core: the C interface over Python's buffers. The package around it turns what people
 * have into buffers; nothing here knows numpy or torch. SPDX-License-Identifier: Apache-2.0 */
#ifndef VREC_PYTHON_CORE_H
#define VREC_PYTHON_CORE_H

/* Python.h comes first, and has its own idea of this. */
#undef _POSIX_C_SOURCE
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "vrec/vrec.h"

/* ---- Module ---- */

typedef struct vr_py_state {
    PyTypeObject *builder, *indexer, *data;
} vr_py_state;

extern PyType_Spec vr_py_builder_spec, vr_py_indexer_spec, vr_py_data_spec;

/* The memory of an object, zeroed; and its end, when what it holds has been freed. */
void *vr_py_new(PyTypeObject *type);
void vr_py_delete(PyObject *object);

/* ---- Errors ---- */

/* Raises what vrec._errors makes of a failed call, and returns NULL. path: the file it was about, or NULL.
 */
PyObject *vr_py_raise(const vrec_error *err, const char *path);

/* The same; what is invalid, if it is, is an option, unless the error blames one of the arguments, which
 * end with NULL. */
PyObject *vr_py_raise_option(const vrec_error *err, const char *const *arguments);

/* Raises an ArgumentError of the extension's own, and returns NULL. */
PyObject *vr_py_refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- Arguments ---- */

/* A converter of PyArg_ParseTuple: the text, a const char *, of a bytes object without a zero in it. The
 * unit "y" takes any buffer, and reads beyond one that has no zero at its end. */
int vr_py_text(PyObject *object, void *text);

/* Borrows an array of one dimension (one row) or two, any strides. what names it in errors. matrix is valid
 * until PyBuffer_Release(view), which is harmless after a failure. */
bool vr_py_matrix(PyObject *object, const char *what, Py_buffer *view, vrec_matrix *matrix);

/* How many threads a call may use. */
bool vr_py_threads(PyObject *number, int32_t *threads);

/* Borrows packed int64, float32 or float64 values in the same way; None is no values, and gives a NULL
 * pointer. */
typedef enum vr_py_kind { VR_PY_INT64, VR_PY_FLOAT32, VR_PY_FLOAT64 } vr_py_kind;
bool vr_py_input(PyObject *object, const char *what, vr_py_kind kind, Py_buffer *view, size_t *count);
bool vr_py_output(PyObject *object, const char *what, vr_py_kind kind, Py_buffer *view, size_t *count);

/* ---- Long calls ---- */

/* A call without the GIL. Now and then the thread that made it takes the GIL back, to run signal handlers
 * and to tell report(phase, unit, done, total); what either raises stops the call. */
typedef struct vr_py_call {
    vrec_progress progress; /* for the library */
    PyObject *report;       /* borrowed; or NULL */
    PyThreadState *thread;
    int64_t last;   /* when the GIL was last held, in ns */
    char phase[32]; /* the last report's */
    bool raised;    /* an exception is set, whatever the library returned */
} vr_py_call;

void vr_py_begin(vr_py_call *call, PyObject *report); /* report may be None */
bool vr_py_end(vr_py_call *call);                     /* false if an exception is set */

/* ---- Indexers ---- */

typedef struct vr_py_index {
    PyObject_HEAD vrec_indexer *indexer; /* NULL once it is freed */
    Py_ssize_t calls;                    /* under way */
    bool closed;
} vr_py_index;

/* Makes an Indexer of what a call gave, which it then owns; NULL with an exception if it can't. */
PyObject *vr_py_make_indexer(PyTypeObject *type, vrec_indexer *made);

/* Opens a call: until vr_py_leave(), close() only asks for the end, and the last call to leave brings it.
 * NULL, with an exception, if the indexer is closed. */
vr_py_index *vr_py_enter(PyObject *object);
void vr_py_leave(vr_py_index *self);

PyObject *vr_py_query(PyObject *object, PyObject *const *args, Py_ssize_t count);

/* ---- Evaluation ---- */

PyObject *vr_py_evaluate(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *vr_py_compare(PyObject *module, PyObject *const *args, Py_ssize_t count);
PyObject *vr_py_encode(PyObject *module, PyObject *args);
PyObject *vr_py_conventions(PyObject *module, PyObject *unused); /* pairs of name and summary */

/* ---- Files of vectors ---- */

PyObject *vr_py_open_data(PyObject *module, PyObject *args);
PyObject *vr_py_save_data(PyObject *module, PyObject *args);

#endif
