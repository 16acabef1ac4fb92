#!/usr/bin/env python3
"""Whether index_type=auto chooses well: beside each kind of index, built by hand and tuned to the same recall.

    python bench/auto.py [--data words|photos] [--items 10000 100000 339000] [--recall .9 .99] [--folder build/bench]

Wants numpy and vrec (pip install .). The items are words (words.py) or photos (photos.py), made to length 1, compared by IP. Those
built by hand (HNSW with m=32, IVF with 4 sqrt(n) lists) are tuned on 1000 others; auto gets none. 500 fresh ones judge all of them, one by one
by one thread or in a batch by all, the best of five rounds in turn: microseconds a query and recall of each, how far auto is
from the best that has the recall within .01, and whether it is faster than the worst of them.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import time
from pathlib import Path

import numpy as np
import photos
import vrec
import words
from data import unit

TOP_K, TUNING, FRESH, ROUNDS = 10, 1000, 500, 5


def seconds(index, queries, one, options):
    start = time.perf_counter()
    if one:
        for i in range(len(queries)):
            index.query(queries[i : i + 1], TOP_K, threads=1, **options)
    else:
        index.query(queries, TOP_K, **options)
    return (time.perf_counter() - start) / len(queries)


def by_hand(items, rows):
    kinds = {"Flat": {}, "IVF": {"nlists": int(min(4 * rows**0.5, rows / 39))}, "HNSW": {"m": 32}}
    return {kind: vrec.builder_factory("faiss", index_type=kind, metric="IP", **more).from_embeddings(items)
            for kind, more in kinds.items()}


def load(name, folder):
    """Queries and items, in random order."""
    rng = np.random.default_rng(1)
    if name == "words":
        vectors = unit(np.load(words.fetch(folder)))
        vectors = vectors[rng.permutation(len(vectors))]
        return vectors[: FRESH + TUNING], vectors[FRESH + TUNING:]
    items, queries = unit(np.load(photos.fetch(folder))), unit(np.load(Path(folder) / "photos-queries.npy"))
    return queries[rng.permutation(len(queries))[: FRESH + TUNING]], items[rng.permutation(len(items))]


def compare(queries, items, recalls, out):
    (fresh, tuning), rows = np.split(queries, [FRESH]), len(items)
    hand = by_hand(items, rows)
    limits = hand["Flat"].query(fresh, TOP_K)[1][:, -1:]
    for recall in recalls:
        settings = {kind: {} if kind == "Flat" else index.tune(tuning, recall=recall).options for kind, index in hand.items()}
        for one in (True, False):
            start = time.perf_counter()
            chosen = vrec.builder_factory("faiss", index_type="auto", metric="IP", target_recall=recall,
                                          queries="one" if one else "batch").from_embeddings(items)
            built = time.perf_counter() - start
            all_ = {**{kind: (index, settings[kind]) for kind, index in hand.items()}, "auto": (chosen, {})}
            best = dict.fromkeys(all_, np.inf)
            for _ in range(ROUNDS):  # in turn, so that what else the machine does is everybody's
                for kind, (index, options) in all_.items():
                    best[kind] = min(best[kind], seconds(index, fresh, one, options))
            found = {kind: float((index.query(fresh, TOP_K, **options)[1] >= limits).mean())
                     for kind, (index, options) in all_.items()}
            fair = [best[kind] for kind in hand if found[kind] >= recall - 0.01]
            cells = " | ".join(f"{best[kind] * 1e6:.1f} ({found[kind]:.3f})" for kind in all_)
            out.append((best["auto"] / min(fair) - 1, best["auto"] <= max(fair)))
            print(f"| {rows} | {'one' if one else 'batch'} | {recall} | {cells} | {chosen.info()['chosen']} | {built:.1f} "
                  f"| {100 * out[-1][0]:+.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Compare index_type=auto with each kind of index.")
    parser.add_argument("--data", choices=["words", "photos"], default="words", help="what (default: words)")
    parser.add_argument("--items", nargs="+", type=int, default=[10_000, 100_000, 339_000], help="how many")
    parser.add_argument("--recall", nargs="+", type=float, default=[0.9, 0.99], help="wanted (default: .9 .99)")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="where the data is (default: build/bench)")
    args = parser.parse_args()
    queries, items = load(args.data, args.folder)
    print("| items | asked | recall | Flat us | IVF | HNSW | auto | chosen | build s | to the best |\n" + "| --: " * 10 + "|")
    out = []
    for rows in args.items:
        compare(queries, items[:rows], args.recall, out)
    near = sum(apart <= 0.15 for apart, _ in out)
    print(f"\nwithin 15 % of the best in {near} of {len(out)}; slower than the worst in {sum(not ok for _, ok in out)}")


if __name__ == "__main__":
    main()
