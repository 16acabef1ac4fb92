"""Who may be returned: every kind of index, against numpy.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
import vreclib
from vreclib import Builder, VrecError

ROWS, DIM, QUERIES, K = 3000, 24, 30, 10
KINDS = ["Flat", "HNSW", "IVF", "annoy"]
every_kind = pytest.mark.parametrize("kind", KINDS)
every_share = pytest.mark.parametrize("share", [0.0, 0.002, 0.05, 0.5, 1.0])

faiss.omp_set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    return (rng.standard_normal((ROWS, DIM)).astype(np.float32), rng.standard_normal((QUERIES, DIM)).astype(np.float32))


@pytest.fixture(scope="module")
def indexes(data, tmp_path_factory):
    items, _ = data
    folder = tmp_path_factory.mktemp("allowance")
    graph = faiss.IndexHNSWFlat(DIM, 16, faiss.METRIC_L2)
    graph.hnsw.efSearch = 64
    graph.add(items)
    lists = faiss.IndexIVFFlat(faiss.IndexFlatL2(DIM), DIM, 30, faiss.METRIC_L2)
    lists.train(items)
    lists.add(items)
    lists.nprobe = 20
    for name, index in (("HNSW", graph), ("IVF", lists)):
        faiss.write_index(index, str(folder / name))
    return {
        "Flat": Builder("faiss").from_embeddings(items),
        "HNSW": Builder("faiss").from_index_file(folder / "HNSW"),
        "IVF": Builder("faiss").from_index_file(folder / "IVF"),
        "annoy": Builder("annoy", metric="euclidean", n_trees=20, searchk=1000).from_embeddings(items),
    }


def truth_of(data, allowed):
    """For each query the K nearest of the rows that it may get, -1 after the last."""
    items, queries = data
    distances = ((queries[:, None].astype(np.float64) - items[None]) ** 2).sum(2)
    distances[~allowed] = np.inf
    ids = np.argsort(distances, axis=1, kind="stable")[:, :K]
    return np.where(np.isinf(np.take_along_axis(distances, ids, 1)), -1, ids)


def recall(ids, truth):
    hits = sum(len(np.intersect1d(a[a >= 0], b[b >= 0])) for a, b in zip(ids, truth))
    return hits / max((truth >= 0).sum(), 1)


def check(kind, data, allowed, found):
    """Nobody else is returned, and nobody is missing. Approximate kinds find as much as without a filter, and everything
    where few are left."""
    ids, _, counts = found
    truth = truth_of(data, allowed)
    assert np.array_equal(counts, np.minimum(allowed.sum(1), K))
    for row in range(QUERIES):
        got = ids[row, :counts[row]]
        assert allowed[row, got].all() and len(set(got)) == counts[row] and np.all(ids[row, counts[row]:] == -1)
    few = allowed.sum(1).max() < (100 if kind in ("HNSW", "annoy") else K)
    least = {"Flat": 1.0, "HNSW": 0.9, "IVF": 0.8, "annoy": 0.8}[kind]
    if counts.any():
        assert recall(ids, truth) >= (1.0 if few else least)


@every_kind
@every_share
@pytest.mark.parametrize("threads", [1, 3])
def test_a_bitmap_for_all(kind, share, threads, data, indexes):
    allow = np.random.default_rng(1).random(ROWS) < share
    check(kind, data, np.tile(allow, (QUERIES, 1)), indexes[kind].query(data[1], K, threads=threads, allow=allow))


@every_kind
@every_share
def test_a_bitmap_for_each(kind, share, data, indexes):
    rng = np.random.default_rng(2)
    allow = rng.random((QUERIES, ROWS)) < share * rng.random((QUERIES, 1))
    check(kind, data, allow, indexes[kind].query(data[1], K, threads=2, allow=allow))
    one = [indexes[kind].query(data[1][i:i + 1], K, allow=allow[i:i + 1]) for i in range(QUERIES)]
    together = indexes[kind].query(data[1], K, allow=allow)
    assert all(np.array_equal(together[part], np.concatenate([each[part] for each in one])) for part in range(3))


@every_kind
@pytest.mark.parametrize("count", [0, 1, 300, ROWS - 5, ROWS])
def test_one_list_of_exclusions_for_all(kind, count, data, indexes):
    excluded = np.random.default_rng(3).permutation(ROWS)[:count]
    allowed = np.ones((QUERIES, ROWS), bool)
    allowed[:, excluded] = False
    found = indexes[kind].query(data[1], K, exclude=excluded)
    check(kind, data, allowed, found)
    each = indexes[kind].query(data[1], K, exclude=[excluded] * QUERIES)
    assert all(map(np.array_equal, found, each))


@every_kind
def test_both(kind, data, indexes):
    rng = np.random.default_rng(4)
    allow, out = rng.random((QUERIES, ROWS)) < 0.1, [rng.permutation(ROWS)[:200] for _ in range(QUERIES)]
    allowed = allow.copy()
    for row, ids in enumerate(out):
        allowed[row, ids] = False
    check(kind, data, allowed, indexes[kind].query(data[1], K, allow=allow, exclude=out))


@every_kind
def test_a_bitmap_of_another_index(kind, data, indexes):
    with pytest.raises(VrecError, match="allow has bits for 3001 rows, but the index has 3000 rows") as failure:
        indexes[kind].query(data[1], K, allow=np.ones(ROWS + 1, bool))
    assert failure.value.status == vreclib.INVALID


@every_kind
def test_a_short_bitmap_allows_nothing_beyond(kind, data, indexes):
    allowed = np.zeros((QUERIES, ROWS), bool)
    allowed[:, :1234] = np.random.default_rng(5).random((QUERIES, 1234)) < 0.3
    check(kind, data, allowed, indexes[kind].query(data[1], K, allow=allowed[:, :1234]))
    check(kind, data, allowed[:1].repeat(QUERIES, 0), indexes[kind].query(data[1], K, allow=allowed[0, :1234]))
