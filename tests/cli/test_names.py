"""Ids and names of the items' own: --ids of a build, INDEX.ids, --names.

SPDX-License-Identifier: Apache-2.0
"""

import json
import pathlib

import numpy as np
import pytest
from command import fail, parse_text, succeed, vrec

FOREST = ["--metric", "euclidean", "--d", "16"]
KINDS = {"faiss": [], "annoy": FOREST}
NAMES = [f"title {i} é, \"{i}\"" for i in range(300)]


@pytest.fixture
def titles(folder):
    assert pathlib.Path("titles.txt").read_text(encoding="utf-8").splitlines() == NAMES
    np.save("own.npy", np.arange(300) * 10 - 5)
    return folder


def query(backend, index, *arguments):
    return succeed("query", backend, index, "users.npy", *KINDS[backend], *arguments)


def rows_of(backend):
    succeed("build", backend, "items.npy", *KINDS[backend], "-o", "plain.index", "-q")
    return parse_text(query(backend, "plain.index", "-k", 5), 40)


@pytest.mark.parametrize("backend", KINDS)
def test_names_of_an_index(backend, titles):
    rows = rows_of(backend)
    succeed("build", backend, "items.npy", *KINDS[backend], "--ids", "titles.txt", "-o", "a.index", "-q")
    assert pathlib.Path("a.index").read_bytes() == pathlib.Path("plain.index").read_bytes()
    table = pathlib.Path("a.index.ids").read_text(encoding="utf-8").split("\n")
    assert table[0].startswith("vrec-ids 1 300 ") and table[1:] == [*NAMES, ""]
    found = [line.split("\t")[2] for line in query(backend, "a.index", "-k", 5).splitlines()]
    assert found == [NAMES[id] for ids, _ in rows for id in ids]
    for line, (ids, distances) in zip(query(backend, "a.index", "-k", 5, "--json").splitlines(), rows):
        got = json.loads(line)
        assert got["ids"] == ids and got["distances"] == distances and got["names"] == [NAMES[id] for id in ids]
    assert json.loads(succeed("info", backend, "a.index", *KINDS[backend], "--json"))["names"] is True
    succeed("verify", backend, "a.index", *KINDS[backend])


@pytest.mark.parametrize("backend", KINDS)
def test_numbers_of_an_index(backend, titles):
    rows = rows_of(backend)
    succeed("build", backend, "items.npy", *KINDS[backend], "--ids", "own.npy", "-o", "a.index", "-q")
    assert pathlib.Path("a.index.ids").exists() == (backend == "annoy")
    assert parse_text(query(backend, "a.index", "-k", 5), 40) == [([id * 10 - 5 for id in i], d) for i, d in rows]
    query(backend, "a.index", "-k", 5, "--ids", "ids.npy")
    assert np.load("ids.npy").tolist() == [[id * 10 - 5 for id in i] for i, _ in rows]
    # a file's names are by row, whatever the ids
    found = [line.split("\t")[2] for line in query(backend, "a.index", "-k", 5, "--names", "titles.txt").splitlines()]
    assert found == [NAMES[id] for ids, _ in rows for id in ids]


@pytest.mark.parametrize("labels", ["titles.txt", "own.npy"])
def test_an_index_takes_its_ids_along(labels, titles):
    succeed("build", "faiss", "items.npy", "--ids", labels, "-o", "flat.index", "-q")
    before = query("faiss", "flat.index", "-k", 5)
    succeed("build", "annoy", *FOREST, "flat.index", "-o", "forest.ann", "-q")
    succeed("build", "faiss", "--from", "annoy,d=16,metric=euclidean", "forest.ann", "-o", "again.index", "-q")
    assert query("faiss", "again.index", "-k", 5) == before
    # and other ones can be given
    succeed("build", "faiss", "forest.ann", "--from", "annoy,d=16,metric=euclidean", "--ids", "titles.txt", "-o",
            "again.index", "-q")
    assert query("faiss", "again.index", "-k", 1).split("\t")[2] in NAMES


def test_a_tuned_index_keeps_them(titles):
    succeed("build", "faiss", "items.npy", "--index_type", "HNSW", "--ids", "titles.txt", "-o", "a.index", "-q")
    succeed("tune", "faiss", "a.index", "-o", "b.index", "-q")
    assert pathlib.Path("b.index.ids").read_text(encoding="utf-8").splitlines()[1:] == NAMES


@pytest.mark.parametrize("backend", KINDS)
def test_who_is_meant_by_name(backend, titles):
    succeed("build", backend, "items.npy", *KINDS[backend], "--ids", "titles.txt", "-o", "a.index", "-q")
    every = [line.split("\t")[2] for line in query(backend, "a.index", "-k", 3).splitlines()]
    pathlib.Path("some.txt").write_text("\n".join(every[:2]) + "\n", encoding="utf-8")
    left = [line.split("\t")[2] for line in query(backend, "a.index", "-k", 300, "--without", "some.txt").splitlines()]
    assert not set(every[:2]) & set(left)
    only = [line.split("\t")[2] for line in query(backend, "a.index", "-k", 300, "--allow", "some.txt").splitlines()]
    assert set(only) == set(every[:2]) and len(only) == 80
    pathlib.Path("numbers.txt").write_text("\n".join(map(str, range(300))))
    fail(1, "some.txt, line 1: no item has the name", "query", backend, "a.index", "users.npy", *KINDS[backend],
         "--names", "numbers.txt", "--without", "some.txt")
    succeed("build", backend, "items.npy", *KINDS[backend], "-o", "plain.index", "-q")
    fail(1, "the items have no names; --names gives", "query", backend, "plain.index", "users.npy", *KINDS[backend],
         "--without", "some.txt")


def test_eval_by_names(titles):
    given = ["eval", "--users", "users.npy", "-k", "5,20", "--json"]
    taken = [line.split(",") for line in pathlib.Path("truth.csv").read_text().splitlines()[1:]]
    quoted = [f"{user},\"" + NAMES[int(item)].replace('"', '""') + "\"" for user, item in taken]
    pathlib.Path("named.csv").write_text("user,title\n" + "\n".join(quoted) + "\n", encoding="utf-8")
    succeed("build", "faiss", "items.npy", "--ids", "titles.txt", "-o", "a.index", "-q")
    succeed("build", "faiss", "items.npy", "--ids", "own.npy", "-o", "own.index", "-q")

    def scores(*arguments):
        return [[s[m] for m in ("ndcg", "recall", "hit")] for s in json.loads(succeed(*given, *arguments))["settings"]]

    right = scores("--items", "items.npy", "--truth", "truth.csv")
    assert right[0][2][1] > 0
    assert scores("--items", "items.npy", "--truth", "named.csv", "--names", "titles.txt") == right
    assert scores("--index", "a.index", "--truth", "named.csv") == right
    assert scores("--index", "own.index", "--truth", "named.csv", "--names", "titles.txt") == right
    pathlib.Path("named.csv").write_text("0,title\n")
    fail(1, "named.csv, line 1: no item has the name \"title\"", *given, "--index", "a.index", "--truth", "named.csv")
    fail(1, "named.csv, line 1: it isn't user,item", *given, "--items", "items.npy", "--truth", "named.csv")


@pytest.mark.parametrize("text, message", [
    ("\n".join(NAMES) + "\none more\n", "x.txt: names: line 301 is one too many, since there are 300 items"),
    ("\n".join(NAMES[:-1]), "x.txt: names: there are 299 lines, but 300 items"),
    ("\n".join([*NAMES[:-1], NAMES[3]]), "x.txt: names: line 300 is \"title 3"),
    ("\n".join(["", *NAMES[1:]]), "x.txt: names: line 1 is empty"),
    ("\r\n".join(NAMES), "x.txt: names: line 1 ends with CR LF"),
    ("\n".join(["\udce9", *NAMES[1:]]), "x.txt: names: line 1 is no UTF-8: byte 0xe9"),
])
def test_wrong_names(text, message, titles):
    pathlib.Path("x.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    for backend in KINDS:
        fail(1, message, "build", backend, "items.npy", *KINDS[backend], "--ids", "x.txt", "-o", "x.index")
        assert not pathlib.Path("x.index").exists() and not pathlib.Path("x.index.ids").exists()
    succeed("build", "faiss", "items.npy", "-o", "plain.index", "-q")
    fail(1, message, "query", "faiss", "plain.index", "users.npy", "--names", "x.txt")


def test_wrong_numbers(titles):
    np.save("few.npy", np.arange(299))
    np.save("twice.npy", np.arange(300) % 299)
    np.save("reals.npy", np.ones(300))
    for backend in KINDS:
        build = ["build", backend, "items.npy", *KINDS[backend], "-o", "x.index", "--ids"]
        fail(1, "few.npy has 299 ids, but there are 300 items", *build, "few.npy")
        fail(1, "twice.npy: ids: rows 0 and 299 both have the id 0", *build, "twice.npy")
        fail(1, "reals.npy: its values are neither int32 nor int64", *build, "reals.npy")
        fail(1, "missing.txt", *build, "missing.txt")
        fail(1, "missing.npy", *build, "missing.npy")


def test_a_table_of_another_index(titles):
    for backend in KINDS:
        succeed("build", backend, "items.npy", *KINDS[backend], "--ids", "titles.txt", "-o", "a.index", "-q")
        table = pathlib.Path("a.index.ids").read_bytes()
        np.save("users300.npy", np.load("items.npy")[::-1])
        succeed("build", backend, "users300.npy", *KINDS[backend], "-o", "a.index", "-q")
        assert not pathlib.Path("a.index.ids").exists()  # that of the index before
        pathlib.Path("a.index.ids").write_bytes(table)
        for verb in (["info"], ["verify"], ["query"]):
            done = vrec(*verb, backend, "a.index", *(["users.npy"] if verb == ["query"] else []), *KINDS[backend])
            assert done.returncode == 1 and "a.index: its table of ids, a.index.ids: it belongs to another" in done.stderr
        pathlib.Path("a.index.ids").write_text("a list of mine\n")
        fail(1, "what stands there is no table of ids", "build", backend, "items.npy", *KINDS[backend], "-o", "a.index")
        pathlib.Path("a.index.ids").unlink()


@pytest.mark.parametrize("named", [True, False])
def test_a_table_of_exclusions(named, titles):
    """A line of query,item for each pair: a name where items have names, else an id."""
    ids = ["--ids", "titles.txt"] if named else []
    succeed("build", "faiss", "items.npy", *ids, "-o", "a.index", "-q")
    query("faiss", "a.index", "-k", 300, "--ids", "all.npy")
    everything = np.load("all.npy")
    out = [sorted(row[:3 + i % 5].tolist()) for i, row in enumerate(everything)]
    out[4] = []
    quoted = ['"' + name.replace('"', '""') + '"' for name in NAMES]
    pairs = [(user, quoted[item] if named else item) for user, row in enumerate(out) for item in row]
    with open("seen.csv", "w", encoding="utf-8") as table:
        print("user,item", *(f"{user},{item}" for user, item in pairs[::-1]), sep="\n", file=table)
    query("faiss", "a.index", "-k", 10, "--exclude", "seen.csv", "--ids", "ids.npy")
    for row, excluded, found in zip(everything, out, np.load("ids.npy")):
        assert found.tolist() == [i for i in row if i not in excluded][:10]
    for line, message in (("0,who" if named else "0,3x", "line 2: no item has the name" if named else "line 2: it isn't user,item"),
                          ("40,1", "line 2: " + ("no item has" if named else "user 40, and there are users 0 to 39"))):
        pathlib.Path("bad.csv").write_text(f"user,item\n{line}\n")
        fail(1, message, "query", "faiss", "a.index", "users.npy", "--exclude", "bad.csv")
