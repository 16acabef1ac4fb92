"""vrec against the real FAISS on its IVF files: the same bytes, and the same items from the same lists.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from test_faiss import METRICS, both_metrics, vectors
from vreclib import CORRUPT, INVALID, UNSUPPORTED, Builder, VrecError

faiss.omp_set_num_threads(1)

ROWS, DIM, QUERIES, LISTS = 3000, 24, 60, 20

both_codes = pytest.mark.parametrize("codes", ["auto", "off"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(12)
    return vectors(rng, ROWS, DIM), vectors(rng, QUERIES, DIM)


def build(metric, items, lists=LISTS, quantizer=None, ids=None):
    """The quantizer's centroids, unless it has them, are items themselves: training has tests of its own."""
    quantizer = quantizer or faiss.IndexFlat(items.shape[1], METRICS[metric])
    if quantizer.ntotal == 0:
        quantizer.add(items[:: len(items) // lists][:lists])
    index = faiss.IndexIVFFlat(quantizer, items.shape[1], lists, METRICS[metric])
    if ids is None:
        index.add(items)
    else:
        index.add_with_ids(items, np.asarray(ids, np.int64))
    return index


def write(index, folder, name="lists.index"):
    path = folder / name
    faiss.write_index(index, str(path))
    return path


def opened(index, folder, **options):
    return Builder("faiss", **options).from_index_file(write(index, folder))


def assert_same(metric, index, ours, queries, k, **options):
    assert_near(*index.search(queries, k), ours.query(queries, k, **options), queries)


def assert_near(theirs, ids, answers, queries):
    """Ids are equal up to ties and near-ties: what differs is as near as what it stands for."""
    k = ids.shape[1]
    found, distances, counts = answers
    assert np.array_equal(counts, (ids >= 0).sum(1)) and np.array_equal(found >= 0, ids >= 0)
    valid = ids >= 0
    scale = 1 + np.abs(theirs[valid])
    norms = np.repeat((queries.astype(np.float64) ** 2).sum(1)[:, None], k, 1)[valid] + 3 * queries.shape[1]
    assert np.all(np.abs(distances[valid] - theirs[valid]) <= 1e-5 * (norms + scale))
    for row in range(len(queries)):
        odd = np.setdiff1d(found[row][valid[row]], ids[row][valid[row]])
        last = theirs[row][valid[row]][-1:] if valid[row].any() else []
        for item in odd:
            assert np.allclose(distances[row][found[row] == item], last, rtol=1e-4, atol=1e-4)


@both_metrics
@both_codes
@pytest.mark.parametrize("k", [1, 10, 100, 1000])
@pytest.mark.parametrize("nprobe", [1, 2, 7, LISTS, LISTS + 5])
def test_same_items_from_the_same_lists(tmp_path, data, metric, codes, k, nprobe):
    items, queries = data
    index = build(metric, items)
    index.nprobe = nprobe
    ours = opened(index, tmp_path, codes=codes)
    for threads in (1, 3):
        assert_same(metric, index, ours, queries, k, threads=threads)
    for row in (0, 7):
        assert_same(metric, index, ours, queries[row : row + 1], k)


@both_metrics
@pytest.mark.parametrize("other", [False, True])
def test_the_same_with_many_lists(tmp_path, data, metric, other):
    """Whose centroids are compared by a sample first; also where lists are chosen by the other metric."""
    items, queries = data
    by = metric if not other else "IP" if metric == "L2" else "L2"
    quantizer = faiss.IndexFlat(DIM, METRICS[by])
    quantizer.add(items[::6])
    index = build(metric, items, 500, quantizer)
    with_codes, without = opened(index, tmp_path), opened(index, tmp_path, codes="off")
    with_codes.query(np.repeat(queries, 20, 0), 1, nprobe=300)
    for nprobe in (1, 3, 20, 100, 166, 170):
        index.nprobe = nprobe
        for first, count in ((0, QUERIES), (5, 9), (40, 1)):
            for threads in (1, 3):
                asked = queries[first : first + count]
                assert_same(metric, index, with_codes, asked, 10, nprobe=nprobe, threads=threads)
                for one, another in zip(with_codes.query(asked, 40, nprobe=nprobe, threads=threads),
                                        without.query(asked, 40, nprobe=nprobe)):
                    assert np.array_equal(one, another)


@both_metrics
@pytest.mark.parametrize("lists", [1, 2, 3, 20])
@pytest.mark.parametrize("n", [0, 1, 3, 500])
def test_saved_as_it_was_read(tmp_path, metric, lists, n):
    items = vectors(np.random.default_rng(n), 500, 9)
    quantizer = faiss.IndexFlat(9, METRICS[metric])
    quantizer.add(items[:lists])
    index = build(metric, items[:n], lists, quantizer)
    path = write(index, tmp_path)
    opened(index, tmp_path).save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == path.read_bytes()


# ---- Building ----


def trained(metric, items, lists):
    index = faiss.IndexIVFFlat(faiss.IndexFlat(items.shape[1], METRICS[metric]), items.shape[1], lists, METRICS[metric])
    index.train(items)
    index.add(items)
    return index


def built(folder, metric, items, lists, **options):
    """As FAISS reads it."""
    Builder("faiss", index_type="IVF", metric=metric, nlists=lists, **options).from_embeddings(items).save(folder / "ours.index")
    return faiss.read_index(str(folder / "ours.index"))


def centroids(index):
    return faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist)


def lists_of(index):
    for number in range(index.nlist):
        size = index.invlists.list_size(number)
        yield faiss.rev_swig_ptr(index.invlists.get_ids(number), size).tolist() if size else []


@both_metrics
@pytest.mark.parametrize("n, dim, lists", [(1000, 8, 10), (300, 5, 50), (50, 3, 50), (5000, 16, 10), (400, 30, 1)])
def test_centroids_and_lists_are_those_of_faiss(tmp_path, rng, metric, n, dim, lists):
    """Fewer items than 39 a list, as many as lists, and more than are sampled."""
    items = rng.normal(size=(n, dim)).astype(np.float32)
    theirs, ours = trained(metric, items, lists), built(tmp_path, metric, items, lists)
    assert np.allclose(centroids(ours), centroids(theirs), rtol=0, atol=1e-5)
    assert list(lists_of(ours)) == list(lists_of(theirs))
    assert ours.nprobe == 1 and ours.ntotal == n and ours.is_trained


@both_metrics
@pytest.mark.parametrize("scale", [1e-10, 1e18])
def test_training_with_very_small_and_very_large_values(tmp_path, rng, metric, scale):
    """A sum of distances that overflows is nothing to stop by."""
    items = rng.normal(size=(2500, 6)).astype(np.float32)
    items *= np.float32(scale) / np.linalg.norm(items, axis=1, keepdims=True)
    theirs, ours = trained(metric, items, 10), built(tmp_path, metric, items, 10)
    assert np.allclose(centroids(ours), centroids(theirs), rtol=0, atol=1e-5 * np.abs(centroids(theirs)).max())
    assert list(lists_of(ours)) == list(lists_of(theirs))


def test_lists_that_nobody_is_near_are_mended_as_faiss_mends_them(tmp_path, rng):
    """Fewer different items than lists, so that in every round some lists are empty."""
    items = rng.normal(size=(60, 4)).astype(np.float32)[rng.integers(0, 60, 200)]
    assert np.allclose(centroids(built(tmp_path, "L2", items, 100)), centroids(trained("L2", items, 100)), rtol=0, atol=1e-5)


def objective(items, index):
    return index.quantizer.search(items, 1)[0].astype(np.float64).sum()


@both_metrics
def test_training_is_as_good_where_near_ties_let_it_differ(tmp_path, rng, metric):
    means = rng.normal(size=(300, 20))
    items = (means[rng.integers(0, 300, 40000)] + rng.normal(size=(40000, 20)) / 3).astype(np.float32)
    queries = (means[rng.integers(0, 300, 400)] + rng.normal(size=(400, 20)) / 3).astype(np.float32)
    theirs, ours = trained(metric, items, 128), built(tmp_path, metric, items, 128)
    assert objective(items, ours) == pytest.approx(objective(items, theirs), rel=0.001)
    flat = faiss.IndexFlat(20, METRICS[metric])
    flat.add(items)
    truth, found = flat.search(queries, 10)[1], []
    for index in (theirs, ours):
        index.nprobe = 4
        found.append(np.mean([len(np.intersect1d(*rows)) / 10 for rows in zip(index.search(queries, 10)[1], truth)]))
    assert found[1] == pytest.approx(found[0], abs=0.01)


def test_faiss_adds_to_what_was_built(tmp_path, rng):
    items = rng.normal(size=(1000, 6)).astype(np.float32)
    index = built(tmp_path, "L2", items[:900], 9, nprobe=9)
    index.add(items[900:])
    faiss.write_index(index, str(tmp_path / "more.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "more.index")
    ids, distances, _ = ours.query(items, 1)
    assert np.array_equal(ids[:, 0], np.arange(1000)) and not distances.any()


@pytest.mark.parametrize("dtype", ["f2", "f8", "i1"])
def test_items_of_other_types_and_strides(tmp_path, rng, dtype):
    items = (10 * rng.normal(size=(500, 12))).astype(dtype)[::-1, ::2]
    ours = built(tmp_path, "L2", items, 5)
    theirs = trained("L2", np.ascontiguousarray(items, np.float32), 5)
    assert np.allclose(centroids(ours), centroids(theirs), rtol=0, atol=1e-4)
    assert list(lists_of(ours)) == list(lists_of(theirs))


# ---- Odd files ----


@both_metrics
def test_duplicates_empty_lists_and_lists_of_one(tmp_path, rng, metric):
    items = np.repeat(rng.integers(-3, 4, size=(40, 3)).astype(np.float32), 5, 0)
    quantizer = faiss.IndexFlat(3, METRICS[metric])
    quantizer.add((2 * rng.normal(size=(15, 3))).astype(np.float32) + np.repeat([[0], [0], [30]], 5, 0).astype(np.float32))
    index = build(metric, items, 15, quantizer)
    assert not all(index.invlists.list_size(number) for number in range(15))
    ours = opened(index, tmp_path)
    for nprobe in range(1, 16):
        index.nprobe = nprobe
        for k in (1, 4, 50, 300):
            theirs, ids = index.search(items[:30], k)
            found, distances, counts = ours.query(items[:30], k, nprobe=nprobe)
            assert np.array_equal(counts, (ids >= 0).sum(1))
            assert np.allclose(distances[ids >= 0], theirs[ids >= 0], atol=1e-4)
            order = np.lexsort((found, distances if metric == "L2" else -distances))
            assert all(np.array_equal(row[row >= 0], row[o][row[o] >= 0]) for row, o in zip(found, order))


def test_own_ids_and_negative_ones(tmp_path, data):
    items, queries = data
    own = np.random.default_rng(3).integers(-(2**50), 2**50, ROWS)
    own[5] = own[6]
    own[7] = -1
    index = build("L2", items, ids=own)
    index.nprobe = 6
    ours = opened(index, tmp_path)
    theirs = index.search(queries, 20)[1]
    ids, _, counts = ours.query(queries, 20)
    assert np.all(counts == 20) and not np.any(ids == -1)
    assert np.mean(ids == theirs) > 0.9 and ("ids", "own, in the lists") in ours.info()
    excluded = ours.query(queries, 20, exclude=ids[:, :3])[0]
    assert not any(np.isin(row[:3], other).any() for row, other in zip(ids, excluded))
    ours.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "lists.index").read_bytes()


@pytest.mark.parametrize("kind", ["Array", "Hashtable"])
def test_direct_maps(tmp_path, data, kind):
    index = build("L2", data[0])
    index.set_direct_map_type(getattr(faiss.DirectMap, kind))
    ours = opened(index, tmp_path)
    ours.save(tmp_path / "again.index")
    again = faiss.read_index(str(tmp_path / "again.index"))
    assert again.direct_map.type == index.direct_map.type
    for number in (0, 77, ROWS - 1):
        assert np.array_equal(again.reconstruct(number), data[0][number])


@both_metrics
@pytest.mark.parametrize("nprobe", [1, 5, LISTS])
def test_a_graph_as_quantizer(tmp_path, data, metric, nprobe):
    """Given the lists that the graph finds, the items are FAISS's; a wide efSearch makes them the same lists."""
    items, queries = data
    quantizer = faiss.IndexHNSWFlat(DIM, 8, METRICS[metric])
    quantizer.hnsw.efSearch = 200
    index = build(metric, items, LISTS, quantizer)
    index.nprobe = nprobe
    ours = opened(index, tmp_path)
    assert ("quantizer", "HNSW") in ours.info()
    assert_same(metric, index, ours, queries, 10)
    ours.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "lists.index").read_bytes()


def test_lists_chosen_by_ip_and_items_compared_by_l2(tmp_path, data):
    """torch_rechub.utils.match.Faiss writes such files for metric "ip"."""
    items, queries = data
    quantizer = faiss.IndexFlatIP(DIM)
    quantizer.add(items[:: ROWS // LISTS][:LISTS])
    index = faiss.IndexIVFFlat(quantizer, DIM, LISTS)
    index.add(items)
    index.nprobe = 3
    ours = opened(index, tmp_path)
    assert not ours.larger_is_nearer
    assert_same("L2", index, ours, queries, 10)


def test_untrained_and_empty_ones(tmp_path):
    for train in (False, True):
        index = faiss.index_factory(4, "IVF2,Flat")
        if train:
            index.train(np.eye(4, dtype=np.float32))
        ours = opened(index, tmp_path)
        ids, distances, counts = ours.query(np.ones((3, 4), np.float32), 2)
        assert ours.rows == 0 and np.all(ids == -1) and np.all(np.isinf(distances)) and not counts.any()
        assert any(key == "note" and "no items" in value for key, value in ours.info())
        ours.save(tmp_path / "again.index")
        assert (tmp_path / "again.index").read_bytes() == (tmp_path / "lists.index").read_bytes()


def test_items_that_faiss_put_into_no_list(tmp_path, data):
    items = data[0][:100].copy()
    items[3, 1] = np.nan
    index = build("L2", items, 5)
    ours = opened(index, tmp_path)
    assert ours.rows == 99
    assert ("note", "1 of 100 items are in no list and are never returned") in ours.info()
    ours.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "lists.index").read_bytes()


@both_metrics
@both_codes
@pytest.mark.parametrize("scale", [1e18, 1.2e19, 3e19, 1e38])
def test_items_and_queries_so_long_that_distances_overflow(tmp_path, data, metric, codes, scale):
    """FAISS takes such items. Whose distance is a number is found, as by an exact search of what is in
    lists; nobody else is."""
    items, queries = data[0].copy(), data[1].copy()
    for vectors_ in (items, queries):
        vectors_[::10] *= np.float32(scale / 4) / np.linalg.norm(vectors_[::10], axis=1, keepdims=True)
    items[50] = queries[10]
    quantizer = faiss.IndexFlat(DIM, METRICS[metric])
    quantizer.add(items[5::50][:LISTS])
    index = build(metric, items, LISTS, quantizer)
    ours = opened(index, tmp_path, codes=codes)
    listed = np.sort(np.concatenate(list(lists_of(index))))
    exact = Builder("faiss", metric=metric, codes="off").from_embeddings(items)
    nobody = [np.setdiff1d(np.arange(ROWS), listed)] * QUERIES
    ours.query(np.repeat(queries, 20, 0), 10)  # codes are made
    for nprobe in (LISTS, 3):
        found = ours.query(queries, 10, nprobe=nprobe)
        if nprobe == LISTS:
            for one, other in zip(found, exact.query(queries, 10, exclude=nobody)):
                assert np.array_equal(one, other)
        assert np.all(np.isfinite(found[1][found[0] >= 0]))
        alone = [ours.query(queries[i : i + 1], 10, nprobe=nprobe) for i in range(QUERIES)]
        for column, one in enumerate(found):
            assert np.array_equal(one, np.concatenate([parts[column] for parts in alone]))


def test_an_id_map_around_lists(tmp_path, data):
    items, queries = data
    own = np.random.default_rng(2).permutation(ROWS) - 7
    own[own == -1] = ROWS
    index = faiss.IndexIDMap(build("L2", items[:0].reshape(0, DIM), LISTS, flat_of(items)))
    index.add_with_ids(items, own)
    ours = opened(index, tmp_path)
    assert np.mean(ours.query(queries, 5)[0] == index.search(queries, 5)[1]) > 0.99
    ours.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "lists.index").read_bytes()


def flat_of(items):
    quantizer = faiss.IndexFlatL2(DIM)
    quantizer.add(items[:: ROWS // LISTS][:LISTS])
    return quantizer


def test_lists_that_are_elsewhere(tmp_path, data):
    index = build("L2", data[0])
    faiss.write_index(index, str(tmp_path / "lists.index"))
    elsewhere = faiss.OnDiskInvertedLists(LISTS, index.code_size, str(tmp_path / "lists"))
    elsewhere.merge_from_1(index.invlists)
    index.replace_invlists(elsewhere)
    with pytest.raises(VrecError, match="ilod") as caught:
        opened(index, tmp_path)
    assert caught.value.status == UNSUPPORTED


# ---- Exclusions ----


@both_metrics
@both_codes
@pytest.mark.parametrize("kept", [5, 60, 1500])
def test_rows_are_full_with_exclusions(tmp_path, data, metric, codes, kept):
    """As if the excluded weren't there; and where the lists have too few others, further lists are looked into."""
    items, queries = data
    index = build(metric, items)
    ours = opened(index, tmp_path, codes=codes)
    allowed = np.sort(np.random.default_rng(kept).choice(ROWS, kept, replace=False))
    excluded = np.setdiff1d(np.arange(ROWS), allowed)
    for nprobe in (1, 4, LISTS):
        for threads in (1, 3):
            ids, distances, counts = ours.query(queries, 10, exclude=[excluded] * QUERIES, nprobe=nprobe, threads=threads)
            assert np.all(counts == min(kept, 10)) and np.all(np.isin(ids[ids >= 0], allowed))
    flat = faiss.IndexFlat(DIM, METRICS[metric])
    flat.add(items[allowed])
    assert np.allclose(distances[ids >= 0], flat.search(queries, min(kept, 10))[0].ravel(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("threads", [2, 5, -1])
def test_same_answers_at_any_number_of_threads_and_queries(tmp_path, data, threads):
    items, queries = data
    ours = opened(build("IP", items), tmp_path)
    for nprobe in (1, 6):
        ids, distances, _ = ours.query(queries, 20, nprobe=nprobe)
        many = ours.query(queries, 20, nprobe=nprobe, threads=threads)
        assert np.array_equal(ids, many[0]) and np.array_equal(distances, many[1])
        for first, count in ((0, 1), (3, 2), (10, 9), (20, 40)):
            few = ours.query(queries[first : first + count], 20, nprobe=nprobe, threads=threads)
            assert np.array_equal(ids[first : first + count], few[0])
            assert np.array_equal(distances[first : first + count], few[1])


# ---- Budgets ----


def apart(metric, items):
    """What distances are measured by, of the items as they stand in the lists: pairs of one from each half."""
    rows = len(items)
    pairs = min(rows // 2, 1024)
    first = np.arange(pairs) * (rows // 2) // pairs
    a, b = items[first].astype(float), items[first + rows - rows // 2].astype(float)
    if metric == "L2":
        return ((a - b) ** 2).sum(1).mean()
    return np.sqrt(max((a**2).sum(1).max(), (b**2).sum(1).max()))


def lists_within(metric, index, queries, k, budget):
    """How many lists each query looks into, by the document's words."""
    near = index.quantizer.search(queries, index.nlist)[1]
    sizes = np.array([index.invlists.list_size(i) for i in range(index.nlist)])
    items = np.concatenate([faiss.vector_to_array(faiss.downcast_InvertedLists(index.invlists).codes.at(i)).view(np.float32)
                            for i in range(index.nlist)]).reshape(-1, index.d)
    measure, most = apart(metric, items), min(max(int(np.ceil(2 * budget / (index.ntotal / index.nlist))), 1), index.nlist)
    for query, order in zip(queries, near):
        first = 1
        while first < most and sizes[order[:first]].sum() < k:
            first += 1
        index.nprobe = first
        distances, ids = index.search(query[None], k)
        share = 1.0
        if ids[0, -1] >= 0:
            kth = float(distances[0, -1])
            share = kth / measure if metric == "L2" else 1 - kth / measure / np.linalg.norm(query)
        count, rows = first, budget * min(max(share, 0), 1)
        while count < most and sizes[order[:count]].sum() < rows:
            count += 1
        yield count


@both_metrics
@both_codes
@pytest.mark.parametrize("k", [1, 10, 200])
@pytest.mark.parametrize("budget", [1, 300, 1500, 9000])
def test_a_budget_is_as_many_lists_as_is_said(tmp_path, data, metric, codes, k, budget):
    items, queries = data
    index = build(metric, items, 40)
    ours = opened(index, tmp_path, codes=codes)
    counts = list(lists_within(metric, index, queries, k, budget))
    assert budget != 1500 or k > 10 or len(set(counts)) > 3  # else it would be another name for nprobe
    for query, count in zip(queries, counts):
        index.nprobe = count
        assert_same(metric, index, ours, query[None], k, budget=budget)
    whole = ours.query(queries, k, budget=budget)
    ours.query(np.repeat(queries, 20, 0), k)  # codes are made
    for threads in (1, 2, 5):
        for first, count in ((0, QUERIES), (3, 1), (10, 9), (20, 40)):
            few = ours.query(queries[first : first + count], k, budget=budget, threads=threads)
            assert all(np.array_equal(one, part[first : first + count]) for one, part in zip(few, whole))


@both_metrics
def test_a_budget_keeps_to_nprobe_and_to_who_may_be_returned(tmp_path, data, metric):
    items, queries = data
    index = build(metric, items, 40)
    ours = opened(index, tmp_path, budget=5000)
    for nprobe in (1, 3):
        for one, other in zip(ours.query(queries, 10, nprobe=nprobe), ours.query(queries, 10, nprobe=nprobe, budget="none")):
            assert np.array_equal(one, other)
    rows = np.delete(np.arange(ROWS), np.arange(0, ROWS, 500))
    ids, _, counts = ours.query(queries, 5, budget=200, exclude=[rows] * QUERIES)
    assert np.all(counts == 5) and np.all(ids % 500 == 0)


def test_queries_that_are_no_numbers(tmp_path, data):
    items, queries = data
    queries = queries[:4].copy()
    queries[1, 3], queries[2, 0] = np.nan, np.inf
    ids, distances, counts = opened(build("L2", items), tmp_path).query(queries, 3, exclude=[[1], [1], [1], [1]])
    assert counts.tolist() == [3, 0, 0, 3] and np.all(ids[1:3] == -1) and np.all(np.isinf(distances[1:3]))


@pytest.mark.parametrize("options, says", [({"nlists": 8}, "nlists=8"), ({"metric": "IP"}, "IP"), ({"index_type": "Flat"}, "Flat")])
def test_options_that_contradict_the_file(tmp_path, data, options, says):
    with pytest.raises(VrecError, match=says) as caught:
        opened(build("L2", data[0][:500]), tmp_path, **options)
    assert caught.value.status == INVALID


def test_a_file_cut_short(tmp_path, data):
    path = write(build("L2", data[0][:300], 7), tmp_path)
    whole = path.read_bytes()
    for size in np.linspace(40, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:size])
        with pytest.raises(VrecError) as caught:
            Builder("faiss").from_index_file(path)
        assert caught.value.status == CORRUPT
