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
    "HNSW8,SQ8", "HNSW8,PQ2x4", "IVF2,SQ8", "IVF2,PQ2x4", "SQ8", "PQ2x4",
    "L2norm,Flat", "Flat,RFlat",
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


# ---- Ids of the rows' own: IDMap and IDMap2 ----

ID_MAPS = {"IDMap": faiss.IndexIDMap, "IDMap2": faiss.IndexIDMap2}
id_maps = pytest.mark.parametrize("outer", ID_MAPS)


def id_map_index(outer, metric, items, ids):
    index = ID_MAPS[outer](faiss.IndexFlat(items.shape[1], METRICS[metric]))
    index.add_with_ids(np.ascontiguousarray(items, np.float32), np.ascontiguousarray(ids, np.int64))
    return index


def test_size_of_an_id_map(rng, tmp_path):
    path = tmp_path / "index"
    faiss.write_index(id_map_index("IDMap", "L2", vectors(rng, 3, 4), [5, 6, 7]), str(path))
    Builder("faiss").from_index_file(path).save(path)
    assert path.stat().st_size == 162


@id_maps
@both_metrics
@pytest.mark.parametrize("batch", [1, 40])
def test_id_maps_both_ways(outer, metric, batch, rng, tmp_path):
    """Ids in any order, negative, and some of them twice: the same file, and the same items."""
    path, items, queries = tmp_path / "index", vectors(rng, 500, 24), vectors(rng, batch, 24)
    ids = rng.integers(-(2**63), 2**63 - 1, 500)
    ids[:3] = -2, 2**63 - 1, -(2**63)
    ids[400:450] = ids[:50]
    faiss.write_index(id_map_index(outer, metric, items, ids), str(path))
    written = path.read_bytes()
    index = Builder("faiss").from_index_file(path)
    assert dict(index.info())["ids"] == f"own, in an {outer}"
    found, distances, _ = index.query(queries, 20)
    rows, expected, _ = vrec_index(metric, items).query(queries, 20)
    assert np.array_equal(found, ids[rows]) and np.array_equal(distances, expected)
    theirs, their_ids = faiss.read_index(str(path)).search(queries, 20)
    assert np.mean(their_ids == found) > 0.99 and np.allclose(theirs, distances, rtol=1e-3, atol=1e-3)
    index.save(path)
    assert path.read_bytes() == written


@both_metrics
def test_ids_of_a_build(metric, rng, tmp_path):
    """The file is FAISS's to the byte, FAISS answers as vrec does, and bitmaps are by row."""
    items, queries, path = vectors(rng, 500, 16), vectors(rng, 40, 16), tmp_path / "index"
    ids = rng.permutation(500) * 2**40 - 77
    index = Builder("faiss", metric=metric).from_embeddings(items, ids=ids)
    index.save(path)
    theirs = id_map_index("IDMap", metric, items, ids)
    faiss.write_index(theirs, str(tmp_path / "theirs"))
    assert path.read_bytes() == (tmp_path / "theirs").read_bytes()
    assert np.array_equal(faiss.read_index(str(path)).search(queries, 10)[1], theirs.search(queries, 10)[1])
    found = index.query(queries, 10)
    assert np.array_equal(found[0], theirs.search(queries, 10)[1])
    assert all(map(np.array_equal, Builder("faiss").from_index_file(path).query(queries, 10), found))
    allow = rng.random(500) < 0.3
    assert np.isin(index.query(queries, 10, allow=allow)[0], ids[allow]).all()
    out = found[0][:, :5]
    assert np.array_equal(index.query(queries, 5, exclude=list(out))[0], found[0][:, 5:])
    with pytest.raises(VrecError, match="rows 3 and 499 both have the id"):
        Builder("faiss").from_embeddings(items, ids=np.append(ids[:499], ids[3]))


def test_ids_of_a_graph_that_is_built(rng, tmp_path):
    items, queries, path = vectors(rng, 500, 16), vectors(rng, 40, 16), tmp_path / "index"
    ids = rng.permutation(500) * 3 + 5
    index = Builder("faiss", index_type="HNSW").from_embeddings(items, ids=ids)
    index.save(path)
    found, theirs = index.query(queries, 5, efSearch=500)[0], faiss.read_index(str(path))
    exact = id_map_index("IDMap", "L2", items, ids).search(queries, 5)[1]
    faiss.downcast_index(theirs.index).hnsw.efSearch = 500
    assert np.array_equal(found, exact) and np.array_equal(theirs.search(queries, 5)[1], exact)
    others = index.query(queries, 5, exclude=list(exact))[0]
    assert not any(np.isin(*pair).any() for pair in zip(others, exact)) and np.isin(others, ids).all()


def test_exclusions_are_by_own_id(rng, tmp_path):
    path, items = tmp_path / "index", vectors(rng, 100, 8)
    ids = np.arange(100)[::-1] * 10 - 500
    faiss.write_index(id_map_index("IDMap", "L2", items, ids), str(path))
    index = Builder("faiss").from_index_file(path)
    found, _, counts = index.query(items[:1], 100, exclude=[np.sort(ids[:40])])
    assert counts[0] == 60 and not np.isin(found[0], ids[:40]).any()


def test_rows_without_id_are_never_returned(rng, tmp_path):
    path, items = tmp_path / "index", vectors(rng, 100, 8)
    ids = np.arange(100)
    ids[7:10] = -1
    faiss.write_index(id_map_index("IDMap", "L2", items, ids), str(path))
    index = Builder("faiss").from_index_file(path)
    found, _, counts = index.query(items, 100)
    assert np.all(counts == 97) and np.all((found == -1).sum(axis=1) == 3)
    assert "3 rows have the id -1" in dict(index.info())["note"]


def nested_types():
    flat = faiss.IndexFlatL2(8)
    yield faiss.IndexNSGFlat(8, 16), "INSf (NSG)"
    yield faiss.IndexPQFastScan(8, 4, 4), "IPfs (product-quantized, fast-scan)"
    yield faiss.IndexIDMap2(faiss.IndexPQ(8, 4, 4)), "IxM2 (IDMap2) over IxPq (product-quantized)"
    yield faiss.index_factory(8, "IDMap2,IVF4,PQ4x4"), "IxM2 (IDMap2) over IwPQ (IVF, product-quantized)"
    yield faiss.IndexIDMap(faiss.IndexIDMap(flat)), "IxMp (IDMap) over IxMp (IDMap) over IxF2 (Flat)"
    yield faiss.index_factory(8, "PCA4,SQ8"), "IxPT (PreTransform) over IxSQ (scalar-quantized)"
    yield faiss.index_factory(8, "ITQ8,LSH"), "IxPT (PreTransform) over IxHe (LSH)"
    yield faiss.index_factory(8, "OPQ4,PQ4x4"), "IxPT (PreTransform) over IxPq (product-quantized)"
    yield faiss.index_factory(8, "PQ4x4,RFlat"), "IxRF (Refine) over IxPq (product-quantized)"
    yield faiss.index_factory(8, "HNSW8,SQ8"), "IHNs (HNSW, scalar-quantized) over IxSQ (scalar-quantized)"
    yield faiss.index_factory(8, "IVF4_HNSW8,PQ4x4"), "IwPQ (IVF, product-quantized) with quantizer IHNf (HNSW)"


def test_nested_types_are_named_all_the_way_in(rng, tmp_path):
    for index, name in nested_types():
        path = tmp_path / "index"
        if not isinstance(index, faiss.IndexNSG):
            index.train(vectors(rng, 1000, 8))
        faiss.write_index(index, str(path))
        with pytest.raises(VrecError) as error:
            Builder("faiss").from_index_file(path)
        assert error.value.status == UNSUPPORTED
        assert name in str(error.value)


SIMPLE_TYPES = """RQ2x4 LSQ2x4 PRQ2x2x4 PLSQ2x2x4 RaBitQ RaBitQ4 RaBitQfs EDEN LSH ZnLattice2x10_4 FlatL2Panorama4
IVF4,FlatDedup IVF4,SQ8 IVF4,PQ4x4fs IVF4,ITQ8,SH IVF4,RQ2x4 IVF4,LSQ2x4 IVF4,RaBitQ IVF4,RaBitQfs IVF4,EDEN
IVF4,FlatPanorama4 HNSW8,FlatPanorama4 MinMax,SQ8 RCQ2x2 Residual4,PQ4x4""".split()


@pytest.mark.parametrize("factory", SIMPLE_TYPES)
def test_every_type_has_a_name(factory, rng, tmp_path):
    index = faiss.index_factory(8, factory)
    index.train(vectors(rng, 1000, 8))
    path = tmp_path / "index"
    faiss.write_index(index, str(path))
    with pytest.raises(VrecError) as error:
        Builder("faiss").from_index_file(path)
    assert error.value.status == UNSUPPORTED
    assert f"{path.read_bytes()[:4].decode()} (" in str(error.value)


def test_indexes_of_bits_have_names(rng, tmp_path):
    path = tmp_path / "index"
    for index, name in ((faiss.IndexBinaryFlat(64), "IBxF (Flat, of bits)"),
                        (faiss.IndexBinaryIDMap(faiss.IndexBinaryFlat(64)), "IBMp (IDMap, of bits) over IBxF")):
        faiss.write_index_binary(index, str(path))
        with pytest.raises(VrecError) as error:
            Builder("faiss").from_index_file(path)
        assert error.value.status == UNSUPPORTED and name in str(error.value)


def test_vectors_by_own_id(rng, tmp_path):
    """As FAISS's reconstruct, by the first row that has the id."""
    path, items = tmp_path / "index", vectors(rng, 300, 8)
    ids = rng.permutation(10_000)[:300] - 5000
    ids[7], ids[20] = -1, ids[10]
    faiss.write_index(id_map_index("IDMap2", "L2", items, ids), str(path))
    index = Builder("faiss").from_index_file(path)
    assert np.array_equal(index.ids(), ids)
    wanted = rng.permutation(np.delete(ids, 7))
    first = [np.flatnonzero(ids == each)[0] for each in wanted]
    assert np.array_equal(index.vectors(wanted), items[first])
    single = index.vectors(wanted[:1])
    assert np.array_equal(single[0], faiss.read_index(str(path)).reconstruct(int(wanted[0]))) or wanted[0] == ids[10]
    for id in (-1, 20_000):
        with pytest.raises(VrecError, match=f"no item has id {id}, which is number 1"):
            index.vectors([ids[0], id])
