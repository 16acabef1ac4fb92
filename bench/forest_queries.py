"""Annoy's forests: queries per second, vrec and annoy in turn on the same file. SPDX-License-Identifier: Apache-2.0"""

from contextlib import contextmanager
from itertools import product

import numpy as np
from data import Data, unit
from engines import Annoy, Forest
from recall import CHECKED, Truth
from timing import in_turn, ratios

METRICS, TREES, TOP_K = ("angular", "euclidean"), 50, 10
SEARCHK = (500, 5000, 20000, 50000)
ROUND = 100  # queries, in one call or one by one
COLUMNS = [
    ("data", "data", "<26"), ("metric", "metric", "<9"), ("searchk", "searchk", "7"), ("batch", "batch", "5"),
    ("vrec_qps", "vrec q/s", "9.1f"), ("annoy_qps", "annoy q/s", "9.1f"), ("ratio", "ratio", "6.2f"),
    ("ratio_median", "median", "6.2f"), ("vrec_recall", "recall", "7.4f"), ("annoy_recall", "annoy's", "7.4f"),
    ("equal", "ids equal", "9.2%"), ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    for metric in METRICS:
        truth = truth_of(data, metric)
        with saved(data, metric, args.folder) as path:
            engines = [engine.open(path, 1, metric, data.items.shape[1]) for engine in (Forest, Annoy)]
            for searchk, batch in product(SEARCHK, (1, ROUND)):
                yield {"data": data.name, "metric": metric, "searchk": searchk, "batch": batch,
                       **compare(engines, data.queries, truth, searchk, batch, args.seconds)}


@contextmanager
def saved(data, metric, folder):
    """The path of a forest over the data, which is there meanwhile."""
    path = folder / "forest.annoy"
    Forest.build(data.items, metric, TREES).index.save(path)
    try:
        yield path
    finally:
        path.unlink()


def truth_of(data, metric):
    """Between unit vectors, L2 ranks as the angle does."""
    if metric == "angular":
        data = Data(data.name, unit(data.items), unit(data.queries))
    return Truth(data, "L2", TOP_K)


def compare(engines, queries, truth, searchk, batch, seconds):
    def search(engine, first, count):
        return engine.search(queries[first:first + count], TOP_K, 1, searchk)

    def caller(engine):  # the rounds walk through the queries
        def ask(i):
            begin = i * ROUND % (len(queries) - ROUND + 1)
            for first in range(begin, begin + ROUND, batch):
                search(engine, first, batch)
        return ask

    ids = [np.array(search(engine, 0, ROUND)) for engine in engines]
    recalls = [truth.recall(found[:CHECKED]) for found in ids]
    vrec, annoy = in_turn([caller(engine) for engine in engines], seconds)
    return {
        "vrec_qps": ROUND / min(vrec), "annoy_qps": ROUND / min(annoy), **ratios(annoy, vrec),
        "vrec_recall": recalls[0], "annoy_recall": recalls[1], "equal": np.mean(ids[0] == ids[1]),
        "rounds": len(vrec), "vrec_seconds": vrec, "annoy_seconds": annoy,
    }
