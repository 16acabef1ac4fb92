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


@pytest.mark.parametrize("form", [list, tuple, set, np.array, range, lambda ids: np.array(ids, np.int32)[::-1], iter])
def test_one_list_for_all(form, indexer, users):
    unwanted = range(40, 90) if form is range else list(range(40, 90))
    given = unwanted if form is range else form(unwanted)
    assert_same(indexer.query(users, 30, exclude=given), indexer.query(users, 30, exclude=[unwanted] * 20))
    assert_same(indexer.query(users, 5, exclude=[]), indexer.query(users, 5))


def test_all_excluded(indexer, users):
    ids, _, counts = indexer.query(users, 5, exclude=[range(300)] * 20, return_counts=True)
    assert (ids == -1).all() and (counts == 0).all()


BAD_EXCLUSIONS = {
    "one list too few": [[1]] * 19,
    "one list too many": [[1]] * 21,
    "ids and lists": [1] * 19 + [[1]],
    "lists and ids": [[1]] * 19 + [1],
    "fractions": [[1.5]] * 20,
    "texts": [["a"]] * 20,
    "a text": "a" * 20,
    "a number": 5,
    "csr, too short": Csr([[1]] * 19),
    "ragged": [[[1], [2, 3]]] * 20,
    "an array of no dimensions": np.array(3),
    "records": np.zeros(20, [("a", int), ("b", int)]),
}


@pytest.mark.parametrize("what", BAD_EXCLUSIONS)
def test_exclusions_refused(what, indexer, users):
    with pytest.raises((ValueError, TypeError), match="exclu"):
        indexer.query(users, 5, exclude=BAD_EXCLUSIONS[what])


def marks(rng, dtype):
    """A dense matrix of users x items."""
    return (rng.random((20, 300)) < 0.1).astype(dtype)


DENSE = {
    "bool": lambda rng: marks(rng, bool),
    "float32": lambda rng: marks(rng, np.float32),
    "int64": lambda rng: marks(rng, np.int64),
    "counts": lambda rng: marks(rng, np.int32) * rng.integers(1, 9, (20, 300), np.int32),
    "lists of marks": lambda rng: marks(rng, int).tolist(),
    "some columns": lambda rng: marks(rng, int)[:, :40].tolist(),
}


@pytest.mark.parametrize("what", DENSE)
def test_a_dense_matrix_is_not_taken_for_lists(what, indexer, users, rng):
    with pytest.raises(vrec.ArgumentError, match="users x items"):
        indexer.query(users, 5, exclude=DENSE[what](rng))


@pytest.mark.parametrize("lists", [[[0, 1]] * 20, [[0]] * 20, [[1], [0, 1]] * 10, [[7, 7]] * 20, [[]] * 19 + [[0, 1]]])
def test_few_ids_are_no_marks(lists, indexer, users):
    expected = indexer.query(users, 5, exclude=Csr([sorted(set(each)) for each in lists]))
    assert_same(indexer.query(users, 5, exclude=lists), expected)


@pytest.mark.parametrize("form", ["bsr", "coo", "csc", "csr", "dia", "dok", "lil"])
def test_every_format_of_scipy(form, indexer, users, rng):
    matrix = sparse.csr_matrix(marks(rng, np.int8))
    lists = [matrix.indices[a:b] for a, b in zip(matrix.indptr, matrix.indptr[1:])]
    assert_same(indexer.query(users, 30, exclude=matrix.asformat(form)), indexer.query(users, 30, exclude=lists))


@pytest.mark.parametrize("indptr, indices", [
    ([0, 5] + [5] * 19, [1]), ([0, 2, 1] + [2] * 18, [1, 2]), ([-1] + [1] * 20, [1]), ([1] * 21, [1]),
    ([0, 2**62] + [2**62] * 19, [1])])
def test_csr_that_lies(indptr, indices, indexer, users):
    """What the offsets say is checked before a single id is read."""
    liar = Csr([[1]] * 20)
    liar.indptr, liar.indices = np.array(indptr, np.int64), np.array(indices, np.int64)
    with pytest.raises((ValueError, TypeError)):
        indexer.query(users, 5, exclude=liar)
