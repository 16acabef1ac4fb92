"""vrec against the real FAISS on its HNSW files: the same bytes, and neighbours that are as good.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from test_faiss import METRICS, both_metrics, vectors
from vreclib import CORRUPT, INVALID, Builder, VrecError

faiss.omp_set_num_threads(1)

ROWS, DIM, QUERIES = 3000, 24, 500

every_code = pytest.mark.parametrize("codes", ["auto", "sq8", "off"])


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    return vectors(rng, ROWS, DIM), vectors(rng, QUERIES, DIM)


def build(metric, items, m=16, ef_construction=60, ef_search=16):
    index = faiss.IndexHNSWFlat(items.shape[1], m, METRICS[metric])
    index.hnsw.efConstruction = ef_construction
    index.hnsw.efSearch = ef_search
    if len(items):
        index.add(items)
    return index


def write(index, folder, name="graph.index"):
    path = folder / name
    faiss.write_index(index, str(path))
    return path


def recall(ids, truth):
    return np.mean([len(np.intersect1d(found[found >= 0], near)) / len(near) for found, near in zip(ids, truth)])


def truth_of(metric, items, queries, k):
    index = faiss.IndexFlat(items.shape[1], METRICS[metric])
    index.add(items)
    return index.search(queries, k)[1]


@both_metrics
@pytest.mark.parametrize("m", [2, 4, 16, 32])
@pytest.mark.parametrize("n", [0, 1, 3, 500])
def test_saved_as_it_was_read(tmp_path, metric, m, n):
    rng = np.random.default_rng(n)
    path = write(build(metric, vectors(rng, 500, 9)[:n], m), tmp_path)
    Builder("faiss").from_index_file(path).save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == path.read_bytes()


@both_metrics
@every_code
@pytest.mark.parametrize("k", [1, 10, 100])
def test_recall_at_every_efsearch(tmp_path, data, metric, codes, k):
    """efSearch keeps its meaning: what FAISS finds with it, vrec finds. Where k is above efSearch FAISS looks
    at efSearch candidates, vrec at k. A single cell may differ by a few of the 500 x k answers."""
    items, queries = data
    truth = truth_of(metric, items, queries, k)
    theirs = build(metric, items)
    ours = Builder("faiss", codes=codes).from_index_file(write(theirs, tmp_path))
    gained = []
    for ef in (16, 32, 64, 128, 256):
        theirs.hnsw.efSearch = ef
        found = recall(theirs.search(queries, k)[1], truth)
        ids, distances, counts = ours.query(queries, k, efSearch=ef)
        gained.append(recall(ids, truth) - found)
        assert np.all(counts == k)
        assert np.all(np.diff(distances, axis=1) * (1 if metric == "L2" else -1) >= 0)
    assert min(gained) >= -(0.008 if k == 1 else 0.003), gained
    assert np.mean(gained) >= -0.001, gained


@pytest.mark.parametrize("case, taken", [
    ("plain, a line either way", "sq8"),
    ("plain", "sq4"),
    ("one value is wider", "sq8"),
    ("groups far apart", "off"),
])
def test_auto_takes_codes_that_tell_items_apart(tmp_path, case, taken):
    """4 bits where their records have fewer cache lines; 8 where 4 say too little; none where 8 do. What is taken
    finds at every efSearch what FAISS does."""
    rng = np.random.default_rng(4)
    everything = rng.standard_normal((ROWS + QUERIES, 40 if "line" in case else 64)).astype(np.float32)
    if "wider" in case:
        everything[:, 0] *= 10
    elif "groups" in case:
        everything += 12 * everything[rng.integers(20, size=len(everything))]
    items, queries = everything[:ROWS], everything[ROWS:]
    theirs = build("L2", items)
    ours = Builder("faiss").from_index_file(write(theirs, tmp_path))
    assert dict(ours.info())["codes"] == taken
    truth = truth_of("L2", items, queries, 10)
    for ef in (16, 64):
        theirs.hnsw.efSearch = ef
        found = recall(theirs.search(queries, 10)[1], truth)
        assert recall(ours.query(queries, 10, efSearch=ef)[0], truth) >= found - 0.003


@both_metrics
def test_distances_are_those_of_the_vectors(tmp_path, data, metric):
    items, queries = data
    ids, distances, _ = Builder("faiss").from_index_file(write(build(metric, items), tmp_path)).query(queries, 10)
    near = items[ids].astype(np.float64)
    right = ((near - queries[:, None]) ** 2).sum(2) if metric == "L2" else (near * queries[:, None]).sum(2)
    assert np.allclose(distances, right, rtol=1e-5, atol=1e-4)


def test_efsearch_of_the_file_counts_unless_another_is_given(tmp_path, data):
    items, queries = data
    path = write(build("L2", items, ef_search=200), tmp_path)
    in_file = Builder("faiss", codes="off").from_index_file(path)
    given = Builder("faiss", codes="off", efSearch=16).from_index_file(path)
    assert np.array_equal(in_file.query(queries, 5)[0], given.query(queries, 5, efSearch=200)[0])
    assert np.array_equal(given.query(queries, 5)[0], in_file.query(queries, 5, efSearch=16)[0])
    assert ("efSearch", "200") in in_file.info() and ("efSearch", "16") in given.info()


@pytest.mark.parametrize("threads", [2, 5, -1])
def test_same_answers_at_any_number_of_threads(tmp_path, data, threads):
    items, queries = data
    index = Builder("faiss").from_index_file(write(build("IP", items), tmp_path))
    for one, many in zip(index.query(queries, 20), index.query(queries, 20, threads=threads)):
        assert np.array_equal(one, many)


@both_metrics
@every_code
@pytest.mark.parametrize("kept", [5, 60, 1500])
def test_rows_are_full_with_exclusions(tmp_path, data, metric, codes, kept):
    """Nearly everything is excluded: the rest is found all the same, and exactly if it is little."""
    items, queries = data
    index = Builder("faiss", codes=codes).from_index_file(write(build(metric, items, m=32), tmp_path))
    rng = np.random.default_rng(kept)
    allowed = np.sort(rng.choice(ROWS, kept, replace=False))
    excluded = np.setdiff1d(np.arange(ROWS), allowed)
    ids, _, counts = index.query(queries[:40], 10, exclude=[excluded] * 40, efSearch=64)
    assert np.all(counts == min(kept, 10)) and np.all(np.isin(ids[ids >= 0], allowed))
    truth = allowed[truth_of(metric, items[allowed], queries[:40], min(kept, 10))]
    assert recall(ids, truth) >= (0.9 if kept == 1500 else 1.0)


@both_metrics
@every_code
def test_each_query_excludes_its_own(tmp_path, data, metric, codes):
    """The nearest of each, some ids that no item has, and others; what is left is as near as it can be."""
    items, queries = data
    index = Builder("faiss", codes=codes).from_index_file(write(build(metric, items, m=32), tmp_path))
    nearest = truth_of(metric, items, queries, 40)
    rng = np.random.default_rng(5)
    excluded = [np.concatenate([near[:20], rng.integers(-ROWS, 2 * ROWS, 300)]) for near in nearest]
    ids, _, counts = index.query(queries, 10, exclude=excluded, efSearch=128)
    assert np.all(counts == 10) and not any(np.isin(mine, out).any() for mine, out in zip(ids, excluded))
    left = [np.setdiff1d(near, out) for near, out in zip(nearest, excluded)]
    kept = [[i for i in near if i in set(rest)][:10] for near, rest in zip(nearest, left)]
    assert recall(ids, kept) > 0.95
    again, _, _ = index.query(queries, 10, efSearch=128)
    assert np.array_equal(again, index.query(queries, 10, efSearch=128)[0]) and recall(again, nearest[:, :10]) > 0.95


@both_metrics
@pytest.mark.parametrize("codes", ["sq8", "sq4"])
@pytest.mark.parametrize("skewed", [False, True])
def test_the_adaptive_stop(tmp_path, data, metric, codes, skewed):
    """A larger gamma finds more, and a huge one as much as efSearch does that ends it then."""
    items, queries = data
    if skewed:
        items = items * np.exp(np.random.default_rng(3).normal(size=(ROWS, 1))).astype(np.float32)
    index = Builder("faiss", codes=codes).from_index_file(write(build(metric, items, m=32), tmp_path))
    truth = truth_of(metric, items, queries, 10)
    found = [recall(index.query(queries, 10, gamma=gamma)[0], truth) for gamma in (0, 0.1, 0.3, 100)]
    assert found == sorted(found) and found[0] < found[-1]
    for one, other in zip(index.query(queries, 10, gamma=100, efSearch=64), index.query(queries, 10, efSearch=64)):
        assert np.array_equal(one, other)


def test_the_adaptive_stop_with_exclusions(tmp_path, data):
    items, queries = data
    index = Builder("faiss").from_index_file(write(build("L2", items, m=32), tmp_path))
    even = np.arange(0, ROWS, 2)
    ids, _, counts = index.query(queries, 10, exclude=[even] * len(queries), gamma=0.3)
    assert np.all(counts == 10) and np.all(ids % 2 == 1)
    assert recall(ids, 2 * truth_of("L2", items[1::2], queries, 10) + 1) > 0.9


def test_the_adaptive_stop_needs_distances(tmp_path, data):
    items, queries = data
    index = Builder("faiss", codes="off").from_index_file(write(build("IP", items), tmp_path))
    with pytest.raises(VrecError, match="gamma needs codes where the metric is IP.*codes=sq8"):
        index.query(queries, 10, gamma=0.1)


def test_ids_of_an_id_map(tmp_path, data):
    items, queries = data
    own = np.random.default_rng(2).permutation(10 * ROWS)[:ROWS].astype(np.int64) - 5 * ROWS
    own[own == -1] = 10 * ROWS
    index = faiss.IndexIDMap(build("L2", items[:0]))
    index.add_with_ids(items, own)
    path = write(index, tmp_path)
    ours = Builder("faiss").from_index_file(path)
    plain = Builder("faiss").from_index_file(write(faiss.downcast_index(index.index), tmp_path, "plain.index"))
    rows = plain.query(queries, 10)[0]
    assert np.array_equal(ours.query(queries, 10)[0], own[rows])
    first = [[found] for found in own[rows[:, 0]]]
    assert not np.any(ours.query(queries, 10, exclude=first)[0] == np.array(first))


def test_queries_that_are_no_numbers(tmp_path, data):
    items, queries = data
    queries = queries[:4].copy()
    queries[1, 3], queries[2, 0] = np.nan, np.inf
    ids, distances, counts = Builder("faiss").from_index_file(write(build("L2", items), tmp_path)).query(queries, 3)
    assert counts.tolist() == [3, 0, 0, 3] and np.all(ids[1:3] == -1) and np.all(np.isinf(distances[1:3]))


def test_an_ip_header_over_l2_vectors(tmp_path, data):
    """torch_rechub.utils.match.Faiss writes such files: the metric is set after the graph was built as L2."""
    items, queries = data
    index = build("L2", items, m=32, ef_search=400)
    index.metric_type = faiss.METRIC_INNER_PRODUCT
    ours = Builder("faiss").from_index_file(write(index, tmp_path))
    assert any(key == "note" and "metric IP" in value for key, value in ours.info())
    ids, distances, _ = ours.query(queries, 5)
    assert ours.larger_is_nearer
    assert np.allclose(distances, (items[ids] * queries[:, None]).sum(2), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options, says", [({"m": 8}, "m=8"), ({"metric": "IP"}, "IP"), ({"index_type": "Flat"}, "Flat")])
def test_options_that_contradict_the_file(tmp_path, data, options, says):
    path = write(build("L2", data[0][:50]), tmp_path)
    with pytest.raises(VrecError, match=says) as caught:
        Builder("faiss", **options).from_index_file(path)
    assert caught.value.status == INVALID


def test_a_file_cut_short(tmp_path, data):
    path = write(build("L2", data[0][:200]), tmp_path)
    whole = path.read_bytes()
    for size in np.linspace(40, len(whole) - 1, 60).astype(int):
        path.write_bytes(whole[:size])
        with pytest.raises(VrecError) as caught:
            Builder("faiss").from_index_file(path)
        assert caught.value.status == CORRUPT
