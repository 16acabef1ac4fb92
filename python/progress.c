/* Long calls: the GIL, signals, progress. SPDX-License-Identifier: Apache-2.0 */
#include "core.h"

#include <string.h>
#include <time.h>

/* Often enough for Ctrl-C and a progress bar, and too seldom to cost anything. */
static const int64_t EVERY_NS = 50 * 1000 * 1000;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool tell(const vr_py_call *call, const vrec_progress_report *at)
{
    PyObject *result = PyObject_CallFunction(call->report, "ssKK", at->phase, at->unit,
                                             (unsigned long long)at->done, (unsigned long long)at->total);
    Py_XDECREF(result);
    return result != NULL;
}

static int report(void *context, const vrec_progress_report *at)
{
    vr_py_call *call = context;
    if (call->raised)
        return 1;
    bool another = strncmp(call->phase, at->phase, sizeof call->phase - 1) != 0;
    bool must_tell = call->report && (another || at->done == at->total);
    int64_t now = now_ns();
    if (!must_tell && now - call->last < EVERY_NS)
        return 0;
    if (another)
        strncpy(call->phase, at->phase, sizeof call->phase - 1);
    PyEval_RestoreThread(call->thread);
    call->raised = PyErr_CheckSignals() != 0 || (call->report && !tell(call, at));
    call->last = now_ns();
    call->thread = PyEval_SaveThread();
    return call->raised;
}

void vr_py_begin(vr_py_call *call, PyObject *report_to)
{
    *call = (vr_py_call){ .progress = { sizeof call->progress, report, call },
                          .report = Py_IsNone(report_to) ? NULL : report_to,
                          .last = now_ns() };
    call->thread = PyEval_SaveThread();
}

bool vr_py_end(vr_py_call *call)
{
    PyEval_RestoreThread(call->thread);
    return !call->raised;
}
