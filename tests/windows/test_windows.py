"""The command for Windows, in Wine, beside the one of this machine. SPDX-License-Identifier: Apache-2.0"""

import os
import pathlib
import subprocess

import numpy as np
import pytest

HERE, EXE = os.environ["VREC_BIN"], os.environ["VREC_EXE"]
WINE = "/usr/lib/wine/wine64"
KINDS = {"flat": ("faiss",), "ip": ("faiss", "--metric", "IP"), "hnsw": ("faiss", "--index_type", "HNSW", "--m", "8"),
         "ivf": ("faiss", "--index_type", "IVF", "--nlists", "8"), "annoy": ("annoy", "--metric", "angular")}


def run(program, *arguments, **options):
    command = [HERE] if program == HERE else [WINE, EXE]
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True, encoding="utf-8",
                          timeout=300, **options)


def windows(*arguments, **options):
    done = run(EXE, *arguments, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def items(tmp_path):
    path = tmp_path / "items.npy"
    np.save(path, np.random.default_rng(5).standard_normal((600, 24), np.float32))
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_same_files_and_answers(kind, items, tmp_path):
    backend, *options = KINDS[kind]
    assert run(HERE, "build", backend, *options, items, "-o", tmp_path / "here.index").returncode == 0
    windows("build", backend, *options, items, "-o", "there.index", cwd=tmp_path)
    assert (tmp_path / "there.index").read_bytes() == (tmp_path / "here.index").read_bytes()
    query = ("query", backend, *(options if backend == "annoy" else ()), "here.index", "items.npy", "-k", "7")
    expected = run(HERE, *query, cwd=tmp_path).stdout
    for load in ("read", "map"):
        assert windows(*query, "--load", load, cwd=tmp_path) == expected


def test_names_in_chinese_and_long_paths(items, tmp_path):
    folder = tmp_path / "向量" / ("长" * 60) / ("longer" * 20) / ("than" * 30)
    folder.mkdir(parents=True)
    assert len(str(folder)) > 260
    windows("build", "faiss", items, "-o", folder / "索引.index")
    assert "rows         600" in windows("info", folder / "索引.index")
    answers = windows("query", "faiss", folder / "索引.index", items, "-k", "1", "--load", "map")
    assert [line.split("\t")[2] for line in answers.splitlines()] == [str(i) for i in range(600)]
    assert [path.name for path in folder.iterdir()] == ["索引.index"]


def test_what_is_replaced(items, tmp_path):
    """The new file is there whole, and nothing beside it; what a killed process left is taken away."""
    index = tmp_path / "items.index"
    index.write_bytes(b"old")
    (tmp_path / f"items.index.{'0' * 16}.tmp").write_bytes(b"left over")
    windows("build", "faiss", items, "-o", index)
    assert "rows         600" in windows("info", index)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["items.index", "items.npy"]


def test_names_beside_the_file(items, tmp_path):
    """Twice: the second replaces both files."""
    titles = tmp_path / "titles.txt"
    titles.write_text("".join(f"片{i}\n" for i in range(600)), encoding="utf-8")
    for _ in range(2):
        windows("build", "faiss", items, "--ids", titles, "-o", tmp_path / "films.index")
        answers = windows("query", "faiss", tmp_path / "films.index", items, "-k", "1")
        assert [line.split("\t")[2] for line in answers.splitlines()] == [f"片{i}" for i in range(600)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["films.index", "films.index.ids", "items.npy", "titles.txt"]


def test_lists_and_tables(items, tmp_path):
    pairs = pathlib.Path(tmp_path / "真.csv")
    pairs.write_text("user,item\n" + "".join(f"{user},{user}\n" for user in range(600)), encoding="utf-8")
    command = ("eval", "--users", "items.npy", "--items", "items.npy", "--truth", pairs.name, "-k", "1", "--with",
               "faiss", "--json")
    assert '"hit":[1]' in windows(*command, cwd=tmp_path)


@pytest.mark.parametrize("arguments, says", [
    (("info", "no.index"), "opening no.index: No such file or directory"),
    (("info", "."), "opening .: Is a directory"),
    (("build", "faiss", "items.npy", "-o", "no/x.index"), "writing no/x.index: its folder no: No such file"),
    (("build", "faiss", "items.npy", "-o", "items.npy"), "the output items.npy is the input items.npy"),
    (("build", "milvus", "--collection", "films", "items.npy"), "milvus"),
])
def test_what_is_refused(arguments, says, items, tmp_path):
    done = run(EXE, *arguments, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["items.npy"]
