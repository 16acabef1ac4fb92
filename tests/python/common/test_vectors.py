"""What an index holds, and item to item.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec
from tools import assert_same

BACKENDS = {"faiss": {}, "annoy": {"metric": "euclidean", "n_trees": 10}}


@pytest.fixture(params=BACKENDS)
def index(request, items):
    with vrec.builder_factory(request.param, **BACKENDS[request.param]).from_embeddings(items) as made:
        yield made


def test_vectors(index, items, rng):
    assert index.ids().tolist() == list(range(300)) and index.ids().dtype == np.int64
    for ids in (rng.permutation(300), [5, 5, 0], np.array([7], np.uint8), range(10, 20), [], 3, np.int64(4)):
        found = index.vectors(ids)
        assert found.dtype == np.float32 and np.array_equal(found, items[np.atleast_1d(ids).astype(int)])
    found = index.vectors([1])
    found[:] = 0
    assert np.array_equal(index.vectors([1]), items[1:2])


@pytest.mark.parametrize("bad", [[300], [-1], [0, 2**62], [1.5], ["a"], [[1]], None, "a", 2**70])
def test_ids_that_are_none(index, bad):
    with pytest.raises(vrec.Error, match="ids|vectors"):
        index.vectors(bad)


def test_contains(index):
    assert 0 in index and 299 in index and np.int32(7) in index
    for none in (300, -1, 2**62, 2**70, 1.5, "a", None):
        assert none not in index


def test_item_to_item(index, items):
    ids, distances = index.similar([3, 200], 5)
    assert ids.shape == (2, 5) and 3 not in ids[0] and 200 not in ids[1]
    assert_same((ids, distances), index.query(items[[3, 200]], 5, exclude=[[3], [200]]))
    assert_same(index.similar(3, 5, threads=1), (ids[:1], distances[:1]))
    with pytest.raises(vrec.ArgumentError, match="no item has id 300"):
        index.similar([1, 300], 5)


def test_after_the_end(items):
    made = vrec.builder_factory("faiss").from_embeddings(items)
    made.close()
    for call in (made.ids, lambda: made.vectors([1]), lambda: made.similar([1], 2), lambda: 1 in made):
        with pytest.raises(vrec.ClosedError):
            call()
