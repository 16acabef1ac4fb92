"""vrec against the real Annoy: the same files, byte for byte where Annoy was compiled strictly, and the
same answers from the same file however it was compiled.

SPDX-License-Identifier: Apache-2.0
"""

import hashlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from annoy import AnnoyIndex
from vreclib import CORRUPT, Builder, VrecError

METRICS = ("angular", "euclidean", "dot")
all_metrics = pytest.mark.parametrize("metric", METRICS)

# The file of ten items of three values in two trees, from an Annoy without fast math.
STRICT_HASH = "2f350f1caeff4e9a56e7e927a39ba3dae3134a02ecd8329eda0179b8f4165913"


def golden_items(n, d):
    state, values = 12345, []
    for _ in range(n * d):
        state = (state * 1103515245 + 12345) % (1 << 32)
        values.append((((state >> 16) & 0x7FFF) - 16384) / 16384)
    return np.array(values, np.float32).reshape(n, d)


def clusters(rng, n, d):
    """As embeddings have them: neighbours near and far, and some items twice."""
    centers = rng.standard_normal((max(n // 60, 1), d))
    items = centers[rng.integers(len(centers), size=n)] + rng.standard_normal((n, d)) * rng.uniform(0.1, 0.6, (n, 1))
    items[n // 2 :: 50] = items[0]
    return items.astype(np.float32)


def annoy_index(metric, items, n_trees, seed=None, threads=1):
    index = AnnoyIndex(items.shape[1], metric)
    if seed is not None:
        index.set_seed(seed)
    for i, item in enumerate(items):
        index.add_item(i, item)
    index.build(n_trees, n_jobs=threads)
    return index


def annoy_open(metric, d, path):
    index = AnnoyIndex(d, metric)
    index.load(str(path))
    return index


@pytest.fixture(scope="session")
def strict(tmp_path_factory):
    """Skips a test of bytes, unless Annoy adds floats in the order that its source says."""
    path = tmp_path_factory.mktemp("strict") / "golden"
    annoy_index("angular", golden_items(10, 3), 2).save(str(path))
    if hashlib.sha256(path.read_bytes()).hexdigest() != STRICT_HASH:
        pytest.skip("this Annoy was compiled with fast math")


def assert_same_answers(metric, ours, theirs, queries, top_k, search_k=-1):
    """Ids in the same order, and distances up to rounding.

    Rounding can also make two nodes change places in the queue, right where the search ends. Annoys compiled
    for different processors differ by that in about one query of 30 000, and so may vrec from each of them.
    """
    ids, distances, counts = ours.query(queries, top_k, searchk=search_k)
    differing = 0
    for row, query in enumerate(queries):
        near, far = theirs.get_nns_by_vector(query, top_k, search_k, include_distances=True)
        assert counts[row] == len(near)
        assert np.all(ids[row, len(near) :] == -1)
        if list(ids[row, : len(near)]) != near:
            differing += 1
            continue
        a, b = distances[row, : len(near)], np.array(far)
        if metric != "dot":  # near zero a root magnifies rounding
            a, b = a * a, b * b
        assert np.allclose(a, b, rtol=1e-5, atol=1e-5 * (1 + np.abs(b).max(initial=0)))
    assert differing <= max(1, len(queries) // 1000)


# ---- Files ----

@all_metrics
@pytest.mark.parametrize("n, d, n_trees", [(1, 3, 2), (2, 4, 3), (14, 10, 3), (500, 1, 4), (3000, 40, 7), (20000, 100, 3)])
@pytest.mark.parametrize("seed", [None, 0, 42])
def test_same_bytes(metric, n, d, n_trees, seed, rng, tmp_path, strict):
    items = clusters(rng, n, d)
    annoy_index(metric, items, n_trees, seed).save(str(tmp_path / "annoy"))
    options = {} if seed is None else {"seed": seed}
    Builder("annoy", metric=metric, n_trees=n_trees, stream="annoy", **options).from_embeddings(items).save(
        tmp_path / "vrec")
    assert (tmp_path / "vrec").read_bytes() == (tmp_path / "annoy").read_bytes()


@all_metrics
@pytest.mark.parametrize("spoil", ["zeros", "same", "huge", "tiny", "few"])
def test_same_bytes_of_hard_data(metric, spoil, rng, tmp_path, strict):
    items = clusters(rng, 2000, 8)
    items = {"zeros": items * 0, "same": items * 0 + items[0], "huge": items * np.float32(1e18),
             "tiny": items * np.float32(1e-18), "few": np.round(items)}[spoil]
    annoy_index(metric, items, 5).save(str(tmp_path / "annoy"))
    Builder("annoy", metric=metric, n_trees=5, stream="annoy").from_embeddings(items).save(tmp_path / "vrec")
    assert (tmp_path / "vrec").read_bytes() == (tmp_path / "annoy").read_bytes()


@all_metrics
def test_same_number_of_trees_by_themselves(metric, rng, tmp_path, strict):
    items = clusters(rng, 3000, 10)
    annoy_index(metric, items, -1).save(str(tmp_path / "annoy"))
    Builder("annoy", metric=metric, n_trees=-1, stream="annoy").from_embeddings(items).save(tmp_path / "vrec")
    assert (tmp_path / "vrec").read_bytes() == (tmp_path / "annoy").read_bytes()


@all_metrics
@pytest.mark.parametrize("load", ["map", "read"])
def test_saved_as_it_was(metric, load, rng, tmp_path):
    annoy_index(metric, clusters(rng, 2000, 12), 6, threads=2).save(str(tmp_path / "annoy"))
    builder = Builder("annoy", metric=metric, d=12, load=load)
    builder.from_index_file(tmp_path / "annoy").save(tmp_path / "again")
    builder.verify(tmp_path / "annoy")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "annoy").read_bytes()


@all_metrics
@pytest.mark.parametrize("n", [1, 2, 5, 14, 15, 16, 100])
@pytest.mark.parametrize("n_trees", [1, 2, 8])
def test_number_of_trees(metric, n, n_trees, rng, tmp_path):
    """Annoy's count after loading is odd for small files; the default searchk depends on it."""
    items = clusters(rng, n, 12)
    annoy_index(metric, items, n_trees).save(str(tmp_path / "annoy"))
    theirs = annoy_open(metric, 12, tmp_path / "annoy")
    ours = Builder("annoy", metric=metric, d=12).from_index_file(tmp_path / "annoy")
    assert dict(ours.info())["n_trees"] == str(theirs.get_n_trees())
    assert ours.rows == theirs.get_n_items()
    assert_same_answers(metric, ours, theirs, clusters(rng, 20, 12), 10)


def test_wrong_dimension(rng, tmp_path):
    annoy_index("angular", clusters(rng, 1000, 12), 3).save(str(tmp_path / "annoy"))
    for metric in METRICS:
        for d in range(1, 60):
            if (metric, d) != ("angular", 12):
                with pytest.raises(VrecError) as error:
                    Builder("annoy", metric=metric, d=d).from_index_file(tmp_path / "annoy")
                assert error.value.status == CORRUPT


# ---- Answers ----

@all_metrics
@pytest.mark.parametrize("maker", ["annoy", "vrec"])
def test_answers(metric, maker, rng, tmp_path):
    """5000 queries on a file of either's; twice that per metric."""
    items, queries = clusters(rng, 20000, 40), clusters(rng, 5000, 40)
    path = tmp_path / "index"
    if maker == "annoy":
        annoy_index(metric, items, 10, threads=2).save(str(path))
    else:
        Builder("annoy", metric=metric, n_trees=10).from_embeddings(items).save(path)
    ours, theirs = Builder("annoy", metric=metric, d=40).from_index_file(path), annoy_open(metric, 40, path)
    assert_same_answers(metric, ours, theirs, queries[:3000], 10)
    assert_same_answers(metric, ours, theirs, queries[3000:4000], 1)
    assert_same_answers(metric, ours, theirs, queries[4000:4800], 20, 1000)
    assert_same_answers(metric, ours, theirs, queries[4800:], 50, 20000)


@all_metrics
@pytest.mark.parametrize("search_k", [0, 1, 7, 100, 100000])
def test_answers_of_few_values(metric, search_k, rng, tmp_path):
    """Planes through items, equal distances, duplicates: ties everywhere."""
    items = rng.integers(-1, 2, (3000, 6)).astype(np.float32)
    annoy_index(metric, items, 8).save(str(tmp_path / "annoy"))
    ours = Builder("annoy", metric=metric, d=6).from_index_file(tmp_path / "annoy")
    theirs = annoy_open(metric, 6, tmp_path / "annoy")
    ids, distances, counts = ours.query(items[:300], 25, searchk=search_k)
    for row in range(300):
        near, far = theirs.get_nns_by_vector(items[row], 25, search_k, include_distances=True)
        assert counts[row] == len(near)
        assert np.allclose(distances[row, : len(near)], far, atol=1e-3)
        if metric != "angular":  # whose rounding parts what is tied
            assert list(ids[row, : len(near)]) == near


@all_metrics
def test_answers_before_and_after_saving(metric, rng, tmp_path):
    items = clusters(rng, 5000, 20)
    built = Builder("annoy", metric=metric, n_trees=5).from_embeddings(items)
    built.save(tmp_path / "vrec")
    opened = Builder("annoy", metric=metric, d=20).from_index_file(tmp_path / "vrec")
    for one, other in zip(built.query(items[:500], 10), opened.query(items[:500], 10, threads=2)):
        assert one.tobytes() == other.tobytes()


@all_metrics
def test_trees_are_as_good(metric, rng):
    """A stream per tree gives other trees than Annoy's, that find as much."""
    items, queries = clusters(rng, 20000, 30), clusters(rng, 300, 30)
    products = queries @ items.T
    farness = {"dot": -products, "euclidean": np.sum(items**2, axis=1) - 2 * products,
               "angular": -products / np.linalg.norm(items, axis=1)}[metric]
    true = np.argsort(farness, axis=1)[:, :10]
    found = {"annoy": 0, "per_tree": 0}
    for seed in range(8):
        for stream in found:
            builder = Builder("annoy", metric=metric, n_trees=10, seed=seed, stream=stream)
            ids = builder.from_embeddings(items).query(queries, 10, searchk=1500)[0]
            found[stream] += np.sum(ids[:, :, None] == true[:, None, :])
    assert found["per_tree"] > 0.93 * found["annoy"]


# ---- Annoy's own tests ----

def test_order():
    items = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], np.float32)
    queries = np.array([[3, 2, 1], [1, 2, 3], [2, 0, 1]], np.float32)
    index = Builder("annoy", n_trees=10).from_embeddings(items)
    assert index.query(queries, 3)[0].tolist() == [[2, 1, 0], [0, 1, 2], [2, 0, 1]]
    index = Builder("annoy", n_trees=10, metric="dot").from_embeddings(
        np.array([[2, 2], [3, 2], [3, 3]], np.float32))
    assert index.query(np.array([[4, 4], [1, 1], [4, 2]], np.float32), 3)[0].tolist() == [[2, 1, 0]] * 3


def test_distances():
    pair = np.array([[0, 1], [1, 1]], np.float32)
    distance = Builder("annoy").from_embeddings(pair).query(pair[:1], 2)[1][0, 1]
    assert np.isclose(distance, (2 * (1 - 2**-0.5)) ** 0.5)
    pair = np.array([[1000, 0], [10, 0]], np.float32)
    assert np.allclose(Builder("annoy").from_embeddings(pair).query(pair[:1], 2)[1], 0)
    pair = np.array([[97, 0], [42, 42]], np.float32)
    distance = Builder("annoy").from_embeddings(pair).query(pair[:1], 2)[1][0, 1]
    assert np.isclose(distance, ((1 - 2**-0.5) ** 2 + 0.5) ** 0.5)
    pair = np.array([[1, 0], [0, 0]], np.float32)
    assert np.isclose(Builder("annoy").from_embeddings(pair).query(pair[:1], 2)[1][0, 1], 2**0.5)


@all_metrics
def test_close_pairs_find_each_other(metric, rng):
    if metric == "dot":
        return
    first = rng.standard_normal((10000, 10))
    items = np.empty((20000, 10), np.float32)
    items[0::2] = first * (1 + rng.uniform(0, 1e-3, (10000, 1)) * (metric == "angular"))
    items[1::2] = first + rng.uniform(0, 1e-4, (10000, 10))
    index = Builder("annoy", metric=metric, n_trees=10).from_embeddings(items)
    ids = index.query(items, 2)[0]
    assert np.array_equal(np.sort(ids, axis=1), np.arange(20000).reshape(-1, 2).repeat(2, axis=0))


@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_precision(n, rng):
    """Item i is at distance i, in any direction, from the query."""
    found = 0
    for _ in range(10):
        items = rng.standard_normal((10000, 10))
        items *= np.arange(10000)[:, None] / np.linalg.norm(items, axis=1, keepdims=True)
        index = Builder("annoy", metric="euclidean", n_trees=10).from_embeddings(items.astype(np.float32))
        ids = index.query(np.zeros((1, 10), np.float32), n)[0][0]
        assert np.all(np.diff(ids) > 0)
        found += np.sum(ids < n)
    assert found >= 0.98 * 10 * n


@all_metrics
def test_holes(metric, rng, tmp_path):
    """Ids that nobody added are never found; far ones are."""
    index = AnnoyIndex(10, metric)
    items = {int(i): rng.standard_normal(10).astype(np.float32) for i in rng.permutation(2000)[:1000]}
    for i, item in items.items():
        index.add_item(i, item)
    index.build(10)
    index.save(str(tmp_path / "annoy"))
    builder = Builder("annoy", metric=metric, d=10)
    builder.verify(tmp_path / "annoy")
    ours = builder.from_index_file(tmp_path / "annoy")
    ids = ours.query(np.array(list(items.values())), 10, searchk=2000)[0]
    assert set(ids.ravel().tolist()) <= set(items)
    assert_same_answers(metric, ours, annoy_open(metric, 10, tmp_path / "annoy"), rng.standard_normal((100, 10)).astype(
        np.float32), 20)


@all_metrics
@pytest.mark.parametrize("count", [1, 2, 10, 1000])
@pytest.mark.parametrize("base", [0, 3, 100000])
def test_far_ids(metric, count, base, rng, tmp_path):
    index = AnnoyIndex(10, metric)
    for i in range(count):
        index.add_item(base + i, rng.standard_normal(10))
    index.build(10)
    index.save(str(tmp_path / "annoy"))
    builder = Builder("annoy", metric=metric, d=10)
    builder.verify(tmp_path / "annoy")
    ours = builder.from_index_file(tmp_path / "annoy")
    ids, _, counts = ours.query(np.ones((1, 10), np.float32), count, searchk=1000000)
    assert counts[0] == count and sorted(ids[0]) == list(range(base, base + count))
    assert_same_answers(metric, ours, annoy_open(metric, 10, tmp_path / "annoy"), clusters(rng, 10, 10), 7)


@all_metrics
def test_single_item_and_none(metric, tmp_path):
    item = np.array([[1, 2, 3]], np.float32)
    index = Builder("annoy", metric=metric).from_embeddings(item)
    assert index.query(item, 3)[0].tolist() == [[0, -1, -1]]
    with pytest.raises(VrecError):
        Builder("annoy", metric=metric).from_embeddings(item[:0])
    none = AnnoyIndex(3, metric)
    none.build(4)
    none.save(str(tmp_path / "annoy"))
    empty = Builder("annoy", metric=metric, d=3).from_index_file(tmp_path / "annoy")
    assert empty.rows == 0 and empty.query(item, 2)[0].tolist() == [[-1, -1]]


@all_metrics
def test_zero_vectors(metric, rng, tmp_path):
    items = clusters(rng, 1000, 10)
    items[::2] = 0
    Builder("annoy", metric=metric, n_trees=10).from_embeddings(items).save(tmp_path / "vrec")
    ours = Builder("annoy", metric=metric, d=10).from_index_file(tmp_path / "vrec")
    theirs = annoy_open(metric, 10, tmp_path / "vrec")
    assert_same_answers(metric, ours, theirs, clusters(rng, 50, 10), 10, 5000)


def test_rounding():
    """An item's distance to itself is not a root of less than zero."""
    item = np.array([[-0.0006541, 0.00331, -0.14286, 0.1429, 0.36, 0.007, -0.1, 0.9]], np.float32) / 3
    for metric in ("angular", "euclidean"):
        index = Builder("annoy", metric=metric).from_embeddings(np.repeat(item, 30, axis=0))
        distances = index.query(item, 30)[1]
        assert np.all(distances >= 0) and np.all(distances < 1e-3)


def test_processes_share_a_file(rng, tmp_path):
    """Another process answers from the same mapping, while the file is replaced."""
    items = clusters(rng, 3000, 8)
    path = tmp_path / "vrec"
    index = Builder("annoy", n_trees=5).from_embeddings(items)
    index.save(path)
    opened = Builder("annoy", d=8).from_index_file(path)
    before = opened.query(items[:50], 10)[0]
    script = textwrap.dedent(f"""
        import numpy as np
        from vreclib import Builder
        items = np.load({str(tmp_path / 'items.npy')!r})
        print(Builder("annoy", d=8).from_index_file({str(path)!r}).query(items[:50], 10)[0].tolist())
    """)
    np.save(tmp_path / "items.npy", items)
    output = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True,
                            cwd=__file__.rsplit("/", 1)[0]).stdout
    assert output.strip() == str(before.tolist())
    Builder("annoy", n_trees=2).from_embeddings(items[:100].copy()).save(path)
    assert np.array_equal(opened.query(items[:50], 10)[0], before)
