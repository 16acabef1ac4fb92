"""Build, query, info: what comes out, in every form.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re

import numpy as np
import pytest
from command import fail, integers, nearest, parse_json, parse_text, succeed, vrec


@pytest.mark.parametrize("metric", ["L2", "IP"])
def test_all_forms_of_output_say_the_same(folder, metric):
    items, users = np.load("items.npy"), np.load("users.npy")
    expected = nearest(items, users, 7, metric)
    line = succeed("build", "faiss", "--index_type", "Flat", "--metric", metric, "items.npy", "-o", "i.index")
    assert re.fullmatch(rf"i\.index: faiss Flat {metric}, 300 x 16, \d+\.\d\d s\n", line)
    query = ("query", "faiss", "i.index", "users.npy", "-k", 7)
    assert parse_text(succeed(*query), 40) == expected
    assert parse_json(succeed(*query, "--json")) == expected
    said = succeed(*query, "--ids", "ids.npy", "--distances", "d.npy")
    assert re.fullmatch(r"40 queries x 7, \d+\.\d\d s\n", said)
    assert succeed(*query, "--ids", "ids.npy", "--distances", "d.npy", "--quiet") == ""
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


def test_lists_for_all_queries(folder):
    items, users = integers(60, 8, seed=8), integers(5000, 8, seed=9)
    without, allow = np.array([50, 3, 4, 59, 3, 777, -5]), np.arange(59, -1, -2, dtype=np.int32)
    for name, array in {"items": items, "users": users, "without": without, "allow": allow}.items():
        np.save(f"{name}.npy", array)
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    query = ["query", "faiss", "i.index", "users.npy", "-k", 5]
    others = np.setdiff1d(np.arange(60), allow)
    assert parse_text(succeed(*query, "--without", "without.npy"), 5000) == nearest(items, users, 5, "L2", [without] * 5000)
    assert parse_text(succeed(*query, "--allow", "allow.npy"), 5000) == nearest(items, users, 5, "L2", [others] * 5000)
    out = succeed(*query, "--allow=allow.npy", "--without=without.npy")
    assert parse_text(out, 5000) == nearest(items, users, 5, "L2", [np.union1d(others, without)] * 5000)
    np.save("none.npy", np.zeros(0, int))
    assert succeed(*query, "--allow", "none.npy") == ""
    assert succeed(*query, "--without", "none.npy") == succeed(*query)


def test_info(index):
    text = dict(line.split(maxsplit=1) for line in succeed("info", index).splitlines())
    assert text["metric"] == "L2" and text["rows"] == "300" and text["dim"] == "16"
    facts = json.loads(succeed("info", "faiss", index, "--json"))
    assert facts["index_type"] == "Flat" and facts["rows"] == 300 and facts["notes"] == []


def test_info_of_a_graph(folder):
    succeed("build", "faiss", "items.npy", "-o", "graph.index", "--index_type", "HNSW", "--m", "4", "--quiet")
    text = dict(line.split(maxsplit=1) for line in succeed("info", "graph.index").splitlines())
    assert text["degree_max"] == "8" and text["reach_entry"] == text["reach_upper"] == "1" and "note" not in text
    facts = json.loads(succeed("info", "graph.index", "--json"))
    assert 1 <= facts["degree_min"] <= facts["degree_mean"] <= facts["degree_max"] == 8
    assert facts["reach_entry"] == facts["reach_upper"] == 1.0


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


def test_a_forest_learns_the_dim_from_the_queries(folder):
    succeed("build", "annoy", "items.npy", "-o", "i.ann")
    told = succeed("query", "annoy", "--d", 16, "i.ann", "users.npy")
    assert succeed("query", "annoy", "i.ann", "users.npy") == told
    np.save("wide.npy", np.zeros((1, 17), np.float32))
    fail(1, "the queries have 17 values each, the index has 16", "query", "annoy", "--d", 16, "i.ann", "wide.npy")
    fail(1, "metric or d is wrong", "query", "annoy", "i.ann", "wide.npy")


def test_what_may_be_a_forest_is_told_how_to_open(folder):
    succeed("build", "annoy", "items.npy", "-o", "i.ann")
    fail(1, "if it is Annoy's: vrec info annoy --d N", "info", "i.ann")
    done = fail(1, "i.ann is no FAISS index", "info", "faiss", "i.ann")
    assert "Annoy" not in done.stderr


@pytest.mark.parametrize("flags", [["-qk5"], ["-qk=5"], ["-q", "-k5"], ["--k", 5, "--q"], ["-qk", 5]])
def test_letters_stand_together(index, flags):
    assert succeed("query", "faiss", index, "users.npy", *flags) == succeed(
        "query", "faiss", index, "users.npy", "--top_k", "5", "--quiet")


def test_threads_of_the_environment(index):
    told = succeed("query", "faiss", index, "users.npy")
    for threads in ("1", "3", "-1", ""):
        assert succeed("query", "faiss", index, "users.npy", env={**os.environ, "VREC_THREADS": threads}) == told
    for threads in ("0", "many", "2x", "-2", "99999999999"):
        done = vrec("query", "faiss", index, "users.npy", env={**os.environ, "VREC_THREADS": threads})
        assert (done.returncode, done.stdout) == (0, told)
        assert done.stderr == "vrec: VREC_THREADS is no number of threads (-1, or 1 and up); all cores are used\n"


def test_an_unknown_instruction_set_is_said_once(index):
    usual = succeed("version")
    for wish in ("avx1024", "AVX2"):
        done = vrec("query", "faiss", index, "users.npy", env={**os.environ, "VREC_CPU": wish})
        assert done.returncode == 0 and done.stdout == succeed("query", "faiss", index, "users.npy")
        assert done.stderr == ("vrec: VREC_CPU names no instruction set of this machine; "
                               f"{usual.split()[-1]} is used\n")
    assert succeed("version", env={**os.environ, "VREC_CPU": ""}) == succeed("-V") == usual


@pytest.mark.parametrize("merge", [None, "best", "sum", "round-robin"])
def test_interests(folder, merge):
    """Users of four interests, some not valid, in several blocks; and exclusions, which are of users."""
    users, each, k = 5000, 4, 3
    items, interests = integers(60, 8, seed=8), integers(users * each, 8, seed=9)
    rng = np.random.default_rng(10)
    valid = rng.integers(0, each + 1, users)
    offsets, out = np.arange(users + 1), rng.integers(0, 60, users)
    for name, array in (("items", items), ("many", interests), ("valid", valid), ("offsets", offsets), ("out", out)):
        np.save(f"{name}.npy", array)
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    succeed("query", "faiss", "i.index", "many.npy", "-k", k, "--interests", each, "--valid", "valid.npy",
            *(["--merge", merge] if merge else []), "--exclude", "offsets.npy", "out.npy", "--ids", "ids.npy",
            "--distances", "d.npy", "-q")
    ids, distances = np.load("ids.npy"), np.load("d.npy")
    assert ids.shape == (users, k)
    pairs = ((interests.reshape(users, each, 1, 8).astype(float) - items) ** 2).sum(3)
    pairs[np.arange(users), :, out] = np.inf
    lists = np.argsort(pairs, axis=2, kind="stable")[:, :, :k]
    for u in range(users):
        mine, found = pairs[u, :valid[u]], lists[u, :valid[u]]
        if valid[u] == 0:
            assert np.all(ids[u] == -1) and np.all(np.isinf(distances[u]))
        elif merge == "round-robin":
            assert set(ids[u]) <= set(found.ravel()) and ids[u, 0] == found[0, 0] and len(set(ids[u])) == k
        else:
            any_of = np.unique(found)
            score = mine[:, any_of].sum(0) if merge == "sum" else mine[:, any_of].min(0)
            order = np.lexsort((any_of, score))[:k]
            assert ids[u].tolist() == any_of[order].tolist() and distances[u].tolist() == score[order].tolist()


@pytest.mark.parametrize("flags, code, message", [
    (["--merge", "sum"], 2, "--merge needs --interests N"),
    (["--valid", "v.npy"], 2, "--valid needs --interests N"),
    (["--interests", "0"], 2, '--interests is "0"; it takes 1 and up'),
    (["--interests", "2", "--merge", "max"], 2, '--merge is "max"; it takes best, sum or round-robin'),
    (["--interests", "3"], 1, "users.npy: 40 rows aren't those of users with 3 interests each"),
    (["--interests", "4", "--valid", "v.npy"], 1, "v.npy: it has 3 numbers, and there are 10 users"),
    (["--interests", "20", "--valid", "w.npy"], 1, "w.npy: user 1 has 21 valid interests; it takes 0 to 20"),
    (["--interests", "4", "--valid", "v.npy", "--ids", "v.npy"], 2, "v.npy"),
])
def test_interests_that_cannot_be(index, flags, code, message):
    np.save("v.npy", np.array([1, 2, 3]))
    np.save("w.npy", np.array([20, 21]))
    fail(code, message, "query", "faiss", index, "users.npy", *flags)
