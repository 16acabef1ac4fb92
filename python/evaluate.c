/* Ranking metrics: their arguments, the call, its end. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

enum { METRICS = 8 }; /* of vrec_metrics, in its order */

typedef struct ranking {
    Py_buffer ids, offsets, truth, ks, popularity, embeddings, means, per_user;
    vrec_ranking ranking;
    vrec_matrix matrix;
    vrec_metrics totals, users;
} ranking;

static void release(ranking *r)
{
    Py_buffer *views[] = { &r->ids,        &r->offsets,    &r->truth, &r->ks,
                           &r->popularity, &r->embeddings, &r->means, &r->per_user };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        PyBuffer_Release(views[i]);
}

/* Points the metrics that are wanted, a bit for each, at their rows of an array. */
static bool point(vrec_metrics *metrics, unsigned wanted, const Py_buffer *array, size_t count, size_t row)
{
    double **places[METRICS] = { &metrics->ndcg,      &metrics->mrr,       &metrics->recall,
                                 &metrics->hit,       &metrics->precision, &metrics->coverage,
                                 &metrics->diversity, &metrics->novelty };
    size_t used = 0;
    *metrics = (vrec_metrics){ .struct_size = sizeof *metrics };
    for (size_t i = 0; i < METRICS; i++)
        if (wanted >> i & 1)
            *places[i] = (double *)array->buf + used++ * row;
    if (used * row == count)
        return true;
    vr_py_refuse("evaluate: %zu metrics of %zu numbers want another array", used, row);
    return false;
}

static bool parse_truth(ranking *r, PyObject *const *args)
{
    size_t offsets, count;
    if (!vr_py_input(args[0], "truth_offsets", VR_PY_INT64, &r->offsets, &offsets) ||
        !vr_py_input(args[1], "truth_ids", VR_PY_INT64, &r->truth, &count))
        return false;
    r->ranking.truth_offsets = r->offsets.buf;
    r->ranking.truth_ids = r->truth.buf;
    if (!r->offsets.obj)
        return true;
    r->ranking.truth_count = count;
    if (offsets == r->ranking.users + 1)
        return true;
    vr_py_refuse("evaluate: truth is for %zu users, and there are %zu lists", offsets > 0 ? offsets - 1 : 0,
                 r->ranking.users);
    return false;
}

static bool parse_catalogue(ranking *r, PyObject *const *args)
{
    size_t count;
    r->ranking.items = PyLong_AsSize_t(args[0]);
    if (PyErr_Occurred() || !vr_py_input(args[1], "popularity", VR_PY_FLOAT64, &r->popularity, &count))
        return false;
    r->ranking.popularity = r->popularity.buf;
    if (r->popularity.obj && count != r->ranking.items) {
        vr_py_refuse("evaluate: popularity is for %zu items, and the catalogue has %zu", count,
                     r->ranking.items);
        return false;
    }
    if (Py_IsNone(args[2]))
        return true;
    r->ranking.embeddings = &r->matrix;
    return vr_py_matrix(args[2], "embeddings", &r->embeddings, &r->matrix);
}

static bool parse_results(ranking *r, PyObject *const *args)
{
    size_t means, per_user, ks = r->ranking.k_count;
    unsigned long wanted = PyLong_AsUnsignedLong(args[0]);
    if (PyErr_Occurred() || !vr_py_output(args[1], "means", VR_PY_FLOAT64, &r->means, &means) ||
        !vr_py_output(args[2], "per_user", VR_PY_FLOAT64, &r->per_user, &per_user) ||
        !point(&r->totals, (unsigned)wanted, &r->means, means, ks))
        return false;
    unsigned own = (unsigned)wanted & ~(1u << 5); /* coverage is nobody's */
    return !r->per_user.obj || point(&r->users, own, &r->per_user, per_user, ks * r->ranking.users);
}

/* args: as the table of methods names them. */
static bool parse(ranking *r, PyObject *const *args)
{
    size_t ids, ks;
    r->ranking = (vrec_ranking){ .struct_size = sizeof r->ranking };
    r->ranking.width = PyLong_AsSize_t(args[1]);
    if (PyErr_Occurred() || !vr_py_input(args[0], "ids", VR_PY_INT64, &r->ids, &ids) ||
        !vr_py_input(args[4], "ks", VR_PY_INT64, &r->ks, &ks))
        return false;
    if (r->ranking.width < 1 || ids % r->ranking.width != 0) {
        vr_py_refuse("evaluate: %zu ids aren't lists of %zu", ids, r->ranking.width);
        return false;
    }
    r->ranking.ids = r->ids.buf;
    r->ranking.users = ids / r->ranking.width;
    r->ranking.ks = r->ks.buf;
    r->ranking.k_count = ks;
    r->ranking.convention = PyBytes_AsString(args[5]);
    return r->ranking.convention && vr_py_threads(args[9], &r->ranking.threads) &&
           parse_truth(r, args + 2) && parse_catalogue(r, args + 6) && parse_results(r, args + 10);
}

static PyObject *run(ranking *r, PyObject *report)
{
    vr_py_call call;
    vrec_error err;
    vr_py_begin(&call, report);
    r->ranking.progress = &call.progress;
    vrec_status status = vrec_evaluate(&r->ranking, &r->totals, r->per_user.obj ? &r->users : NULL, &err);
    if (!vr_py_end(&call))
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
}

PyObject *vr_py_evaluate(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { ARGUMENTS = 14 };
    ranking r = { .matrix = { .struct_size = 0 } };
    (void)module;
    if (count != ARGUMENTS) {
        PyErr_Format(PyExc_TypeError, "evaluate() takes %d arguments, not %zd", ARGUMENTS, count);
        return NULL;
    }
    PyObject *result = parse(&r, args) ? run(&r, args[13]) : NULL;
    release(&r);
    return result;
}

/* ---- An index's answers beside exact ones ---- */

typedef struct comparison {
    Py_buffer found, exact, ks, queries, items, recall;
    vrec_comparison comparison;
    vrec_matrix matrices[2];
} comparison;

static bool parse_vectors(comparison *c, PyObject *const *args)
{
    if (Py_IsNone(args[0]))
        return true;
    c->comparison.queries = &c->matrices[0];
    c->comparison.items = &c->matrices[1];
    c->comparison.metric = PyBytes_AsString(args[2]);
    return c->comparison.metric && vr_py_matrix(args[0], "queries", &c->queries, &c->matrices[0]) &&
           vr_py_matrix(args[1], "items", &c->items, &c->matrices[1]);
}

/* args: as the table of methods names them. */
static bool parse_comparison(comparison *c, PyObject *const *args)
{
    size_t found, exact, ks, recall;
    c->comparison = (vrec_comparison){ .struct_size = sizeof c->comparison };
    c->comparison.users = PyLong_AsSize_t(args[2]);
    if (PyErr_Occurred() || !vr_py_input(args[0], "found", VR_PY_INT64, &c->found, &found) ||
        !vr_py_input(args[1], "exact", VR_PY_INT64, &c->exact, &exact) ||
        !vr_py_input(args[3], "ks", VR_PY_INT64, &c->ks, &ks) ||
        !vr_py_output(args[8], "recall", VR_PY_FLOAT64, &c->recall, &recall))
        return false;
    size_t users = c->comparison.users;
    if (users < 1 || found % users != 0 || exact % users != 0 || recall != ks) {
        vr_py_refuse("compare: %zu and %zu ids aren't lists of %zu users", found, exact, users);
        return false;
    }
    c->comparison.found = c->found.buf;
    c->comparison.exact = c->exact.buf;
    c->comparison.width = found / users;
    c->comparison.exact_width = exact / users;
    c->comparison.ks = c->ks.buf;
    c->comparison.k_count = ks;
    return vr_py_threads(args[7], &c->comparison.threads) && parse_vectors(c, args + 4);
}

static PyObject *run_comparison(comparison *c, PyObject *report)
{
    vr_py_call call;
    vrec_error err;
    vr_py_begin(&call, report);
    c->comparison.progress = &call.progress;
    vrec_status status = vrec_compare(&c->comparison, c->recall.buf, NULL, &err);
    if (!vr_py_end(&call))
        return NULL;
    return status == VREC_OK ? Py_NewRef(Py_None) : vr_py_raise(&err, NULL);
}

PyObject *vr_py_compare(PyObject *module, PyObject *const *args, Py_ssize_t count)
{
    enum { ARGUMENTS = 10 };
    comparison c = { .matrices = { { .struct_size = 0 } } };
    (void)module;
    if (count != ARGUMENTS) {
        PyErr_Format(PyExc_TypeError, "compare() takes %d arguments, not %zd", ARGUMENTS, count);
        return NULL;
    }
    PyObject *result = parse_comparison(&c, args) ? run_comparison(&c, args[9]) : NULL;
    Py_buffer *views[] = { &c.found, &c.exact, &c.ks, &c.queries, &c.items, &c.recall };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++)
        PyBuffer_Release(views[i]);
    return result;
}

PyObject *vr_py_conventions(PyObject *module, PyObject *unused)
{
    PyObject *list = PyList_New(0);
    (void)module, (void)unused;
    for (size_t i = 0; list && vrec_convention_name(i); i++) {
        PyObject *pair = Py_BuildValue("ss", vrec_convention_name(i), vrec_convention_summary(i));
        if (!pair || PyList_Append(list, pair) != 0)
            Py_CLEAR(list);
        Py_XDECREF(pair);
    }
    return list;
}
