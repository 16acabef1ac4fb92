"""What an index would take, before it is built.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re

import numpy as np
from command import fail, succeed

KINDS = {"Flat": [], "IVF": ["--index_type", "IVF", "--nlists", 20], "HNSW": ["--index_type=HNSW", "--m", 8]}


def test_the_file_is_as_large_as_said(folder):
    np.save("items.npy", np.random.default_rng(5).standard_normal((3000, 16)).astype(np.float32))
    np.save("ids.npy", np.arange(3000) * 7)
    for options in KINDS.values():
        for ids in ([], ["--ids", "ids.npy"]):
            succeed("build", "faiss", *options, "items.npy", *ids, "-o", "i.index")
            said = json.loads(succeed("estimate", "faiss", *options, "items.npy", *ids[:1], "--json"))
            assert said["file_bytes"] == os.path.getsize("i.index")
            assert said["peak_bytes"] >= said["index_bytes"] >= 3000 * 16 * 4 and said["seconds"] > 0
            assert 0 < said["trial_rows"] <= 3000


def test_text(folder):
    text = succeed("estimate", "faiss", "--rows", 1000000, "--dim", 128)
    assert re.fullmatch(
        r"file +512\.0 MB\nmemory +513\.8 MB\n  with codes +\d+\.\d MB   \(made by queries, once that pays\)\n"
        r"  while built +\d+\.\d MB\nbuild +[\d.]+ s    \(by a trial with \d+ items\)\n",
        text,
    )


def test_what_a_mapped_file_takes(folder):
    plan = ("faiss", "--index_type", "HNSW", "--m", 8, "--rows", 1000, "--dim", 32)
    read, mapped = (json.loads(succeed("estimate", *plan, "--load", load, "--json")) for load in ("read", "map"))
    assert (read["opened_bytes"], read["mapped_bytes"]) == (read["index_bytes"], 0)
    assert mapped["opened_bytes"] < read["opened_bytes"] and mapped["mapped_bytes"] == mapped["file_bytes"]
    text = succeed("estimate", "annoy", "--rows", 1000, "--dim", 32)
    assert re.search(r"\n  opened +0\.0 MB   \(of its own\)\n  and mapped +\d\.\d MB   \(of the file, shared", text)
    assert "mapped" not in succeed("estimate", *plan)


def test_more_rows_than_the_file_has(folder):
    np.save("items.npy", np.zeros((50, 8), np.float32))
    some = json.loads(succeed("estimate", "annoy", "items.npy", "--json", "--metric", "euclidean"))
    more = json.loads(succeed("estimate", "annoy", "items.npy", "--rows", 5000, "--json", "--metric", "euclidean"))
    assert 50 < more["file_bytes"] / some["file_bytes"] < 200 and more["seconds"] > some["seconds"]


def test_the_option_d_says_it_too(folder):
    by_flag, by_option = (json.loads(succeed("estimate", "annoy", "--rows", 1000, name, 32, "--json"))["index_bytes"]
                          for name in ("--dim", "--d"))
    assert by_flag == by_option
    fail(1, "d is 32, but the items have 64 values each", "estimate", "annoy", "--rows", 9, "--dim", 64, "--d", 32)
    fail(2, 'd is "0"; it takes 1..', "estimate", "annoy", "--rows", 9, "--d", 0)
    fail(2, "--rows N and --dim D are missing", "estimate", "annoy", "--d", 4)


def test_what_makes_no_sense(folder):
    fail(2, "--rows N and --dim D are missing", "estimate", "faiss", "--rows", 5)
    fail(2, '--rows is "0"; it takes a whole number from 1 on', "estimate", "faiss", "--rows", 0, "--dim", 4)
    fail(2, '--dim is "x"', "estimate", "faiss", "--rows", 1, "--dim", "x")
    fail(1, "too few for nlists=100", "estimate", "faiss", "--index_type=IVF", "--rows", 1, "--dim", 4)
    fail(1, "on its server", "estimate", "milvus", "--rows", 1, "--dim", 4)
    np.save("items.npy", np.zeros((50, 8), np.float32))
    fail(1, "dim is 9, but the items have 8", "estimate", "faiss", "items.npy", "--dim", 9)
