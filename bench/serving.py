#!/usr/bin/env python3
"""Times what users of the package vrec see: query() beside the C function that it calls, and vrec.serving and
torch_rechub.serving in turn, on the same tensors. README.md says what the columns mean.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import json
import os
import shlex
import sys
import time
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median

import data
import machine
import numpy as np
import torch
import torch_rechub.serving
import vrec.serving
from forest_queries import truth_of
from recall import Truth
from run import heading, line
from timing import PAUSE, ratios

CALLS = 20_000
TOP_K = 10
SIDES = {"vrec": vrec.serving.builder_factory, "rechub": torch_rechub.serving.builder_factory}
METRICS = {"annoy": ("angular", "euclidean"), "faiss": ("L2", "IP")}
SEARCHK = (-1, 5000)
OVERHEAD = [
    ("arrays", "arrays", "<6"), ("query_us", "query us", "8.1f"), ("query_median_us", "median", "6.1f"),
    ("core_us", "C call us", "9.1f"), ("core_median_us", "median", "6.1f"), ("beyond_us", "beyond us", "9.1f"),
    ("beyond_median_us", "median", "6.1f"), ("calls", "calls", "6"),
]
END_TO_END = [
    ("data", "data", "<21"), ("backend", "backend", "<7"), ("metric", "metric", "<9"), ("searchk", "searchk", "7"),
    ("vrec_build_s", "vrec build s", "12.2f"), ("vrec_query_s", "query s", "7.2f"),
    ("rechub_build_s", "rechub build s", "14.2f"), ("rechub_query_s", "query s", "7.2f"), ("ratio", "ratio", "6.2f"),
    ("ratio_median", "median", "6.2f"), ("vrec_recall", "recall", "7.4f"), ("rechub_recall", "rechub's", "8.4f"),
    ("rounds", "rounds", "6"),
]


def main():
    args = parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    where = describe()
    print("{cpu}, {cores} cores, load {load:.1f}\nvrec {vrec} ({vrec_cpu}) against torch-rechub {torch-rechub} with "
          "annoy {annoy}, faiss-cpu {faiss-cpu}, torch {torch}".format(**where))
    results = {"overhead": table("query() beside the C function, one query on 16 items x 8", OVERHEAD, overhead()),
               "end_to_end": table(f"building, and {args.queries} queries", END_TO_END, end_to_end(args))}
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")
    if args.json:
        report = {"machine": where, "command": shlex.join(sys.argv), "results": results}
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def parse_args():
    parser = argparse.ArgumentParser(description="Time vrec.serving and torch_rechub.serving in turn.")
    parser.add_argument("--data", nargs="+", default=["clusters:100000x64", "words"],
                        help="clusters:NxD, words, or a file of vectors (default: clusters:100000x64 and words)")
    parser.add_argument("--backend", nargs="+", choices=METRICS, default=list(METRICS))
    parser.add_argument("--queries", type=int, default=10_000, help="how many there are (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each row (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="for data (default: build/bench)",
                        default=Path(__file__).resolve().parent.parent / "build" / "bench")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, with every time")
    return parser.parse_args()


def describe():
    return {"cpu": machine.cpu_model(), "cores": len(os.sched_getaffinity(0)), "load": os.getloadavg()[0],
            "vrec": vrec.__version__, "vrec_cpu": vrec.cpu(), "torch": torch.__version__,
            **{name: version(name) for name in ("torch-rechub", "annoy", "faiss-cpu")}}


def table(title, columns, rows):
    print(f"\n{title}\n{heading(columns)}", flush=True)
    shown = []
    for row in rows:
        print(line(columns, row), flush=True)
        shown.append(row)
    return shown


def overhead():
    """So small an index that next to nothing is left for the C function to do."""
    items = np.random.default_rng(1).standard_normal((16, 8), np.float32)
    query, ids, distances = items[:1], np.empty((1, TOP_K), np.int64), np.empty((1, TOP_K), np.float32)
    with vrec.builder_factory("faiss").from_embeddings(items) as indexer:
        core = indexer._handle.query  # with what query() hands it

        def ready():
            core(query, TOP_K, ids, distances, None, 0, None, None, None, 0, 0, None, None)

        for name, given in {"numpy": query, "torch": torch.from_numpy(query)}.items():
            bare, whole = microseconds([ready, lambda: indexer.query(given, TOP_K)])
            yield {"arrays": name, "query_us": min(whole), "query_median_us": median(whole), "core_us": min(bare),
                   "core_median_us": median(bare), "beyond_us": min(whole) - min(bare),
                   "beyond_median_us": median(whole) - median(bare), "calls": CALLS}


def microseconds(calls):
    """Of each of the calls, which take turns."""
    taken = [[] for _ in calls]
    for _ in range(CALLS):
        for call, times in zip(calls, taken):
            start = time.perf_counter_ns()
            call()
            times.append((time.perf_counter_ns() - start) / 1e3)
    return taken


def end_to_end(args):
    for name, backend in product(args.data, args.backend):
        vectors = data.load(name, args.queries, args.folder)
        for metric in METRICS[backend]:
            truth = truth_of(vectors, metric) if backend == "annoy" else Truth(vectors, metric, TOP_K)
            for searchk in SEARCHK if backend == "annoy" else [None]:
                yield {"data": vectors.name, "backend": backend, "metric": metric, "searchk": searchk,
                       **compare(backend, options(backend, metric, searchk, vectors), vectors, truth, args.rounds)}


def options(backend, metric, searchk, vectors):
    if backend == "faiss":
        return {"index_type": "Flat", "metric": metric}
    return {"d": vectors.items.shape[1], "metric": metric, "n_trees": 10, "threads": -1, "searchk": searchk}


def compare(backend, config, vectors, truth, rounds):
    items, queries = torch.from_numpy(vectors.items), torch.from_numpy(vectors.queries)
    builds, searches, totals = ({side: [] for side in SIDES} for _ in range(3))
    recalls = {}
    for _, (side, factory) in product(range(rounds), SIDES.items()):
        time.sleep(PAUSE)
        start = time.perf_counter()
        with factory(backend, **config).from_embeddings(items) as indexer:
            built = time.perf_counter()
            ids, _ = indexer.query(queries, TOP_K)
            end = time.perf_counter()
        builds[side].append(built - start)
        searches[side].append(end - built)
        totals[side].append(end - start)
        recalls[side] = truth.recall(ids.numpy())
    return {**{f"{side}_build_s": min(builds[side]) for side in SIDES},
            **{f"{side}_query_s": min(searches[side]) for side in SIDES},
            **ratios(totals["rechub"], totals["vrec"]), **{f"{side}_recall": recalls[side] for side in SIDES},
            "rounds": rounds, "build_seconds": builds, "query_seconds": searches}


if __name__ == "__main__":
    main()
