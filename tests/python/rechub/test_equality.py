"""The same answers as Torch-RecHub's own package, options given explicitly.

SPDX-License-Identifier: Apache-2.0
"""

import inspect
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np
import pytest
import torch
import torch_rechub.serving as theirs
import vrec.serving as ours
from tools import assert_as_near
from torch_rechub.serving.annoy import AnnoyBuilder
from torch_rechub.serving.faiss import FaissBuilder
from torch_rechub.serving.milvus import MilvusBuilder

faiss.omp_set_num_threads(1)


def clusters(rng, n, d):
    """As embeddings have them: neighbours near and far, some of them twice."""
    centers = rng.standard_normal((n // 40, d))
    made = centers[rng.integers(len(centers), size=n)] + rng.standard_normal((n, d)) * rng.uniform(0.1, 0.6, (n, 1))
    made[n // 2 :: 50] = made[0]
    return torch.from_numpy(made.astype(np.float32))


@pytest.fixture
def data(rng):
    return clusters(rng, 4000, 32), clusters(rng, 200, 32)


def ask(serving, backend, options, items, users, top_k, path):
    """Builds, asks, saves, opens, asks again."""
    builder = serving.builder_factory(backend, **options)
    with builder.from_embeddings(items) as indexer:
        built = indexer.query(users, top_k)
        indexer.save(path)
    with builder.from_index_file(path) as indexer:
        return built, indexer.query(users, top_k)


# ---- faiss ----

@pytest.mark.parametrize("metric", ["L2", "IP"])
@pytest.mark.parametrize("top_k", [1, 10, 200])
def test_faiss(metric, top_k, data, tmp_path):
    options = {"index_type": "Flat", "metric": metric}
    mine = ask(ours, "faiss", options, *data, top_k, tmp_path / "ours")
    other = ask(theirs, "faiss", options, *data, top_k, tmp_path / "theirs")
    for one, two in zip(mine, other):
        assert_as_near(metric, *map(np.asarray, data), one, two)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes()


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_faiss_files_change_sides(metric, data, tmp_path):
    items, users = data
    sides = (ours, theirs), (theirs, ours)
    for writer, reader in sides:
        with writer.builder_factory("faiss", metric=metric).from_embeddings(items) as indexer:
            indexer.save(tmp_path / "index")
            written = indexer.query(users, 10)
        with reader.builder_factory("faiss", metric=metric).from_index_file(tmp_path / "index") as indexer:
            assert_as_near(metric, *map(np.asarray, data), written, indexer.query(users, 10))


# ---- annoy ----

def assert_same_forest(metric, one, two, top_k):
    """The same ids in the same order, and distances up to rounding; which, where a search ends, may also let
    two nodes change places, in about one query of 30 000."""
    (ids, distances), (other_ids, other_distances) = (tuple(map(np.asarray, answer)) for answer in (one, two))
    assert ids.shape == other_ids.shape == (len(ids), top_k)
    same = (ids == other_ids).all(axis=1)
    assert np.sum(~same) <= 1
    a, b = distances[same], other_distances[same]
    if metric != "dot":  # near zero a root magnifies rounding
        a, b = a * a, b * b
    assert np.allclose(a, b, rtol=1e-5, atol=1e-5 * (1 + np.abs(b).max()))


@pytest.mark.parametrize("metric", ["angular", "euclidean", "dot"])
@pytest.mark.parametrize("searchk", [-1, 100, 1000, 100_000])
@pytest.mark.parametrize("writer", [ours, theirs], ids=["our file", "their file"])
def test_annoy(writer, metric, searchk, data, tmp_path):
    """From the same file, whoever wrote it: builds depend on compiler and cores."""
    items, users = data
    options = {"d": 32, "metric": metric, "n_trees": 10, "threads": -1, "searchk": searchk}
    with writer.builder_factory("annoy", **options).from_embeddings(items) as indexer:
        indexer.save(tmp_path / "index")
    answers = []
    for reader in (ours, theirs):
        with reader.builder_factory("annoy", **options).from_index_file(tmp_path / "index") as indexer:
            answers.append(indexer.query(users, 10))
    assert_same_forest(metric, *answers, 10)


def test_annoy_where_theirs_fails(data, tmp_path):
    """Fewer found than asked for: they raise, we pad and count."""
    items, users = data
    options = {"d": 32, "metric": "angular", "n_trees": 1, "searchk": 1}
    with theirs.builder_factory("annoy", **options).from_embeddings(items) as indexer:
        indexer.save(tmp_path / "index")
        with pytest.raises(ValueError):
            indexer.query(users, 100)
    with ours.builder_factory("annoy", **options).from_index_file(tmp_path / "index") as indexer:
        ids, distances, counts = indexer.query(users, 100, return_counts=True)
    assert ids.shape == distances.shape == (200, 100)
    assert counts.dtype == torch.int64 and (counts < 100).any() and (counts > 0).all()
    assert ((ids >= 0).sum(1) == counts).all() and torch.equal(torch.isposinf(distances), ids < 0)


# ---- milvus ----

MILVUS = [{"index_type": "FLAT", "metric": metric} for metric in ("L2", "IP", "COSINE")]
# Visiting every cluster, this is exact, too; over rows enough for a server to build it.
MILVUS.append({"index_type": "IVF_FLAT", "metric": "L2", "nlist": 4, "nprobe": 4})


@pytest.fixture(scope="module")
def milvus_answers(server):
    rng = np.random.default_rng(5)
    items, users = (torch.from_numpy(rng.standard_normal((n, 16), dtype=np.float32)) for n in (3000, 50))

    def run(serving, number):
        builder = serving.builder_factory("milvus", d=16, host="127.0.0.1", port=server.port, **MILVUS[number],
                                          name=f"equality_{number}")
        with builder.from_embeddings(items) as indexer:
            return indexer.query(users, 10)

    with ThreadPoolExecutor(8) as pool:
        yield items, users, [[pool.submit(run, serving, n) for serving in (ours, theirs)] for n in range(len(MILVUS))]


@pytest.mark.parametrize("number", range(len(MILVUS)), ids=lambda n: "-".join(map(str, MILVUS[n].values())))
def test_milvus(number, milvus_answers):
    items, users, runs = milvus_answers
    mine, other = (run.result() for run in runs[number])
    assert_as_near(MILVUS[number]["metric"], items.numpy(), users.numpy(), mine, other)


# ---- The surface ----

# Where the document and the package disagree, the document counts.
DIFFERENT = {("MilvusBuilder", "metric"), ("MilvusBuilder", "m")}
# What the library has a table for, it has. These join with the indexes that they belong to.
TO_COME = {"m", "nlists", "efSearch", "nprobe"}


@pytest.mark.parametrize("their_class", [AnnoyBuilder, FaissBuilder, MilvusBuilder])
def test_signatures(their_class):
    mine = inspect.signature(getattr(ours, their_class.__name__)).parameters
    for name, parameter in inspect.signature(their_class).parameters.items():
        if their_class is FaissBuilder and name in TO_COME and name not in mine:
            continue
        assert mine[name].kind == parameter.kind
        if parameter.default is not inspect.Parameter.empty and (their_class.__name__, name) not in DIFFERENT:
            assert mine[name].default == parameter.default


@pytest.mark.parametrize("kind", ["BaseBuilder", "BaseIndexer"])
def test_methods(kind):
    """Called by position or by name."""
    for name, method in inspect.getmembers(getattr(theirs.base, kind), inspect.isfunction):
        if name.startswith("_"):
            continue
        mine = list(inspect.signature(getattr(getattr(ours, kind), name)).parameters)
        assert mine[: len(inspect.signature(method).parameters)] == list(inspect.signature(method).parameters), name


def test_what_both_refuse():
    for serving in (ours, theirs):
        with pytest.raises(NotImplementedError):
            serving.builder_factory("hnswlib")
        with pytest.raises(TypeError):
            serving.builder_factory("annoy", d=5, n_treees=5)
        with pytest.raises(NotImplementedError):
            with serving.builder_factory("milvus", d=5).from_index_file("index"):
                pass
