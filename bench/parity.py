"""Recall at equal efSearch on FAISS's own graph: vrec beside FAISS. All cores; no time is taken.

FAISS looks at efSearch candidates even where more results are wanted; vrec at max(efSearch, k), as hnswlib does. FAISS is
therefore asked with that, so that both do the same work.

SPDX-License-Identifier: Apache-2.0
"""

import sys

import faiss
import numpy as np
import vrec
from rivals import plain

__all__ = ["COLUMNS", "measure"]

TOP_KS, EF_CONSTRUCTION = (1, 10, 100, 1000), 40
EF_SEARCHES = (16, 64, 256)
COLUMNS = [
    ("data", "data", "<22"), ("metric", "metric", "<6"), ("m", "m", "3"), ("ef", "efSearch", "8"),
    *((f"r{k}", f"recall@{k}", "11.4f") for k in TOP_KS), *((f"d{k}", f"more @{k}", "10.4f") for k in TOP_KS),
]


def measure(data, args, machine):
    metric = {"L2": faiss.METRIC_L2, "IP": faiss.METRIC_INNER_PRODUCT}[args.metric]
    exact = vrec.builder_factory("faiss", metric=args.metric, threads=-1).from_embeddings(data.items)
    truth = exact.query(data.queries, max(TOP_KS))[0]
    for m in args.m:
        path = args.folder / f"parity-{plain(data.name)}-{args.metric}-{m}.index"
        index = graph(path, data.items, m, metric)
        ours = vrec.builder_factory("faiss", threads=-1).from_index_file(str(path))
        for ef in EF_SEARCHES:
            row = {"data": data.name, "metric": args.metric, "m": m, "ef": ef}
            for k in TOP_KS:
                index.hnsw.efSearch = max(ef, k)
                theirs = recall(index.search(data.queries, k)[1], truth)
                row[f"r{k}"] = recall(ours.query(data.queries, k, efSearch=ef)[0], truth)
                row[f"d{k}"] = row[f"r{k}"] - theirs
            yield row


def graph(path, items, m, metric):
    if path.exists():
        return faiss.read_index(str(path))
    print(f"building FAISS's graph, m={m}...", file=sys.stderr)
    index = faiss.IndexHNSWFlat(items.shape[1], m, metric)
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.add(items)
    faiss.write_index(index, str(path))
    return index


def recall(found, truth):
    """Of all queries at once: a query's ids are moved to where no other's are."""
    first = (max(truth.max(), found.max()) + 1) * np.arange(len(found))[:, None]
    return (np.isin(found + first, truth[:, :found.shape[1]] + first) & (found >= 0)).mean()
