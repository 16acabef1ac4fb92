"""What all cores bring to the largest batch. SPDX-License-Identifier: Apache-2.0"""

import os

from engines import Faiss, Vrec
from timing import in_turn, ratios

COLUMNS = [
    ("data", "data", "<26"), ("engine", "engine", "<6"), ("k", "k", "5"), ("batch", "batch", "5"),
    ("threads", "threads", "7"), ("one_qps", "1: q/s", "9.1f"), ("qps", "all: q/s", "9.1f"),
    ("ratio", "ratio", "6.2f"), ("ratio_median", "median", "6.2f"), ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    queries = data.queries[:max(args.batch)]
    for engine in (Vrec, Faiss):
        built = engine.build(data.items, args.metric)
        for top_k in args.k:
            yield {"data": data.name, "engine": engine.name, "k": top_k,
                   **compare(lambda threads: built.search(queries, top_k, threads), len(queries), args.seconds)}


def compare(search, batch, seconds):
    """search(threads) answers a batch of queries."""
    cores = len(os.sched_getaffinity(0))
    one, all_cores = in_turn([lambda _: search(1), lambda _: search(cores)], seconds)
    return {"batch": batch, "threads": cores, "one_qps": batch / min(one), "qps": batch / min(all_cores),
            **ratios(one, all_cores), "rounds": len(one), "one_seconds": one, "all_seconds": all_cores}
