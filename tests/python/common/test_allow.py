"""Items that queries may get, and no others.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec
from scipy import sparse
from tools import assert_same


@pytest.fixture
def masks(rng):
    return rng.random((20, 300)) < 0.2


def expected(indexer, users, masks, k):
    """From the whole ranking of each query."""
    everything = indexer.query(users, 300)
    ids, distances = np.full((len(users), k), -1, np.int64), np.full((len(users), k), np.inf, np.float32)
    for row, (ranking, far) in enumerate(zip(*everything)):
        kept = masks[row][ranking]
        count = min(k, int(kept.sum()))
        ids[row, :count], distances[row, :count] = ranking[kept][:k], far[kept][:k]
    return ids, distances


@pytest.mark.parametrize("form", [
    lambda mask: mask, lambda mask: mask.tolist(), np.flatnonzero, lambda mask: set(np.flatnonzero(mask).tolist()),
    lambda mask: np.flatnonzero(mask)[::-1].tolist(), lambda mask: [*np.flatnonzero(mask), -7, 300, 2**62]])
def test_for_all(form, indexer, users, masks):
    found = indexer.query(users, 30, allow=form(masks[0]))
    assert_same(found, expected(indexer, users, np.tile(masks[0], (20, 1)), 30))


@pytest.mark.parametrize("form", [
    lambda masks: masks, lambda masks: masks.tolist(), np.asfortranarray, lambda masks: masks[:, ::-1][:, ::-1],
    lambda masks: [np.flatnonzero(mask) for mask in masks], lambda masks: [set(np.flatnonzero(m)) for m in masks],
    lambda masks: sparse.csr_matrix(masks.astype(int))])
def test_for_each(form, indexer, users, masks):
    found = indexer.query(users, 30, allow=form(masks), threads=3)
    assert_same(found, expected(indexer, users, masks, 30))


def test_in_parts(rng):
    """So many queries and items that not all of their bitmaps are made together, by rows and by ids."""
    items = rng.standard_normal((100_000, 2), np.float32)
    users, own = rng.standard_normal((6_000, 2), np.float32), rng.permutation(100_000) * 7
    lists = rng.integers(100_000, size=(6_000, 5))
    out = lists[:, :1]
    far = ((users[:, None] - items[lists[:, 1:]]) ** 2).sum(2)
    wanted = np.take_along_axis(lists[:, 1:], np.argsort(far, axis=1), 1)
    clear = np.array([len(set(row)) == 5 for row in lists])
    for ids, named in ((None, lambda rows: rows), (own, lambda rows: own[rows])):
        with vrec.builder_factory("faiss").from_embeddings(items, ids=ids) as index:
            found = index.query(users, 4, allow=named(lists), exclude=named(out), return_counts=True)
        assert np.array_equal(found[0][clear], named(wanted)[clear]) and (found[2][clear] == 4).all()
        assert not (found[0] == named(out)).any()


def test_a_forest(items, users, masks):
    forest = vrec.builder_factory("annoy", metric="euclidean", n_trees=5).from_embeddings(items)
    ids, _, counts = forest.query(users, 10, allow=masks, return_counts=True)
    assert (counts == 10).all() and all(mask[found].all() for mask, found in zip(masks, ids))


def test_nobody_and_nothing(indexer, users):
    assert (indexer.query(users, 5, allow=[])[0] == -1).all()
    assert (indexer.query(users, 5, allow=np.zeros(300, bool))[0] == -1).all()
    assert_same(indexer.query(users, 5, allow=range(300)), indexer.query(users, 5))
    assert indexer.query(users[:0], 5, allow=[[]][:0])[0].shape == (0, 5)
    assert_same(indexer.query(users[0], 5, allow=[3, 4]), indexer.query(users[:1], 5, allow=[[3, 4]]))


@pytest.mark.parametrize("options", [{}, {"index_type": "IVF", "nlists": 4, "nprobe": 4}, {"index_type": "HNSW"}])
def test_own_ids(options, items, users, masks, tmp_path):
    own = np.random.default_rng(1).permutation(300) * 10**9 - 7
    indexer = vrec.builder_factory("faiss", **options).from_embeddings(items, ids=own)
    plain = vrec.builder_factory("faiss").from_embeddings(items)
    assert np.array_equal(indexer.query(items, 1)[0][:, 0], own)
    ids, _ = plain.query(users, 5, allow=masks)
    assert np.array_equal(indexer.query(users, 5, allow=[own[mask] for mask in masks])[0], own[ids])
    in_order = np.isin(indexer.ids(), own[masks[0]])
    assert np.array_equal(indexer.query(users, 5, allow=in_order)[0], own[plain.query(users, 5, allow=masks[0])[0]])
    indexer.save(tmp_path / "own.index")
    assert_same(vrec.builder_factory("faiss").from_index_file(tmp_path / "own.index").query(users, 5),
                indexer.query(users, 5))


@pytest.mark.parametrize("ids, message, row", [
    ([1, 2], "ids: there are 2 for 300 items", None), (np.zeros(300, int), "rows 0 and 1 both have the id 0", 1),
    (np.arange(300) - 10, "that of row 9 is -1", 9), (np.ones((300, 1), int), "shape", None),
    (np.ones(300), "float64", None)])
def test_own_ids_refused(ids, message, row, items):
    with pytest.raises(vrec.ArgumentError, match=message) as error:
        vrec.builder_factory("faiss").from_embeddings(items, ids=ids)
    assert error.value.row == row


def test_own_ids_of_a_forest(items, users, tmp_path):
    builder = vrec.builder_factory("annoy", d=items.shape[1], metric="euclidean", searchk=10**6)
    plain, own = builder.from_embeddings(items), builder.from_embeddings(items, ids=np.arange(300) * 7)
    own.save(tmp_path / "a.ann")
    assert (tmp_path / "a.ann.ids").exists()
    for indexer in (own, builder.from_index_file(tmp_path / "a.ann")):
        ids = indexer.query(users, 5)[0]
        assert np.array_equal(ids, plain.query(users, 5)[0] * 7)
        assert not np.isin(indexer.query(users, 5, exclude=ids[0])[0][0], ids[0]).any()
        assert np.array_equal(np.sort(indexer.query(users[:1], 5, allow=ids[0])[0][0]), np.sort(ids[0]))


@pytest.mark.parametrize("allow", [
    np.ones(301, bool), np.ones((19, 300), bool), np.ones((20, 301), bool), [[1]] * 19, 5, "text", [1.5], [[1], 2]])
def test_refused(allow, indexer, users):
    with pytest.raises(vrec.ArgumentError, match="allow"):
        indexer.query(users, 5, allow=allow)
