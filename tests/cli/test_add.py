"""More items for an index file.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib

import numpy as np
import pytest
from command import fail, succeed


@pytest.fixture
def vectors(folder):
    items = np.random.default_rng(7).standard_normal((300, 8)).astype(np.float32)
    np.save("old.npy", items[:200])
    np.save("new.npy", items[200:])
    np.save("all.npy", items)
    return folder


def nearest(index, queries):
    succeed("query", "faiss", index, queries, "-k", 1, "--ids", "found.npy", "-q")
    return np.load("found.npy")[:, 0]


@pytest.mark.parametrize("options", [(), ("--index_type", "HNSW", "--efSearch", 60), ("--index_type", "IVF", "--nlists", 4, "--nprobe", 4)])
def test_rows_go_on(options, vectors):
    succeed("build", "faiss", *options, "old.npy", "-o", "i.index")
    said = succeed("add", "i.index", "new.npy", "-o", "more.index")
    assert said.startswith("more.index: 300 items, 100 of them new, ")
    assert json.loads(succeed("info", "i.index", "--json"))["rows"] == 200
    assert np.array_equal(nearest("more.index", "all.npy"), np.arange(300))
    assert succeed("add", "faiss", "--threads", 1, "i.index", "new.npy", "-o", "i.index", "-q") == ""
    assert pathlib.Path("i.index").read_bytes() == pathlib.Path("more.index").read_bytes()
    assert not [name for name in os.listdir() if name.startswith(".") or "tmp" in name]


def test_own_ids(vectors):
    np.save("old_ids.npy", np.arange(200) * 3 + 1)
    np.save("new_ids.npy", np.arange(100) * 3)
    succeed("build", "faiss", "old.npy", "--ids", "old_ids.npy", "-o", "i.index")
    fail(1, "give the new ones theirs", "add", "i.index", "new.npy", "-o", "more.index")
    fail(1, "old_ids.npy has 200 ids, but there are 100 items", "add", "i.index", "new.npy", "--ids", "old_ids.npy", "-o", "more.index")
    succeed("add", "i.index", "new.npy", "--ids", "new_ids.npy", "-o", "more.index")
    assert nearest("more.index", "new.npy").tolist() == list(range(0, 300, 3))


def test_names(vectors):
    pathlib.Path("old.txt").write_text("".join(f"film {i}\n" for i in range(200)))
    pathlib.Path("new.txt").write_text("".join(f"song {i}\n" for i in range(100)))
    succeed("build", "faiss", "--index_type", "HNSW", "old.npy", "--ids", "old.txt", "-o", "i.index")
    fail(1, "give the new ones theirs", "add", "i.index", "new.npy", "-o", "i.index")
    fail(1, "old.txt: names: line 101 is one too many", "add", "i.index", "new.npy", "--ids", "old.txt", "-o", "i.index")
    succeed("add", "i.index", "new.npy", "--ids", "new.txt", "-o", "i.index")
    assert "song 99" in succeed("query", "faiss", "i.index", "new.npy", "-k", 1)
    assert pathlib.Path("i.index.ids").read_text().endswith("song 98\nsong 99\n")
    fail(1, 'new.txt: names: line 1 is "song 0", as item 200 is called already', "add", "i.index", "new.npy", "--ids", "new.txt",
         "-o", "i.index")


def test_refused(vectors):
    succeed("build", "faiss", "old.npy", "-o", "i.index")
    succeed("build", "annoy", "--metric", "euclidean", "old.npy", "-o", "i.ann")
    np.save("narrow.npy", np.zeros((3, 7), np.float32))
    before = pathlib.Path("i.index").read_bytes()
    fail(1, "the items have 7 values each, the index has 8", "add", "i.index", "narrow.npy", "-o", "i.index")
    assert pathlib.Path("i.index").read_bytes() == before
    fail(1, "build it anew with all items", "add", "annoy", "--d", 8, "--metric", "euclidean", "i.ann", "new.npy", "-o", "x.ann")
    fail(2, "-o INDEX is missing", "add", "i.index", "new.npy")
    fail(2, "which would be lost", "add", "i.index", "new.npy", "-o", "new.npy")
    fail(2, "by vrec upsert", "add", "milvus", "--collection", "films", "new.npy")
    assert not os.path.exists("x.ann")
