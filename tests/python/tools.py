"""What the tests call. SPDX-License-Identifier: Apache-2.0"""

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import vrec


def option(backend, key):
    return next(each for each in vrec.options(backend) if each.key == key)


def takes(backend, key, value):
    """Whether this library offers that choice of an option: tests of what is to come join by themselves."""
    return any(each.key == key and value in each.range.split(", ") for each in vrec.options(backend))


def true_distances(metric, items, queries):
    """Of every pair, in double precision; and by how much float32 may miss it."""
    x, q = items.astype(np.float64), queries.astype(np.float64)
    if metric == "COSINE":
        x, q = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (x, q))
    norms = np.sum(q * q, axis=1)[:, None] + np.sum(x * x, axis=1)
    return (norms - 2 * q @ x.T if metric == "L2" else q @ x.T), 1e-5 * norms


def assert_as_near(metric, items, queries, ours, theirs):
    """Two answers, (ids, distances) each, agree: slot by slot the same item, or one as near within rounding;
    and every distance is true of its item."""
    true, tolerance = true_distances(metric, items, queries)
    ours, theirs = (tuple(map(np.asarray, answer)) for answer in (ours, theirs))
    assert ours[0].shape == theirs[0].shape
    for ids, _ in (ours, theirs):
        allowed = np.take_along_axis(tolerance, ids, axis=1)
        for _, distances in (ours, theirs):
            assert np.all(np.abs(np.take_along_axis(true, ids, axis=1) - distances) <= allowed)
        assert all(len(set(row)) == len(row) for row in ids.tolist())


def assert_same(ours, theirs):
    """The same bits and the same types."""
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        one, other = np.asarray(one), np.asarray(other)
        assert one.dtype == other.dtype and one.shape == other.shape
        assert one.tobytes() == other.tobytes()


def resident():
    """Bytes of memory that this process has."""
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def run(program, *arguments, **options):
    """Runs a program in a fresh interpreter; its output."""
    done = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True,
                          timeout=120, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Held:
    """A progress bar that holds the call it is of, from its first report until it is released."""

    def __init__(self):
        self.reached, self.released = threading.Event(), threading.Event()

    def __call__(self, total, desc):
        return self

    def update(self, n):
        self.reached.set()
        assert self.released.wait(60)

    def close(self):
        pass


class Interrupted:
    """A program in a fresh interpreter that prints "go" and is then sent SIGINT, as Ctrl-C does."""

    def __init__(self, program, *arguments, after=1.0):
        child = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
        try:
            assert child.stdout.readline() == "go\n", child.communicate()[1]
            time.sleep(after)
            assert child.poll() is None, "it was over before it could be interrupted"
            child.send_signal(signal.SIGINT)
            start = time.monotonic()
            self.stdout, self.stderr = child.communicate(timeout=30)
            self.seconds = time.monotonic() - start
            self.status = child.returncode
        finally:
            child.kill()
