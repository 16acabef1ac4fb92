"""Nothing is kept of a call, be it a success or not.

SPDX-License-Identifier: Apache-2.0
"""

import gc
import os
import sys

import numpy as np
import pytest
import vrec
from tools import resident

FAISS = vrec.builder_factory("faiss")
ANNOY = vrec.builder_factory("annoy", d=8, n_trees=2)


class Bar:
    def __init__(self, total, desc):
        pass

    def update(self, n):
        pass

    def close(self):
        pass


class BadBar(Bar):
    def __init__(self, total, desc):
        raise LookupError


class Angry:
    def __array__(self, dtype=None, copy=None):
        raise ZeroDivisionError


def successes(index, items, users, folder):
    lists = [[1, 2, 3]] * len(users)
    saved = folder / "index"
    ANNOY.from_embeddings(items).save(saved)
    vrec.write_fvecs(folder / "file.fvecs", items)
    return {
        "query": lambda: index.query(users, 5),
        "query of lists": lambda: index.query(users[:2].tolist(), 5),
        "query of float64": lambda: index.query(users.astype(np.float64), 5),
        "query, converted": lambda: index.query(users.astype(">f4"), 5),
        "query with all": lambda: index.query(users, 5, exclude=lists, return_counts=True, threads=1, progress=Bar),
        "query that overrides": lambda: ANNOY.from_index_file(saved).query(users, 5, searchk=50),
        "facts": lambda: (index.info(), repr(index), len(index), index.dim, index.closed),
        "factory": lambda: repr(vrec.builder_factory("annoy", d=8, metric="dot", n_trees=3)),
        "options": lambda: (vrec.options("milvus"), vrec.backends(), vrec.cpu()),
        "build faiss": lambda: FAISS.from_embeddings(items),
        "build annoy": lambda: ANNOY.from_embeddings(items, progress=Bar),
        "open": lambda: ANNOY.from_index_file(saved).close(),
        "verify": lambda: ANNOY.verify(saved),
        "read": lambda: vrec.read_fvecs(folder / "file.fvecs"),
    }


def failures(index, items, users, folder):
    closed = FAISS.from_embeddings(items)
    closed.close()
    (folder / "damaged").write_bytes(b"IxF2" + bytes(60))
    return {
        "option": lambda: vrec.builder_factory("annoy", d=8, n_treees=5),
        "value": lambda: vrec.builder_factory("annoy", d=[8], metric=object()),
        "backend": lambda: vrec.builder_factory("hnswlib"),
        "top_k": lambda: index.query(users, 0),
        "top_k's type": lambda: index.query(users, "5"),
        "dimension": lambda: index.query(users[:, :5], 5),
        "three dimensions": lambda: index.query(users[None], 5),
        "type": lambda: index.query(users.astype(complex), 5),
        "__array__": lambda: index.query(Angry(), 5),
        "override": lambda: index.query(users, 5, searchk=5),
        "exclude": lambda: index.query(users, 5, exclude=[[1], ["a"]] * 10),
        "exclude's length": lambda: index.query(users, 5, exclude=[[1]] * 3),
        "progress": lambda: ANNOY.from_embeddings(items, progress=BadBar),
        "closed": lambda: closed.query(users, 5),
        "unsupported": lambda: index.upsert([1], users[:1]),
        "missing": lambda: FAISS.from_index_file(folder / "missing"),
        "damaged": lambda: FAISS.from_index_file(folder / "damaged"),
        "nan": lambda: FAISS.from_embeddings(items * np.float32(np.nan)),
        "save": lambda: index.save(folder),
        "read": lambda: vrec.read_fvecs(folder / "missing.fvecs"),
    }


def repeat(call, times):
    for _ in range(times):
        try:
            call()
        except (vrec.Error, TypeError, ValueError, LookupError, ZeroDivisionError):
            pass
    gc.collect()


def names(of):
    return [pytest.param(of, name, id=f"{of.__name__}: {name}") for name in of(*unused())]


def unused():
    """Arguments that serve to list the names of the calls."""
    import pathlib
    import tempfile
    items = np.zeros((3, 8), np.float32)
    return FAISS.from_embeddings(items), items, items, pathlib.Path(tempfile.mkdtemp())


@pytest.mark.parametrize("kind, name", names(successes) + names(failures))
def test_memory(kind, name, indexer, items, users, tmp_path):
    """Objects are counted exactly, memory by the page: a leak of 64 bytes a call shows."""
    call = kind(indexer, items, users, tmp_path)[name]

    def kept():
        return (len(os.listdir("/proc/self/fd")), *map(sys.getrefcount, (users, items, indexer, Bar)))

    grown = []
    for _ in range(5):  # the interpreter itself keeps a little, of the first rounds
        repeat(call, 200)
        before = sys.getallocatedblocks(), kept()
        repeat(call, 200)
        grown.append(sys.getallocatedblocks() - before[0])
        assert kept() == before[1]
        if grown[-1] < 50:
            return
    raise AssertionError(f"objects left of 200 calls, in turn: {grown}")


@pytest.mark.once
@pytest.mark.parametrize("what, times, call", [
    ("queries", 20_000, lambda index, users: index.query(users, 5)),
    ("wide queries", 200, lambda index, users: index.query(users, 5000)),
    ("errors", 20_000, lambda index, users: index.query(users, 0)),
    ("builders", 20_000, lambda index, users: vrec.builder_factory("annoy", d=8, n_trees=5)),
    ("small indexes", 10_000, lambda index, users: FAISS.from_embeddings(users)),
    ("forests", 300, lambda index, users: ANNOY.from_embeddings(users)),
    ("large indexes", 60, lambda index, users: FAISS.from_embeddings(np.ones((20_000, 32), np.float32))),
], ids=lambda value: value if isinstance(value, str) else "")
def test_resident_memory(what, times, call, indexer, users):
    """Also of what C allocates."""
    repeat(lambda: call(indexer, users), times // 4)
    before = resident()
    repeat(lambda: call(indexer, users), times)
    assert resident() - before < 3 << 20
