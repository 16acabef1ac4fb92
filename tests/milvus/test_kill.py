"""The plug of a real server is pulled, in the middle of each phase: a sentence, not a hang.

SPDX-License-Identifier: Apache-2.0
"""

import threading
import time

import numpy as np
import pytest
import vreclib
from helpers import fails
from test_real import builder

pytestmark = pytest.mark.servers("lite", "real")
QUICK = {"connect_timeout": 2, "timeout": 5, "insert_timeout": 10, "build_timeout": 60}
ENDS_WITHIN = 10 + 5 + 3  # the longest deadline of a call, the farewell, and a margin


@pytest.fixture
def victim(server):
    yield server
    server.stop()
    server.start()


def kill_in(server, phase):
    """A progress callback that kills the server as soon as that phase has begun."""
    state = {}

    def report(what, done, total):
        if what == phase and not state:
            state["killed"] = time.monotonic()
            threading.Timer(0.05, server.kill).start()
        return False

    return report, state


@pytest.mark.parametrize("phase", ["inserting", "indexing", "loading"])
def test_killed_while(victim, phase, rng):
    if (victim.kind, phase) == ("lite", "loading"):
        pytest.skip("milvus-lite has nothing to load")
    items = rng.standard_normal((20_000, 64), dtype=np.float32)
    report, state = kill_in(victim, phase)
    try:
        with fails(vreclib.UNAVAILABLE, "milvus:", "kept"):
            builder(victim, index_type="HNSW", collection="doomed", batch_bytes=1_000_000, **QUICK).from_embeddings(
                items, report)
    finally:
        assert state, f"{phase} never began"
    assert time.monotonic() - state["killed"] < ENDS_WITHIN


def test_killed_while_searching(victim, rng):
    items = rng.standard_normal((20_000, 64), dtype=np.float32)
    indexer = builder(victim, **QUICK).from_embeddings(items)
    queries = rng.standard_normal((1_000, 64), dtype=np.float32)
    threading.Timer(0.3, victim.kill).start()
    start = time.monotonic()
    with fails(vreclib.UNAVAILABLE, "Search"):
        while time.monotonic() < start + 20:
            indexer.query(queries, 100)
    indexer.close()
    assert time.monotonic() - start < ENDS_WITHIN
