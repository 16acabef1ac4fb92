"""A better graph, in place of an index's own.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib
import re
import struct

import numpy as np
import pytest
from command import fail, succeed


@pytest.fixture
def poor(folder):
    """A file whose graph has lost its links on level 0, and what it was before."""
    rng = np.random.default_rng(5)
    np.save("items.npy", (rng.standard_normal((2000, 8)) * rng.lognormal(0, 1, (2000, 1))).astype(np.float32))
    np.save("users.npy", rng.standard_normal((300, 8)).astype(np.float32))
    succeed("build", "faiss", "--index_type", "HNSW", "--m", 8, "--metric", "IP", "--efSearch", 40, "items.npy", "-o", "whole.index")
    whole = (folder / "whole.index").read_bytes()
    links, count = place_of_links(whole)
    (folder / "poor.index").write_bytes(whole[:links] + b"\xff" * 4 * count + whole[links + 4 * count:])
    return folder / "poor.index"


def place_of_links(file):
    """Where they begin, and how many they are: the fifth array behind the header of an IHNf."""
    at = 4 + 4 + 8 + 16 + 1 + 4
    for size in (8, 4, 4, 8):
        at += 8 + size * struct.unpack_from("<Q", file, at)[0]
    return at + 8, struct.unpack_from("<Q", file, at)[0]


def facts(path):
    return json.loads(succeed("info", path, "--json"))


def test_the_graph_that_a_build_makes(poor):
    before, whole = facts("poor.index"), facts("whole.index")
    assert before["reach_entry"] < 0.01 and "vrec optimize" in before["notes"][0] and whole["reach_entry"] == 1
    said = succeed("optimize", "poor.index", "-o", "better.index")
    assert re.fullmatch(r"2000 items, of which 0.05 % could be reached, by 0.0 links each; now 100 %, by \d+\.\d; "
                        r"\d+\.\d\d s: better.index\n", said), said
    assert open("better.index", "rb").read() == open("whole.index", "rb").read()
    assert succeed("optimize", "faiss", "--threads", 1, "poor.index", "-o", "poor.index", "-q") == ""
    assert poor.read_bytes() == open("whole.index", "rb").read()


def test_a_sample(poor):
    succeed("optimize", "poor.index", "--queries", "users.npy", "-o", "taught.index")
    taught, whole = facts("taught.index"), facts("whole.index")
    assert (taught["reach_entry"], taught["efSearch"]) == (1, 40)
    assert open("taught.index", "rb").read() != open("whole.index", "rb").read()
    assert {**taught, "degree_mean": 0, "degree_min": 0} == {**whole, "degree_mean": 0, "degree_min": 0}


def test_names_stay(poor):
    pathlib.Path("names.txt").write_text("".join(f"item {i}\n" for i in range(2000)), encoding="utf-8")
    succeed("build", "faiss", "--index_type", "HNSW", "items.npy", "--ids", "names.txt", "-o", "named.index")
    before = succeed("query", "faiss", "named.index", "items.npy", "-k", 1)
    succeed("optimize", "named.index", "--queries", "users.npy", "-o", "named.index")
    after = succeed("query", "faiss", "named.index", "items.npy", "-k", 1)
    assert after == before and "\titem 1999\t" in after


def test_refused(poor):
    succeed("build", "faiss", "items.npy", "-o", "flat.index")
    np.save("narrow.npy", np.zeros((5, 7), np.float32))
    np.save("list.npy", np.zeros(8))
    for message, sample in (("7 values each, but the items have 8", "narrow.npy"), ("one dimension", "list.npy")):
        fail(1, message, "optimize", "poor.index", "--queries", sample, "-o", "x.index")
    fail(1, "nothing to optimize in an index of Flat: it compares with all items", "optimize", "flat.index", "-o", "x.index")
    fail(1, "missing.index", "optimize", "missing.index", "-o", "x.index")
    fail(2, "-o FILE is missing", "optimize", "poor.index")
    fail(2, "annoy: nothing is to optimize", "optimize", "annoy", "--d", 8, "i.ann", "-o", "x.ann")
    fail(2, "which would be lost", "optimize", "poor.index", "--queries", "users.npy", "-o", "users.npy")
    fail(2, "milvus: nothing is to optimize", "optimize", "milvus", "--collection", "films")
    assert not os.path.exists("x.index")


def test_a_file_is_no_folder(poor):
    fail(1, "writing poor.index/x: its folder poor.index: Not a directory", "optimize", "poor.index", "-o", "poor.index/x")
