"""The matching engines that Torch-RecHub's examples use: Annoy, Faiss, Milvus. SPDX-License-Identifier: Apache-2.0

>>> from vrec.utils.match import Annoy          # was: from torch_rechub.utils.match import Annoy
>>> annoy = Annoy(n_trees=10)
>>> annoy.fit(item_embeddings)
>>> items, distances = annoy.query(v=user_embedding, n=10)

New code finds more in `vrec.serving`: batches of any size, exclusions, arrays.
"""

from __future__ import annotations

import os
from typing import Any

from .. import _convert
from .._builder import Builder
from .._errors import ArgumentError
from .._indexer import Indexer
from .._library import OptionValue
from ..serving import builder_factory

Lists = tuple[list[list[int]], list[list[float]]]


def _ask(indexer: Indexer | None, what: str, v: Any, n: int, **options: Any) -> Lists:
    """Of every query the items that were found and their distances: fewer than n, where there are no more."""
    if indexer is None:
        raise ArgumentError(f"{what}: there is nothing to query before fit")
    ids, distances, counts = indexer.query(_convert.matrix(v, "v"), n, return_counts=True, **options)
    found = counts.tolist()
    return (
        [row[:count] for row, count in zip(ids.tolist(), found)],
        [row[:count] for row, count in zip(distances.tolist(), found)],
    )


class Annoy:
    """A forest.

    Parameters
    ----------
    metric : str, optional
        "angular", "euclidean" or "dot".
    n_trees : int, optional
        How many trees.
    search_k : int, optional
        How many nodes a query looks at; -1: n_trees * n.
    """

    def __init__(self, metric: str = "angular", n_trees: int = 10, search_k: int = -1) -> None:
        self._metric = metric
        self._n_trees = n_trees
        self._search_k = search_k
        self._annoy: Indexer | None = None

    def fit(self, X: Any) -> None:
        """Build the forest, in place of the one before.

        Parameters
        ----------
        X : torch.Tensor or array_like, shape (n_samples, n_features)
            The items.
        """
        items = _convert.matrix(X, "X")
        builder = builder_factory("annoy", d=items.shape[-1], metric=self._metric, n_trees=self._n_trees)
        self._annoy = builder.from_embeddings(items)

    def set_query_arguments(self, search_k: int) -> None:
        """Say how many nodes a query looks at.

        Parameters
        ----------
        search_k : int
            -1: n_trees * n.
        """
        self._search_k = search_k

    def query(self, v: Any, n: int) -> tuple[list[int], list[float]]:
        """Find the items nearest to one vector.

        Parameters
        ----------
        v : torch.Tensor or array_like, shape (n_features,)
            The vector.
        n : int
            How many items.

        Returns
        -------
        indices : list of int
            The items, nearest first; fewer than n where fewer were found.
        distances : list of float
            Beside them.
        """
        ids, distances = _ask(self._annoy, "Annoy", v, n, searchk=self._search_k)
        if len(ids) != 1:
            raise ArgumentError(f"v: {len(ids)} vectors; Annoy.query takes one")
        return ids[0], distances[0]

    def __str__(self) -> str:
        return f"Annoy(n_trees={self._n_trees}, search_k={self._search_k})"


class Faiss:
    """An exact index, inverted lists, or a graph.

    Parameters
    ----------
    dim : int
        How many values a vector has.
    index_type : str, optional
        "flat", "ivf" or "hnsw".
    nlist : int, optional
        How many clusters (ivf).
    m : int, optional
        How many links an item has (hnsw).
    metric : str, optional
        "l2" or "ip". A graph for "ip" is one of inner products.
    """

    def __init__(self, dim: int, index_type: str = "flat", nlist: int = 100, m: int = 32, metric: str = "l2") -> None:
        self.dim = dim
        self.index_type = index_type.lower()
        self.nlist = nlist
        self.m = m
        self.metric = metric.lower()
        self.index: Indexer | None = None
        self.is_trained = False
        self._nprobe: int | None = None
        self._efSearch: int | None = None
        self._builder = self._make_builder()

    def _make_builder(self) -> Builder:
        kinds: dict[str, dict[str, OptionValue]] = {"ivf": {"nlists": self.nlist}, "hnsw": {"m": self.m}}
        return builder_factory("faiss", index_type=self.index_type, metric=self.metric, **kinds.get(self.index_type, {}))

    def fit(self, X: Any) -> None:
        """Train and build the index.

        Parameters
        ----------
        X : torch.Tensor or array_like, shape (n_samples, dim)
            The items.
        """
        items = _convert.matrix(X, "X")
        if items.shape[-1] != self.dim:
            raise ArgumentError(f"X: vectors of {items.shape[-1]} values, and dim is {self.dim}")
        if self.index is not None:
            raise ArgumentError("Faiss: the index has its items, and takes no more; make another Faiss")
        self.index = self._builder.from_embeddings(items)
        self.is_trained = True

    def query(self, v: Any, n: int) -> Lists:
        """Find the items nearest to every vector.

        Parameters
        ----------
        v : torch.Tensor or array_like, shape (n_queries, dim) or (dim,)
            The vectors, or one.
        n : int
            How many items.

        Returns
        -------
        indices : list of lists of int
            For every vector the items, nearest first; fewer than n where fewer were found.
        distances : list of lists of float
            Beside them.
        """
        return _ask(self.index, "Faiss", v, n, **self._query_options())

    def _query_options(self) -> dict[str, OptionValue]:
        if self.index_type == "ivf":
            return {"nprobe": max(1, self.nlist // 4) if self._nprobe is None else self._nprobe}
        if self.index_type == "hnsw" and self._efSearch is not None:
            return {"efSearch": self._efSearch}
        return {}

    def set_query_arguments(self, nprobe: int | None = None, efSearch: int | None = None) -> None:
        """Say how much a query looks at, from now on.

        Parameters
        ----------
        nprobe : int, optional
            How many clusters (ivf); a quarter of them if never said.
        efSearch : int, optional
            How many candidates (hnsw); 16 if never said.
        """
        if nprobe is not None:
            self._nprobe = min(nprobe, self.nlist)
        if efSearch is not None:
            self._efSearch = efSearch

    def save_index(self, filepath: str | os.PathLike[str]) -> None:
        """Save the index, as FAISS's write_index does."""
        if self.index is None:
            raise ArgumentError("Faiss: there is nothing to save before fit")
        self.index.save(filepath)

    def load_index(self, filepath: str | os.PathLike[str]) -> None:
        """Open a saved index, whatever kind it is."""
        index = builder_factory("faiss").from_index_file(filepath)
        facts = index.info()
        self.index, self.dim, self.is_trained = index, index.dim, True
        self.index_type, self.metric = str(facts["index_type"]).lower(), str(facts["metric"]).lower()
        if self.index_type == "ivf":
            self.nlist = int(str(facts["nlists"]))

    def __str__(self) -> str:
        rows = 0 if self.index is None else len(self.index)
        return f"Faiss(index_type={self.index_type}, dim={self.dim}, metric={self.metric}, ntotal={rows})"


class Milvus:
    """A collection "rechub" on a Milvus server, with inverted lists.

    Parameters
    ----------
    dim : int, optional
        How many values a vector has.
    host, port : str, optional
        Where the server is.
    replace : bool, optional
        Whether `fit` deletes a collection "rechub" that exists, with all that is in it. Else it refuses.
    """

    def __init__(
        self, dim: int = 64, host: str = "localhost", port: str | int = "19530", *, replace: bool = False
    ) -> None:
        self.dim = dim
        self._replace = replace
        self._builder = builder_factory(
            "milvus",
            d=dim,
            host=host,
            port=int(port),
            collection="rechub",
            index_type="IVF_FLAT",
            metric="L2",
            nlist=128,
            nprobe=16,
        )
        self.milvus: Indexer | None = None

    def fit(self, X: Any) -> None:
        """Make the collection, and insert the items.

        Parameters
        ----------
        X : torch.Tensor or array_like, shape (n_samples, dim)
            The items.
        """
        items = _convert.matrix(X, "X")
        if self._replace:
            self._drop()
        self.milvus = self._builder.from_embeddings(items)

    def _drop(self) -> None:
        try:
            self._builder.drop()
        except ArgumentError:  # there is none
            pass

    def query(self, v: Any, n: int) -> Lists:
        """Find the items nearest to every vector.

        Parameters
        ----------
        v : torch.Tensor or array_like, shape (n_queries, dim) or (dim,)
            The vectors, or one.
        n : int
            How many items.

        Returns
        -------
        indices : list of lists of int
            For every vector the items, nearest first; fewer than n where fewer were found.
        distances : list of lists of float
            Their squared distances.
        """
        return _ask(self.milvus, "Milvus", v, n)


__all__ = ["Annoy", "Faiss", "Milvus"]
