"""Several vectors per user. SPDX-License-Identifier: Apache-2.0"""

import numpy as np
import pytest
from vrec import ArgumentError, builder_factory

USERS, EACH, K = 12, 3, 5


@pytest.fixture
def interests(rng):
    return rng.standard_normal((USERS, EACH, 8), dtype=np.float32)


def nearest(items, interests, valid, score, allowed=None):
    """By numpy: the ids that each user gets."""
    rows = []
    for u, (some, count) in enumerate(zip(interests, valid)):
        far = ((some[:count, None].astype(np.float64) - items) ** 2).sum(2)
        if allowed is not None:
            far[:, ~allowed[u]] = np.inf
        found = np.unique(np.argsort(far, axis=1)[:, :K])
        order = np.argsort(score(far[:, found], axis=0))[:K] if count else []
        rows.append(found[order].tolist() + [-1] * (K - len(order)))
    return rows


@pytest.mark.parametrize("merge, score", [(None, np.min), ("best", np.min), ("sum", np.sum)])
def test_users_of_several_interests(merge, score, items, interests, indexer):
    valid = np.arange(USERS) % (EACH + 1)
    ids, distances, counts = indexer.query(interests, K, valid=valid, merge=merge, return_counts=True)
    assert ids.shape == distances.shape == (USERS, K) and counts.tolist() == [K if n else 0 for n in valid]
    assert ids.tolist() == nearest(items, interests, valid, score)
    assert indexer.query(interests, K, merge=merge)[0].tolist() == nearest(items, interests, [EACH] * USERS, score)


def test_round_robin(indexer, interests):
    ids, _ = indexer.query(interests, K, merge="round-robin")
    firsts = np.stack([indexer.query(interests[:, i], 1)[0][:, 0] for i in range(EACH)], 1)
    for row, first in zip(ids, firsts):
        distinct = list(dict.fromkeys(first.tolist()))
        assert row[:len(distinct)].tolist() == distinct and len(set(row.tolist())) == K


def test_exclusions_and_allowance_are_of_users(items, interests, indexer, rng):
    out = [rng.permutation(300)[:rng.integers(0, 200)] for _ in range(USERS)]
    mask = rng.random((USERS, 300)) < 0.4
    allowed = mask.copy()
    for u, ids in enumerate(out):
        allowed[u, ids] = False
    wanted = nearest(items, interests, [EACH] * USERS, np.min, allowed)
    assert indexer.query(interests, K, exclude=out, allow=mask)[0].tolist() == wanted
    lists = [np.flatnonzero(row) for row in mask]
    assert indexer.query(interests, K, exclude=out, allow=lists)[0].tolist() == wanted
    assert indexer.query(interests, K, allow=lists, valid=np.full(USERS, 2))[0].tolist() == nearest(
        items, interests, [2] * USERS, np.min, mask)


def test_allowance_in_parts(rng):
    """Users whose bitmaps aren't all made together."""
    items, lists = rng.standard_normal((100_000, 2), np.float32), rng.integers(100_000, size=(6_000, 3))
    interests, valid = rng.standard_normal((6_000, 2, 2), np.float32), np.arange(6_000) % 3
    with builder_factory("faiss").from_embeddings(items) as index:
        ids, _ = index.query(interests, 3, allow=lists, valid=valid)
        last = index.query(interests[-50:], 3, allow=lists[-50:], valid=valid[-50:])[0]
    assert np.array_equal(ids[-50:], last) and (ids[valid == 0] == -1).all()
    assert np.array_equal(np.sort(ids[valid > 0][:, 0]) >= 0, np.ones((valid > 0).sum(), bool))


def test_memory_of_any_order_and_type(interests, indexer):
    wanted = indexer.query(interests, K)
    turned = np.ascontiguousarray(interests.transpose(2, 0, 1)).transpose(1, 2, 0)
    assert all(map(np.array_equal, indexer.query(turned, K), wanted))
    assert np.array_equal(indexer.query(interests.astype(np.float64), K, valid=[EACH] * USERS)[0], wanted[0])


def test_every_backend_merges(items, interests):
    for backend, options in (("annoy", {"metric": "euclidean", "searchk": 10**6}),
                             ("faiss", {"index_type": "HNSW", "efSearch": 300}),
                             ("faiss", {"index_type": "IVF", "nlists": 5, "nprobe": 5})):
        with builder_factory(backend, **options).from_embeddings(items) as index:
            assert index.query(interests, K)[0].tolist() == nearest(items, interests, [EACH] * USERS, np.min)


@pytest.mark.parametrize("arguments, message", [
    ({"merge": "max"}, "merge is 'max'; it takes \"best\", \"sum\" or \"round-robin\""),
    ({"valid": [1, 2]}, "valid is for 2 users, and there are 12"),
    ({"valid": [4] * USERS}, "user 0 has 4 valid interests; it takes 0 to 3"),
    ({"valid": [0.5] * USERS}, "valid: float64 values"),
])
def test_what_is_refused(arguments, message, interests, indexer):
    with pytest.raises(ArgumentError, match=message):
        indexer.query(interests, K, **arguments)


def test_queries_without_interests(users, interests, indexer):
    for arguments in ({"merge": "sum"}, {"valid": [1] * 20}):
        with pytest.raises(ArgumentError, match=r"is for embeddings of shape \(users, interests, dim\)"):
            indexer.query(users, K, **arguments)
    with pytest.raises(ArgumentError, match=r"shape \(12, 0, 8\) has no interests"):
        indexer.query(interests[:, :0], K)
    assert indexer.query(interests[:0], K)[0].shape == (0, K)
