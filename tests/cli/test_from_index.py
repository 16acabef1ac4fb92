"""A build that takes its items from an index.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib

import numpy as np
from command import fail, parse_text, succeed


def test_an_index_becomes_another(folder):
    succeed("build", "faiss", "items.npy", "-o", "flat.index")
    succeed("build", "annoy", "--metric", "euclidean", "flat.index", "-o", "forest.ann")
    succeed("build", "annoy", "--metric", "euclidean", "items.npy", "-o", "direct.ann")
    assert pathlib.Path("forest.ann").read_bytes() == pathlib.Path("direct.ann").read_bytes()
    succeed("build", "faiss", "--index_type", "IVF", "--nlists", 5, "--from", "annoy,d=16,metric=euclidean", "forest.ann",
            "-o", "lists.index")
    succeed("build", "faiss", "--from", "faiss", "lists.index", "-o", "again.index")
    assert pathlib.Path("again.index").read_bytes() == pathlib.Path("flat.index").read_bytes()
    assert len(parse_text(succeed("query", "faiss", "again.index", "users.npy"), 40)) == 40


def test_what_is_no_index(folder):
    pathlib.Path("words.txt").write_text("no vectors, and no index either, but long enough to be one " * 9)
    before = sorted(map(str, pathlib.Path().iterdir()))
    fail(1, "a name's ending says the format", "build", "faiss", "words.txt", "-o", "x.index")
    fail(1, "nor is it an index of FAISS, and one of Annoy wants --from annoy,d=N", "build", "faiss", "words.txt",
         "-o", "x.index")
    fail(1, "No such file", "build", "faiss", "missing.index", "-o", "x.index")
    fail(1, "set option d", "build", "faiss", "--from", "annoy", "words.txt", "-o", "x.index")
    fail(2, "--from: there is no backend \"anoy\"", "build", "faiss", "--from", "anoy,d=3", "words.txt", "-o", "x.index")
    fail(2, "--from: annoy has no option \"dd\"", "build", "faiss", "--from", "annoy,dd=3", "words.txt", "-o", "x.index")
    fail(1, "is on its server", "build", "faiss", "--from", "milvus", "words.txt", "-o", "x.index")
    np.save("texts.npy", np.array(["a", "b"]))
    fail(1, "texts.npy", "build", "faiss", "texts.npy", "-o", "x.index")
    assert sorted(map(str, pathlib.Path().iterdir())) == sorted([*before, "texts.npy"])
