"""vrec against the real FAISS: the same files, byte for byte, and the same answers.

SPDX-License-Identifier: Apache-2.0
"""

import hashlib

import faiss
import numpy as np
import pytest
from vreclib import UNSUPPORTED, Builder, VrecError

faiss.omp_set_num_threads(1)

METRICS = {"L2": faiss.METRIC_L2, "IP": faiss.METRIC_INNER_PRODUCT}

both_metrics = pytest.mark.parametrize("metric", METRICS)

# FAISS searches batches of at least this many values through BLAS, smaller ones directly.
BLAS_VALUES = faiss.cvar.distance_compute_blas_threshold

# SHA-256 of the files of three rows of two, x[i][j] = (7i + 3j) mod 11 - 5, as FAISS 1.7.3 to 1.15.1
# write them.
GOLDEN = {
    "L2": "c188301b2205b3b3f2ab5563ab84d457a9176d09b2910e8c65aed604b78f5ced",
    "IP": "673fadc7fc4e0627918ff536e913400cd070c0936bc1b94bb3a38e3bfbf74e7f",
}


def vrec_index(metric, items):
    return Builder("faiss", index_type="Flat", metric=metric).from_embeddings(items)


def faiss_index(metric, items):
    index = faiss.IndexFlat(items.shape[1], METRICS[metric])
    index.add(np.ascontiguousarray(items, np.float32))
    return index


def open_both(path):
    return Builder("faiss").from_index_file(path), faiss.read_index(str(path))


def vectors(rng, n, d):
    """Clusters, as embeddings have them: neighbours near and far, norms large and small."""
    centers = rng.standard_normal((max(n // 50, 1), d))
    noise = rng.standard_normal((n, d)) * rng.uniform(0.05, 0.5, (n, 1))
    return (centers[rng.integers(len(centers), size=n)] + noise).astype(np.float32)


def assert_same_answers(metric, items, queries, ours, theirs):
    """Both fill the same slots, and slot by slot they name the same item or one that is as near.

    FAISS's order of ties depends on the batch size, and so do its distances, by rounding: it computes
    them directly, or as |q|^2 + |x|^2 - 2 <q, x>. Hence the tolerance, 1e-5 * (|q|^2 + |x|^2). Within
    it, a slot's distances are equal and true of both the items named; an index never names one twice.
    """
    (ids, distances), (faiss_ids, faiss_distances) = ours, theirs
    filled = ids >= 0
    assert np.array_equal(filled, faiss_ids >= 0)
    assert np.all(distances[~filled] == (np.inf if metric == "L2" else -np.inf))

    q, x = queries.astype(np.float64), items.astype(np.float64)
    norms = np.sum(q * q, axis=1)[:, None] + np.sum(x * x, axis=1)
    true = norms - 2 * q @ x.T if metric == "L2" else q @ x.T
    for named in (ids, faiss_ids):
        for reported in (distances, faiss_distances):
            error = np.abs(reported - np.take_along_axis(true, named, axis=1))
            assert np.all(error[filled] <= 1e-5 * np.take_along_axis(norms, named, axis=1)[filled])
        in_order = np.sort(named, axis=1)
        assert not np.any((in_order[:, 1:] == in_order[:, :-1]) & (in_order[:, 1:] >= 0))


def answer_both(metric, items, queries, top_k, threads=1):
    ids, distances, counts = vrec_index(metric, items).query(queries, top_k, threads)
    faiss_distances, faiss_ids = faiss_index(metric, items).search(queries, top_k)
    assert np.array_equal(counts, np.sum(ids >= 0, axis=1))
    return (ids, distances), (faiss_ids, faiss_distances)


# ---- Files ----

@both_metrics
def test_golden_file(metric, tmp_path):
    i, j = np.ogrid[:3, :2]
    vrec_index(metric, ((7 * i + 3 * j) % 11 - 5).astype(np.float32)).save(tmp_path / "index")
    assert hashlib.sha256((tmp_path / "index").read_bytes()).hexdigest() == GOLDEN[metric]


@both_metrics
@pytest.mark.parametrize("n, d", [(1, 1), (2, 3), (1000, 17), (100, 1000), (20000, 128)])
def test_files_both_ways(metric, n, d, rng, tmp_path):
    items = vectors(rng, n, d)
    items.flat[:2] = 1e-42, -0.0  # bits that arithmetic could lose
    ours, theirs = tmp_path / "vrec.index", tmp_path / "faiss.index"
    built = vrec_index(metric, items)
    built.save(ours)
    faiss.write_index(faiss_index(metric, items), str(theirs))
    assert ours.read_bytes() == theirs.read_bytes()

    opened, faiss_opened = Builder("faiss").from_index_file(theirs), faiss.read_index(str(ours))
    assert (opened.rows, opened.dim) == (n, d)
    assert opened.larger_is_nearer == (metric == "IP")
    assert faiss_opened.metric_type == METRICS[metric]
    assert faiss_opened.reconstruct_n(0, n).tobytes() == items.tobytes()
    for answer, from_file in zip(built.query(items[:20], 10), opened.query(items[:20], 10)):
        assert answer.tobytes() == from_file.tobytes()
    opened.save(ours)
    assert ours.read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("dtype", [np.float16, np.float64, np.int8, np.uint8, np.int32, np.int64])
def test_other_types_become_float32(dtype, rng, tmp_path):
    items = rng.uniform(0, 100, (500, 30)).astype(dtype)
    vrec_index("L2", np.asfortranarray(items)).save(tmp_path / "vrec.index")
    faiss.write_index(faiss_index("L2", items), str(tmp_path / "faiss.index"))
    assert (tmp_path / "vrec.index").read_bytes() == (tmp_path / "faiss.index").read_bytes()


@both_metrics
def test_no_rows(metric, rng, tmp_path):
    path = tmp_path / "index"
    faiss.write_index(faiss.IndexFlat(5, METRICS[metric]), str(path))
    written = path.read_bytes()
    index = Builder("faiss").from_index_file(path)
    ids, _, counts = index.query(vectors(rng, 3, 5), 4)
    assert index.rows == 0 and np.all(ids == -1) and np.all(counts == 0)
    index.save(path)
    assert path.read_bytes() == written


def test_header_metric_beats_the_type(rng, tmp_path):
    """An L2 file whose header says inner product is one for both."""
    path, items, queries = tmp_path / "index", vectors(rng, 300, 20), vectors(rng, 20, 20)
    vrec_index("L2", items).save(path)
    with path.open("r+b") as file:
        file.seek(33)
        file.write(METRICS["IP"].to_bytes(4, "little"))
    index, faiss_opened = open_both(path)
    ids, distances, _ = index.query(queries, 10)
    theirs = faiss_opened.search(queries, 10)[::-1]
    assert_same_answers("IP", items, queries, (ids, distances), theirs)
    assert "note" in dict(index.info())


def test_nonfinite_items_are_never_found(rng, tmp_path):
    """FAISS writes what vrec would refuse to build."""
    items, queries = vectors(rng, 300, 20), vectors(rng, 20, 20)
    odd = np.arange(0, 300, 7)
    items[odd, 3] = np.resize([np.nan, np.inf, -np.inf], len(odd))
    faiss.write_index(faiss_index("L2", items), str(tmp_path / "index"))
    index, faiss_opened = open_both(tmp_path / "index")
    ids, distances, counts = index.query(queries, 300)
    assert np.all(counts == 300 - len(odd)) and not np.isin(ids, odd).any()
    items[odd] = 0  # to compare the others
    theirs = faiss_opened.search(queries, 300)[::-1]
    assert_same_answers("L2", items, queries, (ids, distances), theirs)


OTHER_TYPES = [
    "HNSW8", "HNSW8,SQ8", "HNSW8,PQ2x4", "IVF2,Flat", "IVF2,SQ8", "IVF2,PQ2x4", "SQ8", "PQ2x4",
    "IDMap,Flat", "IDMap2,Flat", "L2norm,Flat", "Flat,RFlat",
]


@pytest.mark.parametrize("factory", OTHER_TYPES)
def test_other_indexes_are_refused_by_name(factory, rng, tmp_path):
    index = faiss.index_factory(4, factory)
    index.train(vectors(rng, 1000, 4))
    assert_refused(index, tmp_path / "index")


def test_other_metrics_are_refused_by_name(tmp_path):
    assert_refused(faiss.IndexFlat(4, faiss.METRIC_L1), tmp_path / "index")


def assert_refused(index, path):
    faiss.write_index(index, str(path))
    for open_file in (Builder("faiss").from_index_file, Builder("faiss").verify):
        with pytest.raises(VrecError) as error:
            open_file(path)
        assert error.value.status == UNSUPPORTED
        assert path.read_bytes()[:4].decode() in str(error.value)


# ---- Answers ----

@both_metrics
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("top_k", [1, 10, 100, 1000])
@pytest.mark.parametrize("batch", [1, 16, 100, BLAS_VALUES // 128 - 1, BLAS_VALUES // 128, 1500])
def test_answers(metric, batch, top_k, threads, rng):
    items, queries = vectors(rng, 3000, 128), vectors(rng, batch, 128)
    assert_same_answers(metric, items, queries, *answer_both(metric, items, queries, top_k, threads))


@both_metrics
@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 15, 16, 17, 33, 100, 513, 2000])
@pytest.mark.parametrize("n", [1, 7, 1025])
def test_shapes(metric, n, d, rng):
    """With fewer than k items the rest of the slots are padding, as in FAISS."""
    items, queries = vectors(rng, n, d), vectors(rng, 40, d)
    assert_same_answers(metric, items, queries, *answer_both(metric, items, queries, 20))


@both_metrics
@pytest.mark.parametrize("batch", [1, 16, 1500])
def test_ties(metric, batch, rng):
    """Values so few and small that distances are exact and most are shared: the smaller id is nearer,
    and distances equal FAISS's bit for bit."""
    items = rng.integers(-1, 2, (2000, 100)).astype(np.float32)
    items[1000:] = items[:1000]
    queries = rng.integers(-1, 2, (batch, 100)).astype(np.float32)
    (ids, distances), (_, faiss_distances) = answer_both(metric, items, queries, 50)
    products = queries @ items.T
    farness = -products if metric == "IP" else np.sum(items * items, axis=1) - 2 * products
    assert np.array_equal(ids, np.argsort(farness, axis=1, kind="stable")[:, :50])
    assert np.array_equal(distances, faiss_distances)


@both_metrics
@pytest.mark.parametrize("batch", [3, 1500])
def test_nan_queries(metric, batch, rng):
    items, queries = vectors(rng, 500, 128), vectors(rng, batch, 128)
    queries[1, 5] = queries[-1, 127] = np.nan
    ours, theirs = answer_both(metric, items, queries, 10)
    assert np.all(ours[0][[1, -1]] == -1)
    assert_same_answers(metric, items, queries, ours, theirs)


@both_metrics
@pytest.mark.parametrize("batch", [1, 40])
def test_exclusions(metric, batch, rng):
    """As FAISS with a selector that leaves the same ids out."""
    items, queries = vectors(rng, 400, 24), vectors(rng, batch, 24)
    exclude = [rng.choice(400, size=rng.integers(0, 400), replace=False) for _ in queries]
    ids, distances, _ = vrec_index(metric, items).query(queries, 30, exclude=exclude)
    index = faiss_index(metric, items)
    theirs = []
    for query, excluded in zip(queries, exclude):
        selector = faiss.IDSelectorNot(faiss.IDSelectorBatch(excluded))
        theirs.append(index.search(query[None], 30, params=faiss.SearchParameters(sel=selector)))
    theirs = [np.concatenate(part) for part in zip(*theirs)][::-1]
    assert_same_answers(metric, items, queries, (ids, distances), theirs)
