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
    cores = len(os.sched_getaffinity(0))
    for engine in (Vrec, Faiss):
        built = engine.build(data.items, args.metric)
        for top_k in args.k:
            one, all_cores = in_turn([lambda _, t=t: built.search(queries, top_k, t) for t in (1, cores)],
                                     args.seconds)
            yield {"data": data.name, "engine": engine.name, "k": top_k, "batch": len(queries),
                   "threads": cores, "one_qps": len(queries) / min(one),
                   "qps": len(queries) / min(all_cores), **ratios(one, all_cores), "rounds": len(one),
                   "one_seconds": one, "all_seconds": all_cores}
