"""What exclusions cost: 1000 ids per query, in a batch, against the same batch without.

    build/bench-venv/bin/python bench/exclusions.py [ROWS]     # two minutes

CPU time of one thread for 1000 queries of top_k 10, with and without in turn; minima and medians of the rounds. Two sorts
of lists: of items at random, and of the 1000 nearest, which is the worst there is: every good item is out. Flat and IVF
with all lists are compared with an exact search of the items that are left, id by id.

SPDX-License-Identifier: Apache-2.0
"""

import sys
import time

import numpy as np
import vrec

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
DIM, QUERIES, TOP_K, EXCLUDED, ROUNDS = 64, 1000, 10, 1000, 7
KINDS = {
    "Flat": {"index_type": "Flat"},
    "IVF nprobe=16": {"index_type": "IVF", "nlists": 256, "nprobe": 16},
    "IVF all lists": {"index_type": "IVF", "nlists": 256, "nprobe": 256},
    "HNSW efSearch=64": {"index_type": "HNSW", "m": 16, "efSearch": 64},
}


def draw():
    rng = np.random.default_rng(1)
    centres = rng.standard_normal((1000, DIM), np.float32)
    items, queries = (centres[rng.integers(1000, size=count)] + rng.standard_normal((count, DIM), np.float32) / 2
                      for count in (ROWS, QUERIES))
    return items, queries, rng


class Lists:
    """What exclude= takes, made once: users have theirs sorted."""

    def __init__(self, lists):
        self.indptr, self.indices = np.arange(len(lists) + 1) * lists.shape[1], np.sort(lists, axis=1).ravel()


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


def main():
    items, queries, rng = draw()
    with vrec.builder_factory("faiss").from_embeddings(items) as exact:
        nearest = exact.query(queries, EXCLUDED + TOP_K)[0]
    at_random = np.stack([rng.choice(ROWS, EXCLUDED, replace=False) for _ in range(QUERIES)])
    sorts = {"at random": at_random, "the nearest": nearest[:, :EXCLUDED]}
    right = {sort: [row[~np.isin(row, out)][:TOP_K] for row, out in zip(nearest, lists)] for sort, lists in sorts.items()}
    print(f"{ROWS} x {DIM}, vrec {vrec.__version__} ({vrec.cpu()})")
    print(f"{'index':18}{'excluded':>14}{'without ms':>12}{'with ms':>10}{'ratio':>8}{'median':>8}{'found':>8}")
    for name, options in KINDS.items():
        with vrec.builder_factory("faiss", **options).from_embeddings(items) as index:
            for _ in range(2):
                index.query(queries, TOP_K, threads=1)  # makes the codes
            for sort, lists in sorts.items():
                out, times = Lists(lists), ([], [])
                for _ in range(ROUNDS):
                    times[0].append(seconds(lambda: index.query(queries, TOP_K, threads=1)))
                    times[1].append(seconds(lambda: index.query(queries, TOP_K, threads=1, exclude=out)))
                found = index.query(queries, TOP_K, exclude=out)[0]
                share = np.mean([np.isin(*pair).mean() for pair in zip(right[sort], found)])
                assert share == 1 or name not in ("Flat", "IVF all lists"), f"{name} loses items"
                (without, with_), (usual, usual_with) = map(min, times), map(np.median, times)
                print(f"{name:18}{sort:>14}{without * 1e3:12.1f}{with_ * 1e3:10.1f}{with_ / without:8.2f}"
                      f"{usual_with / usual:8.2f}{share:8.3f}", flush=True)


main()
