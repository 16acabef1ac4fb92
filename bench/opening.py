"""From opening an index file to the first answer, each time in a new process; the file is in the page
cache, the libraries are loaded. SPDX-License-Identifier: Apache-2.0"""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from engines import ENGINES, Vrec
from timing import ratios

ROUNDS = 7
COLUMNS = [
    ("data", "data", "<26"), ("threads", "threads", "7"), ("vrec_ms", "vrec ms", "9.1f"),
    ("faiss_ms", "faiss ms", "9.1f"), ("ratio", "ratio", "6.2f"), ("ratio_median", "median", "6.2f"),
    ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    index = args.folder / "opening.index"
    Vrec.build(data.items, args.metric).index.save(index)
    for threads in args.threads:
        yield {"data": data.name, "threads": threads,
               **compare(("vrec", "faiss"), index, data, args.metric, threads)}
    index.unlink()


def compare(names, index, data, metric, threads):
    """Two of the engines, vrec's first."""
    query = index.with_suffix(".npy")
    np.save(query, data.queries[:1])
    taken = {name: [] for name in names}
    for _ in range(1 + ROUNDS):  # the first warms the page cache
        for name in names:
            taken[name].append(in_new_process(name, index, query, metric, threads))
    query.unlink()
    vrec, other = (times[1:] for times in taken.values())
    return {"vrec_ms": 1e3 * min(vrec), f"{names[1]}_ms": 1e3 * min(other), **ratios(other, vrec), "rounds": ROUNDS,
            "vrec_seconds": vrec, f"{names[1]}_seconds": other}


def in_new_process(name, index, query, metric, threads):
    child = subprocess.run([sys.executable, Path(__file__), name, index, query, metric, str(threads)], check=True,
                           stdout=subprocess.PIPE, text=True)
    return float(child.stdout)


def first_answer(name, index, query, metric, threads):
    vectors = np.load(query)
    start = time.perf_counter()
    ENGINES[name].open(index, threads, metric, vectors.shape[1]).search(vectors, 10, threads)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(first_answer(*sys.argv[1:5], int(sys.argv[5])))
