#!/usr/bin/env python3
"""The figures of docs/choosing.md: exact search, forests, graphs and lists of several sizes, through the package vrec.

    python bench/choosing.py run 10000 100000 300000 1000000     # from half a minute to six each
    python bench/choosing.py milvus 100000 http://127.0.0.1:19530
    python bench/choosing.py report [--svg docs/recall.svg]      # prints what was measured as tables, and draws it

Wants numpy, vrec (pip install .) and, to draw, matplotlib. The items are real words (words.py), past 340 479 filled up
with means of two random ones, the queries 1000 other words; nearest by cosine: exact search, graphs and lists of unit vectors
by IP, forests by angular. One by one is with one thread, a batch is all queries with all cores, and so is a build.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import json
import multiprocessing
import os
import re
import time
from pathlib import Path

import numpy as np
import vrec
import words
from data import unit

TOP_K, QUERIES, ALONE = 10, 1000, 200
TREES = 10, 50
SEARCHK = 1000, 2000, 3500, 5000, 7000, 10_000, 14_000, 20_000, 28_000, 40_000, 60_000, 100_000
SHOWN = 1000, 2000, 5000, 10_000, 20_000, 40_000, 100_000
TARGETS = 0.8, 0.9, 0.95, 0.99
KINDS = {  # of index, its options for so many items, and what is searched by, from cheap to dear
    "HNSW": (lambda n: {"m": 16}, [{"gamma": gamma} for gamma in (
        0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.17, 0.2)]),
    "IVF": (lambda n: {"nlists": 2 ** round(np.log2(4 * n ** 0.5))}, [{"nprobe": nprobe} for nprobe in (
        2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768)]),
}
ENOUGH = 0.995  # recall, after which no dearer setting is measured
DRAWN = 100_000, 1_000_000  # items, in the picture
SERVED = [("FLAT", {}, [{}]), ("HNSW", {}, [{"ef": ef} for ef in (16, 64, 256)]),
          ("IVF_FLAT", {"nlist": 1024}, [{"nprobe": nprobe} for nprobe in (8, 32, 128)])]


def load(folder, count):
    """Items and queries."""
    vectors = np.load(words.fetch(folder))
    rng = np.random.default_rng(1)
    vectors = vectors[rng.permutation(len(vectors))]
    items, queries = vectors[QUERIES:], vectors[:QUERIES]
    if count > len(items):
        pairs = rng.integers(len(items), size=(count - len(items), 2))
        items = np.concatenate([items, (items[pairs[:, 0]] + items[pairs[:, 1]]) / 2])
    return items[:count], queries


# ---- Measuring ----

def run(folder, count):
    items, queries = load(folder, count)
    of_unit = unit(queries)
    index, flat = build("faiss", {"metric": "IP"}, unit(items), folder)
    truth = index.query(of_unit, TOP_K)[0]
    flat |= {"recall": 1.0, "memory": memory_of("faiss", {}, flat["path"], of_unit)} | speeds(index, of_unit)
    index.close()
    forests = []
    for trees in TREES:
        options = {"d": items.shape[1], "n_trees": trees}
        index, made = build("annoy", options, items, folder)
        made |= {"trees": trees, "memory": memory_of("annoy", options, made["path"], queries, searchk=5000)}
        for searchk in (trees * TOP_K, *SEARCHK):
            forests.append(made | measured(index, queries, truth, searchk=searchk))
        index.close()
    found = {"Flat": [flat], "forest": forests} | {kind: kinds(kind, unit(items), of_unit, truth, folder) for kind in KINDS}
    Path(flat["path"]).unlink()
    return {"items": len(items), "cpu": vrec.cpu(), "load": os.getloadavg()[0], "found": found}


def kinds(kind, items, queries, truth, folder):
    """A graph, or lists, by what is searched by, until the recall is enough."""
    options_for, searches = KINDS[kind]
    options = options_for(len(items))
    index, made = build("faiss", {"index_type": kind, "metric": "IP", **options}, items, folder)
    made |= {"options": options, "memory": memory_of("faiss", {}, made["path"], queries, **searches[-1])}
    rows = []
    for search in searches:
        rows.append(made | measured(index, queries, truth, **search))
        if rows[-1]["recall"] > ENOUGH:
            break
    index.close()
    return rows


def measured(index, queries, truth, **search):
    recall = recall_of(index.query(queries, TOP_K, **search)[0], truth)
    return {"search": search, "recall": recall} | speeds(index, queries, **search)


def milvus(folder, count, uri):
    """The same items on a server."""
    items, queries = load(folder, count)
    with vrec.builder_factory("faiss", metric="IP").from_embeddings(unit(items)) as index:
        truth = index.query(unit(queries), TOP_K)[0]
    rows = []
    for kind, params, searches in SERVED:
        builder = vrec.builder_factory("milvus", uri=uri, index_type=kind, metric="COSINE", **params)
        start = time.perf_counter()
        with builder.from_embeddings(items) as index:
            made = {"kind": kind, "build": time.perf_counter() - start}
            for search in searches:
                recall = recall_of(index.query(queries, TOP_K, **search)[0], truth)
                rows.append(made | {"search": search, "recall": recall} | speeds(index, queries, **search))
    return {"items": len(items), "served": rows}


def build(backend, options, items, folder):
    path = str(folder / "choosing.index")
    start = time.perf_counter()
    index = vrec.builder_factory(backend, **options).from_embeddings(items)
    took = time.perf_counter() - start
    index.save(path)
    return index, {"build": took, "path": path, "file": os.path.getsize(path)}


def recall_of(ids, truth):
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(ids, truth)])) / TOP_K


def speeds(index, queries, **search):
    """Queries per second, once the index has answered so many."""
    batch = seconds(lambda: index.query(queries, TOP_K, threads=-1, **search))
    alone = seconds(lambda: [index.query(query, TOP_K, threads=1, **search) for query in queries[:ALONE]])
    return {"batch": len(queries) / batch, "alone": ALONE / alone}


def seconds(call):
    taken = []
    while len(taken) < 2 or sum(taken) < 0.5:
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def memory_of(backend, options, path, queries, **search):
    """What an opened index takes once it has answered, in a process of its own: private bytes, and mapped ones."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=open_and_tell, args=(theirs, backend, options, path, queries, search))
    process.start()
    found = ours.recv()
    process.join()
    return found


def open_and_tell(pipe, backend, options, path, queries, search):
    before = resident()
    with vrec.builder_factory(backend, **options).from_index_file(path) as index:
        for _ in range(3):
            index.query(queries, TOP_K, **search)
        pipe.send([after - b for after, b in zip(resident(), before)])


def resident():
    status = Path("/proc/self/status").read_text()
    return [1024 * int(re.search(rf"{key}:\s*(\d+) kB", status)[1]) for key in ("RssAnon", "RssFile")]


# ---- Telling ----

def report(found):
    """The tables, as they stand in docs/choosing.md."""
    sizes = [each for each in found if "found" in each]
    table(["items", "index", "build s", "file MB", "private MB", "mapped MB"],
          [[spaced(size), name, number(row["build"]), *(f"{x / 1e6:.0f}" for x in (row["file"], *row["memory"]))]
           for size in sizes for name, row in indexes(size)])
    table(["items", "trees", "default", *SHOWN],
          [[spaced(size), trees, *(f"{forest(size, trees, k)['recall']:.2f}" for k in (trees * TOP_K, *SHOWN))]
           for size in sizes for trees in TREES])
    for key, title in (("alone", "items, one by one"), ("batch", "items, batch")):
        table([title, "index", *(f"recall {target}" for target in TARGETS)],
              [[spaced(size), kind, *(fastest(rows, key, target) for target in TARGETS)]
               for size in sizes for kind, rows in size["found"].items()])
    for each in (each for each in found if "served" in each):
        table(["index", "build s", "recall@10", "one by one", "batch"],
              [[" ".join([row["kind"], *(f"{k}={v}" for k, v in row["search"].items())]), number(row["build"]),
                f"{row['recall']:.3f}", number(row["alone"]), number(row["batch"])] for row in each["served"]])


def table(titles, rows):
    print("", *(f"| {' | '.join(map(str, row))} |" for row in (titles, ["--:"] * len(titles), *rows)), sep="\n")


def spaced(size):
    return f"{size['items']:,}".replace(",", " ")


def number(x):
    """With the digits that count."""
    return f"{float(f'{x:.3g}' if x >= 100 else f'{x:.2g}'):.10g}"


def indexes(size):
    yield "Flat", size["found"]["Flat"][0]
    for trees in TREES:
        yield f"{trees} trees", forest(size, trees, trees * TOP_K)
    for kind in KINDS:
        row = size["found"][kind][0]
        yield ", ".join([kind, *(f"{key}={value}" for key, value in row["options"].items())]), row


def forest(size, trees, searchk):
    return next(row for row in size["found"]["forest"] if (row["trees"], row["search"]["searchk"]) == (trees, searchk))


def fastest(rows, key, recall):
    """Queries per second of the fastest that has the recall, and its settings."""
    best = max((row for row in rows if row["recall"] >= recall), key=lambda row: row[key], default=None)
    if not best:
        return ""
    settings = [str(value) for value in (best.get("trees"), *best.get("search", {}).values()) if value]
    return number(best[key]) + (f" ({', '.join(settings)})" if settings else "")


def draw(sizes, path):
    import matplotlib

    matplotlib.use("svg")
    ink = "#010203"  # stands for the colour of the page's text
    matplotlib.rcParams |= {"svg.hashsalt": "vrec", "svg.fonttype": "none", "savefig.facecolor": "none", "axes.facecolor": "none",
                            **dict.fromkeys(["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color",
                                             "legend.labelcolor"], ink)}
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 4.4), sharey=True, layout="constrained")
    colours = {"Flat": "#999999", "forest": "#3a9a55", "HNSW": "#3b78d8", "IVF": "#d9772b"}
    for axis, key, title in zip(axes, ("alone", "batch"), ("one query at a time, one thread", "1000 queries, all cores")):
        for size, style in zip((size for size in sizes if size["items"] in DRAWN), ("--", "-")):
            for kind, rows in size["found"].items():
                label = f"{'exact' if kind == 'Flat' else kind}, {spaced(size)} items"
                if kind == "Flat":
                    axis.axhline(rows[0][key], color=colours[kind], linestyle=style, linewidth=1, label=label)
                    continue
                points = [(-np.log10(1 - recall), speed) for recall, speed in front(rows, key) if 0.5 <= recall <= 0.9985]
                axis.plot(*zip(*points), f".{style}", color=colours[kind], label=label)
        ticks = 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995
        axis.set(title=title, xlabel="recall@10", yscale="log", xlim=(0.3, 2.4))
        axis.set_xticks([-np.log10(1 - recall) for recall in ticks], [f"{recall:g}" for recall in ticks])
        axis.grid(alpha=0.25)
    axes[0].set_ylabel("queries per second")
    axes[1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    figure.savefig(path, metadata={"Date": None})
    style = "<style>svg { color: #24292f } @media (prefers-color-scheme: dark) { svg { color: #d0d7de } }</style>"
    text = Path(path).read_text("utf-8").replace(ink, "currentColor")
    Path(path).write_text(text.replace("<defs>", f"{style}\n <defs>", 1), "utf-8")


def front(rows, key):
    """Recall and speed of those that none beats in both, the highest recall first."""
    best = 0
    for row in sorted(rows, key=lambda row: (row["recall"], row[key]), reverse=True):
        if row[key] > best:
            best = row[key]
            yield row["recall"], best


def main():
    parser = argparse.ArgumentParser(description="Measure what docs/choosing.md says.")
    parser.add_argument("what", choices=["run", "milvus", "report"])
    parser.add_argument("args", nargs="*", help="numbers of items; of milvus also the server's uri")
    parser.add_argument("--svg", type=Path, help="of report: where to draw")
    parser.add_argument("--folder", type=Path, help="for data and results (default: build/bench)",
                        default=Path(__file__).resolve().parent.parent / "build" / "bench")
    args = parser.parse_args()
    if args.what == "report":
        found = [json.loads(path.read_text("utf-8")) for path in args.folder.glob("choosing-*.json")]
        found.sort(key=lambda each: each["items"])
        report(found)
        if args.svg:
            draw([each for each in found if "found" in each], args.svg)
        return
    counts, uri = (args.args[:1], args.args[1]) if args.what == "milvus" else (args.args, None)
    for count in map(int, counts):
        result = milvus(args.folder, count, uri) if uri else run(args.folder, count)
        (args.folder / f"choosing-{args.what}-{count}.json").write_text(json.dumps(result, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
