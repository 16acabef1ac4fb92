"""The vrec command, from outside: what it prints, writes, refuses, and leaves behind.

Runs the binary that the environment variable VREC_BIN names.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest

VREC = os.path.abspath(os.environ["VREC_BIN"])
SANITIZED = b"__asan_init" in open(VREC, "rb").read() or b"__tsan_init" in open(VREC, "rb").read()
HOLD = pathlib.Path(VREC).parents[1] / "tests/libhold.so"  # meson builds it beside the command
COMMANDS = ["build", "query", "info", "verify", "upsert", "delete", "drop", "version", "help", "completion", "man"]


def vrec(*args, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, **options}
    return subprocess.run([VREC, *map(str, args)], **options)


def succeed(*args, **options):
    done = vrec(*args, **options)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def fail(code, message, *args, **options):
    """The command ends with that code, and one line on standard error that contains the message."""
    done = vrec(*args, **options)
    assert done.returncode == code, done.stderr
    assert done.stderr.startswith("vrec: ") and done.stderr.count("\n") == 1
    assert message in done.stderr
    return done


def start(*args, **options):
    """In the background, with Ctrl-C not ignored even if pytest itself runs in the background."""
    return subprocess.Popen([VREC, *map(str, args)], stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL), **options)


def start_and_hold(*args, **places):
    """The same, stopped once at a place that tests/support/hold.c knows. Goes on after SIGCONT."""
    process = start(*args, env={**os.environ, "LD_PRELOAD": str(HOLD), **places})
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.stderr.read()
    return process


def wait_until(condition, pid):
    """Until condition holds for the process's line in /proc, split: [0] is its state, [11] its ticks of CPU."""
    deadline = time.monotonic() + 60
    while not condition(stat := open(f"/proc/{pid}/stat").read().rpartition(") ")[2].split()):
        assert stat[0] != "Z", "it ended before it could be disturbed"
        assert time.monotonic() < deadline
        time.sleep(0.001)


def waits(stat):
    return stat[0] == "S"


def has_worked(stat):
    """For longer than it takes until there is a bar."""
    return int(stat[11]) > 1.5 * os.sysconf("SC_CLK_TCK")


def backends():
    return re.findall(r"^  (\w+)", succeed("help").split("Backends:\n")[1].split("\n\n")[0], re.M)


def integers(rows, dim, seed):
    """Vectors of small whole numbers: every distance is exact, in any order of summation."""
    return np.random.default_rng(seed).integers(-8, 9, (rows, dim)).astype(np.float32)


def nearest(items, queries, k, metric, excluded=None):
    """Brute force, ties by smaller id: ids and distances, unpadded, one list per query."""
    results = []
    for i, q in enumerate(queries.astype(np.float64)):
        x = items.astype(np.float64)
        distances = x @ q if metric == "IP" else ((x - q) ** 2).sum(axis=1)
        order = np.lexsort((np.arange(len(x)), -distances if metric == "IP" else distances))
        if excluded is not None:
            order = order[~np.isin(order, excluded[i])]
        results.append((order[:k].tolist(), distances[order[:k]].tolist()))
    return results


def parse_text(text, queries):
    results = [([], []) for _ in range(queries)]
    for line in text.splitlines():
        query, rank, item, distance = line.split("\t")
        ids, distances = results[int(query)]
        ids.append(int(item))
        distances.append(float(distance))
        assert int(rank) == len(ids)
    return results


def parse_json(text):
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["query"] for line in lines] == list(range(len(lines)))
    return [(line["ids"], line["distances"]) for line in lines]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the examples of the help name, as the current one."""
    monkeypatch.chdir(tmp_path)
    np.save("items.npy", integers(300, 16, seed=1))
    np.save("users.npy", integers(40, 16, seed=2))
    np.save("seen_offsets.npy", np.arange(41) * 3)
    np.save("seen_ids.npy", np.sort(np.random.default_rng(3).integers(0, 300, (40, 3))).ravel().astype(np.int32))
    return tmp_path


@pytest.fixture
def index(folder):
    succeed("build", "faiss", "items.npy", "-o", "items.index", "-q")
    return folder / "items.index"


def big_items(path, megabytes):
    """Zeros that take no room on the disk."""
    np.lib.format.open_memmap(path, "w+", np.float32, (megabytes * 2048, 128))
    return path


# ---- Build, query, info ----


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


# ---- What is refused: the command line ----


@pytest.mark.parametrize("message, args", [
    ("a command is missing", []),
    ("there is no command biuld; there are build, query, info,", ["biuld"]),
    ("annoy is a backend, and comes after a command: vrec build annoy, vrec help annoy", ["annoy", "--help"]),
    ("ANNOY is a backend", ["ANNOY"]),
    ("flat is a kind of index, and comes after a command: vrec build faiss --index_type Flat", ["flat"]),
    ("ivf_flat is a kind of index, and", ["help", "ivf_flat"]),
    ("BACKEND is missing: vrec query faiss items.index users.npy (", ["query", "items.index", "users.npy"]),
    ("BACKEND is missing: vrec build faiss ./items (", ["build", "./items", "-o", "x.index"]),
    ("QUERIES; BACKEND is missing (", ["query", "items.index", "users.npy", "more.npy"]),
    ("there is no backend \"index\"; there are annoy, faiss, milvus (", ["query", "index", "users"]),
    ("IVF_FLAT is a kind of index; its backend is missing: vrec build milvus --index_type IVF_FLAT",
     ["build", "IVF_FLAT", "items.npy", "-o", "x.index"]),
    ("build has no flag --efsearchk (it has --output, --quiet, --help), and faiss has no option \"efsearchk\" (",
     ["build", "--efsearchk", "5", "faiss", "items.npy", "-o", "x.index"]),
    ("and annoy has no option \"serchk\"; did you mean \"searchk\"?",
     ["query", "annoy", "i.ann", "users.npy", "--serchk", "5"]),
    ("and no backend has that option", ["build", "--frobnicate"]),
    ("faiss has no option \"searchk\" (see vrec help faiss)",
     ["query", "faiss", "i.index", "users.npy", "--searchk", "5"]),
    ("scale items and queries to unit length and take IP, or take backend annoy with metric=angular",
     ["build", "faiss", "--metric", "cosine", "items.npy", "-o", "x.index"]),
    ("there is no command --frobnicate", ["--frobnicate"]),
    ("faiss has no option \"metrc\"; did you mean \"metric\"?", ["build", "faiss", "--metrc", "IP", "items.npy", "-o", "x.index"]),
    ("build has no flag --quite (it has --output, --quiet, --help)", ["build", "--quite", "faiss", "items.npy", "-o", "x.index"]),
    ("it has --top_k, --ids, --distances, --exclude, --json, --quiet, --help", ["query", "faiss", "i.index", "users.npy", "--distance=d.npy"]),
    ("build has no flag -z; it has --output", ["build", "-z"]),
    ("build has no flag -k", ["build", "faiss", "items.npy", "-o", "x.index", "-k", "3"]),
    ("did you mean \"faiss\"?", ["build", "fais", "items.npy", "-o", "x.index"]),
    ("ITEMS is missing", ["build", "faiss", "-o", "x.index"]),
    ("-o INDEX is missing", ["build", "faiss", "items.npy"]),
    ("more.npy is one too many", ["build", "faiss", "items.npy", "more.npy", "-o", "x.index"]),
    ("QUERIES is missing", ["query", "faiss", "i.index"]),
    ("INDEX is missing", ["info"]),
    ("--output is given twice", ["build", "faiss", "items.npy", "-o", "x.index", "-o", "y.index"]),
    ("--metric is given twice", ["build", "faiss", "--metric=IP", "--metric_type=IP", "items.npy", "-o", "x.index"]),
    ("--threads is given twice", ["build", "FAISS", "--threads=1", "--n_jobs=1", "items.npy", "-o", "x.index"]),
    ("--metric needs a value: L2, IP", ["build", "faiss", "items.npy", "-o", "x.index", "--metric"]),
    ("--ids needs a value, but --distances follows", ["query", "faiss", "i", "u.npy", "--ids", "--distances", "d"]),
    ("--exclude needs a value: OFFSETS IDS", ["query", "faiss", "i", "u.npy", "--exclude", "offsets.npy"]),
    ("--quiet takes no value", ["build", "faiss", "items.npy", "-o", "x.index", "--quiet=yes"]),
    ("L2, IP", ["build", "faiss", "--metric", "cosine", "items.npy", "-o", "x.index"]),
    ("-1..256", ["build", "faiss", "--threads", "many", "items.npy", "-o", "x.index"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "0"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "16385"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "-1"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "3x"]),
    ("it takes 1..16384", ["query", "faiss", "i.index", "users.npy", "-k", "99999999999999999999"]),
    ("there is no command nothing", ["help", "nothing"]),
    ("bash only", ["completion", "tcsh"]),
])
def test_usage_errors(folder, message, args):
    before = sorted(os.listdir())
    done = fail(2, message, *args)
    assert "(see vrec help" in done.stderr and done.stdout == ""
    assert sorted(os.listdir()) == before


# ---- What is refused: files ----


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
                          ("long.npy", "goes on to byte"), (".", "ending"), ("items.index", "ending")]:
        fail(1, message, "build", "faiss", name, "-o", "x.index")
        fail(1, message, "query", "faiss", "items.index", name)
    whole = index.read_bytes()
    open("empty.index", "w").close()
    open("short.index", "wb").write(whole[:-1])
    open("long.index", "wb").write(whole + b"!")
    for name, message in [("missing.index", "No such file"), ("empty.index", "0 bytes"),
                          ("items.npy", "no FAISS index"), ("short.index", "cut short"),
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


# ---- Standard output ----


@pytest.mark.parametrize("k", [1, 300])
def test_standard_output_on_a_full_disk(index, k):
    with open("/dev/full", "w") as full:
        done = subprocess.run([VREC, "query", "faiss", index, "users.npy", "-k", str(k)], stdout=full,
                              stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (
        1, "vrec: writing to standard output: No space left on device\n")


def test_standard_output_that_is_closed(index):
    done = subprocess.run([VREC, "info", index], stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.close(1))
    assert (done.returncode, done.stderr) == (1, "vrec: writing to standard output: Bad file descriptor\n")


def test_a_reader_that_has_seen_enough(index):
    process = start("query", "faiss", index, "users.npy", "-k", "300", stdout=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == "" and process.wait(60) == 1


# ---- Signals ----


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_old_index(folder, number):
    big_items("big.npy", megabytes=256)
    open("x.index", "w").write("old")
    before = sorted(os.listdir())
    process = start_and_hold("build", "faiss", "big.npy", "-o", "x.index", HOLD_WRITTEN=".tmp")
    assert len(os.listdir()) == len(before) + 1
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 128 + number
    assert process.stderr.read().startswith(f"vrec: stopped by signal {int(number)} ")
    assert open("x.index").read() == "old" and sorted(os.listdir()) == before


def test_a_write_that_is_stuck_can_be_stopped(index):
    process = start("query", "faiss", index, "users.npy", "-k", "300", "--threads", "1", stdout=subprocess.PIPE)
    process.stdout.readline()  # the rest fills the pipe
    wait_until(waits, process.pid)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM
    process.stdout.close()
    process.stderr.close()


def test_an_input_that_is_cut_short_while_being_read(folder):
    big_items("big.npy", megabytes=256)
    process = start_and_hold("build", "faiss", "big.npy", "-o", "x.index", HOLD_MAPPED="big.npy")
    os.truncate("big.npy", 4096)
    process.send_signal(signal.SIGCONT)
    assert process.stderr.read() == "vrec: an input file was cut short while being read\n"
    assert process.wait(60) == 1
    assert not os.path.exists("x.index")


# ---- The progress bar ----


def run_on_terminal(args, until=None):
    """Runs with a terminal as all three streams; presses Ctrl-C once the text is on it."""
    pid, terminal = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.execv(VREC, [VREC, *args])
    seen = b""
    while True:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # how Linux says that the other side is closed
            break
        if not more:
            break
        seen += more
        if until and until in seen:
            os.write(terminal, b"\x03")
            until = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen


@pytest.fixture
def long_work(folder):
    """A query that takes minutes on the fastest machine: nobody waits for its end."""
    np.save("many.npy", integers(100_000, 64, seed=12))
    np.lib.format.open_memmap("endless.npy", "w+", np.float32, (20_000_000, 64))  # zeros that take no room
    succeed("build", "faiss", "many.npy", "-o", "many.index")
    return ["query", "faiss", "many.index", "endless.npy", "--ids", "ids.npy", "--threads", "1"]


def test_a_bar_on_a_terminal_and_ctrl_c(long_work):
    code, seen = run_on_terminal(long_work, until=b" %")
    assert code == 130
    assert b"\rsearching " in seen
    assert seen.endswith(b"\r\x1b[Kvrec: stopped by signal 2 (Interrupt)\r\n")
    assert not os.path.exists("ids.npy")


def test_no_bar_for_quick_work(index):
    code, seen = run_on_terminal(["build", "faiss", "items.npy", "-o", "x.index"])
    assert code == 0 and seen.startswith(b"x.index: faiss Flat L2") and seen.count(b"\r") == 1


@pytest.mark.parametrize("how", ["a pipe", "--quiet", "results on the same screen"])
def test_no_bar(long_work, how):
    if how == "a pipe":
        process = start(*long_work)
        wait_until(has_worked, process.pid)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == "vrec: stopped by signal 2 (Interrupt)\n"
        assert process.wait(60) == 130
    elif how == "--quiet":
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv(VREC, [VREC, *long_work, "--quiet"])
        wait_until(has_worked, pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.set_blocking(terminal, False)
        with pytest.raises(OSError):  # there is nothing to read
            os.read(terminal, 1)
        os.close(terminal)
    else:
        code, seen = run_on_terminal(long_work[:4] + ["-k", "1", "--threads", "1"], until=b"\n5000\t")
        assert code == 130 and b"searching" not in seen


# ---- Memory ----


def within(mebibytes, *args):
    """The command with no more memory than that: limited is what it may map for itself, threads' stacks included."""
    limit = (mebibytes << 20, mebibytes << 20)
    return vrec(*args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit))


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
def test_memory_of_a_build(folder):
    """The items once, and little else."""
    build = ("build", "faiss", "--threads", "2", big_items("big.npy", megabytes=256), "-o", "x.index", "--quiet")
    assert within(256, *build).stderr == "vrec: out of memory: could not get 268435456 bytes for the items\n"
    assert within(256 + 64, *build).stderr == ""


@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
def test_memory_of_a_query_does_not_grow_with_the_queries(folder):
    np.save("items.npy", integers(20, 4, seed=14))
    np.save("users.npy", integers(500_000, 4, seed=15))
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    done = within(16, "query", "faiss", "i.index", "users.npy", "--threads", "1")  # all results would take 57 MiB
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 5_000_000)


# ---- Help, completion, manual page ----


def test_help_of_everything(folder):
    overview = succeed("help")
    assert overview == succeed("--help") == succeed("-h")
    for command in COMMANDS:
        assert f"  {command} " in overview
        assert succeed("help", command) == succeed(command, "--help") == succeed(command, "-h")
    assert "faiss" in backends()
    for text in [overview, succeed("help", "faiss")] + [succeed("help", c) for c in COMMANDS]:
        assert max(map(len, text.splitlines())) <= 100


def test_every_option_is_in_the_help_of_its_backend(folder):
    text = succeed("help", "faiss")
    options = re.findall(r"^  --(\w+) (?:N|NAME) +\S.*\n +(\S.*); default (\w+)", text, re.M)
    assert [name for name, _, _ in options] == ["index_type", "metric", "codes", "threads"]
    for name, values, default in options:
        succeed("build", "faiss", f"--{name}", default, "items.npy", "-o", "x.index")
        fail(2, values, "build", "faiss", f"--{name}", "nonsense", "items.npy", "-o", "x.index")


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_of_the_help_work(index, command):
    if command == "man" and not shutil.which("man"):
        pytest.skip("man is not installed")
    succeed("build", "faiss", "--metric", "IP", "items.npy", "-o", "items.index")
    examples = succeed("help", command).split("Examples:\n")[1].splitlines()
    assert examples
    for example in examples:
        if " milvus " in example:
            continue  # needs a server: tests/milvus
        environment = {**os.environ, "PATH": f"{os.path.dirname(VREC)}:{os.environ['PATH']}"}
        done = subprocess.run(["bash", "-c", f"set -e -o pipefail; {example}"], env=environment,
                              capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), example


@pytest.fixture(scope="module")
def completion(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "vrec"
    path.write_text(succeed("completion", "bash"))
    return path


def complete(script, *words):
    """What bash would offer for the last of these words."""
    code = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _vrec; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-u", "-c", code, "bash", script, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_completion_script_is_bash(completion):
    done = subprocess.run(["bash", "-n", completion], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("offered, words", [
    (COMMANDS, ["vrec", ""]),
    (["build"], ["vrec", "bu"]),
    (["faiss"], ["vrec", "build", "fa"]),
    (["--metric"], ["vrec", "build", "faiss", "--me"]),
    (["--metric"], ["vrec", "info", "--me"]),
    (["L2", "IP"], ["vrec", "build", "faiss", "--metric", ""]),
    (["IP"], ["vrec", "build", "faiss", "--metric_type", "I"]),
    (["L2", "IP"], ["vrec", "build", "faiss", "--metric", "="]),
    (["Flat"], ["vrec", "build", "faiss", "--index_type", "=", "F"]),
    ([], ["vrec", "build", "faiss", "--threads", ""]),
    ([], ["vrec", "build", "faiss", "items.npy", "-o", ""]),
    ([], ["vrec", "query", "faiss", ""]),
    (["--ids"], ["vrec", "query", "faiss", "i.index", "--id"]),
    (["faiss"], ["vrec", "help", "fa"]),
    (["query"], ["vrec", "help", "qu"]),
    (["bash"], ["vrec", "completion", ""]),
    ([], ["vrec", "nonsense", ""]),
])
def test_completion(completion, offered, words):
    assert complete(completion, *words) == offered


PLACES = {"build": {"build"}, "query": {"open", "query"}}  # where options count; elsewhere: where one opens


def groups(backend):
    """The help of a backend: (stages, kinds, options) of each group."""
    for title in succeed("help", backend).split("\nTo ")[1:]:
        head, *lines = title.split(":\n", 1)
        stages, kinds = re.fullmatch(r"((?:build|open|query)(?:, \w+)?(?: or \w+)?) (.*)", head).groups()
        options = re.findall(r"^  (--\w+) ", lines[0], re.M)
        yield set(re.split(", | or ", stages)), [] if kinds == "an index" else kinds.split(", "), options


def test_help_groups_options_by_kind_and_stage(folder):
    milvus = list(groups("milvus"))
    assert ({"build"}, ["HNSW"], ["--m", "--efConstruction"]) in milvus
    assert ({"query"}, ["HNSW"], ["--ef"]) in milvus
    assert ({"build"}, ["IVF_FLAT"], ["--nlist"]) in milvus
    kinds = [bool(kinds) for _, kinds, _ in milvus]
    assert kinds == sorted(kinds)  # what is for all kinds comes first
    annoy = list(groups("annoy"))
    assert ({"open"}, [], ["--load", "--prefault"]) in annoy and ({"query"}, [], ["--searchk"]) in annoy
    assert succeed("help", "ANNOY") == succeed("help", "annoy")


@pytest.mark.parametrize("backend", ["annoy", "milvus"])
def test_manual_page_has_the_groups_of_the_help(folder, backend):
    titles = [line for line in succeed("help", backend).splitlines() if line.startswith("To ")]
    page = succeed("man").split(f'.SS "{backend}"')[1].split(".SS")[0].split(".SH")[0]
    assert [line for line in page.splitlines() if line.startswith("To ")] == titles


@pytest.mark.parametrize("words, offered, hidden", [
    (["build", "milvus"], ["--m", "--nlist", "--shards"], ["--ef", "--nprobe"]),
    (["query", "milvus"], ["--ef", "--nprobe", "--timeout"], ["--m", "--nlist", "--shards"]),
    (["build", "milvus", "--index_type", "hnsw"], ["--m", "--shards"], ["--nlist"]),
    (["build", "milvus", "--index_type", "=", "IVF_FLAT"], ["--nlist", "--shards"], ["--m"]),
    (["query", "MILVUS", "--index_type", "IVF_PQ"], ["--nprobe"], ["--ef"]),
    (["build", "--index_type", "FLAT", "milvus"], ["--shards"], ["--m", "--nlist"]),
    (["info", "annoy"], ["--prefault", "--d"], ["--n_trees", "--searchk"]),
])
def test_completion_offers_what_counts_there(completion, words, offered, hidden):
    found = complete(completion, "vrec", *words, "--")
    assert not set(offered) - set(found) and not set(hidden) & set(found)


def test_completion_offers_all_that_the_help_says(completion):
    assert complete(completion, "vrec", "build", "") == backends()
    assert complete(completion, "vrec", "help", "") == COMMANDS + backends()
    for command in COMMANDS:
        flags = re.findall(r"^  .{4}(--[a-z_]+) ", succeed("help", command), re.M)
        if "--OPTION VALUE" not in succeed("help", command):
            assert complete(completion, "vrec", command, "-") == flags
            continue
        for backend in backends():
            options = [option for stages, _, found in groups(backend)
                       for option in found if stages & PLACES.get(command, {"open"})]
            assert complete(completion, "vrec", command, backend, "-") == flags + options


def test_manual_page(folder):
    page = succeed("man")
    for command in COMMANDS:
        assert f'.SS "vrec {command}"' in page
    for option in ("index_type", "metric", "codes", "threads"):
        assert f"\\-\\-{option}" in page
    if not shutil.which("groff"):
        pytest.skip("groff is not installed: the page was not rendered")
    done = subprocess.run(["groff", "-man", "-ww", "-Tutf8"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--exclude OFFSETS IDS" in re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)  # without bold


# ---- verify ----


def test_verify(folder):
    succeed("build", "faiss", "items.npy", "-o", "items.index")
    assert succeed("verify", "faiss", "items.index").startswith("items.index: sound")
    assert succeed("verify", "faiss", "items.index", "--quiet") == ""
    with open("items.index", "r+b") as index:
        index.truncate(100)
    fail(1, "cut short", "verify", "faiss", "items.index")
    fail(2, "there is no file", "verify", "milvus", "--collection", "films")


def test_verify_finds_what_opening_leaves_for_later(folder):
    items = np.random.default_rng(5).standard_normal((3000, 8)).astype(np.float32)
    np.save("many.npy", items)
    succeed("build", "annoy", "--n_trees", "4", "many.npy", "-o", "many.ann")
    assert succeed("verify", "annoy", "--d", "8", "many.ann").startswith("many.ann: sound")
    node = 12 + 4 * 8
    with open("many.ann", "r+b") as index:
        index.seek(3001 * node + 4)
        index.write((2**31 - 1).to_bytes(4, "little"))  # a bucket's first id
    fail(1, "node 3001", "verify", "annoy", "--d", "8", "many.ann")
