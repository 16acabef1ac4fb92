"""vrec eval: settings side by side, and what they are compared with.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib
import signal
import xml.dom.minidom

import numpy as np
import pytest
from command import fail, has_worked, integers, start, succeed, vrec, wait_until

USERS, ITEMS = 40, 300
GIVEN = ["eval", "--users", "users.npy", "--items", "items.npy", "--truth", "truth.csv"]
OTHER = ["--users", "other=u2.npy", "--items", "i2.npy"]
SETTINGS = ["--with", "faiss", "--with", "faiss,metric=IP", "--with", "annoy,metric=angular,n_trees=1,searchk=20"]


def report(*arguments):
    return json.loads(succeed(*arguments, "--json"))


def settings(found):
    return {each["setting"]: each for each in found["settings"]}


def found_by_query(tmp, k, *options):
    succeed("build", "faiss", "items.npy", "-o", "items.index", "-q")
    succeed("query", "faiss", "items.index", "users.npy", "-k", k, "--ids", "ids.npy", "-q", *options)
    return np.load("ids.npy")


def taken():
    return [[user * 7] for user in range(USERS)]


def recall(ids, truth, k):
    return np.mean([len(set(row[:k].tolist()) & set(items)) / len(items) for row, items in zip(ids, truth)])


def test_the_numbers_are_those_of_a_query(folder):
    ids = found_by_query(folder, 50)
    got = report(*GIVEN, "-k", "50,5")
    assert got["users"] == USERS and got["convention"] == "rechub" and got["k"] == [50, 5]
    exact, flat = settings(got)["exact L2"], settings(got)["faiss"]
    for each in (exact, flat):
        assert each["recall"] == pytest.approx([recall(ids, taken(), k) for k in (50, 5)])
        assert each["index_recall"] == [1, 1]
    assert flat["recall"][0] > 0 and flat["loses"][0] == 0 and exact["loses"] == [None, None]


def test_settings_side_by_side(folder):
    got = settings(report(*GIVEN, "-k", "20", "--with", "faiss,metric=IP", "--with", "annoy,metric=dot,searchk=99999",
                          "--with", "annoy,metric=angular,n_trees=1,searchk=20", "--with", "faiss"))
    assert list(got) == ["exact IP", "faiss,metric=IP", "annoy,metric=dot,searchk=99999", "exact angular",
                         "annoy,metric=angular,n_trees=1,searchk=20", "exact L2", "faiss"]
    assert got["annoy,metric=dot,searchk=99999"]["index_recall"] == [1]
    few = got["annoy,metric=angular,n_trees=1,searchk=20"]
    assert 0 < few["index_recall"][0] < 0.9
    assert few["loses"][0] == pytest.approx(1 - few["recall"][0] / got["exact angular"]["recall"][0])


def test_ties_count_as_found(folder):
    """Every item twice: which of the two is found says nothing about an index."""
    items = np.repeat(np.load("items.npy")[:150], 2, axis=0)
    np.save("items.npy", items)
    got = settings(report(*GIVEN, "-k", "5", "--with", "annoy,metric=euclidean,searchk=99999"))
    assert got["annoy,metric=euclidean,searchk=99999"]["index_recall"] == [1]


def test_seen_items_are_left_out(folder):
    np.save("taken_offsets.npy", np.arange(USERS + 1))
    np.save("taken.npy", np.array(taken()).ravel().astype(np.int32))
    pathlib.Path("seen.csv").write_text("".join(f"{user},{user * 7}\n{user},3\n" for user in range(USERS)))
    got = report(*GIVEN, "-k", "300", "--seen", "seen.csv")
    assert settings(got)["faiss"]["recall"] == [0] and settings(got)["faiss"]["index_recall"] == [1]
    assert report(*GIVEN, "-k", "300", "--seen", "taken_offsets.npy", "taken.npy")["settings"][1]["recall"] == [0]
    assert report(*GIVEN, "-k", "300")["settings"][1]["recall"] == [1]


def test_two_files_of_truth(folder):
    np.save("offsets.npy", np.arange(USERS + 1))
    np.save("ids.npy", np.array(taken()).ravel())
    same = ["eval", "--users", "users.npy", "--items", "items.npy", "--truth", "offsets.npy", "ids.npy", "-k", "9"]
    one, other = report(*same), report(*GIVEN, "-k", "9")
    assert one["settings"][0]["ndcg"] == other["settings"][0]["ndcg"]


def test_an_index_in_place_of_items(index):
    got = settings(report("eval", "--users", "users.npy", "--index", "items.index", "--truth", "truth.csv", "-k", "7"))
    built = settings(report(*GIVEN, "-k", "7"))
    for name in ("exact L2", "faiss"):
        assert got[name]["recall"] == built[name]["recall"] and got[name]["index_recall"] == [1]


@pytest.mark.parametrize("convention, hit", [("rechub", 0.5), ("recbole", 1.0)])
def test_conventions(folder, convention, hit):
    """Of two items of truth one is in the catalogue."""
    pathlib.Path("truth.csv").write_text("".join(f"{user},0\n{user},100000\n" for user in range(USERS)))
    got = report(*GIVEN, "-k", "300", "--convention", convention)
    assert settings(got)["faiss"]["hit"] == [hit]


def test_table_and_verdict(folder):
    text = succeed(*GIVEN, "-k", "5,10", "--with", "annoy,metric=euclidean,n_trees=1,searchk=1")
    head, *rows = text.splitlines()
    assert head.split() == ["setting", "k", "NDCG", "MRR", "Recall", "Hit", "Precision", "index", "loses", "build", "s",
                            "query", "s"]
    assert [row.split()[0] for row in rows[1:4:2]] == ["10", "10"]
    assert "annoy,metric=euclidean,n_trees=1,searchk=1: the model finds " in rows[-1] and "(Recall@10)" in rows[-1]
    assert "the model finds" not in succeed(*GIVEN, "-q")


def without_times(found):
    return [{key: value for key, value in each.items() if "seconds" not in key} for each in found["settings"]]


def test_models_side_by_side(folder):
    """Two models in one call, with three settings, are what two calls say, one after the other."""
    pathlib.Path("seen.csv").write_text("".join(f"{user},{user + 1}\n" for user in range(USERS)))
    common = ["--truth", "truth.csv", "--seen", "seen.csv", "-k", "5,20", *SETTINGS]
    got = without_times(report(*GIVEN[:5], *OTHER, *common))
    one = without_times(report(*GIVEN[:5], *common))
    other = without_times(report("eval", *OTHER, *common))
    assert {each["model"] for each in one} == {"users.npy"} and {each["model"] for each in other} == {"other"}
    assert got == one + other and len(got) == 12
    assert got[0]["recall"] != got[6]["recall"] and got[0]["ndcg"] != got[6]["ndcg"]


def test_table_of_models(folder):
    text = succeed(*GIVEN, *OTHER, "-k", "5,10", *SETTINGS)
    head, *rows = text.splitlines()
    assert head.split()[:3] == ["model", "setting", "k"]
    assert [row.split()[0] for row in rows[:24:2]] == ["users.npy"] * 6 + ["other"] * 6
    assert len({row.index("  10  ") for row in rows[1:24:2]}) == 1
    assert rows[24] == "" and len(rows) == 31
    assert rows[25].startswith("users.npy with faiss: the model finds ")
    assert rows[-1].startswith("other with annoy,metric=angular,n_trees=1,searchk=20: the model finds ")
    assert "model" not in succeed(*GIVEN, "-q")


def test_picture_of_models(folder):
    """A setting has its colour in both, a model its dashes."""
    succeed(*GIVEN, *OTHER, "-k", "1,10", *SETTINGS, "--svg", "a.svg")
    picture = xml.dom.minidom.parse("a.svg")
    texts = {node.firstChild.data for node in picture.getElementsByTagName("text")}
    assert {"users.npy with exact L2", "other with exact L2", "other with faiss,metric=IP"} <= texts
    lines = [(node.getAttribute("class"), node.getAttribute("stroke-dasharray"))
             for node in picture.getElementsByTagName("path") if node.getAttribute("stroke-dasharray")]
    assert lines == [(f"l{i}", dashes) for dashes in ("none", "7 4") for i in range(6)] * 3


def test_a_path_with_an_equals_sign(folder):
    os.rename("u2.npy", "x=y.npy")
    assert {each["model"] for each in report(*GIVEN, "--users", "./x=y.npy", *OTHER[2:])["settings"]} == {
        "users.npy", "./x=y.npy"}
    fail(1, "opening y.npy", *GIVEN, "--users", "x=y.npy", *OTHER[2:])


def test_names_of_items_are_those_of_every_model(folder):
    lines = [f'{user},"title {user * 7} é, ""{user * 7}"""\n' for user in range(USERS)]
    pathlib.Path("truth.csv").write_text("".join(lines), encoding="utf-8")
    named = report(*GIVEN, *OTHER, "--names", "titles.txt")
    pathlib.Path("truth.csv").write_text("".join(f"{user},{user * 7}\n" for user in range(USERS)))
    assert without_times(named) == without_times(report(*GIVEN, *OTHER))


def test_picture(folder):
    succeed(*GIVEN, "-k", "1,10,100", "--with", "faiss", "--with", "annoy,metric=dot", "--svg", "a.svg")
    picture = xml.dom.minidom.parse("a.svg")
    texts = [node.firstChild.data for node in picture.getElementsByTagName("text")]
    assert {"Recall at k", "NDCG at k", "exact L2", "faiss", "annoy,metric=dot", "1", "10", "100"} <= set(texts)
    assert len(picture.getElementsByTagName("circle")) == 2 * 4 * 3 + 4
    assert "prefers-color-scheme:dark" in picture.getElementsByTagName("style")[0].firstChild.data


@pytest.mark.parametrize("lines, why", [
    ("user,item\n3,4\n40,1\n", "truth.csv, line 3: user 40, and there are users 0 to 39"),
    ("-1,4\n", "truth.csv, line 1: user -1"),
    ("0,4\n0,x\n", "truth.csv, line 2: it isn't user,item"),
    ("0,4,5\n", "truth.csv, line 1: it isn't user,item"),
    ("0,4\nuser,item\n", "truth.csv, line 2: it isn't user,item"),
    ("0,99999999999999999999\n", "truth.csv, line 1: it isn't user,item"),
    ("0,-1\n", "truth.csv, line 1: item -1"),
    ("user,item\n", "none of the 40 users"),
])
def test_tables_that_are_wrong(folder, lines, why):
    pathlib.Path("truth.csv").write_text(lines)
    fail(1, why, *GIVEN)


@pytest.mark.parametrize("offsets, ids, why", [
    ([0, 1], [4], "it has 2 offsets; 40 users need 41"),
    ([1] * 41, [4], "it starts with 1, not 0"),
    ([0, 2, 1] + [2] * 38, [4, 5], "run backwards at user 1, from 2 to 1"),
    ([0] * 40 + [3], [4], "it ends with 3, but ids.npy has 1 ids"),
    ([0] * 40 + [2], [4, -1], "id 1 is -1"),
])
def test_rows_that_are_wrong(folder, offsets, ids, why):
    np.save("offsets.npy", offsets)
    np.save("ids.npy", ids)
    fail(1, why, "eval", "--users", "users.npy", "--items", "items.npy", "--truth", "offsets.npy", "ids.npy")


@pytest.mark.parametrize("code, why, arguments", [
    (2, "--users FILE is missing", ["--items", "items.npy", "--truth", "truth.csv"]),
    (2, "--truth OFFSETS IDS is missing", ["--users", "users.npy", "--items", "items.npy"]),
    (2, "--items FILE or --index FILE is missing", ["--users", "users.npy", "--truth", "truth.csv"]),
    (2, "--items FILE is missing: faiss has nothing",
     ["--users", "users.npy", "--truth", "truth.csv", "--with", "faiss"]),
    (2, "--k is \"5,0\"", [*GIVEN[1:], "-k", "5,0"]),
    (2, "--k is \"5,\"", [*GIVEN[1:], "-k", "5,"]),
    (2, "--k is \"16385\"", [*GIVEN[1:], "-k", "16385"]),
    (2, "--k has more than 16 numbers", [*GIVEN[1:], "-k", ",".join("5" * 17)]),
    (2, "--with faiss: faiss has no option", [*GIVEN[1:], "--with", "faiss,nprob=3"]),
    (2, "--with is given more than 16 times", [*GIVEN[1:], *["--with", "faiss"] * 17]),
    (2, "--truth is given twice", [*GIVEN[1:], "--truth", "truth.csv"]),
    (2, "there are 2 --users and 1 --items;", [*GIVEN[1:], "--users", "b=users.npy"]),
    (2, "there are 1 --users and 2 --items;", [*GIVEN[1:], "--items", "items.npy"]),
    (2, "--users is given more than 8 times", [*GIVEN[1:], *["--users", "users.npy"] * 8]),
    (2, "two models are called users.npy", [*GIVEN[1:], *GIVEN[1:5]]),
    (2, "two models are called a", ["--users", "a=users.npy", *GIVEN[3:], "--users", "a=x.npy", "--items", "x.npy"]),
    (2, "--users a= has no file", ["--users", "a=", *GIVEN[3:]]),
    (2, "--index holds the items of one model", [*GIVEN[1:], *OTHER, "--index", "items.index"]),
    (2, "--with number 2 is a collection", [*GIVEN[1:], *OTHER, "--with", "faiss", "--with", "milvus,collection=a"]),
    (2, "--svg draws an SVG; give a.png the ending .svg", [*GIVEN[1:], "--svg", "a.png"]),
    (2, "the output i2.npy is the input", [*GIVEN[1:], *OTHER, "--svg", "i2.npy"]),
    (1, "fewer.npy has 39 users, users.npy 40", [*GIVEN[1:], "--users", "fewer.npy", *OTHER[2:]]),
    (1, "fewer.npy has 39 items, items.npy 300", [*GIVEN[1:], *OTHER[:2], "--items", "fewer.npy"]),
    (1, "users.npy with faiss,index_type=IVF,nlist=1000: ",
     [*GIVEN[1:], *OTHER, "--with", "faiss,index_type=IVF,nlist=1000"]),
    (2, "--truth needs a value", ["--users", "users.npy", "--truth", "offsets.npy", "--items", "items.npy"]),
    (2, "the output users.npy is the input users.npy", [*GIVEN[1:], "--svg", "users.npy"]),
    (1, "did you mean \"recbole\"", [*GIVEN[1:], "--convention", "recbowl"]),
    (1, "opening nothing.npy", [*GIVEN[1:4], "nothing.npy", "--truth", "truth.csv"]),
    (1, "opening nothing.csv", [*GIVEN[1:5], "--truth", "nothing.csv"]),
    (1, "no/a.svg", [*GIVEN[1:], "--svg", "no/a.svg"]),
    (1, "the vectors of narrow.npy have 3 values, those of items.npy 16", ["--users", "narrow.npy", *GIVEN[3:]]),
])
def test_refused(folder, code, why, arguments):
    np.save("narrow.npy", np.zeros((USERS, 3), np.float32))
    np.save("fewer.npy", np.zeros((USERS - 1, 16), np.float32))
    fail(code, why, "eval", *arguments)


def test_an_empty_file_of_users(folder):
    np.save("users.npy", np.zeros((0, 16), np.float32))
    fail(1, "users.npy: it has no users", *GIVEN)


def test_a_picture_that_cannot_be_written(folder):
    os.symlink("/dev/full", "a.svg")
    done = vrec(*GIVEN, "--svg", "a.svg")
    assert done.returncode == 1 and "writing a.svg" in done.stderr


def test_items_of_an_index_that_no_search_finds(folder):
    """An item with a NaN, as only a file may hold, is none of those that an exact search finds either."""
    succeed("build", "faiss", "items.npy", "-o", "items.index", "-q")
    damaged = bytearray(pathlib.Path("items.index").read_bytes())
    damaged[-4:] = np.array([np.nan], "<f4").tobytes()
    pathlib.Path("items.index").write_bytes(damaged)
    got = settings(report("eval", "--users", "users.npy", "--index", "items.index", "--truth", "truth.csv", "-k", "7"))
    assert [each["index_recall"] for each in got.values()] == [[1], [1]]


def test_it_can_be_stopped(folder):
    np.save("many.npy", integers(100_000, 16, seed=13))
    np.lib.format.open_memmap("endless.npy", "w+", np.float32, (1_000_000, 16))
    process = start("eval", "--users", "endless.npy", "--items", "many.npy", *GIVEN[5:], "--threads", "1")
    wait_until(has_worked, process.pid)
    process.send_signal(signal.SIGINT)
    assert process.stderr.read() == "vrec: stopped by signal 2 (Interrupt)\n"
    assert process.wait(60) == 128 + signal.SIGINT


def test_no_input_is_overwritten(folder):
    np.save("offsets.npy", np.arange(USERS + 1))
    np.save("ids.npy", np.arange(USERS))
    fail(2, "which would be lost", *GIVEN[:-2], "--truth", "offsets.npy", "ids.npy", "--svg", "ids.npy")


def test_threads_change_nothing(folder):
    one = without_times(report(*GIVEN, "-k", "5,20", "--threads", 1))
    assert one == without_times(report(*GIVEN, "-k", "5,20", "--threads", 3))
    for text in ("-2", "many", "", "1.5"):
        fail(2, "--threads", *GIVEN, "--threads", text)


def test_ids_of_the_indexs_own_are_no_rows(folder):
    """Else every digit would be of other items."""
    np.save("own.npy", np.arange(ITEMS) + 1000)
    succeed("build", "faiss", "items.npy", "--ids", "own.npy", "-o", "own.index", "-q")
    given = ["eval", "--users", "users.npy", "--index", "own.index", "--truth", "truth.csv"]
    fail(1, "knows its items by ids of its own", *given, "--items", "items.npy")
    assert settings(report(*given, "-k", "5"))
