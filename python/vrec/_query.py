"""Queries and their results. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, overload

import numpy as np

from . import _convert
from ._allow import Allowance, allowance
from ._errors import ArgumentError, OptionError, OutOfMemoryError
from ._exclude import Exclusions, csr
from ._items import Items
from ._library import OptionValue, backend_bytes, names, options_bytes, plain
from ._names import are_names, resolve
from ._progress import Progress, bars

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._items import Ids

    Distances: TypeAlias = npt.NDArray[np.float32]


class Tensor(Protocol):
    """A torch tensor, for checkers of types; torch isn't needed for that."""

    @property
    def requires_grad(self) -> bool: ...

    def detach(self) -> Any: ...


T = TypeVar("T", bound=Tensor)


def _room(rows: int, top_k: int, counted: bool) -> tuple[Ids, Distances, Ids | None]:
    try:
        return (
            np.empty((rows, top_k), np.int64),
            np.empty((rows, top_k), np.float32),
            np.empty(rows, np.int64) if counted else None,
        )
    except MemoryError as error:
        raise OutOfMemoryError(f"query: no memory for {rows} x {top_k} results") from error


def _options(backend: str, overrides: dict[str, OptionValue]) -> bytes:
    return options_bytes(backend, plain(backend, overrides))


def _with_arguments(error: OptionError, backend: str, overrides: dict[str, OptionValue]) -> OptionError:
    """What the library says of an unknown option, and what it can't know: the names that query itself takes."""
    if overrides.keys() <= names(backend_bytes(backend)) or str(error).endswith("?"):  # which is a guess
        return error
    return OptionError(f"{error}; query itself takes threads, exclude, allow, valid, merge, return_counts and progress")


_MERGES = {"best": 0, "sum": 1, "round-robin": 2}


def _queries(embeddings: Any) -> tuple[_convert.Array, int]:
    """A matrix, and how many rows of it are one user's; 0 where each is a query."""
    if getattr(embeddings, "ndim", None) == 3:
        users, interests, dim = embeddings.shape
        if interests == 0:
            raise ArgumentError(f"queries: an array of shape {tuple(embeddings.shape)} has no interests")
        return _convert.matrix(embeddings.reshape(users * interests, dim), "queries"), int(interests)
    return _convert.matrix(embeddings, "queries"), 0


def _merging(interests: int, valid: Any, merge: str | None) -> tuple[int, Ids | None]:
    """The number of the way to merge, and how many interests of each user are valid."""
    if not interests and (valid is not None or merge is not None):
        what = "merge" if valid is None else "valid"
        raise ArgumentError(f"query: {what} is for embeddings of shape (users, interests, dim)")
    if merge is not None and merge not in _MERGES:
        raise ArgumentError(f"query: merge is {merge!r}; it takes \"best\", \"sum\" or \"round-robin\"")
    return _MERGES[merge or "best"], None if valid is None else _convert.ids(valid, "valid")


class Queries(Items):
    """Who is near."""

    @overload
    def query(
        self,
        embeddings: T,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        allow: Allowance | None = None,
        valid: Any = None,
        merge: str | None = None,
        return_counts: Literal[False] = False,
        progress: Progress | bool | None = None,
        **overrides: OptionValue,
    ) -> tuple[T, T]: ...

    @overload
    def query(
        self,
        embeddings: T,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        allow: Allowance | None = None,
        valid: Any = None,
        merge: str | None = None,
        return_counts: Literal[True],
        progress: Progress | bool | None = None,
        **overrides: OptionValue,
    ) -> tuple[T, T, T]: ...

    @overload
    def query(
        self,
        embeddings: Any,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        allow: Allowance | None = None,
        valid: Any = None,
        merge: str | None = None,
        return_counts: Literal[False] = False,
        progress: Progress | bool | None = None,
        **overrides: OptionValue,
    ) -> tuple[Ids, Distances]: ...

    @overload
    def query(
        self,
        embeddings: Any,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        allow: Allowance | None = None,
        valid: Any = None,
        merge: str | None = None,
        return_counts: Literal[True],
        progress: Progress | bool | None = None,
        **overrides: OptionValue,
    ) -> tuple[Ids, Distances, Ids]: ...

    def query(
        self,
        embeddings: Any,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        allow: Allowance | None = None,
        valid: Any = None,
        merge: str | None = None,
        return_counts: bool = False,
        progress: Progress | bool | None = None,
        **overrides: OptionValue,
    ) -> Any:
        """Find the nearest items of every query.

        Parameters
        ----------
        embeddings : torch.Tensor or array_like, shape (n_queries, dim), (dim,) or (n_queries, n_interests, dim)
            The queries, in any real number type; one dimension is one query. Three are users with several
            interests each, as MIND and ComiRec make them: each interest is searched to `top_k`, and what they
            find becomes one answer, in which an item stands once. Strided memory on the CPU is read as it is;
            tensors of other devices are copied.
        top_k : int
            How many items, 1 to 16384.
        threads : int, optional
            0: as `set_default_threads` says, -1: all cores, n: n. The answer never depends on it.
        exclude : sequence of int, sequence of sequences of int, or CSR matrix, optional
            The ids of items that no query must get, or for every query those that it must not get. Or an
            object with ``indptr`` and ``indices``, such as a SciPy CSR matrix of users x items: the entries
            stored in row i are excluded from query i, whatever their values.
        allow : array of bool, sequence of int, sequence of sequences of int, or CSR matrix, optional
            The items that queries may get, and no others: a truth for each row of the index, of shape
            (len(self),) for all queries or (n_queries, len(self)); or their ids, as for `exclude`. Rows are
            in the order of `ids`; milvus knows none, and takes ids alone.
            Where items have names, lists may hold these, in `exclude`, too; one that nobody has means nobody.
        valid : array_like of int, shape (n_queries,), optional
            How many interests of each user are valid, the first ones; all if it isn't given.
        merge : {"best", "sum", "round-robin"}, optional
            How interests become one answer: by the distance to the nearest of them (the default), by the sum of
            the distances to all that are valid (not for milvus), or the next item of each in turn.
        return_counts : bool, optional
            Whether to return also how many items were found.
        progress : callable or bool, optional
            Makes progress bars, as ``tqdm.tqdm`` does: ``bar = progress(total=..., desc=...)``, then
            ``bar.update(n)`` and ``bar.close()``. An exception from ``update`` stops the call. True: tqdm's.
        **overrides
            Options for this call alone, such as ``searchk=5000``: those of `vrec.options` that have "query"
            among their stages.

        Returns
        -------
        ids : torch.Tensor or ndarray of int64, shape (n_queries, top_k)
            Item ids, nearest first; -1 where fewer were found. On the CPU; torch if `embeddings` was.
        distances : torch.Tensor or ndarray of float32, shape (n_queries, top_k)
            In the unit of the backend and metric; +inf (-inf where larger is nearer) beside -1.
        counts : torch.Tensor or ndarray of int64, shape (n_queries,)
            How many items were found. Only with `return_counts`.

        Raises
        ------
        ArgumentError
            A wrong shape or number.
        OptionError
            An override that the backend doesn't take for one query.
        ClosedError
            The indexer was closed.
        CorruptError
            A damaged index file (annoy), or a reply that contradicts itself (milvus).
        UnavailableError, DeadlineError
            The server failed, or didn't answer in time (milvus).
        """
        queries, interests = _queries(embeddings)
        how, counted = _merging(interests, valid, merge)
        top_k = _convert.top_k(top_k, "query")
        threads = _convert.whole(threads, "query", "threads", "a whole number")
        rows = len(queries) // max(interests, 1) if queries.ndim == 2 else 1
        ids, distances, counts = _room(rows, top_k, return_counts)
        exclude, allow = resolve(exclude, self._find, "exclude"), resolve(allow, self._find, "allow")
        offsets, excluded = (None, None) if exclude is None else csr(exclude, rows, len(self))
        allowed = allowance(allow, rows, len(self))
        options = _options(self._backend, overrides) if overrides else None
        handle = self._handle
        try:
            if progress is None:
                handle.query(
                    queries, top_k, ids, distances, counts, threads, offsets, excluded, *allowed,
                    interests, counted, how, options, None,
                )  # fmt: skip
            else:
                with bars(progress) as report:
                    handle.query(
                        queries, top_k, ids, distances, counts, threads, offsets, excluded, *allowed,
                        interests, counted, how, options, report,
                    )  # fmt: skip
        except OptionError as error:
            raise _with_arguments(error, self._backend, overrides) from None
        found = (ids, distances) if counts is None else (ids, distances, counts)
        return _convert.tensors(found) if _convert.is_tensor(embeddings) else found

    def similar(self, ids: Any, top_k: int, *, threads: int = 0, **overrides: Any) -> Any:
        """Item to item: the nearest items of items, without themselves.

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, or array_like of str, shape (n,), or int or str
            Of which items.
        top_k : int
            How many, 1 to 16384.
        threads : int, optional
            As for `query`.
        **overrides
            As for `query`.

        Returns
        -------
        ids, distances : torch.Tensor or ndarray, shape (n, top_k)
            As of `query`.

        Raises
        ------
        ArgumentError, UnsupportedError
            As for `vectors`.
        """
        if are_names(ids):
            ids = self.find(ids)
        vectors = self.vectors(ids)
        others = np.asarray(ids).reshape(-1, 1).tolist()
        return self.query(vectors, top_k, threads=threads, exclude=others, **overrides)
