"""What ids of the caller's cost: one forest of 10 million items, asked for rows, int64 ids and names, in turn.

    PYTHONPATH=build/pkg python bench/ids.py [ROWS]     # 5 minutes, 4 GB

CPU time of one thread for a query of top_k 10; minima and medians of the rounds. The forest is built once, with names; the
others are copies of its file without a table, and with one of numbers.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import shutil
import sys
import tempfile
import time

import numpy as np
import vrec

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
DIM, QUERIES, TOP_K, ROUNDS = 8, 2000, 10, 9


def seconds(work):
    start = time.process_time()
    made = work()
    return made, time.process_time() - start


def make(folder, items, ids):
    """The forest with names, one without anything and one with numbers: the same file thrice."""
    named, plain, numbered = (folder / name for name in ("named.ann", "plain.ann", "numbered.ann"))
    builder = vrec.builder_factory("annoy", d=DIM, metric="euclidean", n_trees=2)
    builder.from_embeddings(items, ids=[f"title of item {i}" for i in range(ROWS)]).save(named)
    shutil.copy(named, plain)
    shutil.copy(named, numbered)
    with open(f"{named}.ids") as table:
        head = table.readline().rstrip("\n")
    with open(f"{numbered}.ids", "w") as table:
        table.write(f"{head} int64\n")
        np.savetxt(table, ids, "%d")
    return plain, numbered, named


def main():
    rng = np.random.default_rng(1)
    items = rng.standard_normal((ROWS, DIM), np.float32)
    queries = items[rng.integers(0, ROWS, QUERIES)] + np.float32(0.01)
    with tempfile.TemporaryDirectory(dir=".") as folder:
        files = make(pathlib.Path(folder), items, rng.permutation(ROWS) * 10)
        del items
        opener = vrec.builder_factory("annoy", d=DIM, metric="euclidean", codes="off")
        indexers = {}
        for name, file in zip(("rows", "int64 ids", "names"), files):
            indexers[name], spent = seconds(lambda file=file: opener.from_index_file(file))
            print(f"{name}: opened in {spent:.3f} s of CPU", flush=True)

        def ask(name, searchk):
            ids = indexers[name].query(queries, TOP_K, threads=1, searchk=searchk)[0]
            return indexers[name].names(ids) if name == "names" else ids

        for searchk in (100, 1000):
            times = {name: [] for name in indexers}
            for _ in range(ROUNDS):
                for name in indexers:
                    times[name].append(seconds(lambda name=name: ask(name, searchk))[1] / QUERIES * 1e6)
            for name, t in times.items():
                best, usual = min(t) / min(times["rows"]), np.median(t) / np.median(times["rows"])
                print(f"searchk {searchk:4} {name:9} min {min(t):7.2f} us ({best:.3f})  median {np.median(t):7.2f} us ({usual:.3f})")
        for indexer in indexers.values():
            indexer.close()


main()
