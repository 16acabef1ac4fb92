/* Files of vectors: a mapped file as a read-only buffer. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

typedef struct data {
    PyObject_HEAD vrec_data *data;
    Py_ssize_t shape[2], strides[2];
} data;

PyObject *vr_py_open_data(PyObject *module, PyObject *args)
{
    const char *path;
    vrec_data *opened;
    vrec_error err;
    vrec_status status;
    if (!PyArg_ParseTuple(args, "O&", vr_py_text, &path))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vrec_data_open(path, &opened, &err);
    Py_END_ALLOW_THREADS if (status != VREC_OK) return vr_py_raise(&err, path);
    data *self = vr_py_new(((vr_py_state *)PyModule_GetState(module))->data);
    if (!self) {
        vrec_data_close(opened);
        return NULL;
    }
    const vrec_matrix *matrix = vrec_data_matrix(opened);
    self->data = opened;
    self->shape[0] = (Py_ssize_t)matrix->rows;
    self->shape[1] = (Py_ssize_t)matrix->dim;
    self->strides[0] = matrix->row_stride;
    self->strides[1] = matrix->col_stride;
    return (PyObject *)self;
}

PyObject *vr_py_save_data(PyObject *module, PyObject *args)
{
    const char *path;
    PyObject *object;
    Py_buffer view;
    vrec_matrix matrix;
    vrec_error err;
    vrec_status status;
    (void)module;
    if (!PyArg_ParseTuple(args, "O&O", vr_py_text, &path, &object) ||
        !vr_py_matrix(object, "vectors", &view, &matrix))
        return NULL;
    Py_BEGIN_ALLOW_THREADS status = vrec_data_save(path, &matrix, &err);
    Py_END_ALLOW_THREADS PyBuffer_Release(&view);
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, path);
}

static void delete (PyObject *self)
{
    vrec_data_close(((data *)self)->data);
    vr_py_delete(self);
}

/* Of numpy's kind: shape and strides are always there, so that every consumer must look at them. */
static int get_buffer(PyObject *object, Py_buffer *view, int flags)
{
    static char *const formats[] = { [VREC_F32] = "f", [VREC_F16] = "e", [VREC_F64] = "d", [VREC_I8] = "b",
                                     [VREC_U8] = "B",  [VREC_I32] = "i", [VREC_I64] = "q" };
    static const Py_ssize_t sizes[] = { [VREC_F32] = 4, [VREC_F16] = 2, [VREC_F64] = 8, [VREC_I8] = 1,
                                        [VREC_U8] = 1,  [VREC_I32] = 4, [VREC_I64] = 8 };
    static char nothing[1];
    data *self = (data *)object;
    const vrec_matrix *matrix = vrec_data_matrix(self->data);
    if ((flags & PyBUF_WRITABLE) || (flags & PyBUF_STRIDES) != PyBUF_STRIDES || !(flags & PyBUF_FORMAT)) {
        PyErr_SetString(PyExc_BufferError, "a file of vectors is read-only, and has strides and a format");
        view->obj = NULL;
        return -1;
    }
    *view = (Py_buffer){ .buf = matrix->data ? (void *)(uintptr_t)matrix->data : nothing,
                         .obj = Py_NewRef(object),
                         .len = self->shape[0] * self->shape[1] * sizes[matrix->type],
                         .itemsize = sizes[matrix->type],
                         .readonly = 1,
                         .ndim = 2,
                         .format = formats[matrix->type],
                         .shape = self->shape,
                         .strides = self->strides };
    return 0;
}

static PyType_Slot slots[] = {
    { Py_tp_dealloc, (void *)(uintptr_t) delete },
    { Py_bf_getbuffer, (void *)(uintptr_t)get_buffer },
    { 0 },
};

PyType_Spec vr_py_data_spec = { .name = "vrec._core.Data",
                                .basicsize = sizeof(data),
                                .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                                .slots = slots };
