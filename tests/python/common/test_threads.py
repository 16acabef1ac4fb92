"""Threads that share an indexer: the same answers, no waiting for each other, no crash at close.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import vrec
from tools import Held, assert_same, run

BACKENDS = {"faiss": {}, "annoy": {"metric": "euclidean", "n_trees": 10}}
both = pytest.mark.parametrize("backend", BACKENDS)


def build(backend, items):
    return vrec.builder_factory(backend, **BACKENDS[backend]).from_embeddings(items)


@both
def test_many_threads_one_indexer(backend, rng, tmp_path):
    items, users = (rng.standard_normal((n, 16), dtype=np.float32) for n in (5000, 64))
    with build(backend, items) as index:
        expected, facts = index.query(users, 10), index.info()

        def work(number):
            for turn in range(30):
                if turn % 10 == number % 10:
                    index.save(tmp_path / f"{number}")
                part = slice(number, number + 1 + turn)
                assert_same(index.query(users[part], 10), [each[part] for each in expected])
                assert (len(index), index.dim) == (5000, 16) and index.info() == facts
                assert "5000 x 16" in repr(index)

        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(work, number) for number in range(8)]:
                done.result()


@both
def test_many_threads_one_builder(backend, items, users):
    builder = vrec.builder_factory(backend, **BACKENDS[backend])
    expected = builder.from_embeddings(items).query(users, 5)
    with ThreadPoolExecutor(8) as pool:
        for answer in pool.map(lambda _: builder.from_embeddings(items).query(users, 5), range(40)):
            assert_same(answer, expected)


def ticks(call):
    """How often this thread came to run Python while another was in a call. Were the GIL held, that would be once
    before and once after."""
    thread = threading.Thread(target=call)
    thread.start()
    count = 0
    while thread.is_alive():
        time.sleep(0.001)
        count += 1
    return count


@pytest.mark.parametrize("what", ["build", "query", "query of one thread", "open", "save", "verify"])
def test_python_goes_on_meanwhile(what, rng, tmp_path):
    """The GIL is free in every long call."""
    items = rng.standard_normal((300_000, 64), dtype=np.float32)
    path = tmp_path / "index"
    builder = vrec.builder_factory("annoy", d=64, n_trees=2, load="read")
    calls = {"build": lambda: builder.from_embeddings(items)}
    if what.startswith("query"):
        index = build("faiss", items)
        calls[what] = lambda: index.query(items[:1000], 10, threads=1 if what.endswith("thread") else 0)
    elif what != "build":
        index = builder.from_embeddings(items)
        index.save(path)
        calls |= {"open": lambda: builder.from_index_file(path), "save": lambda: index.save(path),
                  "verify": lambda: builder.verify(path)}
    seen = []
    while len(seen) < 20 and (not seen or seen[-1] < 5):  # a busy machine may let this thread wait
        seen.append(ticks(calls[what]))
    assert seen[-1] >= 5, seen


@both
def test_close_while_others_ask(backend, rng):
    """Each call ends with the whole answer, or says that the indexer is closed."""
    items, users = (rng.standard_normal((n, 16), dtype=np.float32) for n in (3000, 40))
    expected = build(backend, items).query(users, 10)
    for turn in range(25):
        index = build(backend, items)
        started = threading.Barrier(5)

        def ask():
            started.wait()
            answers = 0
            while True:
                try:
                    assert_same(index.query(users, 10), expected)
                    assert index.info() and len(index) == 3000
                except vrec.ClosedError:
                    return answers
                answers += 1

        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(ask) for _ in range(4)]
            started.wait()
            time.sleep(0.002 * (turn % 5))
            index.close()
            assert index.closed
            for each in asked:
                each.result(timeout=20)


def test_close_during_a_query(rng):
    """It is finished, with the right answer; nobody waits for it, nobody gets in any more."""
    items = rng.standard_normal((30_000, 32), dtype=np.float32)
    index, held = build("faiss", items), Held()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.query, items[:4000], 1, progress=held)
        assert held.reached.wait(60)
        index.close()
        with pytest.raises(vrec.ClosedError):
            index.query(items[:1], 1)
        held.released.set()
        ids, _ = asked.result(timeout=60)
    assert ids.ravel().tolist() == list(range(4000))


def test_closed_during_a_query_it_lets_go_afterwards(rng, tmp_path):
    """Of its file, though the indexer itself is still there."""
    items = rng.standard_normal((50_000, 64), dtype=np.float32)
    builder = vrec.builder_factory("annoy", d=64, n_trees=5)
    builder.from_embeddings(items).save(tmp_path / "mapped forest")
    index, held = builder.from_index_file(tmp_path / "mapped forest"), Held()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.query, items[:2000], 1, searchk=10_000, threads=1, progress=held)
        assert held.reached.wait(60)
        index.close()
        assert "mapped forest" in pathlib.Path("/proc/self/maps").read_text()
        held.released.set()
        assert asked.result()[0].ravel().tolist() == list(range(2000))
    assert "mapped forest" not in pathlib.Path("/proc/self/maps").read_text()


def test_many_threads_close(items):
    for _ in range(50):
        index = build("annoy", items)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: index.close(), range(8)))
        assert index.closed


def test_dropped_while_others_ask(rng):
    """The last reference goes inside a call of another thread."""
    items = rng.standard_normal((20_000, 32), dtype=np.float32)
    for _ in range(10):
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(build("faiss", items).query, items[:300], 1) for _ in range(4)]
            for each in asked:
                assert each.result()[0].ravel().tolist() == list(range(300))


def test_progress_may_call_the_indexer(rng):
    """And close it: the query under way still ends well."""
    items = rng.standard_normal((30_000, 32), dtype=np.float32)
    index = build("faiss", items)
    seen = []

    class Bar:
        def __init__(self, total, desc):
            pass

        def update(self, n):
            if not index.closed:
                seen.append(index.query(items[:2], 1)[0].ravel().tolist())
                index.close()

        def close(self):
            pass

    ids, _ = index.query(items[:8000], 1, progress=Bar)
    assert ids.ravel().tolist() == list(range(8000)) and index.closed and seen == [[0, 1]]


def test_arrays_that_change_during_a_query(rng):
    """Whatever comes out, it is one of the ids."""
    items = rng.standard_normal((20_000, 32), dtype=np.float32)
    index, users = build("faiss", items), items[:3000].copy()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.query, users, 5)
        while not asked.done():
            users[:] = rng.standard_normal(users.shape, dtype=np.float32)
    ids, _ = asked.result()
    assert ((0 <= ids) & (ids < 20_000)).all()


def test_arrays_that_are_resized_during_a_query(rng):
    """The memory is held for as long as it is read."""
    items = rng.standard_normal((100_000, 32), dtype=np.float32)
    index, users = build("faiss", items), items[:3000].copy()
    memory = bytearray(users.tobytes())
    view = memoryview(memory).cast("f", users.shape)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(index.query, view, 1)
        del view
        while not asked.done():
            try:
                memory.clear()
                break
            except BufferError:
                time.sleep(0.001)
        assert asked.result()[0].ravel().tolist() == list(range(3000))


def test_default_threads():
    assert vrec.get_default_threads() == -1
    try:
        vrec.set_default_threads(3)
        assert vrec.get_default_threads() == 3
    finally:
        vrec.set_default_threads(-1)
    program = "import vrec; print(vrec.get_default_threads()); vrec.set_default_threads(-1); print(vrec.get_default_threads())"
    for text, expected in (("2", "2\n-1\n"), ("many", "-1\n-1\n")):
        assert run(program, env={**os.environ, "VREC_THREADS": text}) == expected
