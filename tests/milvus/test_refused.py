"""What is refused before anything is sent, or because Milvus can't do it.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vreclib
from helpers import build, fails


@pytest.mark.parametrize("options, words", [
    ({"collection": "9 films"}, "starts with a letter"), ({"collection": "a" * 256}, "at most 255"),
    ({"name": "a-b"}, "name is"), ({"vector_field": "id"}, "vector_field"), ({"d": 9}, "8 values"),
    ({"params": "nlist=3"}, "JSON"), ({"search_params": "[]"}, "JSON"), ({"uri": "http://x:1", "host": "x"}, "uri"),
    ({"uri": "ftp://x"}, "uri"), ({"uri": "http://a:b@x:1"}, "uri"), ({"uri": "http://x:1/path"}, "uri"),
    ({"uri": "http://:1"}, "uri"), ({"uri": "unix:"}, "uri"), ({"host": "http://x"}, "host"),
    ({"token": "a", "user": "b"}, "token"), ({"user": "b"}, "password"), ({"ca_file": "x"}, "https"),
    ({"database": "a\nb"}, "control")])
def test_refused_options(mock, items, options, words):
    base = {} if {"uri", "host"} & options.keys() else mock.options
    with fails(vreclib.INVALID, words):
        vreclib.Builder("milvus", **base, **options).from_embeddings(items)
    assert not mock.calls


@pytest.mark.parametrize("items, words", [
    (np.zeros((3, 1), np.float32), "1 values per item"), (np.zeros((3, 32769), np.float32), "32769 values"),
    (np.zeros((0, 8), np.float32), "0 rows")])
def test_refused_items(mock, items, words):
    with fails(vreclib.INVALID, words):
        build(mock, items)
    assert not mock.calls


def test_nan_is_named(mock, items):
    items[150, 3] = np.nan
    with fails(vreclib.INVALID, "row 150, column 3", "dropped"):
        build(mock, items)
    assert not mock.collections


def test_refused_verbs(mock, items, tmp_path):
    indexer = build(mock, items)
    with fails(vreclib.UNSUPPORTED, "because", "collection="):
        indexer.save(tmp_path / "x")
    with fails(vreclib.UNSUPPORTED, "because", "attach"):
        vreclib.Builder("milvus", **mock.options).from_index_file(tmp_path / "x")
    for verb in ("attach", "drop"):
        with fails(vreclib.INVALID, "collection=NAME"):
            getattr(vreclib.Builder("milvus", **mock.options), verb)()
        with fails(vreclib.UNSUPPORTED, "because"):
            getattr(vreclib.Builder("faiss"), verb)()
    local = vreclib.Builder("faiss").from_embeddings(items)
    for change in (lambda: local.upsert([1], items[:1]), lambda: local.delete([1])):
        with fails(vreclib.UNSUPPORTED, "yet", "anew"):
            change()
