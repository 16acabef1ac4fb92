"""Ranking metrics: of a million users, and against Torch-RecHub's topk_metrics. SPDX-License-Identifier: Apache-2.0

    build/serving-venv/bin/python bench/metrics.py

User CPU time of each call, both sides in turn, the least of several rounds; one thread, unless told.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch_rechub.basic.metric as theirs
import vrec
from machine import cpu_model
from vrec.basic.metric import topk_metrics
from vrec.evaluation import ranking_metrics

ITEMS = 100_000


def draw(users, width, truth):
    """Lists, and truth that half of the users find."""
    rng = np.random.default_rng(users + width + truth)
    lists, taken = rng.integers(ITEMS, size=(users, width)), rng.integers(ITEMS, size=(users, truth))
    hit = rng.random(users) < 0.5
    taken[hit, 0] = lists[hit, rng.integers(width, size=hit.sum())]
    return lists, taken


def csr(taken):
    return np.arange(len(taken) + 1) * taken.shape[1], taken.ravel()


def in_turn(calls, rounds):
    """The least CPU time of each call, in ms."""
    least = [float("inf")] * len(calls)
    for _ in range(rounds):
        for i, call in enumerate(calls):
            start = time.process_time()
            call()
            least[i] = min(least[i], (time.process_time() - start) * 1e3)
    return least


def million(rounds):
    for width, truth in ((50, 1), (50, 10), (50, 100)):
        lists, taken = draw(1_000_000, width, truth)
        ks, of = [5, 10, width], csr(taken)
        popularity = np.full(ITEMS, 1 / ITEMS)
        accuracy, beyond = in_turn([
            lambda: ranking_metrics(lists, of, ks, threads=1),
            lambda: ranking_metrics(lists, of, ks, threads=1, items=ITEMS, popularity=popularity),
        ], rounds)
        yield {"users": 1_000_000, "width": width, "truth": truth, "ms": accuracy, "with_catalogue_ms": beyond}


def against(rounds):
    for k, truth in ((10, 1), (50, 10)):
        lists, taken = draw(100_000, k, truth)
        y_true, y_pred = dict(enumerate(taken.tolist())), dict(enumerate(lists.tolist()))
        assert topk_metrics(y_true, y_pred, [k]) == theirs.topk_metrics(y_true, y_pred, [k])
        of = csr(taken)
        other, dicts, arrays = in_turn([
            lambda: theirs.topk_metrics(y_true, y_pred, [k]),
            lambda: topk_metrics(y_true, y_pred, [k]),
            lambda: ranking_metrics(lists, of, [k], threads=1),
        ], rounds)
        yield {"users": 100_000, "k": k, "truth": truth, "theirs_ms": other, "dicts_ms": dicts, "arrays_ms": arrays,
               "dicts_ratio": other / dicts, "arrays_ratio": other / arrays}


def show(title, rows):
    print(f"\n{title}")
    shown = []
    for row in rows:
        if not shown:
            print("  ".join(f"{name:>17}" for name in row))
        print("  ".join(f"{value:17.2f}" if isinstance(value, float) else f"{value:17}" for value in row.values()),
              flush=True)
        shown.append(row)
    return shown


def main():
    parser = argparse.ArgumentParser(description="Time the ranking metrics.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    print(f"{cpu_model()}; vrec {vrec.__version__} ({vrec.cpu()})")
    report = {"million": show("A million users, three k", million(args.rounds)),
              "against": show("Against Torch-RecHub's topk_metrics", against(args.rounds))}
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
