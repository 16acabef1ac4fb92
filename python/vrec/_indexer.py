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
from ._allow import Allowance, allowance
from ._errors import ArgumentError, ClosedError, OptionError, OutOfMemoryError, UnsupportedError
from ._exclude import Exclusions, csr
from ._library import OptionValue, backend_bytes, names, options_bytes, plain
from ._names import are_names, lines, resolve, texts
from ._progress import Progress, Report, bars
from ._tuning import Tuning, TuningStep, setting

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


def whole(value: Any, name: str, takes: str) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise OptionError(f"query: {name} is a {type(value).__name__}; it takes {takes}") from None


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


class _Nothing:
    """What stands behind an indexer of the user's own."""

    rows = dim = 0
    closed = larger_is_nearer = False

    def close(self) -> None:
        pass

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # which Python itself and help() ask for
            raise AttributeError(name)
        raise UnsupportedError(f"this indexer isn't one of vrec's, and has no {name} of its own")


class Indexer:
    """An index that answers queries.

    A builder makes it. Use it in a ``with`` block, or call `close` at the end, or leave it to Python to
    forget it. Any number of threads may use it at the same time. A subclass that has a `query` of its own is an
    indexer of its own, with nothing of vrec's behind it.
    """

    _handle: _core.Indexer = _Nothing()  # type: ignore[assignment]
    _backend: str
    _changing = threading.Lock()

    def __init__(self) -> None:
        if type(self).query is Indexer.query:
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
        top_k = whole(top_k, "top_k", f"a whole number, 1 to {_MAX_TOP_K}")
        threads = whole(threads, "threads", "a whole number")
        if not 1 <= top_k <= _MAX_TOP_K:
            raise ArgumentError(f"query: top_k is {top_k}; it takes 1 to {_MAX_TOP_K}")
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

    def save(self, file_path: str | os.PathLike[str], *, progress: Progress | bool | None = None) -> None:
        """Write the index to a file of the backend library's own format.

        Parameters
        ----------
        file_path : str or os.PathLike
            Where to. The write is atomic: afterwards there is either the old file or the new one. Names of
            the items, and ids of a forest, go to FILE.ids beside it; `from_index_file` finds them by itself.
        progress : callable or bool, optional
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

    def info(self) -> dict[str, str | int | float | list[str]]:
        """What there is to know about the index: metric, rows, bytes...

        For a graph (HNSW) also the links of its lowest level, degree_min, degree_mean and degree_max of an item,
        and the shares of items that they lead to: reach_entry from the entry point, reach_upper from any item of
        a higher level. They are found out when first asked for: .2 s for a million items.

        Returns
        -------
        dict
            Texts, numbers and truths by name; "note", if there is one, is a list of texts about what is odd.
        """
        facts: dict[str, str | int | float | list[str]] = {}
        notes = []
        for key, value in self._handle.info(None):
            if key == "note":
                notes.append(str(value))
            else:
                facts[key] = value
        if notes:
            facts["note"] = notes
        return facts

    def ids(self) -> Ids:
        """The ids of all rows.

        Returns
        -------
        ndarray of int64, shape (len(self),)
            -1 for a row that is no item (annoy: an id that nobody added).

        Raises
        ------
        UnsupportedError
            The items are on a server (milvus).
        """
        ids = np.empty(len(self), np.int64)
        self._handle.ids(ids)
        return ids

    def names(self, ids: Any = None) -> npt.NDArray[np.object_]:
        """The names of items, where they have some: ``indexer.names(indexer.query(users, 10)[0])``.

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, any shape, or int, optional
            Whose, such as the ids that a query returned. Without it, of all rows.

        Returns
        -------
        ndarray of object, of the shape of `ids`
            A str for each; None for -1, and for an id that no item has.

        Raises
        ------
        UnsupportedError
            The items have no names.
        """
        if "names" not in self.info():
            raise UnsupportedError("names: the items have none; give texts as ids when the index is built")
        if ids is None:
            ids = np.arange(len(self))
        elif _convert.is_tensor(ids):
            ids = ids.detach().cpu().numpy()
        wanted = np.asarray(ids)
        found = np.empty(wanted.size, object)
        found[:] = self._handle.names(_convert.ids(wanted.reshape(-1), "ids"))
        return found.reshape(wanted.shape)

    def find(self, names: Any) -> Ids:
        """The ids of items, by their names.

        Parameters
        ----------
        names : array_like of str, shape (n,), or str
            Whose, in any order, also twice. One name is a list of one.

        Returns
        -------
        ndarray of int64, shape (n,)
            Their ids, as queries know them.

        Raises
        ------
        ArgumentError
            No item has one of the names; the message names the first.
        """
        wanted = texts(names, "names")
        ids = self._find(wanted, "names")
        if np.any(ids < 0):
            i = int(np.argmax(ids < 0))
            raise ArgumentError(f"names: no item has the name {wanted[i]!r}, which is number {i} of them")
        return ids

    def _find(self, names: list[str], what: str) -> Ids:
        """The same; -1 where nobody has it."""
        if "names" not in self.info():
            raise ArgumentError(f"{what}: it holds texts, but the items have no names; their ids are numbers")
        ids = np.empty(len(names), np.int64)
        self._handle.find(names, ids)
        return ids

    def vectors(self, ids: Any) -> Any:
        """The vectors of items, as the index holds them.

        Parameters
        ----------
        ids : torch.Tensor or array_like of int, or array_like of str, shape (n,), or int or str
            Whose, in any order, also twice. One id is a list of one.

        Returns
        -------
        torch.Tensor or ndarray of float32, shape (n, dim)
            torch if `ids` was.

        Raises
        ------
        ArgumentError
            No item has one of the ids; the message names the first.
        UnsupportedError
            The items are on a server (milvus).
        """
        if are_names(ids):
            ids = self.find(ids)
        wanted = _convert.ids(np.atleast_1d(ids) if np.ndim(ids) == 0 else ids, "ids")
        out = np.empty((len(wanted), self.dim), np.float32)
        self._handle.vectors(wanted, out)
        return _convert.tensors((out,))[0] if _convert.is_tensor(ids) else out

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

    def tune(
        self,
        queries: Any = None,
        *,
        recall: float = 0.95,
        top_k: int = 10,
        threads: int = 0,
        items: Any = None,
        ids: Any = None,
        progress: Progress | bool | None = None,
    ) -> Tuning:
        """Find the cheapest setting that reaches a recall.

        It is efSearch or gamma (HNSW), nprobe or budget (IVF), searchk (annoy); ef or nprobe on a server (milvus).

        Parameters
        ----------
        queries : torch.Tensor or array_like, shape (n_queries, dim), optional
            Examples of the queries that are to come; 1000 are enough. Without them up to 1000 of the items are
            asked for, each as if the index didn't have it. Users among items mostly find less: give some.
        recall : float, optional
            The share of the truly nearest that a query is to find, on average: above 0, below 1.
        top_k : int, optional
            Of so many nearest.
        threads : int, optional
            As for `query`.
        items : torch.Tensor or array_like, shape (n_items, dim), optional
            All items of an index on a server (milvus), which doesn't give them back. None for others.
        ids : torch.Tensor or array_like of int, shape (n_items,), optional
            Their ids; else row i is item i.
        progress : callable or bool, optional
            As for `query`.

        Returns
        -------
        Tuning
            Its `options` go to `query`: ``indexer.query(users, 10, **indexer.tune(users).options)``. From then on
            `query` also takes ``target_recall=0.9``, for this `top_k`.

        Raises
        ------
        ArgumentError
            The recall is out of reach; a wrong shape or number.
        UnsupportedError
            The index is exact already; or of a kind that has neither ef nor nprobe (milvus).
        """
        matrix = None if queries is None else _convert.matrix(queries, "queries")
        top_k = whole(top_k, "top_k", f"a whole number, 1 to {_MAX_TOP_K}")
        threads = whole(threads, "threads", "a whole number")
        if not 1 <= top_k <= _MAX_TOP_K:
            raise ArgumentError(f"tune: top_k is {top_k}; it takes 1 to {_MAX_TOP_K}")
        everything = None if items is None else _convert.matrix(items, "items")
        own = None if ids is None else _convert.ids(ids, "ids")
        with bars(progress) as report:
            best, of_file, reached, error, speed, distances, count, exact, farther, steps = self._handle.tune(
                matrix, recall, top_k, threads, everything, own, report
            )
        tried = [TuningStep(setting(text), *numbers) for text, *numbers in steps]
        return Tuning(setting(best), setting(of_file), reached, error, speed, distances, count, exact, farther, tried)

    def __contains__(self, id: object) -> bool:
        """Whether an item has that id, or that name."""
        if isinstance(id, str):
            return "names" in self.info() and bool(self._find([id], "id")[0] >= 0)
        try:
            self._handle.vectors(np.array([operator.index(id)], np.int64), np.empty(self.dim, np.float32))  # type: ignore[arg-type]
        except (ArgumentError, TypeError, OverflowError):
            return False
        return True

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
        if isinstance(self._handle, _Nothing):
            return object.__repr__(self)
        if self.closed:
            return "<vrec.Indexer: closed>"
        facts = dict(self._handle.info("metric"))
        kind = " ".join(str(facts[key]) for key in ("backend", "index_type") if key in facts)
        return f"<vrec.Indexer: {kind}, {facts['metric']}, {len(self)} x {self.dim}>"
