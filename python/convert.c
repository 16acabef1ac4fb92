/* From Python's buffers to the library's views. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>

int vr_py_text(PyObject *object, void *text)
{
    char *start;
    if (PyBytes_AsStringAndSize(object, &start, NULL) != 0)
        return 0;
    *(const char **)text = start;
    return 1;
}

bool vr_py_threads(PyObject *number, int32_t *threads)
{
    int overflow;
    long value = PyLong_AsLongAndOverflow(number, &overflow);
    if (value == -1 && PyErr_Occurred())
        return false;
    *threads = (int32_t)value;
    if (!overflow && value >= INT32_MIN && value <= INT32_MAX)
        return true;
    vr_py_refuse("threads is no 32-bit number; it takes -1 and up");
    return false;
}

/* The one letter of a native format; 0 for all others. */
static char format_letter(const Py_buffer *view)
{
    const char native = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '<' : '>';
    const char *format = view->format ? view->format : "B";
    if (*format == '@' || *format == '=' || *format == native)
        format++;
    return *format && format[1] == '\0' ? *format : '\0';
}

/* The vrec_type of a buffer's values; -1 for none. */
static int32_t value_type(const Py_buffer *view)
{
    switch (format_letter(view)) {
    case 'f': return VREC_F32;
    case 'e': return VREC_F16;
    case 'd': return VREC_F64;
    case 'b': return VREC_I8;
    case 'B': return VREC_U8;
    case 'i':
    case 'l':
    case 'q': return view->itemsize == 4 ? VREC_I32 : view->itemsize == 8 ? VREC_I64 : -1;
    default: return -1;
    }
}

/* The stride of one dimension; false if it is one that the library would take for "packed". */
static bool stride_of(const Py_buffer *view, int dimension, ptrdiff_t *out)
{
    bool counts = view->len > 0 && view->shape[dimension] > 1; /* else it may be anything */
    *out = counts ? view->strides[dimension] : 0;
    return !counts || *out != 0;
}

static bool fill_matrix(const Py_buffer *view, const char *what, vrec_matrix *matrix)
{
    int32_t type = value_type(view);
    if (view->ndim != 1 && view->ndim != 2) {
        vr_py_refuse("%s: an array of %d dimensions; it takes one (one row) or two", what, view->ndim);
        return false;
    }
    if (type < 0) {
        vr_py_refuse("%s: values of format \"%.20s\" aren't read here", what, view->format);
        return false;
    }
    int last = view->ndim - 1;
    *matrix = (vrec_matrix){ .struct_size = sizeof *matrix,
                             .data = view->buf,
                             .rows = last == 0 ? 1 : (size_t)view->shape[0],
                             .dim = (size_t)view->shape[last],
                             .type = type };
    if (!stride_of(view, last, &matrix->col_stride) ||
        (last == 1 && !stride_of(view, 0, &matrix->row_stride))) {
        vr_py_refuse("%s: an array that repeats itself by a stride of 0; copy it", what);
        return false;
    }
    return true;
}

bool vr_py_matrix(PyObject *object, const char *what, Py_buffer *view, vrec_matrix *matrix)
{
    if (PyObject_GetBuffer(object, view, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0)
        return false;
    if (fill_matrix(view, what, matrix))
        return true;
    PyBuffer_Release(view);
    return false;
}

static bool is_kind(const Py_buffer *view, vr_py_kind kind)
{
    char letter = format_letter(view);
    if (kind != VR_PY_INT64)
        return letter == (kind == VR_PY_FLOAT32 ? 'f' : 'd');
    return letter && strchr("lq", letter) && view->itemsize == sizeof(int64_t);
}

static const char *const kind_names[] = {
    [VR_PY_INT64] = "int64", [VR_PY_FLOAT32] = "float32", [VR_PY_FLOAT64] = "float64"
};

static bool borrow(PyObject *object, const char *what, vr_py_kind kind, int flags, Py_buffer *view,
                   size_t *count)
{
    *count = 0;
    if (Py_IsNone(object))
        return true;
    if (PyObject_GetBuffer(object, view, flags | PyBUF_FORMAT | PyBUF_C_CONTIGUOUS) != 0)
        return false;
    if (!is_kind(view, kind)) {
        vr_py_refuse("%s: values of format \"%.20s\" instead of %s", what,
                     view->format ? view->format : "B", kind_names[kind]);
        PyBuffer_Release(view);
        return false;
    }
    *count = (size_t)view->len / (size_t)view->itemsize;
    return true;
}

bool vr_py_input(PyObject *object, const char *what, vr_py_kind kind, Py_buffer *view, size_t *count)
{
    return borrow(object, what, kind, PyBUF_SIMPLE, view, count);
}

bool vr_py_output(PyObject *object, const char *what, vr_py_kind kind, Py_buffer *view, size_t *count)
{
    return borrow(object, what, kind, PyBUF_WRITABLE, view, count);
}
