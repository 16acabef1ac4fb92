#!/usr/bin/env python3
"""One side of a comparison at equal recall, in a process of its own: ScaNN needs another environment than the rest.

    side.py build KIND FILE FOLDER OPTIONS   makes the index FILE with all cores; prints its CPU and wall seconds
    side.py first KIND FILE FOLDER SETTING   opens it and answers; prints what that took, and private bytes after it
    side.py serve KIND FILE FOLDER           answers what stands on its input

KIND: vrec, faiss, hnswlib, scann; optimized, to build alone. OPTIONS and SETTING are JSON. FOLDER has items.npy, queries.npy, and truth.npy with
the ids of the nearest. What serve reads is a line for each [setting, batch]; it asks all queries on one thread, and prints
the CPU seconds that they took, recall@10, and the middle and the 99th percentile of what a call took.

SPDX-License-Identifier: Apache-2.0
"""

import json
import os
import re
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

TOP_K, BEFORE_MEMORY = 10, 200  # queries, after which an index has made what it makes


class Vrec:
    def __init__(self, path):
        import vrec

        self.index = vrec.builder_factory("faiss", threads=1, codes=os.environ.get("VREC_CODES", "auto")
                                          ).from_index_file(path)

    @staticmethod
    def build(path, items, options):
        import vrec

        vrec.builder_factory("faiss", threads=-1, **options).from_embeddings(items).save(path)

    def search(self, queries, setting):
        return self.index.query(queries, TOP_K, threads=1, **setting)[0]


class Faiss:
    def __init__(self, path):
        import faiss

        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(path)

    @staticmethod
    def build(path, items, options):
        import faiss

        d = items.shape[1]
        if options["index_type"] == "HNSW":
            index = faiss.IndexHNSWFlat(d, options["m"])
            index.hnsw.efConstruction = options["efConstruction"]
        else:
            index = faiss.IndexIVFFlat(faiss.IndexFlatL2(d), d, options["nlists"])
            index.train(items)
        index.add(items)
        faiss.write_index(index, path)

    def search(self, queries, setting):
        if "nprobe" in setting:
            self.index.nprobe = setting["nprobe"]
        else:
            self.index.hnsw.efSearch = setting["efSearch"]
        return self.index.search(queries, TOP_K)[1]


class Optimized(Faiss):
    @staticmethod
    def build(path, items, options):
        import vrec

        with vrec.builder_factory("faiss", threads=-1).from_index_file(options["of"]) as index:
            index.optimize()
            index.save(path)


class Hnswlib:
    def __init__(self, path):
        import hnswlib

        dim = int(Path(path).with_suffix(".dim").read_text())
        self.index = hnswlib.Index("l2", dim)
        self.index.load_index(path)

    @staticmethod
    def build(path, items, options):
        import hnswlib

        index = hnswlib.Index("l2", items.shape[1])
        index.init_index(len(items), M=options["m"], ef_construction=options["efConstruction"])
        index.add_items(items)
        index.save_index(path)
        Path(path).with_suffix(".dim").write_text(str(items.shape[1]))

    def search(self, queries, setting):
        self.index.set_ef(setting["efSearch"])
        return self.index.knn_query(queries, TOP_K, num_threads=1)[0]


class Scann:
    def __init__(self, path):
        import scann

        self.index = scann.scann_ops_pybind.load_searcher(path)

    @staticmethod
    def build(path, items, options):
        """As its authors recommend for so many rows: leaves about twice the root, two dimensions a block."""
        import scann

        leaves = 1000 if len(items) < 600_000 else 2000
        builder = scann.scann_ops_pybind.builder(items, TOP_K, "squared_l2")
        index = builder.tree(leaves, 100, training_sample_size=250_000).score_ah(
            2, anisotropic_quantization_threshold=0.2).reorder(100).build()
        Path(path).mkdir()
        index.serialize(path)

    def search(self, queries, setting):
        how = {"leaves_to_search": setting["leaves"], "pre_reorder_num_neighbors": setting["reorder"]}
        if len(queries) == 1:
            return self.index.search(queries[0], final_num_neighbors=TOP_K, **how)[0][None]
        return self.index.search_batched(queries, final_num_neighbors=TOP_K, **how)[0]


KINDS = {"vrec": Vrec, "faiss": Faiss, "optimized": Optimized, "hnswlib": Hnswlib, "scann": Scann}
PACKAGES = {"vrec": ["vrec"], "faiss": ["faiss-cpu"], "hnswlib": ["hnswlib"], "scann": ["scann", "scann-core"]}


def version_of(kind):
    for package in PACKAGES[kind]:
        try:
            return f"{package} {version(package)}"
        except PackageNotFoundError:
            pass
    raise SystemExit(f"side: {' or '.join(PACKAGES[kind])} is missing in {sys.prefix}")


def build(kind, path, folder, options, answers):
    items = np.load(folder / "items.npy")
    wall, cpu = time.perf_counter(), time.process_time()
    KINDS[kind].build(str(path), items, options)
    answers.write(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}) + "\n")


def first(kind, path, folder, setting, answers):
    """The package is imported before, and the file is in the page cache."""
    __import__(kind)
    queries = np.load(folder / "queries.npy")
    memory, wall, cpu = private(), time.perf_counter(), time.process_time()
    side = KINDS[kind](str(path))
    side.search(queries[:1], setting)
    took = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    for i in range(BEFORE_MEMORY):
        side.search(queries[i % len(queries)][None], setting)
    answers.write(json.dumps({**took, "bytes": private() - memory}) + "\n")


def private():
    """Bytes that a process has for itself."""
    return 1024 * int(re.search(r"RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text())[1])


def serve(kind, path, folder, answers):
    queries, truth = (np.load(folder / f"{name}.npy") for name in ("queries", "truth"))
    side = KINDS[kind](str(path))
    print(version_of(kind), file=answers, flush=True)
    for request in sys.stdin:
        setting, batch = json.loads(request)
        found, taken = np.full((len(queries), TOP_K), -1, np.int64), []
        for at in range(0, len(queries), batch):
            began = time.process_time_ns()
            ids = side.search(queries[at:at + batch], setting)
            taken.append((time.process_time_ns() - began) / 1e9)
            found[at:at + batch, :ids.shape[1]] = ids
        print(json.dumps([sum(taken), recall(found, truth), *np.percentile(taken, (50, 99))]), file=answers, flush=True)


def recall(found, truth):
    return float(np.mean([len(np.intersect1d(ours, true)) / TOP_K for ours, true in zip(found, truth)]))


def main():
    verb, kind, path, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # ScaNN prints
    rest = [json.loads(text) for text in sys.argv[5:]]
    {"build": build, "first": first, "serve": serve}[verb](kind, path, folder, *rest, answers)
    answers.flush()


if __name__ == "__main__":
    main()
