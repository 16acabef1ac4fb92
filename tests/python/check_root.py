"""Run in a root that knows vrec from its wheel alone: all three backends, and what of them the machine allows.

SPDX-License-Identifier: Apache-2.0
"""

import ctypes
import platform
import sys

import vrec
from vrec.serving import builder_factory

for backend in ("faiss", "annoy"):
    with builder_factory(backend).from_embeddings([[0.0, 1.0], [2.0, 3.0]]) as indexer:
        ids, distances = indexer.query([[2.0, 3.0]], top_k=1)
        assert ids.tolist() == [[1]], ids

try:
    ctypes.CDLL("libcurl.so.4")
    expected = "127.0.0.1:1"
except OSError:
    expected = "apt install libcurl4"
try:
    builder_factory("milvus", uri="http://127.0.0.1:1", collection="films").from_embeddings([[0.0, 1.0]])
    sys.exit("there is no server at port 1")
except vrec.Error as error:
    assert expected in str(error), error
    print(error)
print(f"root: Python {platform.python_version()} on {platform.machine()}, {vrec.cpu()}; milvus: says {expected}")
