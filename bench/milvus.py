#!/usr/bin/env python3
"""Times vrec's milvus backend and pymilvus in turn, on one server that is running:

    bench/milvus.py http://127.0.0.1:19530 [--rows 100000] [--dim 128] [--rounds 3]

Every way of inserting runs in a process of its own. CPU is the client's, user and system together.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from pathlib import Path
from statistics import median

import numpy as np

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "interop"))
WAYS = {  # of inserting
    "vrec, 1 connection": ("vrec", 1), "vrec, 2 connections": ("vrec", 2), "vrec, 4 connections": ("vrec", 4),
    "pymilvus, columns": ("columns", 0), "pymilvus, rows of numpy": ("rows", 0), "pymilvus, rows of lists": ("lists", 0),
}
PY_BATCH = 10_000  # rows; larger ones were no faster


def main():
    parser = argparse.ArgumentParser(description="Time vrec and pymilvus in turn, on one Milvus server.")
    parser.add_argument("uri")
    parser.add_argument("--token", default="")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--one", help=argparse.SUPPRESS)  # what a process of its own does
    args = parser.parse_args()
    if args.one:
        print(json.dumps(ONE[args.one.split(":")[0]](args, *args.one.split(":")[1:])))
        return
    items_mb = args.rows * args.dim * 4 / 1e6
    print(f"{args.rows} x {args.dim} ({items_mb:.0f} MB), {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"{'insert':26} {'wall s':>8} {'MB/s':>7} {'cpu s':>7} {'MB/cpu s':>9} {'peak MB':>8}")
    for way, runs in rounds(args, {w: f"insert:{w}" for w in WAYS}).items():
        wall, cpu, peak = (median(run[i] for run in runs) for i in range(3))
        print(f"{way:26} {wall:8.2f} {items_mb / wall:7.1f} {cpu:7.3f} {items_mb / cpu:9.1f} {peak:8.1f}")
    print(f"{'search':26} {'wall ms':>8} {'cpu ms':>7}")
    for way, runs in rounds(args, {f"{side}, {nq} queries": f"search:{side}:{nq}" for nq in (1, 100, 1000)
                                   for side in ("vrec", "pymilvus")}).items():
        print(f"{way:26} {median(r[0] for r in runs):8.2f} {median(r[1] for r in runs):7.2f}")


def rounds(args, jobs):
    """Results of every job, from all rounds."""
    results = {name: [] for name in jobs}
    for _ in range(args.rounds):
        for name, job in jobs.items():
            done = subprocess.run([sys.executable, __file__, args.uri, "--token", args.token, "--rows", str(args.rows),
                                   "--dim", str(args.dim), "--one", job], check=True, stdout=subprocess.PIPE,
                                  env=os.environ | {"OPENBLAS_NUM_THREADS": "1"})
            results[name].append(json.loads(done.stdout))
    return results


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def items_of(args):
    return np.random.default_rng(1).standard_normal((args.rows, args.dim), dtype=np.float32)


def insert(args, way):
    side, connections = WAYS[way]
    items = items_of(args)
    return insert_vrec(args, items, connections) if side == "vrec" else insert_pymilvus(args, items, side)


def vrec_options(args):
    return {"uri": args.uri} | ({"token": args.token} if args.token else {})


def insert_vrec(args, items, connections):
    import vreclib
    marks = []

    def report(what, done, total):
        if what == "inserting" and not marks or what != "inserting" and len(marks) == 1:
            marks.append((time.perf_counter(), cpu(), peak()))
        return len(marks) == 2  # that is all there is to time

    before = (time.perf_counter(), cpu(), peak())
    try:
        vreclib.Builder("milvus", threads=connections, name="bench", **vrec_options(args)).from_embeddings(items, report)
    except vreclib.VrecError as error:
        assert error.status == vreclib.CANCELLED, error
    return [b - a for a, b in zip(before, marks[1])]


def insert_pymilvus(args, items, way):
    warnings.simplefilter("ignore")  # columns go by an older interface
    from pymilvus import Collection, CollectionSchema, DataType, FieldSchema, MilvusClient, connections
    client = MilvusClient(uri=args.uri, token=args.token)
    connections.connect(uri=args.uri, token=args.token)
    name = f"bench_{os.getpid()}"
    schema = CollectionSchema([FieldSchema("id", DataType.INT64, is_primary=True),
                               FieldSchema("embedding", DataType.FLOAT_VECTOR, dim=args.dim)])
    collection = Collection(name, schema)
    given = items.tolist() if way == "lists" else items
    before = (time.perf_counter(), cpu(), peak())
    for first in range(0, len(items), PY_BATCH):
        numbers = range(first, min(first + PY_BATCH, len(items)))
        if way == "columns":
            collection.insert([list(numbers), items[first:first + PY_BATCH]])
        else:
            client.insert(name, [{"id": i, "embedding": given[i]} for i in numbers])
    after = (time.perf_counter(), cpu(), peak())
    client.drop_collection(name)
    return [b - a for a, b in zip(before, after)]


def search(args, side, count):
    """Milliseconds of a search for so many queries, and of the client's CPU in it."""
    import vreclib
    name, k, repeats = "bench_search", 10, 20
    options = {"collection": name, **vrec_options(args)}
    try:
        indexer = vreclib.Builder("milvus", **options).attach()
    except vreclib.VrecError:
        items = np.random.default_rng(1).standard_normal((20_000, args.dim), dtype=np.float32)
        indexer = vreclib.Builder("milvus", index_type="IVF_FLAT", **options).from_embeddings(items)
    queries = np.random.default_rng(2).standard_normal((int(count), args.dim), dtype=np.float32)
    if side == "vrec":
        def ask():
            indexer.query(queries, k)
    else:
        from pymilvus import MilvusClient
        client = MilvusClient(uri=args.uri, token=args.token)

        def ask():
            hits = client.search(name, list(queries), limit=k, anns_field="embedding")
            return [[(hit["id"], hit["distance"]) for hit in row] for row in hits]
    ask()
    before = (time.perf_counter(), cpu())
    for _ in range(repeats):
        ask()
    return [1000 * (b - a) / repeats for a, b in zip(before, (time.perf_counter(), cpu()))]


ONE = {"insert": insert, "search": search}

if __name__ == "__main__":
    main()
