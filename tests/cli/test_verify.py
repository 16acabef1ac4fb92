"""verify.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
from command import fail, succeed


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
