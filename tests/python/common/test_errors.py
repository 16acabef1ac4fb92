"""Errors: their classes, what they say, and what they leave behind.

SPDX-License-Identifier: Apache-2.0
"""

import errno
import inspect
import os
import pickle

import numpy as np
import pytest
import vrec
from tools import run

BASES = {
    "OptionError": (ValueError, TypeError),
    "ArgumentError": (ValueError,),
    "UnsupportedError": (NotImplementedError,),
    "OutOfMemoryError": (MemoryError,),
    "FileError": (OSError,),
    "CorruptError": (RuntimeError,),
    "CancelledError": (RuntimeError,),
    "UnavailableError": (ConnectionError,),
    "DeadlineError": (TimeoutError,),
    "ClosedError": (ValueError,),
    "FileMissingError": (FileNotFoundError,),
    "FilePermissionError": (PermissionError,),
    "FileIsFolderError": (IsADirectoryError,),
}


def opened(backend, path, **options):
    return vrec.builder_factory(backend, **options).from_index_file(path)


@pytest.mark.parametrize("name", BASES)
def test_classes(name):
    kind = getattr(vrec, name)
    assert issubclass(kind, (vrec.Error,)) and all(issubclass(kind, base) for base in BASES[name])
    assert issubclass(vrec.Error, Exception) and kind.__module__ == vrec.Error.__module__ == "vrec"
    assert kind.__name__ in vrec.__all__


def raised():
    """One of each kind that is easily had."""
    index = vrec.builder_factory("faiss").from_embeddings(np.zeros((2, 2), np.float32))
    for call in (
        lambda: vrec.builder_factory("annoy", d=64, n_treees=50),
        lambda: vrec.builder_factory("hnswlib"),
        lambda: index.query(np.zeros((1, 2), np.float32), 0),
        lambda: index.delete([1]),
        lambda: opened("faiss", "/no/such/folder/index"),
        lambda: opened("faiss", "/etc"),
        lambda: opened("faiss", __file__),
        lambda: (index.close(), index.query(np.zeros((1, 2), np.float32), 1)),
    ):
        with pytest.raises(vrec.Error) as error:
            call()
        yield error.value
    yield from (getattr(vrec, name)("it happened") for name in BASES)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle(protocol):
    """As they come back from a worker process."""
    for error in raised():
        again = pickle.loads(pickle.dumps(error, protocol))
        assert type(again) is type(error) and str(again) == str(error) and again.args == error.args
        if isinstance(error, OSError):
            assert (again.errno, again.filename) == (error.errno, error.filename)


def test_what_is_to_blame(items, users, indexer, tmp_path):
    """For programs, which don't read sentences."""
    path = tmp_path / "index"
    indexer.save(path)
    path.write_bytes(path.read_bytes()[:50])
    bad = items.copy()
    bad[7, 3] = np.nan
    for call, subject, row, offset in (
        (lambda: vrec.builder_factory("faiss").from_embeddings(bad), "items", 7, None),
        (lambda: vrec.builder_factory("faiss", metric="L3"), "metric", None, None),
        (lambda: vrec.builder_factory("faiss", metrik="L2"), "metrik", None, None),
        (lambda: indexer.query(users, 5, threads=-7), "threads", None, None),
        (lambda: indexer.query(users, 5, metric="L2"), "metric", None, None),
        (lambda: indexer.query(users[:, :3], 5), "queries", None, None),
        (lambda: opened("faiss", path), "", None, 45),
    ):
        with pytest.raises(vrec.Error) as error:
            call()
        again = pickle.loads(pickle.dumps(error.value))
        for each in (error.value, again):
            assert (each.subject, each.row, each.offset, each.done) == (subject, row, offset, None)


def test_they_are_caught_by_one_class():
    assert all(isinstance(error, vrec.Error) for error in raised())
    assert all(len(str(error)) > 10 and "\n" not in str(error) for error in raised())


@pytest.mark.parametrize("backend", ["faiss", "annoy"])
@pytest.mark.parametrize("call", ["from_index_file", "verify"])
def test_missing_file(backend, call, tmp_path):
    path = tmp_path / "missing"
    builder = vrec.builder_factory(backend, **({"d": 8} if backend == "annoy" else {}))
    with pytest.raises(FileNotFoundError, match="missing") as error:
        getattr(builder, call)(path)
    assert isinstance(error.value, vrec.FileError)
    assert error.value.errno == errno.ENOENT
    assert os.fspath(error.value.filename) == str(path)


def test_other_refusals_of_the_system(indexer, tmp_path):
    with pytest.raises(vrec.FileError):
        indexer.save(tmp_path / "no" / "such" / "folder")
    with pytest.raises(OSError):
        indexer.save(tmp_path)
    with pytest.raises(OSError):
        opened("faiss", tmp_path)
    with pytest.raises(OSError):
        opened("faiss", tmp_path / ("x" * 300))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name, value", [("top_k", 5.0), ("top_k", None), ("top_k", "5"), ("threads", 1.5)])
def test_what_is_no_whole_number_is_named(name, value, indexer, users):
    with pytest.raises(TypeError, match=f"query: {name} is a {type(value).__name__}; it takes a whole number") as error:
        indexer.query(users, **{"top_k": 5, name: value})
    assert isinstance(error.value, vrec.Error)


def test_full_disk(indexer):
    """/dev/full, or at least a folder that takes nothing."""
    with pytest.raises(OSError):
        indexer.save("/proc/index")


@pytest.mark.parametrize("cut", [0, 1, 4, 20, 36, 45, 100, -1])
def test_corrupt_file(cut, items, users, tmp_path):
    path = tmp_path / "index"
    vrec.builder_factory("faiss").from_embeddings(items).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    with pytest.raises(vrec.CorruptError, match="index") as error:
        opened("faiss", path)
    assert isinstance(error.value, RuntimeError) and not isinstance(error.value, OSError)
    path.write_bytes(whole)
    assert opened("faiss", path).query(users, 5)[0].shape == (20, 5)


def test_corrupt_forest(items, tmp_path):
    path = tmp_path / "index"
    vrec.builder_factory("annoy", d=8).from_embeddings(items).save(path)
    path.write_bytes(path.read_bytes()[:-7])
    with pytest.raises(vrec.Error):
        opened("annoy", path, d=8)


def test_other_kind_of_index(tmp_path):
    """A product-quantized file of FAISS's begins so."""
    from_faiss = b"IwPQ" + (8).to_bytes(4, "little") + bytes(200)
    (tmp_path / "index").write_bytes(from_faiss)
    with pytest.raises(NotImplementedError, match="IwPQ"):
        opened("faiss", tmp_path / "index")


def test_contradiction(items, tmp_path):
    vrec.builder_factory("faiss", metric="L2").from_embeddings(items).save(tmp_path / "index")
    with pytest.raises(ValueError, match="metric"):
        opened("faiss", tmp_path / "index", metric="IP")
    with pytest.raises(ValueError, match="set option d"):
        opened("annoy", tmp_path / "index")
    with pytest.raises(ValueError, match="d is 9"):
        vrec.builder_factory("annoy", d=9).from_embeddings(items)


def test_no_items():
    with pytest.raises(vrec.ArgumentError):
        vrec.builder_factory("faiss").from_embeddings(np.empty((0, 8), np.float32))


def test_server_that_is_not_there(items):
    with pytest.raises(ConnectionError, match="127.0.0.1") as error:
        vrec.builder_factory("milvus", host="127.0.0.1", port=1, connect_timeout=1).from_embeddings(items)
    assert isinstance(error.value, vrec.UnavailableError)


def test_milvus_has_no_files(tmp_path):
    with pytest.raises(NotImplementedError):
        vrec.builder_factory("milvus", d=8).from_index_file(tmp_path / "index")


@pytest.mark.once
def test_out_of_memory():
    """4 TB of results, and an address space of 3 GB."""
    assert "MemoryError" in run("""
import resource, numpy as np, vrec
index = vrec.builder_factory("faiss").from_embeddings(np.zeros((2, 1), np.float32))
many = np.broadcast_to(np.float32(0), (1 << 25, 1))
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for call in (lambda: index.query(many, 16384), lambda: index.query(np.broadcast_to(np.int16(0), (1 << 30, 1)), 1)):
    try:
        call()
    except MemoryError as error:
        assert isinstance(error, vrec.Error), error
        print("MemoryError", error)
print(index.query(np.zeros((1, 1), np.float32), 1)[0])
""")


def test_secrets_are_in_no_message(items):
    with pytest.raises(vrec.Error) as error:
        vrec.builder_factory("milvus", token="hunter2", uri="http://127.0.0.1:1", connect_timeout=1,
                             timeout=1).from_embeddings(items)
    assert "hunter2" not in str(error.value) + repr(error.value)
    with pytest.raises(vrec.Error) as error:
        vrec.builder_factory("milvus", password="hunter2", prot=5)
    assert "hunter2" not in str(error.value)


def test_tracebacks_are_short(indexer, users):
    """A user's mistake shows the user's line, and not a heap of ours."""
    with pytest.raises(vrec.ArgumentError) as error:
        indexer.query(users, 0)
    ours = [entry for entry in error.traceback if "vrec" in str(entry.path) and "tests" not in str(entry.path)]
    assert len(ours) <= 3


# ---- What help() says ----

def public():
    for module in (vrec, vrec.serving):
        for name in module.__all__:
            yield f"{module.__name__}.{name}", getattr(module, name)
    for kind in (vrec.serving.BaseBuilder, vrec.serving.BaseIndexer):
        for name, member in inspect.getmembers(kind):
            if not name.startswith("_"):
                yield f"{kind.__name__}.{name}", member


@pytest.mark.parametrize("name, thing", list(public()), ids=lambda value: value if isinstance(value, str) else "")
def test_everything_is_documented(name, thing):
    if name.startswith("vrec.__") or not (callable(thing) or isinstance(thing, property)):
        return
    text = inspect.getdoc(thing)
    assert text and len(text) > 15, name
    if inspect.isroutine(thing):
        parameters = [p for p in inspect.signature(thing).parameters if p not in ("self", "cls")]
        if parameters:
            assert "Parameters\n----------" in text, name
            assert all(p in text for p in parameters), name
