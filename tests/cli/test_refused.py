"""Files, options and exclusions that are refused, and what is left alone then.

SPDX-License-Identifier: Apache-2.0
"""

import os
import resource
import subprocess

import numpy as np
import pytest
from command import fail, integers, parse_json, succeed, vrec


def linked(name, how):
    other = f"other.{name.split('.')[-1]}"
    if how == "the same path":
        return name
    if how == "another path":
        return f"./{name}"
    (os.symlink if how == "a symbolic link" else os.link)(name, other)
    return other


@pytest.mark.parametrize("how", ["the same path", "another path", "a symbolic link", "a hard link"])
def test_an_output_that_is_an_input(index, how):
    def contents(names=("items.npy", "users.npy", "items.index", "seen_ids.npy", "seen_offsets.npy")):
        return {name: open(name, "rb").read() for name in names}

    before = contents()
    query = ("query", "faiss", "items.index", "users.npy")
    fail(2, "which would be lost", "build", "faiss", "items.npy", "-o", linked("items.npy", how))
    fail(2, "which would be lost", *query, "--ids", linked("items.index", how))
    fail(2, "which would be lost", *query, "--without", "seen_ids.npy", "--ids", "seen_ids.npy")
    fail(2, "which would be lost", *query, "--allow", "seen_ids.npy", "--ids", "seen_ids.npy")
    fail(2, "--exclude and --without are both given", *query, "--exclude", "seen_offsets.npy", "seen_ids.npy",
         "--without", "seen_ids.npy")
    fail(2, "which would be lost", *query, "--exclude", "seen_offsets.npy", "seen_ids.npy",
         "--distances", "./seen_ids.npy")
    assert contents() == before


def test_two_outputs_that_are_the_same(index):
    query = ("query", "faiss", "items.index", "users.npy")
    fail(2, "both go to x.npy", *query, "--ids", "x.npy", "--distances", "x.npy")
    fail(2, "both go to", *query, "--ids", "x.npy", "--distances", f"{os.getcwd()}/x.npy")
    assert not os.path.exists("x.npy")


@pytest.mark.parametrize("message, content", [
    ("0 rows", np.zeros((0, 16), np.float32)),
    ("no values", np.zeros((3, 0), np.float32)),
    ("row 2, column 5", np.where(np.arange(48).reshape(3, 16) == 37, np.nan, 1).astype(np.float32)),
    ("row 1, column 0", np.where(np.arange(48).reshape(3, 16) == 16, np.inf, 1).astype(np.float64)),
    ("row 0, column 1", np.where(np.arange(48).reshape(3, 16) == 1, 1e300, 1)),
    ("Python objects", np.array([[None]])),
    ("dimensions", np.zeros((2, 2, 2), np.float32)),
    ("c8", np.zeros((2, 2), np.complex64)),
])
def test_items_that_no_index_can_hold(folder, message, content):
    np.save("bad.npy", content)
    fail(1, message, "build", "faiss", "bad.npy", "-o", "x.index")
    assert not os.path.exists("x.index")


def test_files_that_are_missing_empty_or_foreign(index):
    open("empty.npy", "w").close()
    open("foreign.npy", "w").write("id,vector\n" * 20)
    whole = open("items.npy", "rb").read()
    open("short.npy", "wb").write(whole[:-4])
    open("long.npy", "wb").write(whole + b"more")
    for name, message in [("missing.npy", "No such file"), ("empty.npy", "no .npy file"),
                          ("foreign.npy", "no .npy file"), ("short.npy", "cut short"),
                          ("long.npy", "goes on to byte")]:
        fail(1, message, "build", "faiss", name, "-o", "x.index")
        fail(1, message, "query", "faiss", "items.index", name)
    fail(1, "Is a directory", "build", "faiss", ".", "-o", "x.index")
    for name in (".", "items.index"):
        fail(1, "ending", "query", "faiss", "items.index", name)
    whole = index.read_bytes()
    open("empty.index", "w").close()
    open("short.index", "wb").write(whole[:-1])
    open("long.index", "wb").write(whole + b"!")
    for name, message in [("missing.index", "No such file"), ("empty.index", "0 bytes"),
                          ("items.npy", "holds a NumPy array, and no index"), ("short.index", "cut short"),
                          ("long.index", "has 19246 bytes"), (".", "Is a directory")]:
        fail(1, message, "info", name)
        fail(1, message, "query", "faiss", name, "users.npy")
    assert not os.path.exists("x.index")


def test_options_that_contradict_the_file(index):
    fail(1, "built with metric L2, but IP was asked for", "query", "faiss", index, "users.npy", "--metric", "IP")
    fail(1, "built with metric L2, but IP was asked for", "info", index, "--metric", "IP")


def test_queries_of_another_dim(index):
    np.save("users.npy", np.zeros((3, 17), np.float32))
    done = fail(1, "the queries have 17 values each, the index has 16", "query", "faiss", index, "users.npy")
    assert done.stdout == ""


def test_queries_with_nan_get_nothing(index):
    users = integers(3, 16, seed=11)
    users[1, 4] = np.nan
    np.save("users.npy", users)
    query = ("query", "faiss", index, "users.npy")
    assert {line.split("\t")[0] for line in succeed(*query).splitlines()} == {"0", "2"}
    assert parse_json(succeed(*query, "--json"))[1] == ([], [])
    succeed(*query, "--ids", "ids.npy", "--distances", "d.npy")
    assert (np.load("ids.npy")[1] == -1).all() and (np.load("d.npy")[1] == np.inf).all()


def test_no_queries(index):
    np.save("users.npy", np.zeros((0, 16), np.float32))
    assert succeed("query", "faiss", index, "users.npy") == ""
    succeed("query", "faiss", index, "users.npy", "--ids", "ids.npy")
    assert np.load("ids.npy").shape == (0, 10)


@pytest.mark.parametrize("message, offsets, ids", [
    ("2 queries need 3", [0, 1], [5]),
    ("starts with 1", [1, 1, 1], [5]),
    ("descend from 2 to 1 at query 1", [0, 2, 1], [5, 6]),
    ("ends with 3, but there are 2 ids", [0, 1, 3], [5, 6]),
    ("ends with 1, but there are 2 ids", [0, 1, 1], [5, 6]),
    ("the ids of query 1 don't ascend: 6 comes before 5", [0, 1, 3], [9, 6, 5]),
    ("neither int32 nor int64", [0.0, 1.0, 2.0], [5, 6]),
    ("3 rows of 2 values", [0, 1, 2], [[5, 6], [7, 8], [9, 9]]),
])
def test_exclusions_that_make_no_sense(index, message, offsets, ids):
    np.save("users.npy", np.zeros((2, 16), np.float32))
    np.save("offsets.npy", np.array(offsets))
    np.save("ids.npy", np.array(ids))
    done = fail(1, message, "query", "faiss", index, "users.npy", "--exclude", "offsets.npy", "ids.npy")
    assert done.stdout == ""


def test_outputs_that_cannot_be_written(index):
    build = ("build", "faiss", "items.npy", "-o")
    os.mkdir("folder")
    before = sorted(os.listdir())
    fail(1, "Is a directory", *build, "folder")
    fail(1, "No such file or directory", *build, "nowhere/x.index")
    fail(1, "not a regular file", *build, "/dev/full")
    query = ("query", "faiss", index, "users.npy")
    fail(1, "Is a directory", *query, "--ids", "folder")
    fail(1, "ending", *query, "--ids", "ids.txt")
    fail(1, "can't hold", *query, "--ids", "ids.fvecs")
    assert sorted(os.listdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everything")
def test_no_permission(index):
    os.chmod("items.npy", 0)
    fail(1, "Permission denied", "build", "faiss", "items.npy", "-o", "x.index")
    os.chmod(index, 0)
    fail(1, "Permission denied", "info", index)
    os.mkdir("closed", 0o555)
    fail(1, "Permission denied", "build", "faiss", "users.npy", "-o", "closed/x.index")
    os.chmod("users.npy", 0o444)
    fail(1, "Permission denied", "query", "faiss", index, "users.npy")


def test_a_limit_on_file_size_leaves_the_old_index(folder):
    open("x.index", "w").write("old")
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
    fail(1, "File too large", "build", "faiss", "items.npy", "-o", "x.index", preexec_fn=limit)
    assert open("x.index").read() == "old" and not [n for n in os.listdir() if n.endswith(".tmp")]


# The name of a file may be anybody's: it moves no cursor, forges no line, and doesn't turn what is read.
@pytest.mark.parametrize("name, shown", [
    (b"\x1b[2Jx.npy", "\\x1b[2Jx.npy"),
    (b"a\nvrec: sound.npy", "a\\nvrec: sound.npy"),
    ("\u009b31mx.npy".encode(), "\\u009b31mx.npy"),
    ("\u202eypn.x".encode() + b".npy", "\\u202eypn.x.npy"),
    (b"caf\xe9.npy", "caf\\xe9.npy"),
    ("向量.npy".encode(), "向量.npy"),
])
def test_names_of_files(folder, name, shown):
    done = vrec("build", "faiss", os.fsdecode(name), "-o", "x.index", text=False)
    assert done.returncode == 1
    assert done.stderr.decode() == f"vrec: opening {shown}: No such file or directory\n"
    done = vrec("build", "faiss", "items.npy", "-o", b"none/" + name, text=False)
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1
    assert not set(done.stderr.decode()[:-1]) & set("\x1b\n\u009b\u202e")
    os.rename("items.npy", name)
    done = vrec("build", "faiss", os.fsdecode(name), "-o", name + b".index", text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    done = vrec("verify", "faiss", name + b".index", text=False)
    line = done.stdout.decode()
    assert ": sound, " in line and not set(line[:-1]) & set("\x1b\n\u009b\u202e")


def test_a_long_path_keeps_the_reason(folder):
    path = "/".join(["folder" * 20] * 8) + "/items.npy"
    fail(1, "/items.npy: No such file or directory", "build", "faiss", path, "-o", "x.index")


def test_standard_output_is_no_file(index):
    query = ("query", "faiss", "items.index", "users.npy")
    for words in (("build", "faiss", "items.npy", "-o", "-"), (*query, "--ids", "-"), (*query, "--distances", "-")):
        fail(2, "not standard output", *words)
    assert not os.path.exists("-")
    succeed("build", "faiss", "items.npy", "-o", "./-")
    fail(1, "its name is empty", "build", "faiss", "items.npy", "--output=")


def test_arrays_of_one_dimension(index):
    """Vectors have two; a list of ids has one."""
    np.save("flat.npy", np.zeros(100, np.float32))
    for words in (("build", "faiss", "flat.npy", "-o", "x.index"), ("query", "faiss", "items.index", "flat.npy")):
        fail(1, "flat.npy: its array has one dimension, of 100 values", *words)
        fail(1, "reshape(1, -1)", *words)
    assert not os.path.exists("x.index")


@pytest.mark.parametrize("array, advice", [
    (np.zeros((3, 4), np.uint64), "array.astype('int64') if these are ids"),
    (np.zeros((3, 4), "V2"), "bfloat16 is saved so: convert the array before"),
    (np.zeros((3, 4), bool), "array.astype('float32') instead"),
    (np.zeros((3, 4), np.complex64), "<c8; f2 f4 f8 i1 u1 i4 i8 can be read"),
    (np.array([["a", "b"]]), "<U1; f2 f4 f8 i1 u1 i4 i8 can be read"),
])
def test_advice_that_leads_somewhere(folder, array, advice):
    np.save("odd.npy", array)
    done = fail(1, advice, "build", "faiss", "odd.npy", "-o", "x.index")
    assert ("astype" in done.stderr) == ("astype" in advice or "convert" in advice)


def test_input_that_is_no_file(folder):
    fail(1, "write it to a file first", "verify", "faiss", "/dev/stdin", stdin=subprocess.PIPE)
    fail(1, "standard input", "verify", "faiss", "-")
