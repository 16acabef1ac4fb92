"""indexer.add: more items, whatever they come in. SPDX-License-Identifier: Apache-2.0"""

import numpy as np
import pytest
import vrec
from vrec import builder_factory

items = np.random.default_rng(3).standard_normal((60, 6)).astype(np.float32)


def test_rows_go_on():
    indexer = builder_factory("faiss", index_type="Flat").from_embeddings(items[:20])
    indexer.add(items[20:21])
    indexer.add(items[21:].astype(np.float64), progress=None)
    assert len(indexer) == 60
    assert indexer.info()["rows"] == 60
    ids, distances = indexer.query(items, top_k=1)
    assert ids[:, 0].tolist() == list(range(60))
    assert np.array_equal(indexer.vectors([25]), items[25:26])


def test_own_ids():
    indexer = builder_factory("faiss", index_type="Flat").from_embeddings(items[:2], ids=[7, 5])
    indexer.add(items[2:4], [9, 1])
    assert indexer.ids().tolist() == [7, 5, 9, 1]
    with pytest.raises(vrec.ArgumentError, match="id 5 already, which row 1"):
        indexer.add(items[4:6], [8, 5])
    with pytest.raises(vrec.ArgumentError, match="give the new ones theirs"):
        indexer.add(items[4:6])
    with pytest.raises(ValueError, match="3 ids for 2 items"):
        indexer.add(items[4:6], [8, 2, 3])
    assert len(indexer) == 4


@pytest.mark.parametrize("options", [{"index_type": "HNSW", "efSearch": 60}, {"index_type": "IVF", "nlists": 4, "nprobe": 4}])
@pytest.mark.parametrize("own", [False, True])
def test_graphs_and_lists(options, own):
    ids = np.arange(60)[::-1] * 3 + 5 if own else np.arange(60)
    indexer = builder_factory("faiss", **options).from_embeddings(items[:30], ids=ids[:30] if own else None)
    for first, end in (30, 31), (31, 60):
        indexer.add(items[first:end], ids[first:end] if own else None)
    assert indexer.query(items, top_k=1)[0][:, 0].tolist() == ids.tolist()
    assert np.array_equal(indexer.vectors(ids), items)


def test_a_bitmap_from_before():
    indexer = builder_factory("faiss").from_embeddings(items[:30])
    allow = np.arange(30) % 2 == 0
    before = indexer.query(items[:5], 20, allow=allow)
    indexer.add(items[30:])
    after = indexer.query(items[:5], 20, allow=allow)
    assert np.array_equal(before[0], after[0])
    assert np.array_equal(before[1], after[1])
    with pytest.raises(vrec.ArgumentError, match=r"of shape \(61,\)"):
        indexer.query(items[:5], 20, allow=np.ones(61, bool))


def test_a_forest_says_why_not():
    indexer = builder_factory("annoy").from_embeddings(items)
    with pytest.raises(vrec.UnsupportedError, match="build it anew"):
        indexer.add(items[:1])
    assert len(indexer) == 60


@pytest.mark.parametrize("index_type", ["Flat", "HNSW"])
def test_names(index_type, tmp_path):
    films = builder_factory("faiss", index_type=index_type).from_embeddings(items[:30], ids=[f"film {i}" for i in range(30)])
    films.add(items[30:32], ids=["one more", "and another"])
    assert films.find("one more")[0] == 30
    assert films.names([31]).tolist() == ["and another"]
    films.save(tmp_path / "films.index")
    opened = builder_factory("faiss").from_index_file(tmp_path / "films.index")
    assert opened.names([31, 3]).tolist() == ["and another", "film 3"]
    with pytest.raises(vrec.ArgumentError, match='is "film 3", as item 3 is called already'):
        films.add(items[32:33], ids=["film 3"])
    with pytest.raises(vrec.ArgumentError, match="give the new ones theirs"):
        films.add(items[32:33])
    with pytest.raises(vrec.ArgumentError, match="leave names out"):
        builder_factory("faiss").from_embeddings(items[:3]).add(items[3:4], ids=["a"])
    assert len(films) == 32
