"""The recall is said, and the library chooses the index.

SPDX-License-Identifier: Apache-2.0
"""

import json
import re

import numpy as np
from command import fail, succeed


def test_what_was_chosen_is_said_and_can_be_repeated(folder):
    np.save("items.npy", np.random.default_rng(5).standard_normal((6000, 12)).astype(np.float32))
    for asked in ("one", "batch"):
        text = succeed("build", "faiss", "--index_type", "auto", "--target_recall", 0.9, "--asked", asked,
                       "items.npy", "-o", "i.index")
        chosen = re.search(r"^chosen: (index_type=\S+)$", text, re.M)[1]
        assert re.search(rf"^because: us a query \({asked}\) by a trial: Flat \S+, IVF \S+, HNSW \S+$", text, re.M)
        flags = [word for pair in chosen.split(",") for word in ("--" + pair.split("=")[0], pair.split("=")[1])]
        succeed("build", "faiss", *flags, "items.npy", "-o", "again.index")
        with open("i.index", "rb") as one, open("again.index", "rb") as other:
            assert one.read() == other.read()
        facts = json.loads(succeed("info", "i.index", "--json"))
        assert f"index_type={facts['index_type']}" in chosen


def test_what_makes_no_sense(folder):
    np.save("items.npy", np.zeros((50, 8), np.float32))
    build = ("build", "faiss", "items.npy", "-o", "i.index")
    fail(1, "give target_recall", *build, "--index_type", "auto")
    fail(1, "target_recall is 1; a build takes", *build, "--target_recall", 1)
    fail(1, "asked is for index_type=auto", *build, "--asked", "one")
    fail(1, "ask for Flat, HNSW or IVF", "estimate", "faiss", "--index_type", "auto", "--target_recall", 0.9,
         "--rows", 9, "--dim", 9)
