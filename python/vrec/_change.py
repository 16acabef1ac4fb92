"""Changing an index. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from typing import Any

from . import _convert
from ._base import Base
from ._names import are_names, lines
from ._progress import Progress, bars


class Changes(Base):
    """One at a time; queries go on meanwhile."""

    def add(self, embeddings: Any, ids: Any = None, *, progress: Progress | bool | None = None) -> None:
        """Add items behind those that are there (faiss).

        Queries under way go on with the items that there were. The index is copied, and takes its memory twice
        for as long, so add many items at a time. After a failure it is as it was.

        Parameters
        ----------
        embeddings : torch.Tensor or array_like, shape (n, dim)
            Their vectors.
        ids : torch.Tensor or array_like of int or str, shape (n,), optional
            Their ids, or names, none of which is there yet: where items have ids of their own, or names, else
            None, and the next rows become ids.
        progress : callable or bool, optional
            As for `query`.

        Raises
        ------
        UnsupportedError
            A kind of index that can't; the message says what to do instead.
        ArgumentError
            Items with a NaN or Inf or of another dim; an id twice, or of an item that is there.
        """
        items = _convert.matrix(embeddings, "items")
        named = ids is not None and are_names(ids)
        numbers = None if ids is None or named else _convert.ids(ids, "ids")
        called = lines(ids, "ids") if named else None
        with self._changing, bars(progress) as report:
            self._handle.add(items, numbers, called, report)

    def optimize(self, queries: Any = None, *, progress: Progress | bool | None = None) -> None:
        """Make the graph anew, so that queries find more, and are faster (faiss HNSW).

        For graphs that FAISS has made, or a build without a sample of queries: ``info()["reach_entry"]`` says
        to what share of the items one leads; afterwards it leads to all. FAISS finds more in the saved file,
        too. Items, ids, names, m and efSearch stay. Queries under way go on with the old graph. The index
        takes its memory twice meanwhile, and some kB more for each item. After a failure it is as it was.

        Parameters
        ----------
        queries : torch.Tensor or array_like, shape (n_queries, dim), optional
            A sample of the queries that are to come, such as users, as for `Builder.from_embeddings`.
        progress : callable or bool, optional
            As for `query`.

        Raises
        ------
        UnsupportedError
            A kind of index where there is nothing to gain, or that holds a NaN or Inf.
        ArgumentError
            Queries of another dim, none, or with a NaN or Inf.
        """
        sample = None if queries is None else _convert.matrix(queries, "queries")
        with self._changing, bars(progress) as report:
            self._handle.optimize(sample, report)

    def upsert(self, ids: Any, embeddings: Any, *, progress: Progress | bool | None = None) -> None:
        """Add items, in place of those that have the same ids (milvus).

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, shape (n,)
            Their ids, each at most once.
        embeddings : torch.Tensor or array_like, shape (n, dim)
            Their vectors.
        progress : callable or bool, optional
            As for `query`.

        Raises
        ------
        UnsupportedError
            A backend, or a collection, whose items can't change.
        UnavailableError, DeadlineError
            The server failed, or didn't answer in time; the message says which rows are in, and `done` how
            many from the first on.
        """
        items = _convert.matrix(embeddings, "items")
        with self._changing, bars(progress) as report:
            self._handle.upsert(_convert.ids(ids, "ids"), items, report)

    def delete(self, ids: Any, *, progress: Progress | bool | None = None) -> None:
        """Take items out; an id that isn't there is no error (milvus).

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, shape (n,)
            Whom.
        progress : callable, optional
            As for `query`.

        Raises
        ------
        UnsupportedError, UnavailableError, DeadlineError
            As for `upsert`.
        """
        with self._changing, bars(progress) as report:
            self._handle.delete(_convert.ids(ids, "ids"), report)
