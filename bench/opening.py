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
    index, query = args.folder / "opening.index", args.folder / "opening.npy"
    Vrec.build(data.items, args.metric).index.save(index)
    np.save(query, data.queries[:1])
    for threads in args.threads:
        taken = {name: [] for name in ENGINES}
        for _ in range(1 + ROUNDS):  # the first warms the page cache
            for name in ENGINES:
                taken[name].append(in_new_process(name, index, query, threads))
        vrec, faiss = taken["vrec"][1:], taken["faiss"][1:]
        yield {"data": data.name, "threads": threads, "vrec_ms": 1e3 * min(vrec), "faiss_ms": 1e3 * min(faiss),
               **ratios(faiss, vrec), "rounds": ROUNDS, "vrec_seconds": vrec, "faiss_seconds": faiss}
    index.unlink()
    query.unlink()


def in_new_process(name, index, query, threads):
    child = subprocess.run([sys.executable, Path(__file__), name, index, query, str(threads)], check=True,
                           stdout=subprocess.PIPE, text=True)
    return float(child.stdout)


def first_answer(name, index, query, threads):
    vectors = np.load(query)
    start = time.perf_counter()
    ENGINES[name].open(index, threads).search(vectors, 10, threads)
    return time.perf_counter() - start


if __name__ == "__main__":
    print(first_answer(*sys.argv[1:4], int(sys.argv[4])))
