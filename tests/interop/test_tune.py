"""A tuned file tells FAISS, too: with the efSearch or nprobe in it, FAISS itself reaches the recall, on queries that the
tuning hasn't seen.

SPDX-License-Identifier: Apache-2.0
"""

import os
import subprocess

import faiss
import numpy as np
import pytest
from test_faiss import METRICS
from test_hnsw import recall, truth_of
from vreclib import Builder

faiss.omp_set_num_threads(1)

ITEMS, DIM, TUNING, FRESH = 8000, 32, 1000, 4000
SAMPLING = 0.005  # what 1000 queries leave open, beside the margin that the tuning keeps
OPTIONS = {"HNSW": {"m": 8, "efConstruction": 100}, "IVF": {"nlists": 200}}


@pytest.fixture(scope="module")
def words():
    """Like words: around topics of which few are large, each of a width of its own, and of length 1."""
    rng = np.random.default_rng(8)
    topics = rng.standard_normal((400, DIM))
    size = 1 / np.arange(1, 401)
    of = rng.choice(400, ITEMS + TUNING + FRESH, p=size / size.sum())
    vectors = topics[of] + rng.uniform(0.3, 1.2, 400)[of, None] * rng.standard_normal((len(of), DIM))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return np.split(vectors, [ITEMS, ITEMS + TUNING])


@pytest.fixture(scope="module", params=["HNSW IP", "IVF L2", "faiss HNSW L2"])
def index(request, words, tmp_path_factory):
    *whose, kind, metric = request.param.split()
    path = tmp_path_factory.mktemp("tune") / "items.index"
    if whose:
        graph = faiss.IndexHNSWFlat(DIM, 8, METRICS[metric])
        graph.add(words[0])
        faiss.write_index(graph, str(path))
    else:
        Builder("faiss", index_type=kind, metric=metric, **OPTIONS[kind]).from_embeddings(words[0]).save(path)
    np.save(path.with_name("tuning.npy"), words[1])
    return path, metric


@pytest.mark.parametrize("k", [10, 100])
@pytest.mark.parametrize("wanted", [0.9, 0.98])
def test_faiss_reaches_the_recall_by_the_tuned_file(index, words, k, wanted):
    path, metric = index
    tuned = path.with_name("tuned.index")
    subprocess.run([os.environ["VREC_BIN"], "tune", "faiss", path, "--queries", path.with_name("tuning.npy"), "-k", str(k),
                    "--recall", str(wanted), "-o", tuned], check=True, capture_output=True)
    theirs = faiss.read_index(str(tuned))
    truth = truth_of(metric, words[0], words[2], k)
    found = recall(theirs.search(words[2], k)[1], truth)
    assert found >= wanted - SAMPLING
    if hasattr(theirs, "hnsw"):  # the setting decides: with half of it, or with half the lists, it wouldn't
        theirs.hnsw.efSearch //= 2
    else:
        theirs.nprobe //= 2
    assert recall(theirs.search(words[2], k)[1], truth) < found
