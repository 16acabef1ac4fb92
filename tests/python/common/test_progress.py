"""Progress is told as tqdm wants it, and can stop what it is told about.

SPDX-License-Identifier: Apache-2.0
"""

import sys

import numpy as np
import pytest
import tqdm
import vrec


class Bar:
    """What tqdm is, written down."""

    made = []

    def __init__(self, *, total, desc):
        self.total, self.desc, self.done, self.closed = total, desc, 0, False
        Bar.made.append(self)

    def update(self, n):
        assert n >= 0 and not self.closed
        self.done += n

    def close(self):
        self.closed = True


@pytest.fixture
def bars():
    Bar.made.clear()
    return Bar.made


def test_progress_of_a_build(bars, rng):
    items = rng.standard_normal((20_000, 32), dtype=np.float32)
    vrec.builder_factory("annoy", n_trees=30).from_embeddings(items, progress=Bar)
    assert bars and all(bar.closed and 0 < bar.done <= bar.total for bar in bars)
    assert all(isinstance(bar.desc, str) and bar.desc for bar in bars)
    assert bars[-1].done == bars[-1].total


def test_progress_of_a_query(bars, rng):
    index = vrec.builder_factory("faiss").from_embeddings(rng.standard_normal((20_000, 64), dtype=np.float32))
    index.query(rng.standard_normal((3000, 64), dtype=np.float32), 10, progress=Bar)
    assert bars and all(bar.closed for bar in bars) and sum(bar.done for bar in bars) > 0


def test_tqdm(items, users, tmp_path, capsys):
    index = vrec.builder_factory("annoy", d=8).from_embeddings(items, progress=tqdm.tqdm)
    index.save(tmp_path / "index", progress=tqdm.tqdm)
    vrec.builder_factory("annoy", d=8).verify(tmp_path / "index", progress=tqdm.tqdm)
    index.query(users, 5, progress=tqdm.tqdm)
    vrec.builder_factory("annoy", d=8).from_index_file(tmp_path / "index", progress=tqdm.tqdm)
    assert not tqdm.tqdm._instances, "a bar was left open"
    assert " rows/s]" in capsys.readouterr().err


def test_tqdm_counts_bytes_as_bytes(rng, tmp_path, capsys):
    index = vrec.builder_factory("faiss").from_embeddings(rng.standard_normal((20_000, 64), dtype=np.float32))
    index.save(tmp_path / "index", progress=tqdm.tqdm)
    assert "/5.12M [" in capsys.readouterr().err
    vrec.builder_factory("faiss").from_index_file(tmp_path / "index", progress=True)
    assert "B/s]" in capsys.readouterr().err
    index.query(np.zeros((3000, 64), np.float32), 10, progress=True)
    assert " pairs/s]" in capsys.readouterr().err


def test_true_is_tqdm_and_false_is_none(items, users, monkeypatch, capsys):
    index = vrec.builder_factory("faiss").from_embeddings(items, progress=True)
    index.query(users, 5, progress=True)
    assert " rows/s]" in capsys.readouterr().err
    index.query(users, 5, progress=False)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with pytest.raises(vrec.ArgumentError, match="pip install tqdm"):
        index.query(users, 5, progress=True)


@pytest.mark.parametrize("where", ["__init__", "update"])
def test_progress_that_raises_cancels(where, bars, rng, tmp_path):
    """Its exception comes out, the bar is closed, and nothing is half done."""
    items = rng.standard_normal((50_000, 32), dtype=np.float32)
    index = vrec.builder_factory("annoy", n_trees=20).from_embeddings(items)

    def stop(self, *_, **__):
        Bar.made.append(self)
        raise LookupError("enough")

    Stopping = type("Stopping", (Bar,), {where: stop})
    with pytest.raises(LookupError, match="enough"):
        vrec.builder_factory("annoy", n_trees=50).from_embeddings(items, progress=Stopping)
    with pytest.raises(LookupError, match="enough"):
        index.save(tmp_path / "index", progress=Stopping)
    assert list(tmp_path.iterdir()) == []
    assert where == "__init__" or all(bar.closed for bar in bars)
    assert index.query(items[:5], 1)[0].ravel().tolist() == [0, 1, 2, 3, 4]


def test_progress_that_is_none(indexer, users):
    with pytest.raises(TypeError):
        indexer.query(users, 5, progress=7)
