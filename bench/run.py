#!/usr/bin/env python3
"""Times vrec and faiss-cpu or annoy in turn, on the same data. README.md says what the columns mean.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import functools
import importlib
import json
import os
import shlex
import sys
from pathlib import Path

BOTH, WORDS = ["clusters:1000000x128", "words"], ["words"]
BENCHES = {  # each a module with its COLUMNS, and measure() that yields its rows; and the data, unless told
    "flat": ("flat", "exact search, queries per second", BOTH),
    "threads": ("threads", "exact search on all cores, against one", BOTH),
    "open": ("opening", "from opening an index file to the first answer", BOTH),
    "graphs": ("graphs", "HNSW, queries per second at equal recall, one thread", WORDS),
    "optimized": ("optimized", "graphs of FAISS before and after optimize, as FAISS searches them, one thread", WORDS),
    "users": ("users", "graphs of inner products before and after optimize, recall@50 of users, one thread", WORDS),
    "lists": ("lists", "IVF, queries per second at equal recall, one thread", WORDS),
    "parity": ("parity", "recall at equal efSearch, vrec's and how much more than FAISS's, on FAISS's graph", WORDS),
    "builds": ("builds", "building graphs, lists and ScaNN's trees, once, all cores", WORDS),
    "first": ("first", "from opening graphs and lists to the first answer, and memory, one thread", WORDS),
    "build-memory": ("memory", "private memory of `vrec build` at its peak", BOTH),
    "annoy": ("forest_queries", "forests, queries per second on the same file, one thread", WORDS),
    "annoy-build": ("forest_builds", "building forests", WORDS),
    "annoy-open": ("forest_opening", "from opening a forest's file to the first answer", WORDS),
    "annoy-threads": ("forest_threads", "forests on all cores, against one", WORDS),
}

ALONE = ("graphs", "optimized", "users", "lists", "parity", "builds",
         "first")  # take long, and rivals that need environments of their own


def main():
    args = parse_args()
    hold_to(args.tier)
    args.folder.mkdir(parents=True, exist_ok=True)
    report = run(args)
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def parse_args():
    parser = argparse.ArgumentParser(description="Time vrec and faiss-cpu or annoy in turn, on the same data.")
    parser.add_argument("bench", choices=[*BENCHES, "all"])
    parser.add_argument("--data", nargs="+",
                        help="clusters:NxD, words, photos, a file of vectors, or a folder with items.npy and users.npy "
                             "(default: clusters:1000000x128 and words; words alone for forests)")
    parser.add_argument("--metric", choices=["L2", "IP"], default="L2", help="of exact search and parity (default: L2)")
    parser.add_argument("--codes", choices=["auto", "off"], default="auto",
                        help="of flat: whether vrec may make 8-bit copies (default: %(default)s)")
    parser.add_argument("--queries", type=int, default=1000, help="how many there are (default: %(default)s)")
    parser.add_argument("--k", nargs="+", type=int, default=[10, 100], help="of exact search")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 16, 100, 1000])
    parser.add_argument("--threads", nargs="+", type=int, default=[1], help="of flat and open (default: 1)")
    parser.add_argument("--tier", choices=["avx2", "avx512", "amx", "neon"],
                        help="hold both sides to this instruction set (default: the best of the machine)")
    parser.add_argument("--seconds", type=float, default=4,
                        help="for each row, and at least three rounds (default: %(default)s)")
    parser.add_argument("--scann", nargs="+", default=[], metavar="PYTHON",
                        help="of graphs and lists: the python of each environment that has a ScaNN to compare with")
    parser.add_argument("--m", nargs="+", type=int, default=[16, 32], help="of graphs (default: 16 32)")
    parser.add_argument("--nlists", nargs="+", type=int, default=[1024], help="of lists (default: 1024)")
    parser.add_argument("--sides", nargs="+", default=["vrec", "faiss", "hnswlib"],
                        choices=["vrec", "faiss", "hnswlib"], help="of graphs and lists, beside ScaNN (default: all)")
    parser.add_argument("--folder", type=Path, help="for data (default: build/bench)",
                        default=Path(__file__).resolve().parent.parent / "build" / "bench")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there, with every time")
    return parser.parse_args()


def hold_to(tier):
    """Before the libraries are loaded, as they look at the environment then."""
    for name in [name for name in os.environ if name.startswith("OPENBLAS_")]:
        del os.environ[name]
    if tier:
        os.environ["VREC_CPU"] = tier
    if tier == "avx2":
        os.environ["FAISS_SIMD_LEVEL"] = "AVX2"
        os.environ["OPENBLAS_CORETYPE"] = "Haswell"


def run(args):
    import data
    import machine

    where = machine.describe(args.folder)
    if args.tier and where["vrec_cpu"] != args.tier:
        sys.exit(f"run.py: this machine has no {args.tier}; vrec uses {where['vrec_cpu']}")
    print(machine.text(where), flush=True)
    report = {"machine": where, "command": shlex.join(sys.argv), "results": {}}
    load = functools.cache(lambda name: data.load(name, args.queries, args.folder))
    for bench in [name for name in BENCHES if name not in ALONE] if args.bench == "all" else [args.bench]:
        module, title, names = BENCHES[bench]
        vectors = [load(name) for name in args.data or names]
        report["results"][bench] = run_bench(importlib.import_module(module), title, vectors, args, where)
    print(f"\nload at the end: {os.getloadavg()[0]:.1f}")
    return report


def run_bench(module, title, vectors, args, where):
    print(f"\n{title}\n{heading(module.COLUMNS)}", flush=True)
    rows = []
    for data in vectors:
        for row in module.measure(data, args, where):
            print(line(module.COLUMNS, row), flush=True)
            rows.append(row)
    return rows


def heading(columns):
    """Titles as wide and on the same side as the values, whose format is "[<]WIDTH[.DIGITS][f%]"."""
    return "  ".join(format(title, ("" if "<" in form else ">") + form.split(".")[0])
                     for _, title, form in columns)


def line(columns, row):
    return "  ".join(format("" if row[key] is None else row[key], form if row[key] is not None else
                            form.split(".")[0]) for key, _, form in columns)


if __name__ == "__main__":
    main()
