"""Files to and from FAISS 1.7.3, which Debian has for its own Python: graphs and lists as it writes and reads them.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess

import faiss
import numpy as np
import pytest
from test_faiss import METRICS, both_metrics, vectors
from test_hnsw import build, recall, truth_of, write
from test_ivf import assert_near
from test_ivf import build as build_lists
from vreclib import Builder

PYTHON = "/usr/bin/python3"
OLD = """
import sys, numpy as np, faiss
what, folder, metric = sys.argv[1:]
faiss.omp_set_num_threads(1)
items, queries = (np.load(f"{folder}/{name}.npy") for name in ("items", "queries"))
if what == "write":
    index = faiss.IndexHNSWFlat(items.shape[1], 16, faiss.METRIC_L2 if metric == "L2" else faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 60
    index.add(items)
    faiss.write_index(index, f"{folder}/old.index")
index = faiss.read_index(f"{folder}/{'old' if what == 'write' else 'ours'}.index")
graph = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else index
for ef in (16, 64, 256):
    graph.hnsw.efSearch = ef
    np.save(f"{folder}/found{ef}.npy", index.search(queries, 10)[1])
"""


def old_faiss(what, folder, metric):
    subprocess.run([PYTHON, "-c", OLD, what, str(folder), metric], check=True)


@pytest.fixture
def data(tmp_path):
    if subprocess.run([PYTHON, "-c", "import faiss"], capture_output=True).returncode != 0:
        pytest.skip("Debian's python3-faiss is missing")
    rng = np.random.default_rng(17)
    items, queries = vectors(rng, 3000, 24), vectors(rng, 500, 24)
    np.save(tmp_path / "items.npy", items)
    np.save(tmp_path / "queries.npy", queries)
    return items, queries


@both_metrics
def test_a_file_of_old(tmp_path, data, metric):
    """Its bytes come back, and answers as good as its own."""
    items, queries = data
    old_faiss("write", tmp_path, metric)
    index = Builder("faiss").from_index_file(tmp_path / "old.index")
    index.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "old.index").read_bytes()
    truth = truth_of(metric, items, queries, 10)
    for ef in (16, 64, 256):
        theirs = np.load(tmp_path / f"found{ef}.npy")
        assert recall(index.query(queries, 10, efSearch=ef)[0], truth) >= recall(theirs, truth) - 0.001


@both_metrics
def test_old_reads_what_is_saved(tmp_path, data, metric):
    items, queries = data
    """And finds in it what the new FAISS finds in its own."""
    graph = build(metric, items, ef_search=256)
    Builder("faiss").from_index_file(write(graph, tmp_path)).save(tmp_path / "ours.index")
    old_faiss("read", tmp_path, metric)
    assert recall(np.load(tmp_path / "found256.npy"), graph.search(queries, 10)[1]) > 0.99


def recall_of_new(path, queries, truth, ef):
    """What today's FAISS finds in a file."""
    index = faiss.read_index(str(path))
    graph = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap) else index
    graph.hnsw.efSearch = ef
    return recall(index.search(queries, truth.shape[1])[1], truth)


@both_metrics
@pytest.mark.parametrize("origin, change", [("old", "add"), ("old", "optimize"), ("ours", "add"),
                                            ("ours", "add and optimize"), ("own ids", "optimize and add")])
def test_both_search_graphs_that_were_changed(tmp_path, data, metric, origin, change):
    """Old and new FAISS find in them what the old one finds in a graph of its own over all items: but .2 % at most."""
    items, queries = data
    first = 1200 if "add" in change else len(items)
    ids = np.arange(len(items))[::-1] + 10**10 if origin == "own ids" else np.arange(len(items))
    given = ids if origin == "own ids" else None
    old_faiss("write", tmp_path, metric)
    own = {ef: np.load(tmp_path / f"found{ef}.npy") for ef in (16, 64, 256)}
    if origin == "old":
        np.save(tmp_path / "items.npy", items[:first])
        old_faiss("write", tmp_path, metric)
        index = Builder("faiss").from_index_file(tmp_path / "old.index")
    else:
        builder = Builder("faiss", index_type="HNSW", metric=metric, m=16, efConstruction=60)
        index = builder.from_embeddings(items[:first], ids=None if given is None else given[:first])
    for step in change.split(" and "):
        if step == "add":
            index.add(items[first:], None if given is None else given[first:])
        else:
            index.optimize()
    index.save(tmp_path / "ours.index")
    old_faiss("read", tmp_path, metric)
    truth = truth_of(metric, items, queries, 10)
    for ef in (16, 64, 256):
        theirs = recall(own[ef], truth)
        assert recall(np.load(tmp_path / f"found{ef}.npy"), ids[truth]) >= theirs - 0.002, ef
        assert recall_of_new(tmp_path / "ours.index", queries, ids[truth], ef) >= theirs - 0.002, ef


# Few lists that hold all items (the form "sprs"), or many that do ("full").
OLD_LISTS = """
import sys, numpy as np, faiss
what, folder, metric, form = sys.argv[1:]
faiss.omp_set_num_threads(1)
items, queries = (np.load(f"{folder}/{name}.npy") for name in ("items", "queries"))
if what == "write":
    kind = faiss.METRIC_L2 if metric == "L2" else faiss.METRIC_INNER_PRODUCT
    quantizer = faiss.IndexFlat(items.shape[1], kind)
    far = np.linspace(-1e3, -2e3, 16, dtype="f")[:, None] * np.ones(items.shape[1], "f")
    quantizer.add(items[:20] if form == "full" else np.vstack([items[:4], far]))
    index = faiss.IndexIVFFlat(quantizer, items.shape[1], 20, kind)
    index.add(items)
    faiss.write_index(index, f"{folder}/old.index")
index = faiss.read_index(f"{folder}/{'old' if what == 'write' else 'ours'}.index")
for nprobe in (1, 3, 20):
    index.nprobe = nprobe
    distances, ids = index.search(queries, 10)
    np.savez(f"{folder}/found{nprobe}.npz", distances=distances, ids=ids)
"""


def old_lists(what, folder, metric, form):
    subprocess.run([PYTHON, "-c", OLD_LISTS, what, str(folder), metric, form], check=True)


def assert_as_old_says(folder, index, queries):
    for nprobe in (1, 3, 20):
        theirs = np.load(folder / f"found{nprobe}.npz")
        assert_near(theirs["distances"], theirs["ids"], index.query(queries, 10, nprobe=nprobe), queries)


@both_metrics
@pytest.mark.parametrize("form", ["full", "sprs"])
def test_lists_of_old(tmp_path, data, metric, form):
    """Its bytes come back, and its answers."""
    items, queries = data
    old_lists("write", tmp_path, metric, form)
    assert form.encode() in (tmp_path / "old.index").read_bytes()
    index = Builder("faiss").from_index_file(tmp_path / "old.index")
    index.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == (tmp_path / "old.index").read_bytes()
    assert_as_old_says(tmp_path, index, queries)


@both_metrics
@pytest.mark.parametrize("form", ["full", "sprs"])
def test_old_reads_lists_that_are_saved(tmp_path, data, metric, form):
    """It finds in a file of ours what we find in it: in one that we have built, and in one with few lists filled."""
    items, queries = data
    if form == "full":
        index = Builder("faiss", index_type="IVF", metric=metric, nlists=20).from_embeddings(items)
    else:
        far = np.linspace(-1e3, -2e3, 16, dtype="f")[:, None] * np.ones(items.shape[1], "f")
        quantizer = faiss.IndexFlat(items.shape[1], METRICS[metric])
        quantizer.add(np.vstack([items[:4], far]))
        index = Builder("faiss").from_index_file(write(build_lists(metric, items, 20, quantizer), tmp_path))
    index.save(tmp_path / "ours.index")
    assert form.encode() in (tmp_path / "ours.index").read_bytes()
    old_lists("read", tmp_path, metric, form)
    assert_as_old_says(tmp_path, index, queries)
