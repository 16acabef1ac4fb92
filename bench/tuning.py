#!/usr/bin/env python3
"""Whether a tuning keeps its word: many tunings, each on queries of its own, and what their settings find of fresh ones.

    python bench/tuning.py hnsw ivf [--tunings 100] [--words 60000] [--folder build/bench]

Wants numpy and vrec (pip install .). The items are words (words.py) of length 1 compared by IP; every tuning gets 1000
others, and 10 000 more, which no tuning sees, judge. For each recall the table says in how many tunings the setting found
at least that less .005 of the fresh queries; the least, mean and most that it found; and how much dearer the setting was,
counted in distances, than the cheapest of all that reach the target and the tuning's margin: the median and the most, of
the fresh queries, and of the tuning's own. What remains of the latter is the search for the setting; the former has the luck
of 1000 queries in it. That is of efSearch or nprobe; where it took gamma or budget, that one's recall counts, and the last
columns say how often it did, and how many distances that saved on average.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
from pathlib import Path

import numpy as np
import vrec
import words
from data import unit

TOP_K, TUNING, FRESH = 10, 1000, 10_000
TARGETS = 0.9, 0.95, 0.99
KINDS = {"hnsw": ({"index_type": "HNSW", "m": 16, "efConstruction": 200}, "efSearch"),
         "ivf": ({"index_type": "IVF", "nlists": 1024}, "nprobe")}


class Judge:
    """Some queries: what any setting finds of them, asked once."""

    def __init__(self, index, queries, exact):
        self.index, self.queries, self.known = index, queries, {}
        self.limits = exact.query(queries, TOP_K)[1][:, -1:]  # as near as the k-th is found

    def recall(self, options):
        key = tuple(options.items())
        if key not in self.known:
            found = self.index.query(self.queries, TOP_K, **options)[1]
            self.known[key] = float((found >= self.limits).mean())
        return self.known[key]

    def cheapest(self, option, recall):
        """The least setting that has that recall: halving, as recall rises with it."""
        low, high = 0, 1
        while self.recall({option: high}) < recall:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.recall({option: middle}) >= recall else (middle, high)
        return high


def dearer(tuned, option, judge, target):
    """How many more distances, as a share, what it found of the option takes than the cheapest does."""
    steps = sorted((step for step in tuned.steps if option in step.options), key=lambda step: step.options[option])
    found = next(step for step in steps if step.recall - step.error >= target)
    settings, distances = np.log([(step.options[option], step.distances) for step in steps]).T
    cheapest = judge.cheapest(option, target + found.error)
    return found.distances / np.exp(np.interp(np.log(cheapest), settings, distances)) - 1


def measure(kind, count, most, folder):
    options, option = KINDS[kind]
    vectors = unit(np.load(words.fetch(folder)))
    rng = np.random.default_rng(1)
    vectors = vectors[rng.permutation(len(vectors))]
    fresh, pool, items = np.split(vectors, [FRESH, FRESH + 20 * TUNING])
    items = items[:most]
    with (vrec.builder_factory("faiss", metric="IP").from_embeddings(items) as exact,
          vrec.builder_factory("faiss", metric="IP", **options).from_embeddings(items) as index):
        judge = Judge(index, fresh, exact)
        for target in TARGETS:
            found, of_fresh, of_own, saved = [], [], [], []
            for _ in range(count):
                own = pool[rng.choice(len(pool), TUNING, replace=False)]
                tuned = index.tune(own, recall=target, top_k=TOP_K)
                if option not in tuned.options:
                    plain = min(step.distances for step in tuned.steps
                                if option in step.options and step.recall - step.error >= target)
                    saved.append(1 - tuned.distances / plain)
                found.append(judge.recall(tuned.options))
                of_fresh.append(dearer(tuned, option, judge, target))
                of_own.append(dearer(tuned, option, Judge(index, own, exact), target))
            kept = sum(recall >= target - 0.005 for recall in found)
            print(f"| {kind} | {target} | {kept} of {count} | {min(found):.4f} {np.mean(found):.4f} {max(found):.4f} "
                  f"| {100 * np.median(of_fresh):+.0f} % {100 * max(of_fresh):+.0f} % | {100 * np.median(of_own):+.0f} % "
                  f"{100 * max(of_own):+.0f} % | {len(saved)} | {100 * np.mean(saved or [0]):.0f} % |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Measure whether tunings keep their word.")
    parser.add_argument("kinds", nargs="*", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--tunings", type=int, default=100, help="for each recall (default: 100)")
    parser.add_argument("--words", type=int, help="items at most (default: all)")
    parser.add_argument("--folder", type=Path, help="for data (default: build/bench)",
                        default=Path(__file__).resolve().parent.parent / "build" / "bench")
    args = parser.parse_args()
    print("| index | recall | kept its word | found of fresh: least, mean, most | dearer, by fresh: median, most | by its own | gamma or budget | saved |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for kind in args.kinds:
        measure(kind, args.tunings, args.words, args.folder)


if __name__ == "__main__":
    main()
