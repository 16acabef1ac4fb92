"""Files that FAISS wrote, used where they stand (load=map): the same answers as from memory (load=read), and the same bytes
when saved. FAISS 1.7.3 is Debian's, in its own Python.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_faiss import METRICS, vectors
from vreclib import Builder

ROWS, DIM, QUERIES = 4000, 23, 80
PYTHONS = {"1.15.1": sys.executable, "1.7.3": "/usr/bin/python3"}
# Behind an IDMap's header, and in lists of one item more or less, values stand at odd places of the file.
WRITE = """
import sys, numpy as np, faiss
folder, version = sys.argv[1:]
assert faiss.__version__ == version, faiss.__version__
faiss.omp_set_num_threads(1)
items = np.load(f"{folder}/items.npy")
d, kept = items.shape[1], []

def lists(quantizer, by):
    quantizer.add(items[::100])
    kept.append(quantizer)
    return faiss.IndexIVFFlat(quantizer, d, 40, by)

for metric, by in ("L2", faiss.METRIC_L2), ("IP", faiss.METRIC_INNER_PRODUCT):
    for kind in "Flat", "HNSW", "IVF", "IVF by a graph":
        for mapped in False, True:
            index = (faiss.IndexFlat(d, by) if kind == "Flat" else faiss.IndexHNSWFlat(d, 8, by) if kind == "HNSW" else
                     lists(faiss.IndexFlat(d, by) if kind == "IVF" else faiss.IndexHNSWFlat(d, 8, by), by))
            outer = faiss.IndexIDMap(index) if mapped else index
            if mapped:
                outer.add_with_ids(items, np.arange(len(items), dtype=np.int64)[::-1] * 3 + 7)
            else:
                outer.add(items)
            faiss.write_index(outer, f"{folder}/{metric} {kind}{' in a map' if mapped else ''}")
"""


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(41)
    return vectors(rng, ROWS, DIM), vectors(rng, QUERIES, DIM)


@pytest.fixture(scope="module", params=PYTHONS)
def written(request, data, tmp_path_factory):
    """The folder with what one FAISS has written."""
    python, folder = PYTHONS[request.param], tmp_path_factory.mktemp("theirs")
    if subprocess.run([python, "-c", "import faiss"], capture_output=True).returncode != 0:
        pytest.skip(f"{python} has no faiss")
    np.save(folder / "items.npy", data[0])
    subprocess.run([python, "-c", WRITE, str(folder), request.param], check=True)
    return folder


def assert_same_answers(read, mapped, queries, **options):
    for one, other in zip(read.query(queries, 10, **options), mapped.query(queries, 10, **options)):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["Flat", "HNSW", "IVF", "IVF by a graph"])
@pytest.mark.parametrize("around", ["", " in a map"])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("codes", ["auto", "off"])
def test_mapped_answers_as_read(tmp_path, data, written, kind, around, metric, codes):
    queries, path = data[1], written / f"{metric} {kind}{around}"
    read, mapped = (Builder("faiss", load=load, codes=codes).from_index_file(path) for load in ("read", "map"))
    assert str(path) in Path("/proc/self/maps").read_text()
    options = {"IVF": [{"nprobe": 1}, {"nprobe": 7}, {"nprobe": 40}, {"budget": 500}],
               "HNSW": [{"efSearch": 20}, {"efSearch": 300}], "Flat": [{}]}[kind.split()[0]]
    for which in options:
        assert_same_answers(read, mapped, queries, threads=1, **which)
        assert_same_answers(read, mapped, queries[3:4], threads=1, **which)
        assert_same_answers(read, mapped, np.repeat(queries, 5, 0), threads=2, **which)
        excluded = [read.query(queries, 10, **which)[0][0]] * QUERIES
        assert_same_answers(read, mapped, queries, exclude=excluded, **which)
    assert np.all(read.query(queries, 10)[2] == 10)
    mapped.save(tmp_path / "again.index")
    assert (tmp_path / "again.index").read_bytes() == path.read_bytes()
