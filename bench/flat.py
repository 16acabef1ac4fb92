"""Exact search: queries per second, vrec and FAISS in turn. SPDX-License-Identifier: Apache-2.0"""

from itertools import product

import faiss
import numpy as np
from engines import Faiss, Vrec
from recall import CHECKED, Truth
from timing import in_turn, ratios

COLUMNS = [
    ("data", "data", "<26"), ("metric", "metric", "<6"), ("threads", "threads", "7"), ("k", "k", "5"),
    ("batch", "batch", "5"), ("faiss_path", "faiss by", "8"), ("vrec_qps", "vrec q/s", "9.1f"),
    ("faiss_qps", "faiss q/s", "9.1f"), ("ratio", "ratio", "6.2f"), ("ratio_median", "median", "6.2f"),
    ("of_limit", "of limit", "8.0%"), ("vrec_recall", "recall", "7.4f"), ("faiss_recall", "faiss's", "7.4f"),
    ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    engines = [Vrec.build(data.items, args.metric, args.codes), Faiss.build(data.items, args.metric)]
    truth = Truth(data, args.metric, max(args.k))
    for threads, top_k, batch in product(args.threads, args.k, args.batch):
        yield {"data": data.name, "metric": args.metric, "threads": threads, "k": top_k, "batch": batch,
               **compare(engines, data, truth, top_k, batch, threads, args.seconds, machine)}


def compare(engines, data, truth, top_k, batch, threads, seconds, machine):
    batch = min(batch, len(data.queries))

    def search(engine, first):
        return engine.search(data.queries[first:first + batch], top_k, threads)

    def caller(engine):  # the rounds walk through the queries
        return lambda i: search(engine, i * batch % (len(data.queries) - batch + 1))

    recalls = [truth.recall(np.concatenate([search(engine, first) for first in range(0, CHECKED, batch)]))
               for engine in engines]
    vrec, faiss_times = in_turn([caller(engine) for engine in engines], seconds)
    n, d = data.items.shape
    least = max(4 * n * d / machine["gbytes"], 2 * n * d * batch / machine["gflops"]) * 1e-9
    return {
        "faiss_path": "BLAS" if batch * d >= faiss.cvar.distance_compute_blas_threshold else "direct",
        "vrec_qps": batch / min(vrec), "faiss_qps": batch / min(faiss_times), **ratios(faiss_times, vrec),
        "of_limit": least / min(vrec) if threads == 1 else None,  # the limits are those of one core
        "vrec_recall": recalls[0], "faiss_recall": recalls[1], "rounds": len(vrec),
        "vrec_seconds": vrec, "faiss_seconds": faiss_times,
    }
