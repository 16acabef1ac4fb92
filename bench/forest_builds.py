"""Building Annoy's forests, vrec and annoy in turn: what vrec does from the items on, against annoy's build()
alone, and with its add_item() for every item before. SPDX-License-Identifier: Apache-2.0"""

import os
import time

from engines import Annoy, Forest
from forest_queries import METRICS
from timing import in_turn, ratios

TREES = 10
COLUMNS = [
    ("data", "data", "<26"), ("metric", "metric", "<9"), ("stream", "stream", "<8"), ("threads", "threads", "7"),
    ("trees", "trees", "5"), ("vrec_s", "vrec s", "7.2f"), ("annoy_s", "annoy s", "7.2f"), ("ratio", "ratio", "6.2f"),
    ("ratio_median", "median", "6.2f"), ("add_s", "add s", "6.2f"), ("ratio_all", "with add", "8.2f"),
    ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    plans = {"per_tree": len(os.sched_getaffinity(0)), "annoy": 1}
    for metric in METRICS:
        began = time.perf_counter()
        annoy = Annoy.of(data.items, metric)
        added = time.perf_counter() - began
        for stream, threads in plans.items():
            vrec_times, annoy_times = in_turn(
                [lambda _: Forest.build(data.items, metric, TREES, threads, stream),
                 lambda _: annoy.rebuild(TREES, threads)], args.seconds)
            yield {"data": data.name, "metric": metric, "stream": stream, "threads": threads, "trees": TREES,
                   "vrec_s": min(vrec_times), "annoy_s": min(annoy_times), **ratios(annoy_times, vrec_times),
                   "add_s": added, "ratio_all": (added + min(annoy_times)) / min(vrec_times),
                   "rounds": len(vrec_times), "vrec_seconds": vrec_times, "annoy_seconds": annoy_times}
