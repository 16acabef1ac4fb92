"""Ctrl-C ends any long call soon, as KeyboardInterrupt, and leaves no file half done.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import signal

import pytest
import tools
from tools import Interrupted

pytestmark = pytest.mark.once

PROMPT = 10  # seconds: little beside the minutes of the work, and enough on a machine that is busy

PROGRAM = """
import os, signal, sys, time
import numpy as np
import vrec

rng = np.random.default_rng(1)

def vectors(n, d):
    return rng.standard_normal((n, d), dtype=np.float32)

def long(call):
    print("go", flush=True)
    try:
        call()
    except KeyboardInterrupt as error:
        print("interrupted", type(error) is KeyboardInterrupt)
    else:
        print("it ran to its end")

"""

FOREST = "items = vectors(100_000, 64)\n"
SCAN = """
index = vrec.builder_factory("faiss").from_embeddings(vectors(200_000, 128))
users = vectors(200_000, 128)
"""
WALK = """
index = vrec.builder_factory("annoy", n_trees=10).from_embeddings(vectors(50_000, 64))
users = vectors(100_000, 64)
"""
LONG = {
    "annoy build": FOREST + 'long(lambda: vrec.builder_factory("annoy", n_trees=2000).from_embeddings(items))',
    "annoy build, one thread":
        FOREST + 'long(lambda: vrec.builder_factory("annoy", n_trees=1000, threads=1).from_embeddings(items))',
    "faiss query": SCAN + "long(lambda: index.query(users, 100))",
    "faiss query, one thread": SCAN + "long(lambda: index.query(users, 100, threads=1))",
    "annoy query": WALK + "long(lambda: index.query(users, 10, searchk=40_000))",
    "query with progress": SCAN + "import tqdm; long(lambda: index.query(users, 100, progress=tqdm.tqdm))",
}


@pytest.mark.parametrize("what", LONG)
def test_long_call(what):
    ended = Interrupted(PROGRAM + LONG[what])
    assert ended.stdout == "interrupted True\n", ended.stderr
    assert ended.status == 0 and ended.seconds < PROMPT


def test_uncaught():
    """The process ends as one that was interrupted."""
    ended = Interrupted(PROGRAM + """
items = vectors(100_000, 64)
print("go", flush=True)
vrec.builder_factory("annoy", n_trees=2000).from_embeddings(items)
""")
    assert ended.status in (-signal.SIGINT, 130) and ended.seconds < PROMPT
    assert "KeyboardInterrupt" in ended.stderr


def test_handler_of_the_users():
    """Its exception comes out; without one the call goes on."""
    ended = Interrupted(PROGRAM + """
items = vectors(50_000, 32)
calls = []
signal.signal(signal.SIGINT, lambda *_: calls.append(1))
print("go", flush=True)
start = time.monotonic()
index = vrec.builder_factory("annoy", n_trees=10, threads=1).from_embeddings(items)
while not calls:
    index = vrec.builder_factory("annoy", n_trees=10, threads=1).from_embeddings(items)
print("handled", index.query(items[:3], 1, searchk=20_000)[0].ravel().tolist())
""", after=0.3)
    assert ended.stdout == "handled [0, 1, 2]\n" and ended.status == 0


@pytest.mark.parametrize("old", [False, True])
def test_save(old, tmp_path):
    """Interrupted in the middle of writing: the old file, or none, and nothing beside it."""
    ended = Interrupted(PROGRAM + f"""
path = sys.argv[1] + "/index"
if {old}:
    vrec.builder_factory("faiss").from_embeddings(vectors(10, 4)).save(path)
index = vrec.builder_factory("faiss").from_embeddings(vectors(200_000, 128))

class Bar:
    def __init__(self, total, desc):
        self.done = 0
    def update(self, n):
        self.done += n
        if self.done > 1:
            os.kill(os.getpid(), signal.SIGINT)
    def close(self):
        pass

try:
    index.save(path, progress=Bar)
except KeyboardInterrupt:
    print("go", flush=True)
    time.sleep(60)
""", tmp_path, after=0.1)
    assert "KeyboardInterrupt" in ended.stderr
    assert [each.name for each in tmp_path.iterdir()] == (["index"] if old else [])
    assert not old or (tmp_path / "index").stat().st_size == 45 + 10 * 4 * 4


def test_another_thread_calls():
    """Signals come to the main thread; the call of another goes on and is right."""
    ended = Interrupted(PROGRAM + """
import threading
sys.path.insert(0, sys.argv[1])
from tools import Held
items = vectors(30_000, 32)
index, answers, held = vrec.builder_factory("faiss").from_embeddings(items), [], Held()
ask = lambda: answers.append(index.query(items[:8000], 1, progress=held)[0].ravel())
thread = threading.Thread(target=ask)
thread.start()
held.reached.wait(60)
try:
    print("go", flush=True)
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    held.released.set()
    thread.join()
    print("interrupted", (answers[0] == np.arange(8000)).all())
""", pathlib.Path(tools.__file__).parent, after=0.1)
    assert ended.stdout == "interrupted True\n", ended.stderr
