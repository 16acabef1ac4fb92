"""Graphs that the real FAISS has made, optimized: it finds more by them then, and in less time.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from test_hnsw import DIM, QUERIES, ROWS, build, recall, truth_of, write
from test_hnsw_build import links, reached
from vreclib import Builder

BUILT = {"index_type": "HNSW", "efConstruction": 60}  # as build() of test_hnsw.py


def optimized(path, folder, queries=None, **options):
    """What FAISS reads of the file that was made of its file; the path."""
    ours, better = Builder("faiss", **options).from_index_file(path), folder / "better.index"
    ours.optimize(queries)
    ours.save(better)
    return faiss.read_index(str(better)), better


def found(index, ef, queries, truth, **parameters):
    """FAISS's own recall."""
    index.hnsw.efSearch = ef
    only = faiss.SearchParametersHNSW(efSearch=ef, **parameters)
    return recall(index.search(queries, truth.shape[1], params=only)[1], truth)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    return tuple(rng.standard_normal((n, DIM)).astype(np.float32) for n in (4 * ROWS, QUERIES))


@pytest.fixture(scope="module")
def users():
    """Items of several kinds, of lengths as different as learned ones, and users who like some kinds: queries, and others."""
    rng = np.random.default_rng(6)
    kinds = rng.standard_normal((40, DIM))
    items = kinds[rng.integers(0, 40, 8000)] + 0.3 * rng.standard_normal((8000, DIM))
    items *= rng.lognormal(0, 0.4, (len(items), 1))
    users = sum(kinds[rng.integers(0, 40, 3000)] for _ in range(4)) / 4 + 0.1 * rng.standard_normal((3000, DIM))
    return items.astype(np.float32), users[:300].astype(np.float32), users[300:].astype(np.float32)


def test_inner_products_of_items_that_differ_in_length(tmp_path, users):
    """FAISS's graph leads to a third of them, and its recall@50 at efSearch 64 is .87; then it is .998."""
    items, queries, sample = users
    truth, norms = truth_of("IP", items, queries, 50), np.linalg.norm(items, axis=1)
    short = np.flatnonzero(norms < np.median(norms))
    truth_of_short = short[truth_of("IP", items[short], queries, 50)]
    own = build("IP", items)
    path = write(own, tmp_path)
    sides = {"own": own, "optimized": optimized(path, tmp_path)[0], "taught": optimized(path, tmp_path, sample)[0]}
    reach, at64, of_short = {}, {}, {}
    for name, index in sides.items():
        reach[name] = reached(links(index, 0), [index.hnsw.entry_point]) / len(items)
        at64[name] = found(index, 64, queries, truth)
        of_short[name] = found(index, 256, queries, truth_of_short, sel=faiss.IDSelectorBatch(short))
        print(f"{name:9}  reach {reach[name]:.3f}  recall@50 {at64[name]:.4f}, of the shorter half {of_short[name]:.4f}")
    assert reach["own"] < 0.5 and reach["optimized"] == reach["taught"] == 1
    assert at64["own"] < 0.9 and min(at64["optimized"], at64["taught"]) > 0.98
    assert of_short["own"] < 0.3 and min(of_short["optimized"], of_short["taught"]) > 0.95


@pytest.mark.parametrize("m, ef_construction", [(4, 60), (16, 40), (16, 200), (32, 60)])
def test_distances(tmp_path, data, m, ef_construction):
    """At every efSearch FAISS finds as much as by its own graph, or more."""
    items, queries = data
    truth, own = truth_of("L2", items, queries, 10), build("L2", items, m=m, ef_construction=ef_construction)
    better = optimized(write(own, tmp_path), tmp_path)[0]
    for ef in (16, 40, 80, 160, 320):
        one, other = (found(index, ef, queries, truth) for index in (better, own))
        print(f"m={m} efConstruction={ef_construction} efSearch={ef}: {other:.4f} -> {one:.4f}")
        assert one >= other - 0.001, ef
    assert reached(links(better, 0), [better.hnsw.entry_point]) == len(items)


@pytest.mark.parametrize("metric, m", [("L2", 2), ("L2", 16), ("IP", 7)])
def test_the_graph_that_a_build_makes(tmp_path, data, metric, m):
    """At any number of threads; also mapped. FAISS has drawn the levels as a build of vrec does."""
    items = data[0][:3000] * np.exp(np.random.default_rng(3).normal(size=(3000, 1))).astype(np.float32)
    path = write(build(metric, items, m=m, ef_search=33), tmp_path)
    Builder("faiss", metric=metric, m=m, efSearch=33, **BUILT).from_embeddings(items).save(tmp_path / "built.index")
    for options in ({"threads": 1}, {"threads": 5, "load": "map"}):
        better, file = optimized(path, tmp_path, **options)
        assert file.read_bytes() == (tmp_path / "built.index").read_bytes()
        assert file.stat().st_size == path.stat().st_size
        assert (better.hnsw.efSearch, better.hnsw.efConstruction, better.metric_type) == (33, 60, build(metric, items[:0]).metric_type)


def test_a_graph_that_grew(tmp_path, data):
    """Its levels were drawn anew with each call of add, and stay."""
    items, queries = data
    own = build("L2", items[:5000])
    own.add(items[5000:])
    better, _ = optimized(write(own, tmp_path), tmp_path)
    for array in ("levels", "offsets", "cum_nneighbor_per_level", "assign_probas"):
        one, other = (faiss.vector_to_array(getattr(index.hnsw, array)) for index in (better, own))
        assert np.array_equal(one, other), array
    truth = truth_of("L2", items, queries, 10)
    assert found(better, 64, queries, truth) >= found(own, 64, queries, truth) - 0.001


@pytest.mark.parametrize("kind", [faiss.IndexIDMap, faiss.IndexIDMap2])
def test_ids_stay(tmp_path, data, kind):
    items, queries = data[0][:3000], data[1]
    own = np.random.default_rng(2).permutation(30000)[:3000].astype(np.int64)
    mapped = kind(build("L2", items[:0]))
    mapped.add_with_ids(items, own)
    better, _ = optimized(write(mapped, tmp_path), tmp_path)
    assert isinstance(better, kind) and np.array_equal(faiss.vector_to_array(better.id_map), own)
    faiss.downcast_index(better.index).hnsw.efSearch = 200
    assert recall(better.search(queries, 10)[1], own[truth_of("L2", items, queries, 10)]) > 0.99


@pytest.mark.parametrize("n", [0, 1, 2, 40])
def test_few_items(tmp_path, data, n):
    own = build("L2", data[0][:n], m=4)
    path = write(own, tmp_path)
    better, file = optimized(path, tmp_path)
    assert better.ntotal == n and (n > 1 or file.read_bytes() == path.read_bytes())
    if n:
        better.hnsw.efSearch = n
        assert np.array_equal(better.search(data[1], n)[1], truth_of("L2", data[0][:n], data[1], n))


def test_an_ip_header_over_l2_vectors(tmp_path, data):
    """torch_rechub.utils.match.Faiss sets the metric after the graph was built as L2: it becomes one of inner products."""
    items, queries = data[0] * np.exp(np.random.default_rng(3).normal(size=(len(data[0]), 1))).astype(np.float32), data[1]
    index = build("L2", items)
    index.metric_type = faiss.METRIC_INNER_PRODUCT
    truth = truth_of("IP", items, queries, 10)
    better, _ = optimized(write(index, tmp_path), tmp_path)
    assert better.metric_type == faiss.METRIC_INNER_PRODUCT
    assert found(better, 64, queries, truth) > 0.95
