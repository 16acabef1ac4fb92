"""The engines of torch_rechub.utils.match, and ours of the same names. SPDX-License-Identifier: Apache-2.0"""

import inspect

import faiss
import numpy as np
import pytest
import torch
import torch_rechub.utils.match as theirs
import vrec
import vrec.utils.match as ours
from tools import assert_as_near, takes

TOP_K = 7


def public(engine):
    return {name for name, value in vars(engine).items() if inspect.isfunction(value) and not name.startswith("_")}


@pytest.mark.parametrize("name", ["Annoy", "Faiss", "Milvus"])
def test_names_and_arguments(name):
    mine, other = getattr(ours, name), getattr(theirs, name)
    for method in {"__init__"} | public(other) - {"process_result"}:
        wanted = list(inspect.signature(getattr(other, method)).parameters.items())
        got = list(inspect.signature(getattr(mine, method)).parameters.items())[:len(wanted)]
        assert [(key, each.default) for key, each in got] == [(key, each.default) for key, each in wanted], method


def assert_nested(answer, kind, queries=None):
    """Lists of plain numbers, one for each query."""
    for part, number in zip(answer, (int, float)):
        rows = part if queries is not None else [part]
        assert type(part) is list and len(rows) == (queries or 1)
        assert all(type(row) is list and all(type(each) is number for each in row) for row in rows), kind


# ---- Annoy ----


@pytest.mark.parametrize("metric", ["angular", "euclidean", "dot"])
def test_annoy(metric, items, users):
    """Looking at every item, so that it doesn't matter whose trees they are."""
    mine, other = ours.Annoy(metric, 10), theirs.Annoy(metric, 10)
    for each in (mine, other):
        each.fit(items)
        each.set_query_arguments(100_000)
    for user in users:
        got, expected = mine.query(user, TOP_K), other.query(user, TOP_K)
        assert_nested(got, metric)
        assert got[0] == expected[0]
        np.testing.assert_allclose(got[1], expected[1], rtol=1e-5, atol=1e-5)
    assert str(mine) == str(other)


def test_annoy_takes_tensors(items, users):
    annoy = ours.Annoy()
    annoy.fit(torch.from_numpy(items).requires_grad_())
    assert annoy.query(v=torch.from_numpy(users[0]), n=3) == annoy.query(users[0], 3) == annoy.query(users[:1], 3)
    with pytest.raises(vrec.ArgumentError, match="2 vectors; Annoy.query takes one"):
        annoy.query(users[:2], 3)


def test_annoy_finds_as_many_as_there_are(items, users):
    annoy = ours.Annoy(n_trees=1, search_k=1)
    annoy.fit(items)
    ids, distances = annoy.query(users[0], len(items))
    assert 0 < len(ids) == len(distances) < len(items) and min(ids) >= 0


# ---- Faiss ----


@pytest.mark.parametrize("metric", ["l2", "ip"])
def test_faiss_flat(metric, items, users):
    mine, other = ours.Faiss(8, metric=metric), theirs.Faiss(8, metric=metric)
    for each in (mine, other):
        each.fit(items)
    got, expected = mine.query(users, TOP_K), other.query(users, TOP_K)
    assert_nested(got, metric, len(users))
    assert_as_near(metric.upper(), items, users, got, expected)
    assert str(mine) == str(other)
    assert mine.query(users[0], 3) == mine.query(torch.from_numpy(users[:1]), 3)


@pytest.mark.parametrize("metric", ["l2", "ip"])
def test_faiss_ivf(metric, items, users):
    """All clusters, so that it doesn't matter whose they are."""
    mine, other = ours.Faiss(8, "IVF", 10, metric=metric), theirs.Faiss(8, "IVF", 10, metric=metric)
    exact = ours.Faiss(8, metric=metric)
    for each in (mine, other, exact):
        each.fit(items)
    mine.set_query_arguments(nprobe=99)
    assert_as_near(metric.upper(), items, users, mine.query(users, TOP_K), exact.query(users, TOP_K))
    assert str(mine) == str(other)


def test_nprobe_of_the_caller_is_kept(items, users):
    """Where Torch-RecHub goes back to a quarter of the clusters at every query."""
    mine, other = ours.Faiss(8, "ivf", 40), theirs.Faiss(8, "ivf", 40)
    mine.fit(items)
    quarter = mine.query(users, 300)
    mine.set_query_arguments(nprobe=10)
    assert mine.query(users, 300) == quarter
    mine.set_query_arguments(nprobe=1)
    assert all(0 < len(one) < len(ten) for one, ten in zip(mine.query(users, 300)[0], quarter[0]))
    other.fit(items)
    other.set_query_arguments(nprobe=1)
    other.query(users, 1)
    assert other.index.nprobe == 10, "it has been mended there"


def test_a_graph_of_inner_products(items, users):
    """Theirs is one of L2 that calls itself IP."""
    if not takes("faiss", "index_type", "HNSW"):
        pytest.skip("this version builds no HNSW")
    mine, exact = ours.Faiss(8, "hnsw", metric="ip"), ours.Faiss(8, metric="ip")
    for each in (mine, exact):
        each.fit(items)
    mine.set_query_arguments(efSearch=300)
    assert_as_near("IP", items, users, mine.query(users, TOP_K), exact.query(users, TOP_K))


@pytest.mark.parametrize("kind", ["flat", "ivf"])
def test_faiss_files(kind, items, users, tmp_path):
    mine, other = ours.Faiss(8, kind, 10, metric="ip"), theirs.Faiss(8, "flat")
    mine.fit(items)
    mine.save_index(str(tmp_path / "a.index"))
    other.load_index(str(tmp_path / "a.index"))
    assert other.index.ntotal == len(items) and other.index.metric_type == faiss.METRIC_INNER_PRODUCT
    again = ours.Faiss(3)
    again.load_index(tmp_path / "a.index")
    assert again.query(users, TOP_K) == mine.query(users, TOP_K)
    assert str(again) == str(mine) and again.is_trained


@pytest.mark.parametrize("do, why", [
    (lambda: ours.Faiss(8, "flatt"), "index_type"),
    (lambda: ours.Faiss(8, metric="cosine"), "metric"),
    (lambda: ours.Annoy("manhattan").fit(np.eye(3)), "metric"),
    (lambda: ours.Faiss(8).fit(np.eye(3)), "X: vectors of 3 values, and dim is 8"),
    (lambda: ours.Faiss(8).query(np.zeros(8), 1), "nothing to query before fit"),
    (lambda: ours.Faiss(8).save_index("a.index"), "nothing to save before fit"),
    (lambda: ours.Annoy().query(np.zeros(8), 1), "nothing to query before fit"),
])
def test_refused(do, why):
    with pytest.raises(ValueError, match=why):
        do()


def test_fit_twice(items, users):
    engine = ours.Faiss(8)
    engine.fit(items)
    with pytest.raises(vrec.ArgumentError, match="takes no more"):
        engine.fit(items)
    forest = ours.Annoy(search_k=100_000)
    forest.fit(items)
    forest.fit(items[:5])
    assert sorted(forest.query(users[0], 10)[0]) == [0, 1, 2, 3, 4]


# ---- Milvus ----


@pytest.mark.servers("lite")
def test_milvus(server, items, users):
    where = {"host": "127.0.0.1", "port": str(server.port)}
    mine = ours.Milvus(8, **where)
    with pytest.raises(vrec.ArgumentError, match="nothing to query before fit"):
        mine.query(users, 3)
    try:
        mine.fit(torch.from_numpy(items))
        got = mine.query(users, TOP_K)
        assert_nested(got, "milvus", len(users))
        exact = ours.Faiss(8)
        exact.fit(items)
        expected = exact.query(users, TOP_K)
        assert sum(len(set(a) & set(b)) for a, b in zip(got[0], expected[0])) > 0.5 * len(users) * TOP_K
        with pytest.raises(vrec.ArgumentError, match="rechub"):
            ours.Milvus(8, **where).fit(items)
        assert mine.query(users, TOP_K) == got, "what stands is untouched"
        again = ours.Milvus(8, replace=True, **where)
        again.fit(items[:50])
        assert max(map(max, again.query(users, TOP_K)[0])) < 50
    finally:
        mine._builder.drop()


def test_milvus_connects_to_its_host_and_port():
    """Where Torch-RecHub takes whatever connection the process has."""
    with pytest.raises(vrec.UnavailableError, match="127.0.0.1:1"):
        ours.Milvus(8, host="127.0.0.1", port=1).fit(np.eye(8))
