"""The two sides of every comparison, behind one interface. SPDX-License-Identifier: Apache-2.0"""

import faiss
import vrec
from annoy import AnnoyIndex


class Vrec:
    name = "vrec"

    def __init__(self, index):
        self.index = index

    @classmethod
    def build(cls, items, metric, codes="auto"):
        return cls(vrec.builder_factory("faiss", index_type="Flat", metric=metric, codes=codes).from_embeddings(items))

    @classmethod
    def open(cls, path, threads, metric, dim):
        return cls(vrec.builder_factory("faiss", threads=threads, metric=metric).from_index_file(path))

    def search(self, queries, top_k, threads):
        return self.index.query(queries, top_k, threads=threads)[0]


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
    def open(cls, path, threads, metric, dim):
        faiss.omp_set_num_threads(threads)
        return cls(faiss.read_index(str(path)))

    def search(self, queries, top_k, threads):
        faiss.omp_set_num_threads(threads)  # its OpenBLAS is built on the same OpenMP
        return self.index.search(queries, top_k)[1]


class Forest:
    """vrec's backend annoy."""

    def __init__(self, index):
        self.index = index

    @classmethod
    def build(cls, items, metric, trees, threads=-1, stream="per_tree"):
        return cls(vrec.builder_factory("annoy", metric=metric, n_trees=trees, threads=threads,
                                        stream=stream).from_embeddings(items))

    @classmethod
    def open(cls, path, threads, metric, dim):
        return cls(vrec.builder_factory("annoy", metric=metric, d=dim).from_index_file(path))

    def search(self, queries, top_k, threads, searchk=-1):
        return self.index.query(queries, top_k, threads=threads, searchk=searchk)[0]


class Annoy:
    def __init__(self, index):
        self.index = index

    @classmethod
    def of(cls, items, metric):
        """Not built yet."""
        index = AnnoyIndex(items.shape[1], metric)
        for i, item in enumerate(items):
            index.add_item(i, item)
        return cls(index)

    def rebuild(self, trees, threads):
        self.index.unbuild()
        self.index.build(trees, n_jobs=threads)

    @classmethod
    def open(cls, path, threads, metric, dim):
        index = AnnoyIndex(dim, metric)
        index.load(str(path))
        return cls(index)

    def search(self, queries, top_k, threads, searchk=-1):
        """One by one on one thread, as there is no other way."""
        return [self.index.get_nns_by_vector(query, top_k, searchk) for query in queries.tolist()]


ENGINES = {"vrec": Vrec, "faiss": Faiss, "forest": Forest, "annoy": Annoy}
