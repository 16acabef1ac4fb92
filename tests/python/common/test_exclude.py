"""Items that a query must not get.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import scipy.sparse as sparse
import vrec
from tools import assert_same


@pytest.fixture
def forest(items):
    return vrec.builder_factory("annoy", metric="euclidean", n_trees=5, seed=1).from_embeddings(items)


def exclusions(rng, how_many):
    return [rng.choice(300, size=rng.integers(0, 200), replace=False) for _ in range(how_many)]


class Csr:
    """Of scipy's matrices, what is asked for."""

    def __init__(self, lists, dtype=np.int32):
        self.indptr = np.cumsum([0, *map(len, lists)]).astype(dtype)
        self.indices = np.concatenate([*lists, []]).astype(dtype)


def forms(lists):
    yield "arrays", lists
    yield "lists", [each.tolist() for each in lists]
    yield "tuple of sets", tuple(set(each.tolist()) for each in lists)
    yield "int32", [each.astype(np.int32) for each in lists]
    yield "sorted", [np.sort(each) for each in lists]
    yield "twice", [np.concatenate([each, each]) for each in lists]
    yield "backwards", [np.sort(each)[::-1] for each in lists]
    yield "strided", [np.repeat(each, 2)[::2] for each in lists]
    yield "csr", Csr(lists)
    yield "csr int64", Csr(lists, np.int64)


@pytest.mark.parametrize("form", range(10))
def test_exclusions(form, indexer, users, rng):
    lists = exclusions(rng, len(users))
    name, given = list(forms(lists))[form]
    before = [each.copy() for each in lists]
    ids, distances, counts = indexer.query(users, 30, exclude=given, return_counts=True)
    all_ids, all_distances = indexer.query(users, 300)
    for row, unwanted in enumerate(lists):
        keep = ~np.isin(all_ids[row], unwanted)
        assert ids[row].tolist() == all_ids[row][keep][:30].tolist(), name
        assert distances[row].tolist() == all_distances[row][keep][:30].tolist(), name
    assert (counts == 30).all()
    assert all(map(np.array_equal, lists, before)), "the caller's lists have changed"


def test_exclusions_of_scipy(indexer, users, rng):
    lists = exclusions(rng, len(users))
    dense = np.zeros((len(users), 300), np.int8)
    for row, unwanted in enumerate(lists):
        dense[row, unwanted] = 1
    expected = indexer.query(users, 30, exclude=lists)
    assert_same(indexer.query(users, 30, exclude=sparse.csr_matrix(dense)), expected)
    shuffled = sparse.csr_matrix((np.ones(sum(map(len, lists))), np.concatenate(lists),
                                  np.cumsum([0, *map(len, lists)])), shape=dense.shape)
    assert_same(indexer.query(users, 30, exclude=shuffled), expected)


def test_exclusions_of_a_forest(forest, users, rng):
    lists = exclusions(rng, len(users))
    ids, _ = forest.query(users, 10, exclude=lists, searchk=3000)
    assert not any(np.isin(found, unwanted).any() for found, unwanted in zip(ids, lists))
    assert not (ids == -1).any()


def test_nothing_excluded(indexer, users):
    expected = indexer.query(users, 5)
    for nothing in (None, [[]] * 20, [np.array([], np.int64)] * 20, Csr([[]] * 20)):
        assert_same(indexer.query(users, 5, exclude=nothing), expected)
    assert_same(indexer.query(users, 5, exclude=[[-1, 300, 2**62]] * 20), expected)
    assert_same(indexer.query(users[0], 5, exclude=[[]]), indexer.query(users[:1], 5))


def test_all_excluded(indexer, users):
    ids, _, counts = indexer.query(users, 5, exclude=[range(300)] * 20, return_counts=True)
    assert (ids == -1).all() and (counts == 0).all()


BAD_EXCLUSIONS = {
    "one list too few": [[1]] * 19,
    "one list too many": [[1]] * 21,
    "ids and no lists": [1] * 20,
    "fractions": [[1.5]] * 20,
    "texts": [["a"]] * 20,
    "a text": "a" * 20,
    "a number": 5,
    "csr, too short": Csr([[1]] * 19),
}


@pytest.mark.parametrize("what", BAD_EXCLUSIONS)
def test_exclusions_refused(what, indexer, users):
    with pytest.raises((ValueError, TypeError), match="exclu"):
        indexer.query(users, 5, exclude=BAD_EXCLUSIONS[what])


@pytest.mark.parametrize("indptr, indices", [
    ([0, 5] + [5] * 19, [1]), ([0, 2, 1] + [2] * 18, [1, 2]), ([-1] + [1] * 20, [1]), ([1] * 21, [1]),
    ([0, 2**62] + [2**62] * 19, [1])])
def test_csr_that_lies(indptr, indices, indexer, users):
    """What the offsets say is checked before a single id is read."""
    liar = Csr([[1]] * 20)
    liar.indptr, liar.indices = np.array(indptr, np.int64), np.array(indices, np.int64)
    with pytest.raises((ValueError, TypeError)):
        indexer.query(users, 5, exclude=liar)
