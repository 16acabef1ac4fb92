"""The two sides of every comparison, behind one interface. SPDX-License-Identifier: Apache-2.0"""

import sys
from pathlib import Path

import faiss

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "interop"))
import vreclib  # noqa: E402 (the one binding that there is)


class Vrec:
    name = "vrec"

    def __init__(self, index):
        self.index = index

    @classmethod
    def build(cls, items, metric):
        return cls(vreclib.Builder("faiss", index_type="Flat", metric=metric).from_embeddings(items))

    @classmethod
    def open(cls, path, threads):
        return cls(vreclib.Builder("faiss", threads=threads).from_index_file(path))

    def search(self, queries, top_k, threads):
        return self.index.query(queries, top_k, threads)[0]


class Faiss:
    name = "faiss"

    def __init__(self, index):
        self.index = index

    @classmethod
    def build(cls, items, metric):
        names = {"L2": faiss.METRIC_L2, "IP": faiss.METRIC_INNER_PRODUCT}
        index = faiss.IndexFlat(items.shape[1], names[metric])
        index.add(items)
        return cls(index)

    @classmethod
    def open(cls, path, threads):
        faiss.omp_set_num_threads(threads)
        return cls(faiss.read_index(str(path)))

    def search(self, queries, top_k, threads):
        faiss.omp_set_num_threads(threads)  # its OpenBLAS is built on the same OpenMP
        return self.index.search(queries, top_k)[1]


ENGINES = {engine.name: engine for engine in (Vrec, Faiss)}
