"""Indexers: queries and results. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import operator
import os
import threading
import weakref
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol, Self, TypeAlias, TypeVar, overload

import numpy as np

from . import _convert, _core
from ._errors import ArgumentError, ClosedError, OptionError
from ._exclude import Exclusions, csr
from ._library import OptionValue, backend_bytes, names, options_bytes, plain
from ._progress import Progress, bars

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.int64]
    Distances: TypeAlias = npt.NDArray[np.float32]


class Tensor(Protocol):
    """A torch tensor, for checkers of types; torch isn't needed for that."""

    @property
    def requires_grad(self) -> bool: ...

    def detach(self) -> Any: ...


T = TypeVar("T", bound=Tensor)

_MAX_TOP_K = _core.MAX_TOP_K


def _options(backend: str, overrides: dict[str, OptionValue]) -> bytes:
    return options_bytes(backend, plain(backend, overrides))


def _with_arguments(error: OptionError, backend: str, overrides: dict[str, OptionValue]) -> OptionError:
    """What the library says of an unknown option, and what it can't know: the names that query itself takes."""
    if overrides.keys() <= names(backend_bytes(backend)) or str(error).endswith("?"):  # which is a guess
        return error
    return OptionError(f"{error}; query itself takes threads, exclude, return_counts and progress")


class Indexer:
    """An index that answers queries.

    A builder makes it. Use it in a ``with`` block, or call `close` at the end, or leave it to Python to
    forget it. Any number of threads may use it at the same time.
    """

    _handle: _core.Indexer
    _backend: str
    _changing: threading.Lock

    def __init__(self) -> None:
        raise TypeError("a builder makes indexers: builder_factory(...).from_embeddings(...)")

    @classmethod
    def _of(cls, handle: _core.Indexer, backend: str) -> Self:
        self = cls.__new__(cls)
        self._handle = handle
        self._backend = backend
        self._changing = threading.Lock()
        weakref.finalize(self, handle.close)  # also when Python ends while a thread still holds it
        return self

    @overload
    def query(
        self,
        embeddings: T,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        return_counts: Literal[False] = False,
        progress: Progress | None = None,
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
        return_counts: Literal[True],
        progress: Progress | None = None,
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
        return_counts: Literal[False] = False,
        progress: Progress | None = None,
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
        return_counts: Literal[True],
        progress: Progress | None = None,
        **overrides: OptionValue,
    ) -> tuple[Ids, Distances, Ids]: ...

    def query(
        self,
        embeddings: Any,
        top_k: int,
        *,
        threads: int = 0,
        exclude: Exclusions | None = None,
        return_counts: bool = False,
        progress: Progress | None = None,
        **overrides: OptionValue,
    ) -> Any:
        """Find the nearest items of every query.

        Parameters
        ----------
        embeddings : torch.Tensor or array_like, shape (n_queries, dim) or (dim,)
            The queries, in any real number type; one dimension is one query. Strided memory on the CPU is
            read as it is; tensors of other devices are copied.
        top_k : int
            How many items, 1 to 16384.
        threads : int, optional
            0: as `set_default_threads` says, -1: all cores, n: n. The answer never depends on it.
        exclude : sequence of sequences of int, or CSR matrix, optional
            For every query the ids of items that it must not get. Or an object with ``indptr`` and
            ``indices``, such as a SciPy CSR matrix of users x items: the entries stored in row i are
            excluded from query i, whatever their values.
        return_counts : bool, optional
            Whether to return also how many items were found.
        progress : callable, optional
            Makes progress bars, as ``tqdm.tqdm`` does: ``bar = progress(total=..., desc=...)``, then
            ``bar.update(n)`` and ``bar.close()``. An exception from ``update`` stops the call.
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
        queries = _convert.matrix(embeddings, "queries")
        top_k = operator.index(top_k)
        if not 1 <= top_k <= _MAX_TOP_K:
            raise ArgumentError(f"query: top_k is {top_k}; it takes 1 to {_MAX_TOP_K}")
        rows = len(queries) if queries.ndim == 2 else 1
        ids = np.empty((rows, top_k), np.int64)
        distances = np.empty((rows, top_k), np.float32)
        counts = np.empty(rows, np.int64) if return_counts else None
        offsets, excluded = (None, None) if exclude is None else csr(exclude, rows)
        options = _options(self._backend, overrides) if overrides else None
        handle = self._handle
        try:
            if progress is None:
                handle.query(queries, top_k, ids, distances, counts, threads, offsets, excluded, options, None)
            else:
                with bars(progress) as report:
                    handle.query(queries, top_k, ids, distances, counts, threads, offsets, excluded, options, report)
        except OptionError as error:
            raise _with_arguments(error, self._backend, overrides) from None
        found = (ids, distances) if counts is None else (ids, distances, counts)
        return _convert.tensors(found) if _convert.is_tensor(embeddings) else found

    def save(self, file_path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Write the index to a file of the backend library's own format.

        Parameters
        ----------
        file_path : str or os.PathLike
            Where to. The write is atomic: afterwards there is either the old file or the new one.
        progress : callable, optional
            As for `query`.

        Raises
        ------
        FileError
            The operating system refused.
        UnsupportedError
            The index is on a server (milvus).
        """
        with bars(progress) as report:
            self._handle.save(os.fsencode(file_path), report)

    def upsert(self, ids: Any, embeddings: Any, *, progress: Progress | None = None) -> None:
        """Add items, in place of those that have the same ids (milvus).

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, shape (n,)
            Their ids, each at most once.
        embeddings : torch.Tensor or array_like, shape (n, dim)
            Their vectors.
        progress : callable, optional
            As for `query`.

        Raises
        ------
        UnsupportedError
            A backend, or a collection, whose items can't change.
        UnavailableError, DeadlineError
            The server failed, or didn't answer in time; the message says which rows are in.
        """
        items = _convert.matrix(embeddings, "items")
        with self._changing, bars(progress) as report:
            self._handle.upsert(_convert.ids(ids, "ids"), items, report)

    def delete(self, ids: Any) -> None:
        """Take items out; an id that isn't there is no error (milvus).

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, shape (n,)
            Whom.

        Raises
        ------
        UnsupportedError, UnavailableError, DeadlineError
            As for `upsert`.
        """
        with self._changing:
            self._handle.delete(_convert.ids(ids, "ids"))

    def info(self) -> dict[str, str | list[str]]:
        """What there is to know about the index: metric, rows, bytes...

        Returns
        -------
        dict
            Texts by name; "note", if there is one, is a list of texts about what is odd.
        """
        facts: dict[str, str | list[str]] = {}
        notes = []
        for key, value in self._handle.info():
            if key == "note":
                notes.append(value)
            else:
                facts[key] = value
        if notes:
            facts["note"] = notes
        return facts

    def __len__(self) -> int:
        """How many items it has."""
        return self._handle.rows

    @property
    def dim(self) -> int:
        """How many values an item has."""
        return self._handle.dim

    @property
    def larger_is_nearer(self) -> bool:
        """Whether a larger distance is nearer, as with inner products."""
        return self._handle.larger_is_nearer

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle.closed

    def close(self) -> None:
        """Let go of the index: its memory, its file, its connection.

        A collection that `from_embeddings` gave a made-up name is dropped from its server (milvus). Calls
        that other threads have under way end as usual; later ones raise `ClosedError`.
        """
        self._handle.close()

    def __enter__(self) -> Self:
        if self.closed:
            raise ClosedError("the indexer is closed")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("an indexer can't be pickled; save it, and open the file where it is needed")

    def __repr__(self) -> str:
        if self.closed:
            return "<vrec.Indexer: closed>"
        facts = self.info()
        kind = " ".join(str(facts[key]) for key in ("backend", "index_type") if key in facts)
        return f"<vrec.Indexer: {kind}, {facts['metric']}, {len(self)} x {self.dim}>"
