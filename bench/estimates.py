#!/usr/bin/env python3
"""What `vrec estimate` says of a build's time, without items and with them, beside what the build takes, both in CPU time.

    python bench/estimates.py [--data words:100000 photos:300000 examples/debian clusters:50000x64 ...] [--folder build/bench]

Wants numpy, vrec (pip install .) and a C compiler: cpu_clock.c makes every clock of the process tell CPU time, so that what
else the machine does hardly counts. A data set is cut to so many rows, drawn at random.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import data
import numpy as np
import vrec

DATA = ["examples/debian", "words:20000", "words:100000", "words:330000", "photos:100000", "photos:300000", "clusters:50000x64"]
KINDS = [("faiss", {"index_type": "HNSW", "m": 32}), ("faiss", {"index_type": "HNSW", "m": 16}),
         ("faiss", {"index_type": "HNSW", "m": 64}), ("faiss", {"index_type": "HNSW", "m": 16, "metric": "IP"}),
         ("faiss", {"index_type": "IVF", "nlists": 512}), ("annoy", {"n_trees": 50})]
ENOUGH = 0.3  # seconds of a build that isn't made again


def load(name, folder):
    source, _, rows = name.partition(":")
    if source == "clusters":
        return data.load(name, 1, folder).items
    if Path(source, "items.npy").exists():
        items = np.load(Path(source, "items.npy"))
    else:
        items = data.load(source, 1, folder).items
    return items[np.random.default_rng(1).permutation(len(items))[:int(rows or len(items))]].astype(np.float32)


def build(builder, items):
    start = time.perf_counter()
    builder.from_embeddings(items)
    return time.perf_counter() - start


def measure(name, folder):
    items = load(name, folder)
    rows, dim = items.shape
    for backend, options in KINDS:
        builder = vrec.builder_factory(backend, **options)
        real = build(builder, items)
        if real < ENOUGH:
            real = min(real, build(builder, items))
        without, with_ = builder.estimate(rows=rows, dim=dim), builder.estimate(embeddings=items)
        text = ", ".join([backend if backend != "faiss" else "", *(f"{value}" if key == "index_type" else f"{key}={value}"
                                                                  for key, value in options.items())]).lstrip(", ")
        print(f"| {name} | {rows} x {dim} | {text} | {real:.2f} | {without.seconds / real:.2f} | {with_.seconds / real:.2f} "
              f"| {without.trial_rows} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description="Compare what an estimate says of a build's time with what it takes.")
    parser.add_argument("--data", nargs="+", default=DATA, help=f"NAME[:ROWS] or clusters:NxD (default: {' '.join(DATA)})")
    parser.add_argument("--folder", type=Path, default=Path("build/bench"), help="where data are (default: build/bench)")
    args = parser.parse_args()
    if "cpu_clock" not in os.environ.get("LD_PRELOAD", ""):
        with tempfile.TemporaryDirectory() as folder:
            clock = f"{folder}/cpu_clock.so"
            source = Path(__file__).with_name("cpu_clock.c")
            subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", clock, source], check=True)
            sys.exit(subprocess.run([sys.executable, *sys.argv], env={**os.environ, "LD_PRELOAD": clock}, check=False).returncode)
    print("| data | items | index | build, CPU s | said without items | with | trial |\n" + "| -- " * 3 + "| --: " * 4 + "|")
    for name in args.data:
        measure(name, args.folder)


if __name__ == "__main__":
    main()
