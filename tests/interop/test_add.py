"""Adding to an index, beside the real FAISS's add: the files are the same, byte for byte.

SPDX-License-Identifier: Apache-2.0
"""

import faiss
import numpy as np
import pytest
import vreclib
from vreclib import Builder, VrecError

METRICS = {"L2": faiss.METRIC_L2, "IP": faiss.METRIC_INNER_PRODUCT}


def assert_same_files(ours, theirs, folder):
    ours.save(folder / "ours.index")
    faiss.write_index(theirs, str(folder / "theirs.index"))
    assert (folder / "ours.index").read_bytes() == (folder / "theirs.index").read_bytes()


@pytest.mark.parametrize("own_ids", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_adding_to_a_file(metric, own_ids, tmp_path):
    rng = np.random.default_rng(5)
    items = rng.standard_normal((900, 17)).astype(np.float32)
    ids = rng.permutation(5000)[:900].astype(np.int64) - 50
    ids[ids == -1] = 9000
    made = faiss.IndexFlat(17, METRICS[metric])
    if own_ids:
        made = faiss.IndexIDMap(made)
        made.add_with_ids(items[:300], ids[:300])
    else:
        made.add(items[:300])
    faiss.write_index(made, str(tmp_path / "old.index"))

    ours, theirs = Builder("faiss").from_index_file(tmp_path / "old.index"), faiss.read_index(str(tmp_path / "old.index"))
    for first, end in (300, 301), (301, 800), (800, 900):
        if own_ids:
            ours.add(items[first:end], ids[first:end])
            theirs.add_with_ids(items[first:end], ids[first:end])
        else:
            ours.add(items[first:end])
            theirs.add(items[first:end])
        assert ours.rows == theirs.ntotal == end
        assert_same_files(ours, theirs, tmp_path)


def test_adding_to_an_empty_file(tmp_path):
    items = np.random.default_rng(6).standard_normal((40, 8)).astype(np.float32)
    theirs = faiss.IndexFlatL2(8)
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    ours.add(items)
    theirs.add(items)
    assert_same_files(ours, theirs, tmp_path)


# ---- Lists: the same bytes ----


@pytest.fixture(scope="module")
def groups():
    """Items in groups of different sizes, so that lists grow by different numbers."""
    rng = np.random.default_rng(7)
    centers = 4 * rng.standard_normal((40, 12))
    return (centers[rng.integers(0, 40, 3000) ** 2 % 40] + rng.standard_normal((3000, 12))).astype(np.float32)


def lists_of(items, metric, trained_with, own_ids, at_first):
    index = faiss.IndexIVFFlat(faiss.IndexFlat(12, METRICS[metric]), 12, 20, METRICS[metric])
    index.train(items[:trained_with])
    if own_ids is None:
        index.add(items[:at_first])
    else:
        index.add_with_ids(items[:at_first], own_ids[:at_first])
    return index


@pytest.mark.parametrize("at_first", [0, 1500])
@pytest.mark.parametrize("own_ids", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_adding_to_lists(metric, own_ids, at_first, groups, tmp_path):
    ids = np.random.default_rng(8).permutation(90_000)[:3000].astype(np.int64) - 7000 if own_ids else None
    faiss.write_index(lists_of(groups, metric, 1500, ids, at_first), str(tmp_path / "old.index"))
    ours, theirs = Builder("faiss").from_index_file(tmp_path / "old.index"), faiss.read_index(str(tmp_path / "old.index"))
    for first, end in (at_first, at_first + 1), (at_first + 1, 2700), (2700, 3000):
        if own_ids:
            ours.add(groups[first:end], ids[first:end])
            theirs.add_with_ids(groups[first:end], ids[first:end])
        else:
            ours.add(groups[first:end])
            theirs.add(groups[first:end])
        assert ours.rows == theirs.ntotal == end
        assert_same_files(ours, theirs, tmp_path)


def test_adding_to_lists_with_a_map(groups, tmp_path):
    theirs = lists_of(groups, "L2", 1500, None, 1000)
    theirs.make_direct_map()
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    ours.add(groups[1000:])
    theirs.add(groups[1000:])
    assert_same_files(ours, theirs, tmp_path)


def test_adding_to_lists_in_a_map_of_ids(groups, tmp_path):
    ids = np.arange(3000)[::-1].copy() * 5
    theirs = faiss.IndexIDMap(faiss.IndexIVFFlat(faiss.IndexFlatL2(12), 12, 20))
    theirs.train(groups[:1500])
    theirs.add_with_ids(groups[:1000], ids[:1000])
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    ours.add(groups[1000:], ids[1000:])
    theirs.add_with_ids(groups[1000:], ids[1000:])
    assert_same_files(ours, theirs, tmp_path)


@pytest.mark.parametrize("lists, m, ef", [(20, 8, 16), (600, 4, 1), (600, 4, 8), (600, 16, 64)])
@pytest.mark.parametrize("metric", METRICS)
def test_lists_that_a_graph_finds(metric, lists, m, ef, groups, tmp_path):
    """FAISS asks the graph, which misses the nearest centroid of some: they go where FAISS puts them."""
    quantizer = faiss.IndexHNSWFlat(12, m, METRICS[metric])
    quantizer.hnsw.efSearch = ef
    theirs = faiss.IndexIVFFlat(quantizer, 12, lists, METRICS[metric])
    theirs.quantizer_trains_alone = 2
    theirs.train(groups[:1500])
    theirs.add(groups[:1000])
    exact = faiss.IndexFlat(12, METRICS[metric])
    exact.add(quantizer.storage.reconstruct_n(0, lists))
    missed = quantizer.search(groups[1000:], 1)[1] != exact.search(groups[1000:], 1)[1]
    assert missed.any() or (lists, ef) != (600, 1)  # else nobody need ask the graph
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    for first, end in (1000, 1001), (1001, 3000):
        ours.add(groups[first:end])
        theirs.add(groups[first:end])
    assert_same_files(ours, theirs, tmp_path)


def test_untrained_lists_are_refused(tmp_path):
    faiss.write_index(faiss.IndexIVFFlat(faiss.IndexFlatL2(12), 12, 20), str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    with pytest.raises(VrecError, match="isn't trained.*build it anew") as failure:
        ours.add(np.zeros((3, 12), np.float32))
    assert failure.value.status == vreclib.UNSUPPORTED


# ---- Graphs: as good as those that are built at once ----


def recall_of(index, queries, truth, ef):
    index = faiss.downcast_index(index.index) if hasattr(index, "id_map") else index
    index.hnsw.efSearch = ef
    found = index.search(queries, truth.shape[1])[1]
    return np.mean([len(np.intersect1d(a, b)) for a, b in zip(found, truth)]) / truth.shape[1]


def graph_data(metric, rows):
    rng = np.random.default_rng(9)
    items = (rng.standard_normal((rows + 200, 6)) @ rng.standard_normal((6, 24))).astype(np.float32)
    items += 0.3 * rng.standard_normal(items.shape).astype(np.float32)
    if metric == "IP":
        items[:rows] *= np.exp(0.7 * rng.standard_normal((rows, 1))).astype(np.float32)
    exact = faiss.IndexFlat(24, METRICS[metric])
    exact.add(items[:rows])
    return items[:rows], items[rows:], exact.search(items[rows:], 10)[1]


@pytest.mark.parametrize("metric", METRICS)
def test_half_of_a_graph(metric, tmp_path):
    """FAISS searches what was added to as well as what was built at once, at every width."""
    items, queries, truth = graph_data(metric, 12_000)
    builder = Builder("faiss", index_type="HNSW", metric=metric, m=8)
    builder.from_embeddings(items).save(tmp_path / "whole.index")
    grown = builder.from_embeddings(items[:6000])
    grown.add(items[6000:])
    grown.save(tmp_path / "grown.index")
    bits = builder.from_embeddings(items[:6000])
    for first in range(6000, 12_000, 1500):
        bits.add(items[first : first + 1500])
    bits.save(tmp_path / "bits.index")
    whole = faiss.read_index(str(tmp_path / "whole.index"))
    for name in "grown", "bits":
        index = faiss.read_index(str(tmp_path / f"{name}.index"))
        assert index.ntotal == 12_000
        for ef in 16, 32, 64, 128:
            assert recall_of(index, queries, truth, ef) > recall_of(whole, queries, truth, ef) - 0.005


@pytest.mark.parametrize("own_ids", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_a_graph_of_faiss(metric, own_ids, tmp_path):
    """A graph that FAISS built finds as much of what is added to it as one that FAISS adds to, and all is reached."""
    items, queries, truth = graph_data(metric, 6000)
    ids = np.arange(6000)[::-1].copy() + 10**10
    theirs = faiss.IndexHNSWFlat(24, 8, METRICS[metric])
    if own_ids:
        theirs = faiss.IndexIDMap2(theirs)
        theirs.add_with_ids(items[:4000], ids[:4000])
    else:
        theirs.add(items[:4000])
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    ours = Builder("faiss").from_index_file(tmp_path / "old.index")
    ours.add(items[4000:], ids[4000:] if own_ids else None)
    if own_ids:
        theirs.add_with_ids(items[4000:], ids[4000:])
    else:
        theirs.add(items[4000:])
    ours.save(tmp_path / "ours.index")
    grown = faiss.read_index(str(tmp_path / "ours.index"))
    assert type(grown) is type(faiss.read_index(str(tmp_path / "old.index")))
    if own_ids:
        assert np.array_equal(faiss.vector_to_array(grown.id_map), ids)
    for ef in 16, 64:
        assert recall_of(grown, queries, truth, ef) > recall_of(theirs, queries, truth, ef) - 0.001
    facts = dict(ours.info())
    assert facts["rows"] == "6000"
    assert facts["reach_entry"] == "1"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_adding_zeros_beside_an_item_that_is_no_number(bad, tmp_path):
    """It counts as zeros while the graph is built on, but zeros aren't its copies: no walk comes by way of it."""
    items = np.random.default_rng(8).standard_normal((2000, 24)).astype(np.float32)
    items[7, 3] = bad
    theirs = faiss.IndexHNSWFlat(24, 16)
    theirs.add(items)
    faiss.write_index(theirs, str(tmp_path / "old.index"))
    for load in "read", "map":
        ours = Builder("faiss", load=load).from_index_file(tmp_path / "old.index")
        ours.add(np.zeros((1, 24), np.float32))
        assert ours.query(np.zeros((1, 24), np.float32), 1)[0] == 2000, load
