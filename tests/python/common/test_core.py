"""The extension under the package: whatever it is called with, it raises or answers, and never crashes.

SPDX-License-Identifier: Apache-2.0
"""

import random

import numpy as np
import pytest
import vrec
from vrec import _core


@pytest.fixture
def core(items):
    return _core.Builder(b"faiss", b"").from_embeddings(items, None, None, None, None)


def results(rows, top_k):
    return np.empty((rows, top_k), np.int64), np.empty((rows, top_k), np.float32), np.empty(rows, np.int64)


def arguments(users, top_k=5):
    ids, distances, counts = results(len(users), top_k)
    return [users, top_k, ids, distances, counts, 0, None, None, None, 0, 0, None, None, 0, None, 0, None, None]


def test_query(core, users, indexer):
    given = arguments(users)
    core.query(*given)
    expected = indexer.query(users, 5, return_counts=True)
    assert all(map(np.array_equal, given[2:5], expected))


READ_ONLY = np.empty((20, 5), np.int64)
READ_ONLY.flags.writeable = False


@pytest.mark.parametrize("position, values", [
    (0, [None, 5, b"x", "x", np.zeros((20, 8), complex), np.zeros((20, 8), "i2"), np.zeros((2, 2, 8), np.float32),
         np.zeros((20, 7), np.float32), np.zeros((19, 8), np.float32), np.zeros((20, 8), ">f4"), np.float32(1)]),
    (1, [None, 0, -1, 4, 6, 2**63, -(2**70), 1.5, "5"]),
    (2, [5, b"", READ_ONLY, np.empty((20, 4), np.int64), np.empty((20, 10), np.int64)[:, ::2],
         np.empty((20, 5), np.uint64), np.empty((20, 5), np.int32), np.empty((20, 5)), np.empty(0, np.int64)]),
    (3, [5, np.empty((20, 4), np.float32), np.empty((20, 5)), np.empty((20, 5), np.int32)]),
    (4, [5, np.empty(19, np.int64), np.empty(20, np.int32), np.empty(20)]),
    (5, [None, -2, 2**31, 2**70, 1.5, "1"]),
    (6, [5, np.zeros(20, np.int64), np.full(21, 1), np.full(21, -1), np.zeros(21), np.zeros(21, np.int32)]),
    (7, [5, np.zeros(20), np.zeros(20, np.int32)]),
    (8, [5, "x", np.zeros(37, np.uint8)[::2]]),
    (9, [None, -1, 2**70, 1.5]),
    (10, [None, -1, 2**70]),
    (11, [5, np.zeros(20, np.int64), np.full(21, 1), np.full(21, -1), np.zeros(21), np.zeros(21, np.int32)]),
    (12, [5, np.zeros(20), np.zeros(20, np.int32), np.array([2, 1])]),
    (13, [None, -1, 3, 4, 2**70]),
    (14, [5, np.ones(19, np.int64), np.ones(20, np.int64), np.ones(20)]),
    (15, [None, 1, 3, -1, 2**70]),
    (16, [5, "searchk=5", b"searchk=5", b"=", b",", b'"', b"\xff", b"a" * 10_000]),
])
def test_bad_arguments(position, values, core, users):
    for value in values:
        given = arguments(users)
        given[position] = value
        with pytest.raises((TypeError, ValueError, OverflowError, BufferError)):
            core.query(*given)


@pytest.mark.parametrize("offsets", [
    [0] * 20 + [2], [0, 2, 1] + [1] * 18, [2**62] * 21, [-1] * 21, [0, -5] + [0] * 19, [1] + [0] * 20])
def test_offsets_that_lie(offsets, core, users):
    for place in (6, 11):
        given = arguments(users)
        given[place], given[place + 1] = np.array(offsets, np.int64), np.zeros(1, np.int64)
        with pytest.raises(ValueError):
            core.query(*given)


def test_results_that_are_missing(core, users):
    given = arguments(users)
    for position in (2, 3):
        without = [*given[:position], None, *given[position + 1:]]
        with pytest.raises((TypeError, ValueError)):
            core.query(*without)


def test_numbers_of_arguments(core):
    for name in ("query", "save", "upsert", "delete", "info", "close"):
        for count in (0, 1, 2, 3, 4, 9, 13, 17, 19):
            if (name, count) in {("info", 1), ("close", 0)}:
                continue
            with pytest.raises((TypeError, ValueError, vrec.UnsupportedError)):
                getattr(core, name)(*[None] * count)
    assert not core.closed


THINGS = [None, 0, 1, -1, 5, 2**31, 2**64, 1.5, "", "text", b"", b"faiss", b"annoy", b"d=8", b"/tmp", b"\0",
          b"\xff" * 99, [], [1], (), {}, object(), np.zeros((3, 8), np.float32), np.zeros((3, 8)),
          np.zeros(8, np.float32), np.zeros((0, 8), np.float32), np.zeros((3, 5), np.int64),
          np.arange(3), np.arange(4), np.empty(0, np.int64),
          np.zeros((3, 5), np.float32), np.zeros((3, 8), np.float32)[::-1, ::2], memoryview(b"12345678"), bytearray(32),
          lambda *_: None, print]


@pytest.mark.parametrize("seed", range(8))
def test_anything(seed, core, tmp_path, monkeypatch):
    """Many calls with anything anywhere."""
    monkeypatch.chdir(tmp_path)
    pick = random.Random(seed)
    builder = _core.Builder(b"annoy", b"n_trees=2")
    calls = [(core.query, 16), (core.upsert, 3), (core.delete, 2), (builder.from_embeddings, 3),
             (builder.from_index_file, 2), (builder.verify, 2), (builder.attach, 1), (_core.Builder, 2),
             (_core.options, 1), (_core.open_data, 1)]
    done = 0
    for _ in range(2000):
        call, count = pick.choice(calls)
        try:
            call(*(pick.choice(THINGS) for _ in range(count)))
            done += 1
        except (TypeError, ValueError, OverflowError, BufferError, vrec.Error, SystemError) as error:
            assert not isinstance(error, SystemError), f"{call} returned wrongly: {error}"
    assert done > 0
