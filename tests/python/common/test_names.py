"""Texts as ids: names of items.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec

NAMES = [f"película {i}" for i in range(300)]
KINDS = [("faiss", {"index_type": "Flat"}), ("faiss", {"index_type": "HNSW"}), ("faiss", {"index_type": "IVF", "nlists": 4}),
         ("annoy", {"d": 6, "metric": "euclidean"})]


@pytest.fixture
def items():
    return np.random.default_rng(1).normal(size=(300, 6)).astype(np.float32)


@pytest.fixture
def named(items):
    return vrec.builder_factory("faiss").from_embeddings(items, ids=NAMES)


@pytest.mark.parametrize("backend, options", KINDS)
@pytest.mark.parametrize("make", [list, tuple, np.array, lambda names: np.array(names, object)])
def test_names_travel(backend, options, make, items, tmp_path):
    builder = vrec.builder_factory(backend, **options)
    built = builder.from_embeddings(items, ids=make(NAMES))
    built.save(tmp_path / "a.index")
    assert (tmp_path / "a.index.ids").read_text("utf-8").splitlines()[1:] == NAMES
    plain = builder.from_embeddings(items)
    for indexer in (built, builder.from_index_file(tmp_path / "a.index")):
        ids = indexer.query(items[:20], 4)[0]
        assert ids.dtype == np.int64 and np.array_equal(ids, plain.query(items[:20], 4)[0])
        names = indexer.names(ids)
        assert names.dtype == object and names.tolist() == [[NAMES[i] for i in row] for row in ids]
        assert indexer.names().tolist() == NAMES and indexer.info()["names"] is True
        assert np.array_equal(indexer.find(names[:, 1]), ids[:, 1]) and indexer.find("película 7").tolist() == [7]
        assert "película 299" in indexer and "película 300" not in indexer and 299 in indexer and "" not in indexer
    builder.verify(tmp_path / "a.index")
    plain.save(tmp_path / "a.index")
    assert not (tmp_path / "a.index.ids").exists()


def test_where_ids_go_in(named, items):
    assert np.array_equal(named.vectors(["película 3", "película 1"]), items[[3, 1]])
    assert np.array_equal(named.vectors("película 3"), items[[3]])
    for found, wanted in zip(named.similar("película 3", 5), named.similar(3, 5)):
        assert np.array_equal(found, wanted)
    queries, pairs = items[:2], [["película 0"], ["película 1", "nobody"]]
    for of_names, of_ids in [(NAMES[:5], range(5)), (np.array(NAMES[:5]), range(5)), ({"nobody"}, []),
                             (pairs, [[0], [1]]), ([[], ["película 1"]], [[], [1]]), (np.array([["película 0"], ["película 1"]]), [[0], [1]])]:
        for keyword in ("exclude", "allow"):
            assert np.array_equal(named.query(queries, 9, **{keyword: of_names})[0],
                                  named.query(queries, 9, **{keyword: of_ids})[0])


def test_names_of_what_is_not_there(named):
    assert named.names([[5, -1], [300, 0]]).tolist() == [["película 5", None], [None, "película 0"]]
    assert named.names(3).tolist() == "película 3" and named.names([]).tolist() == []
    with pytest.raises(vrec.ArgumentError, match="no item has the name 'x', which is number 1 of them"):
        named.find(["película 1", "x", "y"])
    for odd in ("película 1\0", "\udce9", "película 1\n", ""):
        assert odd not in named
        with pytest.raises(vrec.ArgumentError, match="no item has the name"):
            named.vectors([odd])


@pytest.mark.parametrize("ids, message", [
    (NAMES[:-1], "there are 299 lines, but 300 items"), ([*NAMES, "x"], "line 301 is one too many"),
    ([*NAMES[:-1], NAMES[0]], "line 300 is \"película 0\", as is line 1"), (["", *NAMES[1:]], "line 1 is empty"),
    (["a\nb", *NAMES[1:]], "number 0, 'a\\\\nb', holds a newline"), (["a\0b", *NAMES[1:]], "line 1 holds a NUL byte"),
    (["\udce9", *NAMES[1:]], "number 0, .* is no Unicode"), (["a\r", *NAMES[1:]], "line 1 ends with CR"),
    ([*NAMES[:-1], 5], "number 299 is a int, and others are names"), ([*NAMES[:-1], None], "number 299 is a NoneType"),
    ([name.encode() for name in NAMES], "ids: .* values of shape"), ("x" * 300, "there are 1 lines")])
def test_names_refused(ids, message, items):
    for backend in ("faiss", "annoy"):
        with pytest.raises(vrec.ArgumentError, match=message):
            vrec.builder_factory(backend).from_embeddings(items, ids=ids)


def test_items_without_names(items):
    indexer = vrec.builder_factory("faiss").from_embeddings(items)
    with pytest.raises(vrec.UnsupportedError, match="names: the items have none"):
        indexer.names([1])
    with pytest.raises(vrec.ArgumentError, match="exclude: it holds texts, but the items have no names"):
        indexer.query(items, 3, exclude=["a"])
    with pytest.raises(vrec.ArgumentError, match="names: it holds texts"):
        indexer.find(["a"])
    assert "a" not in indexer


def test_a_table_of_another_index(named, items, tmp_path):
    named.save(tmp_path / "a.index")
    table = (tmp_path / "a.index.ids").read_bytes()
    builder = vrec.builder_factory("faiss")
    builder.from_embeddings(items[::-1]).save(tmp_path / "a.index")
    (tmp_path / "a.index.ids").write_bytes(table)
    with pytest.raises(vrec.CorruptError, match="a.index.ids: it belongs to another index"):
        builder.from_index_file(tmp_path / "a.index")
