"""What compares at equal recall@10: all sides in turn, each in a process of its own, one thread, CPU time.

What takes long to make is kept in the folder of the data: what all sides read, and each side's index.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

import faiss
import numpy as np
import vrec
from data import unit

TARGETS, TOP_K, ROUNDS = (0.90, 0.95, 0.99), 10, 4
SCRIPT = Path(__file__).with_name("side.py")
SCANN = [{"leaves": leaves, "reorder": reorder} for leaves, reorder in (
    (3, 30), (6, 40), (8, 60), (12, 60), (20, 80), (30, 100), (45, 120), (70, 150), (110, 200), (160, 300), (240, 400))]
COLUMNS = [
    ("data", "data", "<22"), ("batch", "batch", "5"), ("side", "side", "<26"),
    ("q90", "q/s .90", "8.0f"), ("q95", "q/s .95", "8.0f"), ("q99", "q/s .99", "8.0f"),
    ("f90", "to faiss", "8.2f"), ("f95", ".95", "6.2f"), ("f99", ".99", "6.2f"),
    ("s90", "to scann", "8.2f"), ("s95", ".95", "6.2f"), ("s99", ".99", "6.2f"), ("m95", "median", "6.2f"),
    ("p50", "p50 us", "7.0f"), ("p99", "p99 us", "7.0f"), ("load", "load", "5.1f"),
]


OPENBLAS = {"avx2": "Haswell", "avx512": "SkylakeX", "amx": "SkylakeX"}  # FAISS's, which is too old to know many processors


class Index:
    """A side's file: who makes it, with what."""

    def __init__(self, name, kind, folder, options, python=sys.executable):
        self.name, self.kind, self.folder, self.options, self.python = name, kind, folder, options, python
        self.path = folder / f"{plain(name)}.index"

    def kept(self):
        """Made unless it is there, by all cores; what that took is kept beside it."""
        if not self.took_path().exists():
            if self.path.is_dir():
                shutil.rmtree(self.path)
            print(f"building {self.name}...", file=sys.stderr)
            took = self.run("build", self.options) | {"load": os.getloadavg()[0]}
            self.took_path().write_text(json.dumps(took))
        return self

    def took_path(self):
        return self.path.with_suffix(".json")

    def took(self):
        """CPU and wall seconds, and the load at the end."""
        return json.loads(self.took_path().read_text())

    def run(self, verb, options, kind=None):
        command = [self.python, SCRIPT, verb, kind or self.kind, self.path, self.folder, json.dumps(options)]
        done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment(OMP_WAIT_POLICY="passive"))
        if done.returncode:
            sys.exit(f"{self.name}: {verb} failed:\n{done.stderr}")
        return json.loads(done.stdout)


class Side:
    """Settings ascend in what they cost."""

    def __init__(self, name, index, settings, kind=None):
        self.name, self.settings, self.taken, self.recalls, self.calls = name, settings, {}, {}, {}
        self.process = subprocess.Popen(
            [index.python, str(SCRIPT), "serve", kind or index.kind, str(index.path), str(index.folder)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment(OMP_NUM_THREADS="1"))

    def wait(self):
        package = self.process.stdout.readline().strip()
        if not package:
            sys.exit(f"{self.name} didn't start")
        if self.name.startswith("scann"):
            self.name = package

    def ask(self, i, batch):
        """Its recall."""
        self.process.stdin.write(json.dumps([self.settings[i], batch]) + "\n")
        self.process.stdin.flush()
        took, self.recalls[i, batch], *calls = json.loads(self.process.stdout.readline())
        self.taken.setdefault((i, batch), []).append(took)
        self.calls.setdefault((i, batch), []).append(calls)
        return self.recalls[i, batch]

    def forget(self):
        self.taken, self.recalls, self.calls = {}, {}, {}

    def best(self, batch):
        """Of the settings that were asked in turn, those that none beats in both recall and time, by recall."""
        points = sorted((self.recalls[i, b], min(times), i) for (i, b), times in self.taken.items()
                        if b == batch and len(times) >= ROUNDS)
        return [p for n, p in enumerate(points) if all(p[1] < q[1] for q in points[n + 1:])]

    def around(self, batch):
        """The settings whose recalls are next to a target: those that count."""
        points = sorted((recall, 0, i) for (i, b), recall in self.recalls.items() if b == batch)
        return sorted({i for target in TARGETS for i in (below(points, target), above(points, target)) if i is not None})

    def seconds(self, batch, of):
        """At each target, between the two best settings around it; None where there are none. of: min or median."""
        best = self.best(batch)
        recalls = [recall for recall, _, _ in best] or [1, 0]
        logs = [np.log(of(self.taken[i, batch])) for _, _, i in best]
        return [float(np.exp(np.interp(target, recalls, logs))) if recalls[0] <= target <= recalls[-1] else None
                for target in TARGETS]

    def percentiles(self, batch, target):
        """Of the cheapest setting that reaches the target: the middle and the 99th percentile, of the least round."""
        i = above(self.best(batch), target)
        return [1e6 * min(calls) for calls in zip(*self.calls[i, batch])] if i is not None else [None, None]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def environment(**more):
    return os.environ | ({"OPENBLAS_CORETYPE": OPENBLAS[vrec.cpu()]} if vrec.cpu() in OPENBLAS else {}) | more


def below(points, target):
    return max(((recall, i) for recall, _, i in points if recall <= target), default=(0, None))[1]


def above(points, target):
    return min(((recall, i) for recall, _, i in points if recall >= target), default=(0, None))[1]


def compare(data, sides, batches):
    for side in sides:
        side.wait()
    for batch in batches:
        look(sides, batch)
        chosen = {side: side.around(batch) for side in sides}
        for _ in range(ROUNDS):
            for turn in range(max(map(len, chosen.values()))):
                for side, settings in chosen.items():
                    if turn < len(settings):
                        side.ask(settings[turn], batch)
        yield from rows(data, batch, sides)
    for side in sides:
        side.close()


def look(sides, batch):
    """Each setting once, as far as the last target, when an index has made what it makes once that pays."""
    for side in sides:
        side.ask(len(side.settings) // 2, batch)
        side.forget()
        for i in range(len(side.settings)):
            if side.ask(i, batch) >= TARGETS[-1]:
                break


def rows(data, batch, sides):
    """Ratios are to the best of faiss's graphs or lists, and to the better ScaNN, at each target."""
    least = {side: side.seconds(batch, min) for side in sides}
    medians = {side: side.seconds(batch, median) for side in sides}
    rivals = {"f": [side for side in sides if side.name.startswith("faiss")],
              "s": [side for side in sides if side.name.startswith("scann")]}
    for side in sides:
        p50, p99 = side.percentiles(batch, 0.95) if batch == 1 else (None, None)
        row = {"data": data.name, "batch": batch, "side": side.name, "p50": p50, "p99": p99, "load": os.getloadavg()[0],
               "m95": ratio(medians, rivals["s"] or rivals["f"], side, 1)}
        for t, key in enumerate(("90", "95", "99")):
            row[f"q{key}"] = len(data.queries) / least[side][t] if least[side][t] else None
            row |= {f"{who}{key}": ratio(least, group, side, t) for who, group in rivals.items()}
        yield row | {"taken": [[side.settings[i], side.recalls[i, b], times]
                               for (i, b), times in side.taken.items() if b == batch]}


def ratio(taken, rivals, side, t):
    best = min((taken[rival][t] for rival in rivals if taken[rival][t]), default=None)
    return best / taken[side][t] if best and taken[side][t] else None


def prepare(data, args):
    """The folder with what every side reads. All are of unit length, as word vectors are compared by angle."""
    folder = args.folder / "rivals" / f"{plain(data.name)}-{len(data.queries)}"
    if not (folder / "truth.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        items, queries = unit(data.items), unit(data.queries)
        flat = faiss.IndexFlatL2(items.shape[1])
        flat.add(items)
        for name, array in (("items", items), ("queries", queries), ("truth", flat.search(queries, TOP_K)[1])):
            np.save(folder / f"{name}.npy", array)
    return folder


def plain(name):
    """As a file's name."""
    return re.sub(r"\W+", "-", name)


def scanns(folder, args):
    return [Index(f"scann {i + 1}", "scann", folder, {}, python) for i, python in enumerate(args.scann)]
