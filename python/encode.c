/* Items of any kind, as Torch-RecHub's dicts of lists hold them, to the ids that the library compares: what
 * is equal gets the same id, among the items of one user. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

enum { FEW = 4 }; /* as many are compared one by one; more are looked up in a dict */

/* One user's rows: lists. */
typedef struct rows {
    PyObject *taken, *predicted;
    Py_ssize_t taken_count;
    int64_t *truth;  /* taken_count ids of the taken */
    PyObject *codes; /* a dict from item to id, once there is one; or NULL */
} rows;

/* An int that is an id as it stands: -1 is none. */
static bool as_id(PyObject *item, int64_t *id)
{
    int overflow;
    if (!PyLong_CheckExact(item))
        return false;
    *id = PyLong_AsLongLongAndOverflow(item, &overflow);
    return !overflow && *id != -1;
}

static bool take_numbers(rows *r)
{
    for (Py_ssize_t i = 0; i < r->taken_count; i++) {
        PyObject *item = PyList_GetItem(r->taken, i);
        if (!item || !as_id(item, &r->truth[i]))
            return false;
    }
    return true;
}

/* The place of the first of count taken items that equals item; -1: none; -2: an exception. What is
 * compared may be somebody's own code, which may do anything to the lists: so items are held, and places
 * checked. */
static Py_ssize_t find_one_by_one(const rows *r, PyObject *item, Py_ssize_t count)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *other = PyList_GetItem(r->taken, i);
        if (!other)
            return -2;
        Py_INCREF(other);
        int equal = PyObject_RichCompareBool(other, item, Py_EQ);
        Py_DECREF(other);
        if (equal != 0)
            return equal > 0 ? i : -2;
    }
    return -1;
}

/* An id for each taken item: the place of the first that equals it. */
static bool take_objects(rows *r)
{
    for (Py_ssize_t i = 0; i < r->taken_count; i++) {
        PyObject *item = PyList_GetItem(r->taken, i);
        if (!item)
            return false;
        Py_INCREF(item);
        Py_ssize_t place = find_one_by_one(r, item, i);
        Py_DECREF(item);
        if (place == -2)
            return false;
        r->truth[i] = place >= 0 ? place : i;
    }
    return true;
}

/* Looks an item up, or puts it there with its place. False, with a TypeError, if it can't be a key. */
static bool take_key(PyObject *codes, PyObject *item, Py_ssize_t place, int64_t *id)
{
    PyObject *code = PyDict_GetItemWithError(codes, item);
    if (code || PyErr_Occurred()) {
        *id = code ? PyLong_AsLongLong(code) : 0;
        return code != NULL;
    }
    *id = place;
    code = PyLong_FromSsize_t(place);
    bool put = code && PyDict_SetItem(codes, item, code) == 0;
    Py_XDECREF(code);
    return put;
}

/* The same by a dict. */
static bool take_keys(rows *r)
{
    r->codes = PyDict_New();
    bool taken = r->codes != NULL;
    for (Py_ssize_t i = 0; taken && i < r->taken_count; i++) {
        PyObject *item = PyList_GetItem(r->taken, i);
        if (!item)
            return false;
        Py_INCREF(item);
        taken = take_key(r->codes, item, i, &r->truth[i]);
        Py_DECREF(item);
    }
    return taken;
}

/* Ids for the taken items; sets numbers if they are the items themselves. */
static bool take(rows *r, bool *numbers)
{
    *numbers = take_numbers(r);
    if (*numbers)
        return true;
    if (PyErr_Occurred())
        return false;
    if (r->taken_count > FEW && take_keys(r))
        return true;
    Py_CLEAR(r->codes);
    if (PyErr_Occurred() && !PyErr_ExceptionMatches(PyExc_TypeError))
        return false;
    PyErr_Clear();
    return take_objects(r);
}

/* The id of a predicted item, -1 if it isn't among the taken; -2: an exception. */
static int64_t id_of(const rows *r, PyObject *item)
{
    if (r->codes) {
        PyObject *code = PyDict_GetItemWithError(r->codes, item);
        if (code)
            return PyLong_AsLongLong(code);
        if (!PyErr_Occurred())
            return -1;
        if (!PyErr_ExceptionMatches(PyExc_TypeError))
            return -2;
        PyErr_Clear(); /* it can't be a key: */
    }
    Py_ssize_t place = find_one_by_one(r, item, r->taken_count);
    return place < 0 ? place : r->truth[place];
}

static bool put(const rows *r, bool numbers, int64_t *ids, Py_ssize_t width)
{
    Py_ssize_t count = PyList_Size(r->predicted);
    for (Py_ssize_t i = 0; i < width; i++) {
        ids[i] = -1;
        if (i >= count)
            continue;
        PyObject *item = PyList_GetItem(r->predicted, i);
        if (!item)
            return false;
        if (numbers && as_id(item, &ids[i]))
            continue;
        Py_INCREF(item);
        int64_t id = id_of(r, item);
        Py_DECREF(item);
        if (id == -2 && PyErr_Occurred())
            return false;
        ids[i] = id;
    }
    return true;
}

static bool encode_user(PyObject *taken, PyObject *predicted, int64_t first, int64_t end, int64_t *truth,
                        int64_t *ids, Py_ssize_t width)
{
    bool numbers;
    if (!taken || !predicted)
        return false;
    if (!PyList_Check(taken) || !PyList_Check(predicted) || PyList_Size(taken) != end - first) {
        vr_py_refuse("encode: it takes lists, of the lengths that the offsets say");
        return false;
    }
    rows r = { .taken = Py_NewRef(taken), .predicted = Py_NewRef(predicted), .taken_count = end - first };
    r.truth = truth + first;
    bool done = take(&r, &numbers) && put(&r, numbers, ids, width);
    Py_XDECREF(r.codes);
    Py_DECREF(r.taken);
    Py_DECREF(r.predicted);
    return done;
}

static bool encode_all(PyObject *taken, PyObject *predicted, const int64_t *offsets, size_t users,
                       int64_t *truth, size_t truth_count, int64_t *ids, Py_ssize_t width)
{
    for (size_t i = 0; i < users; i++) {
        if (offsets[i] < 0 || offsets[i] > offsets[i + 1] || (uint64_t)offsets[i + 1] > truth_count) {
            vr_py_refuse("encode: offsets of other truth");
            return false;
        }
        if (!encode_user(PyList_GetItem(taken, (Py_ssize_t)i), PyList_GetItem(predicted, (Py_ssize_t)i),
                         offsets[i], offsets[i + 1], truth, ids + i * (size_t)width, width))
            return false;
    }
    return true;
}

PyObject *vr_py_encode(PyObject *module, PyObject *args)
{
    PyObject *taken, *predicted, *objects[3];
    Py_ssize_t width;
    Py_buffer offsets = { 0 }, truth = { 0 }, ids = { 0 };
    size_t offset_count, truth_count, id_count;
    (void)module;
    if (!PyArg_ParseTuple(args, "O!O!nOOO", &PyList_Type, &taken, &PyList_Type, &predicted, &width,
                          &objects[0], &objects[1], &objects[2]))
        return NULL;
    size_t users = (size_t)PyList_Size(taken);
    bool done = vr_py_input(objects[0], "offsets", VR_PY_INT64, &offsets, &offset_count) &&
                vr_py_output(objects[1], "truth", VR_PY_INT64, &truth, &truth_count) &&
                vr_py_output(objects[2], "ids", VR_PY_INT64, &ids, &id_count);
    if (done && (offset_count != users + 1 || width < 1 || id_count / (size_t)width != users)) {
        vr_py_refuse("encode: results for %zu users want other arrays", users);
        done = false;
    }
    done = done && encode_all(taken, predicted, offsets.buf, users, truth.buf, truth_count, ids.buf, width);
    PyBuffer_Release(&offsets);
    PyBuffer_Release(&truth);
    PyBuffer_Release(&ids);
    return done ? Py_NewRef(Py_None) : NULL;
}
