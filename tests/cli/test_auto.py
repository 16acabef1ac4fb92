"""The recall is said, and the library chooses the index.

SPDX-License-Identifier: Apache-2.0
"""

import json
import re

import numpy as np
from command import fail, succeed, vrec


def test_what_was_chosen_is_said_and_can_be_repeated(folder):
    np.save("items.npy", np.random.default_rng(5).standard_normal((6000, 12)).astype(np.float32))
    for asked in ("one", "batch"):
        text = succeed("build", "faiss", "--index_type", "auto", "--target_recall", 0.9, "--asked", asked,
                       "items.npy", "-o", "i.index")
        chosen = re.search(r"^chosen: (index_type=\S+)$", text, re.M)[1]
        assert re.search(rf"^because: us a query \({asked}\) by a trial: Flat \S+, IVF \S+, HNSW [^\s;]+(; .*)?$", text, re.M)
        flags = [word for pair in chosen.split(",") for word in ("--" + pair.split("=")[0], pair.split("=")[1])]
        succeed("build", "faiss", *flags, "items.npy", "-o", "again.index")
        with open("i.index", "rb") as one, open("again.index", "rb") as other:
            assert one.read() == other.read()
        facts = json.loads(succeed("info", "i.index", "--json"))
        assert f"index_type={facts['index_type']}" in chosen


def test_a_heap_of_items(folder):
    """A graph of a sample gets over those whose distances vanish, one of all items gets stuck: whatever is built, it
    reaches the recall."""
    rng = np.random.default_rng(0)
    items = rng.standard_normal((20000, 64), np.float32)
    items[rng.permutation(20000)[:1000]] *= np.float32(1e-40)
    users = items[(np.abs(items) > 1e-30).any(1)][:400] + rng.standard_normal((400, 64), np.float32) * np.float32(0.1)
    np.save("items.npy", items)
    np.save("users.npy", users)
    done = vrec("build", "faiss", "--index_type", "auto", "--target_recall", 0.95, "--asked", "one", "items.npy",
                "--queries", "users.npy", "-o", "i.index")
    assert (done.returncode, done.stderr) == (0, "")
    tuned = re.search(r"^tuned: \S+ has recall (\S+) of 10$", done.stdout, re.M)
    assert float(tuned[1]) > 0.95 if tuned else "faiss Flat" in done.stdout


def test_what_makes_no_sense(folder):
    np.save("items.npy", np.zeros((50, 8), np.float32))
    build = ("build", "faiss", "items.npy", "-o", "i.index")
    fail(1, "give target_recall", *build, "--index_type", "auto")
    for kind in ((), ("--index_type", "auto")):
        fail(1, "target_recall is 1; a build takes", *build, *kind, "--target_recall", 1)
    fail(1, "efSearch is given, but with target_recall", *build, "--index_type", "HNSW", "--target_recall", 0.9,
         "--efSearch", 20)
    fail(1, "asked is for index_type=auto", *build, "--asked", "one")
    fail(1, "ask for Flat, HNSW or IVF", "estimate", "faiss", "--index_type", "auto", "--target_recall", 0.9,
         "--rows", 9, "--dim", 9)
