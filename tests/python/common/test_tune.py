"""A recall is said, and the setting follows.

SPDX-License-Identifier: Apache-2.0
"""

import re

import numpy as np
import pytest
import vrec

KINDS = {"HNSW": ("faiss", {"index_type": "HNSW", "m": 8}), "IVF": ("faiss", {"index_type": "IVF", "nlists": 30}),
         "annoy": ("annoy", {"metric": "euclidean", "n_trees": 8})}


@pytest.fixture(scope="module")
def vectors():
    rng = np.random.default_rng(3)
    return rng.standard_normal((3000, 12), dtype=np.float32), rng.standard_normal((400, 12), dtype=np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_the_setting_reaches_the_recall(kind, vectors):
    items, users = vectors
    backend, options = KINDS[kind]
    exact = vrec.builder_factory("faiss").from_embeddings(items).query(users, 10)[0]
    with vrec.builder_factory(backend, **options).from_embeddings(items) as index:
        tuned = index.tune(users, recall=0.9)
        found = index.query(users, 10, **tuned.options)[0]
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist())])
        assert tuned.recall == pytest.approx(recall) and recall >= 0.9
        assert tuned.queries == 400 and tuned.queries_per_second > 0 and tuned.exact_queries_per_second > 0
        assert 10 < tuned.distances == next(step.distances for step in tuned.steps if step.options == tuned.options)
        assert list(tuned.file_options) == ["efSearch" if kind == "HNSW" else "nprobe" if kind == "IVF" else "searchk"]
        far = index.tune(3 * users, recall=0.5).farther
        assert abs(tuned.farther - 0.5) < 0.1 and far > 0.9
        assert index.tune(top_k=5, recall=0.5).queries == 1000


@pytest.mark.parametrize("kind", KINDS)
def test_a_query_says_the_recall(kind, vectors):
    items, users = vectors
    backend, options = KINDS[kind]
    exact = vrec.builder_factory("faiss").from_embeddings(items).query(users, 10)[0]
    with vrec.builder_factory(backend, **options).from_embeddings(items) as index:
        with pytest.raises(vrec.OptionError, match="has had none for top_k 10; tune it first, with recall 0.8"):
            index.query(users, 10, target_recall=0.8)
        index.tune(users, recall=0.9)
        recalls = [np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist())])
                   for found in (index.query(users, 10, target_recall=t)[0] for t in (0.7, 0.9))]
        assert 0.7 <= recalls[0] <= recalls[1] and 0.9 <= recalls[1]
        with pytest.raises(vrec.OptionError, match="only tried as far as"):
            index.query(users, 10, target_recall=1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_build_says_the_recall(kind, vectors):
    items, users = vectors
    backend, options = KINDS[kind]
    exact = vrec.builder_factory("faiss").from_embeddings(items).query(users, 10)[0]
    for sample in (None, users):
        with vrec.builder_factory(backend, target_recall=0.8, **options).from_embeddings(items, queries=sample) as index:
            found = index.query(users, 10)[0]
            assert 0.8 <= float(re.search(r" has recall (\S+) of 10$", index.info()["tuned"])[1]) <= 1
        assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist())]) > 0.77


def test_what_comes_nearest_is_kept():
    rng = np.random.default_rng(0)
    heap = rng.uniform(-1, 1, (30000, 4)).astype(np.float32)
    tiny = rng.uniform(-1e-40, 1e-40, (28000, 4))  # whose distances vanish: they hold a search until it keeps more
    heap[rng.permutation(30000)[:28000]] = tiny
    others = heap[(np.abs(heap) > 1e-30).any(1)][:100]
    near = (others + rng.uniform(-1, 1, others.shape) * 0.1).astype(np.float32)
    builder = vrec.builder_factory("faiss", index_type="HNSW", m=4, target_recall=0.95)
    with builder.from_embeddings(heap, queries=near) as index:
        assert index.info()["shortfall"].startswith("recall 0.95 is out of reach: efSearch=")
        with pytest.raises(vrec.OptionError, match="only tried as far as"):
            index.query(near, 10, target_recall=0.95)
        index.add(near)
        assert "shortfall" not in index.info()
    with pytest.raises(vrec.ArgumentError, match="efSearch is given, but with target_recall"):
        vrec.builder_factory("faiss", index_type="HNSW", target_recall=0.95, efSearch=20).from_embeddings(heap)


def test_a_tuning_ends_with_a_change(vectors):
    items, users = vectors
    with vrec.builder_factory("faiss", index_type="HNSW", m=8).from_embeddings(items) as index:
        index.tune(users, recall=0.9)
        for change in (lambda: index.add(users), index.optimize):
            index.query(users, 10, target_recall=0.9)
            change()
            with pytest.raises(vrec.OptionError, match="has changed since it was tuned for top_k 10"):
                index.query(users, 10, target_recall=0.9)
            index.tune(users, recall=0.9)


def test_items_are_for_servers(vectors):
    items, users = vectors
    with vrec.builder_factory("faiss", index_type="IVF", nlists=20).from_embeddings(items) as index:
        with pytest.raises(vrec.ArgumentError, match="the index has them itself; leave them out"):
            index.tune(users, items=items)
        for ids in (range(len(items)), range(3)):
            with pytest.raises(vrec.ArgumentError, match=f"ids: there are {len(ids)} for 0 items"):
                index.tune(users, ids=ids)
        with pytest.raises(vrec.ArgumentError, match=f"ids: there are 3 for {len(items)} items"):
            index.tune(users, items=items, ids=range(3))


def test_a_picture(vectors, tmp_path):
    items, users = vectors
    tunings = {}
    for kind in ("HNSW", "IVF"):
        backend, options = KINDS[kind]
        with vrec.builder_factory(backend, **options).from_embeddings(items) as index:
            tunings[kind] = index.tune(users, recall=0.9)
    try:
        import matplotlib
    except ImportError:
        with pytest.raises(vrec.UnsupportedError, match="pip install matplotlib"):
            tunings["HNSW"].plot(tmp_path / "curve.png")
        return
    matplotlib.rcParams["svg.fonttype"] = "none"  # texts as texts
    tunings["HNSW"].plot(tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    tunings["HNSW"].plot(tmp_path / "curves.svg", name="graph", others={"lists": tunings["IVF"]})
    text = (tmp_path / "curves.svg").read_text("utf-8")
    (option, value), = tunings["IVF"].options.items()
    assert "graph with " in text and f"lists with {option}={value}: recall 0.9" in text and "exact search: " in text


def test_refused(vectors, indexer):
    items, users = vectors
    with pytest.raises(NotImplementedError, match="is exact"):
        indexer.tune()
    with vrec.builder_factory("faiss", index_type="IVF", nlists=4).from_embeddings(items) as index:
        for call, words in ((lambda: index.tune(users, recall=1), "between 0 and 1"),
                            (lambda: index.tune(users, recall="abc"), "recall is a str; it takes a number between 0 and 1"),
                            (lambda: index.tune(users, recall=None), "recall is a NoneType; it takes a number"),
                            (lambda: index.tune(users, recall=10**400), "recall is a int; it takes a number"),
                            (lambda: index.tune(users, threads=2**40), "threads is no 32-bit number"),
                            (lambda: index.query(users, 10, target_recall=[0.9]), "is a list; it takes a text, a number or None"),
                            (lambda: index.tune(users[:, :3]), "3 values each"),
                            (lambda: index.tune(users, top_k=0), "top_k is 0"),
                            (lambda: index.tune(users, top_k=2.5), "top_k is a float")):
            with pytest.raises(vrec.Error, match=words):
                call()


def test_progress_stops_it(vectors):
    class Stop:
        def __init__(self, total, desc):
            if desc == "tuning":
                raise ZeroDivisionError

        def update(self, n):
            pass

        def close(self):
            pass

    items, users = vectors
    with vrec.builder_factory("faiss", index_type="IVF", nlists=30).from_embeddings(items) as index:
        with pytest.raises(ZeroDivisionError):
            index.tune(users, recall=0.99, progress=Stop)
