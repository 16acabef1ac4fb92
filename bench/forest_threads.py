"""What all cores bring to a batch that is searched for in a forest. SPDX-License-Identifier: Apache-2.0"""

from engines import Forest
from forest_queries import METRICS, SEARCHK, TOP_K, saved
from threads import compare

COLUMNS = [
    ("data", "data", "<26"), ("metric", "metric", "<9"), ("searchk", "searchk", "7"), ("batch", "batch", "5"),
    ("threads", "threads", "7"), ("one_qps", "1: q/s", "9.1f"), ("qps", "all: q/s", "9.1f"),
    ("ratio", "ratio", "6.2f"), ("ratio_median", "median", "6.2f"), ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    queries = data.queries[:max(args.batch)]
    for metric in METRICS:
        with saved(data, metric, args.folder) as path:
            forest = Forest.open(path, 1, metric, data.items.shape[1])
            for searchk in SEARCHK:
                yield {"data": data.name, "metric": metric, "searchk": searchk,
                       **compare(lambda threads: forest.search(queries, TOP_K, threads, searchk), len(queries),
                                 args.seconds)}
