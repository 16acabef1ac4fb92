"""Build, query, info: what comes out, in every form.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re

import numpy as np
import pytest
from command import fail, integers, nearest, parse_json, parse_text, succeed


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_all_forms_of_output_say_the_same(folder, metric):
    items, users = np.load("items.npy"), np.load("users.npy")
    expected = nearest(items, users, 7, metric)
    line = succeed("build", "faiss", "--index_type", "Flat", "--metric", metric, "items.npy", "-o", "i.index")
    assert re.fullmatch(rf"i\.index: faiss Flat {metric}, 300 x 16, \d+\.\d\d s\n", line)
    query = ("query", "faiss", "i.index", "users.npy", "-k", 7)
    assert parse_text(succeed(*query), 40) == expected
    assert parse_json(succeed(*query, "--json")) == expected
    assert succeed(*query, "--ids", "ids.npy", "--distances", "d.npy") == ""
    ids, distances = np.load("ids.npy"), np.load("d.npy")
    assert (ids.dtype, distances.dtype) == (np.int64, np.float32)
    assert list(zip(ids.tolist(), distances.tolist())) == expected


def test_files_and_json_at_once(index):
    out = succeed("query", "faiss", index, "users.npy", "--ids", "ids.ivecs", "--json")
    ids = np.fromfile("ids.ivecs", np.int32).reshape(40, 11)[:, 1:]
    assert ids.tolist() == [found[0] for found in parse_json(out)]


def test_distances_can_be_read_back_exactly(folder):
    random = np.random.default_rng(5)
    np.save("items.npy", random.standard_normal((100, 16)).astype(np.float32))
    np.save("users.npy", random.standard_normal((40, 16)).astype(np.float32))
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    query = ("query", "faiss", "i.index", "users.npy")
    succeed(*query, "--distances", "d.npy")
    stored = np.load("d.npy")
    for printed in (parse_text(succeed(*query), 40), parse_json(succeed(*query, "--json"))):
        assert np.array_equal(np.array([found[1] for found in printed], np.float32), stored)


@pytest.mark.parametrize("queries, k", [(9000, 3), (600, 16384), (1, 1)])
@pytest.mark.parametrize("form", [np.ascontiguousarray, np.asfortranarray])
def test_blocks_of_queries_are_put_together(folder, queries, k, form):
    items, users = integers(50, 8, seed=6), integers(queries, 8, seed=7)
    np.save("items.npy", form(items))
    np.save("users.npy", form(users))
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    query = ("query", "faiss", "i.index", "users.npy", "-k", k)
    expected = nearest(items, users, k, "L2")
    assert parse_text(succeed(*query), queries) == expected
    succeed(*query, "--ids", "ids.npy", "--distances", "d.npy")
    ids, distances = np.load("ids.npy"), np.load("d.npy")
    found = min(k, 50)
    assert ids[:, :found].tolist() == [e[0] for e in expected]
    assert (ids[:, found:] == -1).all() and (distances[:, found:] == np.inf).all()


@pytest.mark.parametrize("integer", [np.int32, np.int64])
def test_exclusions(folder, integer):
    items, users = integers(60, 8, seed=8), integers(9000, 8, seed=9)
    random = np.random.default_rng(10)
    excluded = [np.sort(random.choice(60, random.integers(0, 61), replace=False)) for _ in users]
    np.save("items.npy", items)
    np.save("users.npy", users)
    np.save("offsets.npy", np.cumsum([0] + [len(e) for e in excluded]).astype(integer))
    np.save("ids.npy", np.concatenate(excluded).astype(integer))
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    out = succeed("query", "faiss", "i.index", "users.npy", "-k", 5, "--exclude", "offsets.npy", "ids.npy")
    assert parse_text(out, 9000) == nearest(items, users, 5, "L2", excluded)


def test_info(index):
    text = dict(line.split(maxsplit=1) for line in succeed("info", index).splitlines())
    assert text["metric"] == "L2" and text["rows"] == "300" and text["dim"] == "16"
    facts = json.loads(succeed("info", "faiss", index, "--json"))
    assert facts["index_type"] == "Flat" and facts["rows"] == 300 and facts["notes"] == []


def test_version_names_the_instruction_set(folder):
    out = succeed("version", env={**os.environ, "VREC_CPU": "scalar"})
    assert re.fullmatch(r"vrec \d+\.\d+\.\d+, cpu scalar\n", out)
    assert succeed("--version") == succeed("version")


def test_flags_in_every_form_and_place(index):
    expected = succeed("query", "faiss", index, "users.npy", "-k", 3)
    for args in (["--top-k", "3", "query", "faiss", index, "users.npy"],
                 ["query", "--top_k=3", "faiss", "--threads", "1", index, "users.npy"],
                 ["query", "faiss", "-k3", index, "--n-jobs=2", "users.npy", "--metric-type", "l2"],
                 ["query", "-k=3", "--threads", "-1", "--", "faiss", index, "users.npy"]):
        if args[0] != "query":
            fail(2, "there is no command --top-k", *args)
        else:
            assert succeed(*args) == expected


def test_a_file_whose_name_begins_with_a_dash(folder):
    succeed("build", "faiss", "items.npy", "-o=-x.index")
    assert "Flat" in succeed("info", "--", "-x.index")


def test_quiet(folder):
    assert succeed("build", "faiss", "items.npy", "--output", "i.index", "--quiet") == ""
