"""How much memory the command takes.

SPDX-License-Identifier: Apache-2.0
"""

import resource

import numpy as np
import pytest
from command import SANITIZED, big_items, integers, succeed, vrec


def within(mebibytes, *args):
    """The command with no more memory than that: limited is what it may map for itself, threads' stacks included."""
    limit = (mebibytes << 20, mebibytes << 20)
    return vrec(*args, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, limit))


@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
def test_memory_of_a_build(folder):
    """The items once, and little else."""
    build = ("build", "faiss", "--threads", "2", big_items("big.npy", megabytes=256), "-o", "x.index", "--quiet")
    assert within(256, *build).stderr == "vrec: out of memory: could not get 268435456 bytes for the items\n"
    assert within(256 + 64, *build).stderr == ""


@pytest.mark.slow
@pytest.mark.skipif(SANITIZED, reason="a sanitizer takes memory of its own")
def test_memory_of_a_query_does_not_grow_with_the_queries(folder):
    np.save("items.npy", integers(20, 4, seed=14))
    np.save("users.npy", integers(500_000, 4, seed=15))
    succeed("build", "faiss", "items.npy", "-o", "i.index")
    done = within(16, "query", "faiss", "i.index", "users.npy", "--threads", "1")  # all results would take 57 MiB
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 5_000_000)
