"""What a query can be asked, and what comes out.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec
from tools import assert_same, true_distances


@pytest.fixture
def forest(items):
    return vrec.builder_factory("annoy", metric="euclidean", n_trees=5, seed=1).from_embeddings(items)


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_exact(metric, items, users):
    index = vrec.builder_factory("faiss", metric=metric).from_embeddings(items)
    ids, distances = index.query(users, 7)
    true, _ = true_distances(metric, items, users)
    order = np.argsort(-true if metric == "IP" else true, axis=1)[:, :7]
    assert np.array_equal(ids, order)
    assert np.allclose(distances, np.take_along_axis(true, order, 1), rtol=1e-5, atol=1e-5)
    assert (ids.dtype, distances.dtype) == (np.int64, np.float32)
    assert ids.flags.c_contiguous and ids.flags.writeable and distances.flags.writeable


def test_names_of_arguments(indexer, users):
    assert_same(indexer.query(embeddings=users, top_k=5), indexer.query(users, 5))
    with pytest.raises(TypeError):
        indexer.query(users)
    with pytest.raises(TypeError):
        indexer.query(users, 5, 1)  # what follows goes by name


def test_results_are_the_callers(indexer, users):
    first = indexer.query(users, 5)
    kept = [part.copy() for part in first]
    indexer.query(-users, 5)
    assert_same(first, kept)
    first[0][:] = 7
    assert not (indexer.query(users, 5)[0] == 7).all()


@pytest.mark.parametrize("top_k", [0, -1, 16385, 2**31, 2**63, -(2**70)])
def test_top_k_out_of_range(top_k, indexer, users):
    with pytest.raises(vrec.ArgumentError, match="top_k"):
        indexer.query(users, top_k)


@pytest.mark.parametrize("top_k", [1.5, 5.0, "5", None, [5]])
def test_top_k_of_the_wrong_type(top_k, indexer, users):
    with pytest.raises(TypeError):
        indexer.query(users, top_k)


def test_top_k_of_numpy(indexer, users):
    assert_same(indexer.query(users, np.int64(5)), indexer.query(users, 5))
    assert_same(indexer.query(users, np.uint8(5)), indexer.query(users, 5))


def test_more_than_there_are(indexer, users):
    ids, distances, counts = indexer.query(users, 301, return_counts=True)
    assert counts.tolist() == [300] * 20
    assert (ids[:, 300] == -1).all() and np.isposinf(distances[:, 300]).all()
    assert indexer.query(users, 16384)[0].shape == (20, 16384)


def test_padding_where_larger_is_nearer(items, users):
    index = vrec.builder_factory("faiss", metric="IP").from_embeddings(items[:3])
    ids, distances = index.query(users, 5)
    assert (ids[:, 3:] == -1).all() and np.isneginf(distances[:, 3:]).all()


def test_counts(indexer, users):
    assert len(indexer.query(users, 5)) == len(indexer.query(users, 5, return_counts=False)) == 2
    ids, distances, counts = indexer.query(users, 5, return_counts=True)
    assert_same((ids, distances), indexer.query(users, 5))
    assert counts.dtype == np.int64 and counts.shape == (20,)


# ---- Options of one query ----

def test_overrides(forest, users):
    few, many = forest.query(users, 10, searchk=10)[0], forest.query(users, 10, searchk=3000)[0]
    exact = forest.query(users, 10, searchk=10**6)
    assert (few != many).any()
    assert_same(forest.query(users, 10, search_k=10), forest.query(users, 10, searchk=10))
    assert_same(forest.query(users, 10, searchk=None), forest.query(users, 10))
    assert_same(forest.query(users, 10, searchk=np.int32(10)), forest.query(users, 10, searchk=10))
    true = np.sqrt(true_distances("L2", np.asarray(items_of(forest)), users)[0])
    assert np.array_equal(exact[0], np.argsort(true, axis=1)[:, :10])


def items_of(forest):
    """The items of the fixture: the forest can't be asked for them."""
    return np.random.default_rng(20240229).standard_normal((len(forest), forest.dim), dtype=np.float32)


@pytest.mark.parametrize("overrides, words", [
    ({"searchkk": 5}, "searchk"), ({"n_trees": 5}, "n_trees"), ({"searchk": "many"}, "searchk"),
    ({"searchk": -7}, "searchk"), ({"searchk": 1.5}, "searchk"), ({"searchk": True}, "searchk"),
    ({"searchk": [5]}, "searchk"), ({"searchk": 5, "search_k": 6}, "searchk")])
def test_bad_overrides(overrides, words, forest, users):
    with pytest.raises(vrec.OptionError, match=words) as error:
        forest.query(users, 5, **overrides)
    assert isinstance(error.value, ValueError) and isinstance(error.value, TypeError)


def test_a_builder_has_them_for_all_queries(items, users, forest):
    builder = vrec.builder_factory("annoy", metric="euclidean", n_trees=5, seed=1, searchk=10)
    index = builder.from_embeddings(items)
    assert_same(index.query(users, 10), forest.query(users, 10, searchk=10))
    assert_same(index.query(users, 10, searchk=-1), forest.query(users, 10))


@pytest.mark.parametrize("threads", [-1, 0, 1, 2, 7])
def test_threads_change_nothing(threads, indexer, forest, rng):
    users = rng.standard_normal((500, 8), dtype=np.float32)
    for index in (indexer, forest):
        assert_same(index.query(users, 10, threads=threads), index.query(users, 10))


def test_bad_threads(indexer, users):
    for threads in (-2, 2**40):
        with pytest.raises(ValueError, match="threads"):
            indexer.query(users, 5, threads=threads)
    with pytest.raises(TypeError):
        indexer.query(users, 5, threads="2")


def test_default_threads(indexer, users):
    try:
        for threads in (1, 2, -1):
            vrec.set_default_threads(threads)
            assert indexer.query(users, 5)[0].shape == (20, 5)
        for threads in (0, -2):
            with pytest.raises(ValueError):
                vrec.set_default_threads(threads)
    finally:
        vrec.set_default_threads(-1)


@pytest.mark.parametrize("overrides, message", [
    ({"exlude": [[1]]},
     'faiss has no option "exlude"; query itself takes threads, exclude, allow, valid, merge, return_counts and progress'),
    ({"filter": [1]}, 'faiss has no option "filter"; query itself takes threads, exclude, allow, valid, merge, return_counts and progress'),
    ({"metrik": "L2"}, 'faiss has no option "metrik"; query itself takes threads, exclude, allow, valid, merge, return_counts and progress'),
    ({"metric": "L2"}, "faiss: metric can't be set for one query; set it on the builder")])
def test_what_a_query_does_not_take(indexer, users, overrides, message):
    with pytest.raises(vrec.OptionError) as error:
        indexer.query(users, 5, **overrides)
    assert str(error.value) == message


def test_a_guess_among_the_options_of_a_query(items, users):
    with vrec.builder_factory("annoy").from_embeddings(items) as forest:
        with pytest.raises(vrec.OptionError) as error:
            forest.query(users, 5, serchk=100)
    assert str(error.value) == 'annoy has no option "serchk"; did you mean "searchk"?'
