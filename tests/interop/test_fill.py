"""Rows that would be short: option fill, and exclusions that a walk through trees has to go around.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from vreclib import Builder

ROWS, DIM, QUERIES = 3000, 16, 20
KINDS = ["Flat", "HNSW", "IVF", "annoy"]
every_kind = pytest.mark.parametrize("kind", KINDS)

faiss.omp_set_num_threads(1)


@pytest.fixture(scope="module")
def data():
    """Lengths differ so much that a graph of inner products reaches only part of the items."""
    rng = np.random.default_rng(7)
    items = rng.standard_normal((ROWS, DIM)) * rng.lognormal(0, 1.5, (ROWS, 1))
    return items.astype(np.float32), rng.standard_normal((QUERIES, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def indexes(data, tmp_path_factory):
    items, _ = data
    graph = faiss.IndexHNSWFlat(DIM, 4, faiss.METRIC_INNER_PRODUCT)
    graph.add(items)
    path = tmp_path_factory.mktemp("fill") / "graph"
    faiss.write_index(graph, str(path))
    return {
        "Flat": Builder("faiss", metric="IP").from_embeddings(items),
        "HNSW": Builder("faiss").from_index_file(path),
        "IVF": Builder("faiss", index_type="IVF", metric="IP", nlists=60, nprobe=1).from_embeddings(items),
        "annoy": Builder("annoy", metric="dot", n_trees=3, searchk=20).from_embeddings(items),
    }


def exact(indexes, data, k, **options):
    return indexes["Flat"].query(data[1], k, **options)


def short(kind):
    """A k for which some rows fall short."""
    return ROWS if kind in ("Flat", "HNSW") else 600


@every_kind
def test_only_rows_that_are_short_change(kind, data, indexes):
    k = short(kind)
    plain, filled = indexes[kind].query(data[1], k), indexes[kind].query(data[1], k, fill="yes")
    truth, full = exact(indexes, data, k), plain[2] == k
    assert np.all(filled[2] == k) and (kind == "Flat" or not full.all())
    for part in range(3):
        assert np.array_equal(filled[part][full], plain[part][full])
    assert np.array_equal(filled[0][~full], truth[0][~full])
    assert np.allclose(filled[1][~full], truth[1][~full], rtol=1e-5, atol=1e-5)


@every_kind
@pytest.mark.parametrize("threads", [1, 3])
def test_with_exclusions_and_allowance(kind, threads, data, indexes):
    rng = np.random.default_rng(1)
    k, allow = ROWS, rng.random((QUERIES, ROWS)) < 0.7
    out = [rng.permutation(ROWS)[:rng.integers(0, 900)] for _ in range(QUERIES)]
    options = {"allow": allow, "exclude": out, "threads": threads}
    filled, truth = indexes[kind].query(data[1], k, fill="yes", **options), exact(indexes, data, k, **options)
    assert np.array_equal(filled[2], truth[2]) and np.array_equal(filled[0], truth[0])


@every_kind
def test_fewer_items_than_asked_for(kind, data, indexes):
    ids, _, counts = indexes[kind].query(data[1][:3], ROWS + 5, fill="yes")
    assert np.all(counts == ROWS) and np.all(ids[:, ROWS:] == -1)
    assert np.array_equal(np.sort(ids[:, :ROWS]), np.tile(np.arange(ROWS), (3, 1)))


def test_a_query_that_is_no_number_stays_empty(data, indexes):
    queries = data[1][:2].copy()
    queries[0, 3] = np.nan
    for kind in KINDS:
        counts = indexes[kind].query(queries, ROWS, fill="yes")[2]
        assert counts[0] == 0 and counts[1] == ROWS


def test_by_codes():
    """So many trees that their candidates repeat, and fewer than top_k differ."""
    rng = np.random.default_rng(3)
    items, queries = (rng.standard_normal((rows, 2)).astype(np.float32) for rows in (ROWS, QUERIES))
    index = Builder("annoy", metric="euclidean", n_trees=100).from_embeddings(items)
    for _ in range(3):
        index.query(items, 10, searchk=1500)  # after which there are codes
    plain = index.query(queries, 100, searchk=404)
    filled = index.query(queries, 100, searchk=404, fill="yes")
    truth = Builder("faiss").from_embeddings(items).query(queries, 100)
    full = plain[2] == 100
    assert not full.all() and np.all(filled[2] == 100)
    assert np.array_equal(filled[0], np.where(full[:, None], plain[0], truth[0]))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_exclusions_never_shorten_a_forests_rows(share, data, indexes):
    """Without fill, and with a searchk that is less than top_k."""
    rng = np.random.default_rng(2)
    k, count = 100, int(share * ROWS)
    out = [rng.permutation(ROWS)[:count] for _ in range(QUERIES)]
    allow = np.ones((QUERIES, ROWS), bool)
    for row, ids in enumerate(out):
        allow[row, ids] = False
    for options in ({"exclude": out}, {"allow": allow}):
        ids, _, counts = indexes["annoy"].query(data[1], k, **options)
        assert np.all(counts == k)
        assert all(len(set(row)) == k and allow[q, row].all() for q, row in enumerate(ids))
    assert np.any(indexes["annoy"].query(data[1], k)[2] < k)  # as Annoy has it


def test_a_query_without_exclusions_among_others_stays_as_it_is(data, indexes):
    out = [np.arange(500) if q % 2 else np.empty(0, np.int64) for q in range(QUERIES)]
    some, plain = indexes["annoy"].query(data[1], 100, exclude=out), indexes["annoy"].query(data[1], 100)
    assert np.array_equal(some[0][::2], plain[0][::2]) and np.all(some[2][1::2] == 100)
