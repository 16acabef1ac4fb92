"""Graphs of inner products, as FAISS searches them for users: its own, and the same after `optimize`.

The data is a folder with items.npy and users.npy, such as examples/debian: the first 3000 users ask, the others are a
sample.

SPDX-License-Identifier: Apache-2.0
"""

import sys
import time
from pathlib import Path

import faiss
import numpy as np
import vrec

TOP_K, QUERIES, EF = 50, 3000, (64, 128, 256)
COLUMNS = [
    ("data", "data", "<16"), ("side", "side", "<28"), ("reach", "reach", "6.4f"), ("links", "links", "5.1f"),
    *((f"r{ef}", f"@{ef}", "6.4f") for ef in EF), ("short", "short @256", "10.4f"), ("rate", "q/s @64", "8.0f"),
]


def measure(data, args, machine):
    if data.users is None:
        sys.exit(f"run.py: users wants --data FOLDER, with items.npy and users.npy; {data.name} has no users")
    faiss.omp_set_num_threads(1)
    queries, sample = data.users[:QUERIES], data.users[QUERIES:]
    norms = np.linalg.norm(data.items, axis=1)
    short = np.flatnonzero(norms < np.median(norms))
    truths = truth(data.items, queries), short[truth(data.items[short], queries)]
    for m in args.m:
        path = args.folder / f"users-{m}.index"
        own = faiss.IndexHNSWFlat(data.items.shape[1], m, faiss.METRIC_INNER_PRODUCT)
        own.hnsw.efConstruction = 200
        own.add(data.items)
        faiss.write_index(own, str(path))
        yield row(data.name, f"faiss m={m}", path, queries, truths, short)
        for name, given in (("optimized", None), ("optimized, a sample", sample)):
            better = args.folder / f"users-{m}-better.index"
            with vrec.builder_factory("faiss").from_index_file(path) as indexer:
                indexer.optimize(given)
                indexer.save(better)
            yield row(data.name, f"{name} m={m}", better, queries, truths, short)


def truth(items, queries):
    flat = faiss.IndexFlatIP(items.shape[1])
    flat.add(items)
    return flat.search(queries, TOP_K)[1]


def row(data, side, path, queries, truths, short):
    with vrec.builder_factory("faiss").from_index_file(path) as indexer:
        facts = indexer.info()
    index = faiss.read_index(str(path))
    found = {"data": data, "side": side, "reach": facts["reach_entry"], "links": facts["degree_mean"]}
    for ef in EF:
        found[f"r{ef}"] = recall(index, queries, truths[0], ef)
    found["short"] = recall(index, queries, truths[1], EF[-1], sel=faiss.IDSelectorBatch(short))
    times = []
    for _ in range(4):
        began = time.process_time()
        recall(index, queries, truths[0], EF[0])
        times.append(time.process_time() - began)
    return found | {"rate": len(queries) / min(times)}


def recall(index, queries, truth, ef, **parameters):
    ids = index.search(queries, TOP_K, params=faiss.SearchParametersHNSW(efSearch=ef, **parameters))[1]
    return float(np.mean([len(np.intersect1d(ours[ours >= 0], true)) / TOP_K for ours, true in zip(ids, truth)]))
