"""Graphs that vrec builds, in the hands of the real FAISS: it opens them, finds as much by them as by its own, and its
statistics are theirs.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
from test_hnsw import DIM, QUERIES, ROWS, build, recall, truth_of
from vreclib import INVALID, Builder, VrecError


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(5)
    return tuple(rng.standard_normal((n, DIM)).astype(np.float32) for n in (4 * ROWS, QUERIES))


def read(ours, folder):
    path = folder / "ours.index"
    ours.save(path)
    return faiss.read_index(str(path)), path


def links(index, level):
    """Of every node on the level, those that it links to there."""
    hnsw = index.hnsw
    neighbours, offsets = faiss.vector_to_array(hnsw.neighbors), faiss.vector_to_array(hnsw.offsets).astype(int)
    levels, slots = faiss.vector_to_array(hnsw.levels), faiss.vector_to_array(hnsw.cum_nneighbor_per_level)
    rows = {}
    for node in np.flatnonzero(levels > level):
        row = neighbours[offsets[node] + slots[level]:offsets[node] + slots[level + 1]]
        rows[node] = row[row >= 0]
    return rows


def reached(rows, start):
    seen = set(start)
    queue = list(seen)
    for node in queue:
        fresh = set(rows[node]) - seen
        seen |= fresh
        queue += fresh
    return len(seen)


@pytest.mark.parametrize("m", [4, 16, 32])
def test_faiss_finds_more_than_by_its_own(tmp_path, data, m):
    items, queries = data
    truth = truth_of("L2", items, queries, 10)
    own = build("L2", items, m=m, ef_construction=200)
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=m).from_embeddings(items), tmp_path)
    for ef in (16, 40, 80, 160, 320):
        own.hnsw.efSearch = theirs.hnsw.efSearch = ef
        assert recall(theirs.search(queries, 10)[1], truth) >= recall(own.search(queries, 10)[1], truth) - 0.001, ef


@pytest.mark.parametrize("spread", [0.05, 0.15])
def test_groups_far_from_each_other(tmp_path, spread):
    """Some 55 items each, with few links: who is in one has to get out of it."""
    rng = np.random.default_rng(3)
    centers = rng.standard_normal((150, DIM))
    items, queries = ((centers[rng.integers(0, len(centers), n)] + spread * rng.standard_normal((n, DIM))).astype(np.float32)
                      for n in (55 * len(centers), QUERIES))
    truth = truth_of("L2", items, queries, 10)
    own = build("L2", items, m=4, ef_construction=40)  # as ours
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=4).from_embeddings(items), tmp_path)
    for ef in (16, 40, 80):
        own.hnsw.efSearch = theirs.hnsw.efSearch = ef
        assert recall(theirs.search(queries, 10)[1], truth) >= recall(own.search(queries, 10)[1], truth), ef


@pytest.mark.parametrize("sigma", [0, 0.5, 1, 1.5])
def test_inner_products_of_items_that_differ_in_length(tmp_path, data, sigma):
    """FAISS's graphs of such items lead to some of them only: those that are long."""
    rng = np.random.default_rng(3)
    items = data[0] * rng.lognormal(0, sigma, (len(data[0]), 1)).astype(np.float32)
    queries, short = data[1], np.flatnonzero(np.linalg.norm(items, axis=1) < np.median(np.linalg.norm(items, axis=1)))
    own = build("IP", items, m=16, ef_construction=200)
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=16, metric="IP").from_embeddings(items), tmp_path)
    only = faiss.SearchParametersHNSW(efSearch=256, sel=faiss.IDSelectorBatch(short))
    truth, truth_of_short = truth_of("IP", items, queries, 10), short[truth_of("IP", items[short], queries, 10)]
    for ef in (32, 64, 128, 256):
        own.hnsw.efSearch = theirs.hnsw.efSearch = ef
        assert recall(theirs.search(queries, 10)[1], truth) >= recall(own.search(queries, 10)[1], truth) - (0.01 if ef == 32 else 0.002), ef
    one, other = (recall(index.search(queries, 10, params=only)[1], truth_of_short) for index in (theirs, own))
    assert one >= max(other, 0.3), (one, other)


def found_near(distances, exact):
    """The share of results that are as near as the k nearest: which of equal items they are doesn't matter."""
    return np.mean(distances <= exact[:, -1:] * (1 + 1e-5))


@pytest.mark.parametrize("zeros", [2, 10])
def test_many_zeros_are_in_nobodys_way(tmp_path, data, zeros):
    """Everybody's way leads past them, and few queries want them. In graphs of its own, FAISS finds a fourth of what is wanted."""
    items, queries = np.random.default_rng(4).permutation(data[0])[:5000].copy(), data[1]
    items[::zeros] = 0
    flat = faiss.IndexFlatL2(DIM)
    flat.add(items)
    exact = flat.search(queries, 10)[0]
    ours = Builder("faiss", index_type="HNSW", m=16).from_embeddings(items)
    own, (theirs, path) = build("L2", items, m=16), read(ours, tmp_path)
    own.hnsw.efSearch = theirs.hnsw.efSearch = 128
    assert found_near(theirs.search(queries, 10)[0], exact) > 0.95
    assert found_near(own.search(queries, 10)[0], exact) < 0.8
    opened = Builder("faiss", efSearch=64).from_index_file(path)
    assert found_near(opened.query(queries, 10)[1], exact) > 0.95
    theirs.hnsw.efSearch = len(items)
    count = len(items[::zeros])
    assert np.sum(theirs.search(np.zeros((1, DIM), np.float32), count)[0] == 0) == count


def test_zeros_are_in_nobodys_way_when_more_is_added(tmp_path, data):
    """What leads past them then leads to what is added, too. FAISS finds as much as in a graph that was built at once."""
    items, queries = np.random.default_rng(4).permutation(data[0])[:5000].copy(), data[1]
    items[50:1050] = 0
    flat = faiss.IndexFlatL2(DIM)
    flat.add(items)
    exact = flat.search(queries, 10)[0]
    ours = Builder("faiss", index_type="HNSW", m=16).from_embeddings(items[:1050])
    for first in range(1050, 5000, 500):
        ours.add(items[first:first + 500])
    theirs, _ = read(ours, tmp_path)
    theirs.hnsw.efSearch = 128
    assert found_near(theirs.search(queries, 10)[0], exact) > 0.95


def test_adding_to_copies_in_a_graph_of_faiss(tmp_path, data):
    """There, the links of an item that stands 40 times all lead to its copies; new items are linked to others, too."""
    items = np.random.default_rng(4).permutation(np.repeat(data[0][:125], 40, axis=0))
    new = data[0][125:425]
    faiss.write_index(build("L2", items, m=16), str(tmp_path / "theirs.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "theirs.index")
    ours.add(new)
    grown, _ = read(ours, tmp_path)
    grown.hnsw.efSearch = 16
    assert np.mean(grown.search(new, 1)[0] == 0) > 0.9


@pytest.mark.parametrize("metric", ["IP", "L2"])
def test_a_sample_of_queries_helps(tmp_path, metric):
    """Users who like several kinds of items, and are nowhere among them: a sample of others finds what each likes."""
    rng = np.random.default_rng(6)
    kinds = rng.standard_normal((40, DIM))
    items = kinds[rng.integers(0, 40, 8000)] + 0.3 * rng.standard_normal((8000, DIM))
    items *= rng.lognormal(0, 0.4, (len(items), 1))
    users = sum(kinds[rng.integers(0, 40, 3000)] for _ in range(4)) / 4 + 0.1 * rng.standard_normal((3000, DIM))
    items, users = items.astype(np.float32), users.astype(np.float32)
    queries, sample = users[:400], users[400:]
    truth = truth_of(metric, items, queries, 10)
    builder = Builder("faiss", index_type="HNSW", m=8, metric=metric)
    plain, _ = read(builder.from_embeddings(items), tmp_path)
    taught, _ = read(builder.from_embeddings(items, queries=sample), tmp_path)
    own = build(metric, items, m=8, ef_construction=200)
    found = []
    for index in (taught, plain, own):
        index.hnsw.efSearch = 32
        found.append(recall(index.search(queries, 10)[1], truth))
    assert found[0] > max(found[1:]) and found[0] > 0.9, found


@pytest.mark.parametrize("metric, sigma", [("L2", 0), ("IP", 0), ("IP", 1)])
def test_every_item_is_reached(tmp_path, data, metric, sigma):
    rng = np.random.default_rng(4)
    items = data[0] * rng.lognormal(0, sigma, (len(data[0]), 1)).astype(np.float32)
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=4, metric=metric).from_embeddings(items), tmp_path)
    assert reached(links(theirs, 0), [theirs.hnsw.entry_point]) == len(items)


@pytest.mark.parametrize("metric, sigma", [("L2", 0), ("IP", 1)])
def test_facts_of_a_graph_of_faiss(tmp_path, data, metric, sigma):
    """Degrees and reach of what FAISS built, with a note where items are lost."""
    items = data[0] * np.random.default_rng(4).lognormal(0, sigma, (len(data[0]), 1)).astype(np.float32)
    index, path = build(metric, items, m=8, ef_construction=40), str(tmp_path / "own.index")
    faiss.write_index(index, path)
    facts = Builder("faiss").from_index_file(path).info()
    said, rows = dict(facts), links(index, 0)
    degrees = np.array([len(rows[node]) for node in rows])
    upper = np.flatnonzero(faiss.vector_to_array(index.hnsw.levels) > 1)
    from_entry = reached(rows, [index.hnsw.entry_point])
    assert (int(said["degree_min"]), int(said["degree_max"])) == (degrees.min(), degrees.max())
    assert float(said["degree_mean"]) == pytest.approx(degrees.mean(), 1e-5)
    assert float(said["reach_entry"]) == pytest.approx(from_entry / len(items), 1e-5)
    assert float(said["reach_upper"]) == pytest.approx(reached(rows, upper) / len(items), 1e-5)
    notes = [text for key, text in facts if key == "note"]
    assert notes == [] if from_entry == len(items) else f"{len(items) - from_entry} items (" in notes[0]
    assert (sigma == 1) == (from_entry < 0.9 * len(items))


@pytest.mark.parametrize("m", [2, 5, 16, 64])
def test_levels_are_those_that_faiss_draws(tmp_path, data, m):
    items = data[0][:3000]
    own = build("L2", items, m=m, ef_construction=1)
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=m, efConstruction=1).from_embeddings(items), tmp_path)
    for array in ("levels", "offsets", "cum_nneighbor_per_level", "assign_probas"):
        one, other = (faiss.vector_to_array(getattr(index.hnsw, array)) for index in (theirs, own))
        assert np.array_equal(one, other), array
    assert theirs.hnsw.max_level == own.hnsw.max_level


def test_what_faiss_reads_is_what_was_asked_for(tmp_path, data):
    items = data[0][:500]
    options = {"index_type": "HNSW", "m": 7, "efConstruction": 77, "efSearch": 99}
    for metric, number in (("L2", faiss.METRIC_L2), ("IP", faiss.METRIC_INNER_PRODUCT)):
        theirs, path = read(Builder("faiss", metric=metric, **options).from_embeddings(items), tmp_path)
        assert (theirs.ntotal, theirs.d, theirs.metric_type) == (500, DIM, number)
        assert (theirs.hnsw.efConstruction, theirs.hnsw.efSearch) == (77, 99)
        assert np.array_equal(faiss.rev_swig_ptr(theirs.get_xb() if hasattr(theirs, "get_xb") else
                              faiss.downcast_index(theirs.storage).get_xb(), items.size).reshape(items.shape), items)
        again = tmp_path / "again.index"
        faiss.write_index(theirs, str(again))
        assert again.read_bytes() == path.read_bytes()


def test_rows_of_links(tmp_path, data):
    items = data[0]
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=8).from_embeddings(items), tmp_path)
    for level in range(theirs.hnsw.max_level + 1):
        rows = links(theirs, level)
        for node, row in rows.items():
            assert node not in row and len(set(row)) == len(row) and set(row) <= rows.keys()
        assert min(map(len, rows.values())) == (16 if level == 0 else min(8, len(rows) - 1))  # free slots are filled


def test_faiss_adds_to_it(tmp_path, data):
    items, queries = data
    theirs, _ = read(Builder("faiss", index_type="HNSW", m=16).from_embeddings(items[:-1000]), tmp_path)
    theirs.add(items[-1000:])
    theirs.hnsw.efSearch = 64
    assert recall(theirs.search(queries, 10)[1], truth_of("L2", items, queries, 10)) > 0.97


@pytest.mark.parametrize("threads", [2, -1])
def test_the_same_file_at_any_number_of_threads(tmp_path, data, threads):
    options = {"index_type": "HNSW", "m": 8}
    one, many = (tmp_path / name for name in ("one.index", "many.index"))
    Builder("faiss", threads=1, **options).from_embeddings(data[0]).save(one)
    Builder("faiss", threads=threads, **options).from_embeddings(data[0]).save(many)
    assert one.read_bytes() == many.read_bytes()


@pytest.mark.parametrize("options, says", [({"m": 1}, "2..4096"), ({"m": 4097}, "2..4096"),
                                           ({"efConstruction": 0}, "efConstruction"), ({"efSearch": 0}, "efSearch")])
def test_options_that_no_graph_has(options, says):
    with pytest.raises(VrecError, match=says) as caught:
        Builder("faiss", index_type="HNSW", **options)
    assert caught.value.status == INVALID


def uneven(name, rng):
    """Items and queries whose values differ so much in size that 8 bits tell nothing of what is near."""
    items, queries = rng.standard_normal((4000, 16)), rng.standard_normal((200, 16))
    for each in (items, queries):
        if name == "two groups":
            each[::2] += 1000
        elif name == "a wide dimension":
            each[:, 0] *= 100
        elif name == "lengths":
            each *= np.exp(4 * rng.standard_normal((len(each), 1)))
    if name == "an outlier":
        items[77] = 1e8
    return items.astype(np.float32), queries.astype(np.float32)


@pytest.mark.parametrize("name", ["two groups", "a wide dimension", "lengths", "an outlier"])
def test_values_of_uneven_size(name, rng, tmp_path):
    """As good as FAISS, in its search and in ours, which does without codes and says so."""
    items, queries = uneven(name, rng)
    index = Builder("faiss", index_type="HNSW", m=16).from_embeddings(items)
    index.save(tmp_path / "ours")
    theirs = faiss.IndexHNSWFlat(16, 16)
    theirs.add(items)
    x, q = items.astype(np.float64), queries.astype(np.float64)  # FAISS's expansion of a batch loses what is near
    truth = np.argsort([((x - each) ** 2).sum(axis=1) for each in q], axis=1)[:, :10]

    def recall(found):
        return np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(found, truth)])

    ours = faiss.read_index(str(tmp_path / "ours"))
    ours.hnsw.efSearch = theirs.hnsw.efSearch = 64
    expected = recall(theirs.search(queries, 10)[1])
    assert recall(ours.search(queries, 10)[1]) > expected - 0.01
    assert recall(index.query(queries, 10, efSearch=64)[0]) > expected - 0.01
    info = dict(index.info())
    assert info["codes"] == "off" and "searched without codes" in info["note"]
    faiss.write_index(theirs, str(tmp_path / "theirs"))
    assert recall(Builder("faiss").from_index_file(tmp_path / "theirs").query(queries, 10, efSearch=64)[0]) > expected - 0.01
