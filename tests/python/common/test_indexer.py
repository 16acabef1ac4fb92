"""The life of an indexer: opened, asked, saved, closed.

SPDX-License-Identifier: Apache-2.0
"""

import copy
import gc
import os
import pathlib
import pickle

import numpy as np
import pytest
import vrec
from tools import assert_same


class PathLike:
    def __init__(self, path):
        self.path = path

    def __fspath__(self):
        return str(self.path)


BACKENDS = {"faiss": {"metric": "L2"}, "annoy": {"d": 8, "metric": "euclidean", "n_trees": 20, "searchk": 100_000}}
both = pytest.mark.parametrize("backend", BACKENDS)


def builder(backend):
    return vrec.builder_factory(backend, **BACKENDS[backend])


def calls(indexer, users, path):
    """Everything that an indexer does."""
    yield lambda: indexer.query(users, 5)
    yield lambda: indexer.query(users[:0], 5)
    yield lambda: indexer.save(path)
    yield lambda: indexer.upsert([1], users[:1])
    yield lambda: indexer.delete([1])
    yield lambda: indexer.info()
    yield lambda: len(indexer)
    yield lambda: indexer.dim
    yield lambda: indexer.larger_is_nearer
    yield lambda: indexer.__enter__()


@both
def test_with(backend, items, users, tmp_path):
    with builder(backend).from_embeddings(items) as indexer:
        assert not indexer.closed
        built = indexer.query(users, top_k=5)
        indexer.save(tmp_path / "index")
    assert indexer.closed
    with builder(backend).from_index_file(tmp_path / "index") as indexer:
        assert_same(indexer.query(users, top_k=5), built)
        assert len(indexer) == 300 and indexer.dim == 8 and indexer.larger_is_nearer is False
    builder(backend).verify(tmp_path / "index")


@both
def test_without_with(backend, items, users):
    indexer = builder(backend).from_embeddings(items)
    assert indexer.query(users, 5)[0].shape == (20, 5)
    indexer.close()
    indexer.close()
    assert indexer.closed


@both
def test_after_close(backend, items, users, tmp_path):
    indexer = builder(backend).from_embeddings(items)
    text = repr(indexer)
    indexer.close()
    for call in calls(indexer, users, tmp_path / "index"):
        with pytest.raises(vrec.ClosedError, match="closed") as error:
            call()
        assert isinstance(error.value, ValueError) and isinstance(error.value, vrec.Error)
    assert list(tmp_path.iterdir()) == []
    assert text != repr(indexer) and "closed" in repr(indexer)
    indexer.__exit__(None, None, None)


@both
def test_an_exception_inside_with_comes_out(backend, items):
    with pytest.raises(KeyError, match="mine"):
        with builder(backend).from_embeddings(items) as indexer:
            raise KeyError("mine")
    assert indexer.closed


def test_within_with_again(indexer, users):
    with indexer as same:
        assert same is indexer
    with pytest.raises(vrec.ClosedError):
        indexer.query(users, 5)


def test_the_builder_may_go_first(items, users):
    made = builder("annoy")
    indexer = made.from_embeddings(items)
    del made
    gc.collect()
    assert indexer.query(users, 5)[0].shape == (20, 5)


def test_the_items_may_change_afterwards(items, users):
    indexer = builder("faiss").from_embeddings(items)
    before = indexer.query(users, 5)
    items[:] = 0
    assert_same(indexer.query(users, 5), before)


def test_repr(items):
    indexer = vrec.builder_factory("faiss").from_embeddings(items)
    assert repr(indexer) == "<vrec.Indexer: faiss Flat, L2, 300 x 8>" or all(
        word in repr(indexer) for word in ("faiss", "Flat", "L2", "300 x 8"))
    text = repr(builder("annoy").from_embeddings(items))
    assert all(word in text for word in ("annoy", "euclidean", "300 x 8"))


@both
def test_info(backend, items):
    with builder(backend).from_embeddings(items) as indexer:
        info = indexer.info()
    assert info["metric"] == BACKENDS[backend]["metric"]
    assert info.get("n_trees", 20) == 20 and (info["rows"], info["dim"]) == items.shape
    assert all(isinstance(key, str) and isinstance(value, (str, int, list)) for key, value in info.items())
    info["metric"] = "mine"


def test_notes_are_a_list(items, tmp_path):
    """An L2 file whose header says inner product is odd, but readable."""
    path = tmp_path / "index"
    vrec.builder_factory("faiss", metric="L2").from_embeddings(items).save(path)
    with path.open("r+b") as file:
        file.seek(33)
        file.write((0).to_bytes(4, "little"))
    info = vrec.builder_factory("faiss").from_index_file(path).info()
    assert isinstance(info["note"], list) and all(isinstance(note, str) for note in info["note"])


@both
@pytest.mark.parametrize("form", [str, pathlib.Path, PathLike, os.fsencode])
def test_paths(form, backend, items, users, tmp_path):
    path = tmp_path / "日本 items.index"
    if form is os.fsencode:
        pytest.raises(TypeError, builder(backend).from_index_file, 5)
    indexer = builder(backend).from_embeddings(items)
    indexer.save(form(path))
    assert_same(builder(backend).from_index_file(form(path)).query(users, 5), indexer.query(users, 5))
    builder(backend).verify(form(path))


def test_path_that_no_unicode_names(items, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff\xfe.index"
    indexer = builder("faiss").from_embeddings(items)
    indexer.save(os.fsdecode(path))
    assert os.listdir(os.fsencode(tmp_path)) == [b"\xff\xfe.index"]
    assert len(builder("faiss").from_index_file(os.fsdecode(path))) == 300
    with pytest.raises(OSError):
        builder("faiss").from_index_file(os.fsdecode(path + b"x"))


@pytest.mark.parametrize("path", ["a\0b", "", 7, None, 1.5, ["a"]])
def test_bad_paths(path, indexer):
    for call in (indexer.save, builder("faiss").from_index_file, builder("faiss").verify):
        with pytest.raises((ValueError, TypeError, OSError)):
            call(path)


def test_saving_over_a_file_that_is_open(items, users, tmp_path):
    """Replaced by name, so that who has it mapped keeps the old one."""
    path = tmp_path / "index"
    builder("annoy").from_embeddings(items).save(path)
    opened = builder("annoy").from_index_file(path)
    before = opened.query(users, 5)
    builder("annoy").from_embeddings(items[:100]).save(path)
    assert_same(opened.query(users, 5), before)
    assert len(builder("annoy").from_index_file(path)) == 100


def test_a_closed_forest_lets_go_of_its_file(items, tmp_path):
    path = tmp_path / "a forest"
    builder("annoy").from_embeddings(items).save(path)

    def mapped():
        return "a forest" in pathlib.Path("/proc/self/maps").read_text()

    indexer = builder("annoy").from_index_file(path)
    assert mapped()
    indexer.close()
    assert not mapped()
    indexer = builder("annoy").from_index_file(path)
    del indexer
    gc.collect()
    assert not mapped()


def test_changes_are_refused_by_name(items, users):
    for backend in BACKENDS:
        with builder(backend).from_embeddings(items) as indexer:
            for call in (lambda: indexer.upsert(np.arange(2), users[:2]), lambda: indexer.delete([1])):
                with pytest.raises(NotImplementedError, match=backend) as error:
                    call()
                assert isinstance(error.value, vrec.UnsupportedError)
        for call in (builder(backend).attach, builder(backend).drop):
            with pytest.raises(vrec.UnsupportedError, match=backend):
                call()


@both
@pytest.mark.parametrize("copier", [pickle.dumps, copy.copy, copy.deepcopy])
def test_no_pickle_but_advice(copier, backend, items):
    with builder(backend).from_embeddings(items) as indexer:
        with pytest.raises(TypeError, match="save"):
            copier(indexer)


def test_classes_cannot_be_made_empty(users):
    for kind in (vrec.Indexer, vrec.serving.BaseIndexer, vrec.serving.FaissIndexer, vrec._core.Indexer,
                 vrec._core.Builder):
        for arguments in ((), (1,), (None, None)):
            try:
                made = kind(*arguments)
            except (TypeError, ValueError):
                continue
            pytest.raises((vrec.Error, TypeError, AttributeError), getattr(made, "query", made.__init__), users, 5)
        bare = None
        try:
            bare = kind.__new__(kind)
        except TypeError:
            continue
        with pytest.raises((vrec.Error, TypeError, ValueError, AttributeError)):
            bare.query(users, 5)
