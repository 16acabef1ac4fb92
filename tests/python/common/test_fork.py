"""Forked children use what their parent has opened.

SPDX-License-Identifier: Apache-2.0
"""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest
import vrec
from tools import assert_same

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

BACKENDS = {"faiss": {}, "annoy": {"metric": "euclidean", "n_trees": 10, "d": 16}}
both = pytest.mark.parametrize("backend", BACKENDS)
held = {}  # what a forked worker finds


def builder(backend):
    return vrec.builder_factory(backend, **BACKENDS[backend])


def in_child(function, seconds=30):
    """Runs function in a forked child; it fails if that fails, crashes, or hangs."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            function()
            status = 0
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, f"the child ended with {status}"
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    raise AssertionError(f"the child hung for {seconds} s")


@pytest.fixture
def data(rng):
    return tuple(rng.standard_normal((n, 16), dtype=np.float32) for n in (5000, 300))


@both
def test_query_in_a_child(backend, data, tmp_path):
    items, users = data
    with builder(backend).from_embeddings(items) as index:
        expected = index.query(users, 10, threads=2)  # its threads are running

        def child():
            assert_same(index.query(users, 10, threads=2), expected)
            index.save(tmp_path / "index")
            assert_same(builder(backend).from_embeddings(items).query(users, 10), expected)
            index.close()

        in_child(child)
        assert_same(index.query(users, 10), expected)
    with builder(backend).from_index_file(tmp_path / "index") as index:
        assert_same(index.query(users, 10), expected)


@both
def test_fork_while_other_threads_ask(backend, data):
    """A child has only the thread that forked, at whatever moment the others were."""
    items, users = data
    index, over = builder(backend).from_embeddings(items), threading.Event()
    expected = index.query(users, 10)

    def ask():
        while not over.is_set():
            assert_same(index.query(users, 10), expected)

    others = [threading.Thread(target=ask) for _ in range(3)]
    for each in others:
        each.start()

    def child():
        for _ in range(3):
            assert_same(index.query(users, 10), expected)
        index.close()
        with pytest.raises(vrec.ClosedError):
            index.query(users, 10)

    try:
        for _ in range(15):
            in_child(child)
    finally:
        over.set()
        for each in others:
            each.join()
    assert_same(index.query(users, 10), expected)


def ask_held(part):
    return held["index"].query(held["users"][part], 10)


@both
def test_pool_of_forked_workers(backend, data):
    items, users = data
    held["index"], held["users"] = builder(backend).from_embeddings(items), users
    expected = held["index"].query(users, 10)
    with multiprocessing.get_context("fork").Pool(2) as pool:
        parts = [slice(start, start + 30) for start in range(0, 300, 30)]
        for part, answer in zip(parts, pool.map(ask_held, parts)):
            assert_same(answer, [each[part] for each in expected])
    held["index"].close()


def open_and_ask(made, path, users):
    with made.from_index_file(path) as index:
        return index.query(users, 10)


@both
def test_spawned_worker_opens_the_file(backend, data, tmp_path):
    """What goes to it is the builder and the path."""
    items, users = data
    made = builder(backend)
    with made.from_embeddings(items) as index:
        index.save(tmp_path / "index")
        expected = index.query(users, 10)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert_same(pool.apply(open_and_ask, (made, tmp_path / "index", users)), expected)


def fail(_):
    vrec.builder_factory("annoy", d=8, n_treees=5)


def test_errors_come_back_from_workers():
    with multiprocessing.get_context("fork").Pool(1) as pool:
        with pytest.raises(vrec.OptionError, match="n_treees"):
            pool.map(fail, [1])
