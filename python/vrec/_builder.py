"""Builders: what a backend was told, and what it makes. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from . import _convert, _core
from ._errors import ArgumentError, OptionError
from ._forecast import Forecast
from ._indexer import Indexer
from ._library import OptionValue, backend_bytes, grouped, options, options_bytes, plain
from ._names import are_names, lines
from ._progress import Progress, bars

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    # So that `BaseBuilder` alone is a type, too: the builder of any indexer.
    I = TypeVar("I", bound=Indexer, default=Indexer, covariant=True)
else:
    from typing import TypeVar

    I = TypeVar("I", bound=Indexer, covariant=True)


class Builder(Generic[I]):
    """The configuration of one backend. It makes indexers, and doesn't change.

    `builder_factory` makes it. It may be shared between threads, and pickled. A subclass that has a
    `from_embeddings` and a `from_index_file` of its own is a builder of its own, with nothing of vrec's behind it.
    """

    # Of a subclass: its backend, the options that may be given by position, and what it makes.
    _backend: str
    _positional: ClassVar[tuple[str, ...]] = ()
    _indexer: ClassVar[type[Indexer]] = Indexer
    # Options that may be given for any kind of index, and are dropped where one of another kind is built.
    _of_any_kind: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not hasattr(cls, "_backend"):  # one of the user's own
            return
        cls.__signature__ = _signature(cls._backend, cls._positional)  # type: ignore[attr-defined]
        if "_backend" in cls.__dict__ and cls.__doc__:
            cls.__doc__ += f"\n\n{_options_section(cls._backend)}"

    def __init__(self, *args: OptionValue, **config: OptionValue) -> None:
        name, positional = type(self).__name__, self._positional
        if not hasattr(self, "_backend"):
            if type(self).from_embeddings is Builder.from_embeddings:
                raise TypeError("builder_factory(backend, ...) makes builders")
            if args or config:
                raise TypeError(f"{name} has no __init__ that takes arguments")
            return
        if len(args) > len(positional):
            raise OptionError(f"{name} takes {len(positional)} options by position, not {len(args)}")
        by_position = dict(zip(positional, args))
        for key in by_position.keys() & config.keys():
            raise OptionError(f"{name}: {key} is given twice, by position and by name")
        self._configure(self._backend, {**by_position, **config})

    @classmethod
    def _of(cls, backend: str, config: dict[str, OptionValue]) -> Self:
        self = cls.__new__(cls)
        self._configure(backend, config)
        return self

    def _configure(self, backend: str, config: dict[str, OptionValue]) -> None:
        self._config = plain(backend, config)
        self._handle = self._building = self._told(backend, self._config)
        self._backend = backend.lower()
        dropped = self._of_other_kinds()
        if dropped:
            kept = {key: value for key, value in self._config.items() if key not in dropped}
            self._building = self._told(backend, kept)
            if "index_type" in kept:  # else an index that is opened may be of the kind that they are for
                self._handle = self._building

    @staticmethod
    def _told(backend: str, config: dict[str, str | int | None]) -> _core.Builder:
        return _core.Builder(backend_bytes(backend), options_bytes(backend, config))

    def _of_other_kinds(self) -> set[str]:
        if not self._config.keys() & set(self._of_any_kind):
            return set()
        table = {option.key: option for option in options(self._backend)}
        kind = str(self._config.get("index_type") or table["index_type"].default).lower()
        return {
            key
            for key in self._config.keys() & set(self._of_any_kind)
            if table[key].kinds and kind not in map(str.lower, table[key].kinds)
        }

    def _made(self, handle: _core.Indexer) -> I:
        indexer: Any = self._indexer._of(handle, self._backend)
        made: I = indexer
        return made

    def from_embeddings(
        self, embeddings: Any, *, ids: Any = None, queries: Any = None, progress: Progress | bool | None = None
    ) -> I:
        """Build an index.

        Parameters
        ----------
        embeddings : torch.Tensor or array_like, shape (n_items, dim)
            The items, in any real number type; row i becomes item id i, unless there are `ids`. Strided
            memory on the CPU is read as it is, and copied once, as float32; tensors of other devices are
            copied there first.
        ids : torch.Tensor or array_like of int, or array_like of str, shape (n_items,), optional
            The items' ids, each at most once. Integers, but for -1: results and exclusions are by these.
            Texts are names (not milvus): ids are rows then, and `Indexer.names` and `Indexer.find` lead from
            one to the other; lists of items may hold either.
        queries : torch.Tensor or array_like, shape (n_queries, dim), optional
            A sample of the queries that are to come, such as users, from which a graph learns which items belong
            together (faiss HNSW). Some thousands are enough; of more than 32768 as many are used, evenly spread.
            With `target_recall`, whatever is built is tuned on them, a graph on half of them, at most 1000, from
            which it doesn't learn. A recall that is out of reach is no error: `info` then has a ``"shortfall"``.
        progress : callable or bool, optional
            Makes progress bars, as ``tqdm.tqdm`` does: ``bar = progress(total=..., desc=...)``, then
            ``bar.update(n)`` and ``bar.close()``. An exception from ``update`` stops the call. True: tqdm's.

        Returns
        -------
        Indexer
            Also a context manager, which closes it at the end of its block.

        Raises
        ------
        ArgumentError
            A wrong shape, no items, a NaN or Inf (the message names row and column), an option that the
            items contradict.
        OutOfMemoryError
            An allocation failed.
        UnavailableError, DeadlineError
            The server failed, or didn't answer in time (milvus).
        """
        items = _convert.matrix(embeddings, "items")
        sample = None if queries is None else _convert.matrix(queries, "queries")
        with bars(progress) as report:
            named = ids is not None and are_names(ids)
            own = None if ids is None or named else _convert.ids(ids, "ids")
            names = lines(ids, "ids") if named else None
            return self._made(self._building.from_embeddings(items, own, names, sample, report))

    def from_index_file(self, index_file: str | os.PathLike[str], *, progress: Progress | bool | None = None) -> I:
        """Open a saved index, of the backend library's own format.

        Parameters
        ----------
        index_file : str or os.PathLike
            The file.
        progress : callable or bool, optional
            As for `from_embeddings`.

        Returns
        -------
        Indexer
            Also a context manager, which closes it at the end of its block.

        Raises
        ------
        FileError
            The operating system refused; a missing file is a FileNotFoundError, too.
        CorruptError
            The file contradicts itself; the message says where.
        ArgumentError
            An option that was given contradicts the file.
        UnsupportedError
            A kind of index that this version doesn't read, or one that is kept on a server (milvus).
        """
        with bars(progress) as report:
            return self._made(self._handle.from_index_file(os.fsencode(index_file), report))

    def estimate(
        self,
        rows: int | None = None,
        dim: int | None = None,
        *,
        embeddings: Any = None,
        ids: bool = False,
        progress: Progress | bool | None = None,
    ) -> Forecast:
        """Say what an index would take, before it is built: memory, disk and time.

        The time follows from building small ones here and now, for a second at most. The tuning of
        `target_recall` isn't counted.

        Parameters
        ----------
        rows, dim : int, optional
            How many items, of how many values; by default as in `embeddings`.
        embeddings : torch.Tensor or array_like, shape (n_items, dim), optional
            The items, or some that are like them, for the trials; else these draw some.
        ids : bool, optional
            Whether the items will have integer ids of their own.
        progress : callable or bool, optional
            As for `from_embeddings`.

        Returns
        -------
        Forecast
            `file_bytes`, `index_bytes`, `codes_bytes`, `peak_bytes`, `seconds`.

        Raises
        ------
        ArgumentError
            No such index can be built.
        UnsupportedError
            Its server alone knows (milvus).
        """
        items = None if embeddings is None else _convert.matrix(embeddings, "embeddings")
        if items is None and (rows is None or dim is None):
            raise ArgumentError("estimate: rows and dim, or embeddings, say what is to be built")
        counts = [0 if count is None else _convert.whole(count, "estimate", name, "a whole number from 1 on")
                  for count, name in ((rows, "rows"), (dim, "dim"))]
        for name, count, given in zip(("rows", "dim"), counts, (rows, dim)):
            if given is not None and not 1 <= count <= sys.maxsize:
                raise ArgumentError(f"estimate: {name} is {count}; it takes a whole number, 1 to {sys.maxsize}")
        with bars(progress) as report:
            return Forecast(*self._building.estimate(counts[0], counts[1], items, ids, report))

    def attach(self, *, progress: Progress | bool | None = None) -> I:
        """Open an index where it is, on a server: the one that the options name (milvus: ``collection``).

        Parameters
        ----------
        progress : callable or bool, optional
            As for `from_embeddings`.

        Returns
        -------
        Indexer
            Closing it leaves the index where it is.

        Raises
        ------
        UnsupportedError
            A backend that keeps its indexes in files.
        ArgumentError
            There is no such index, or an option contradicts it.
        UnavailableError, DeadlineError
            The server failed, or didn't answer in time.
        """
        with bars(progress) as report:
            return self._made(self._handle.attach(report))

    def list_indexes(self, *, progress: Progress | bool | None = None) -> list[str]:
        """Name the indexes on the server that the options name, in alphabetical order (milvus).

        Also those that a killed process has left, ``rechub_PROCESS_RANDOM``, for `drop` to delete.

        Parameters
        ----------
        progress : callable or bool, optional
            As for `from_embeddings`.

        Raises
        ------
        UnsupportedError, ArgumentError, UnavailableError, DeadlineError
            As for `attach`.
        """
        with bars(progress) as report:
            return self._handle.list_indexes(report)

    def drop(self, *, progress: Progress | bool | None = None) -> None:
        """Delete the index that the options name from its server, with all items (milvus).

        There is no way back.

        Parameters
        ----------
        progress : callable, optional
            As for `from_embeddings`.

        Raises
        ------
        UnsupportedError, ArgumentError, UnavailableError, DeadlineError
            As for `attach`.
        """
        with bars(progress) as report:
            self._handle.drop(report)

    def verify(self, path: str | os.PathLike[str], *, progress: Progress | bool | None = None) -> None:
        """Check all of a saved index, also what `from_index_file` leaves for later.

        Parameters
        ----------
        path : str or os.PathLike
            The file, which is read as a whole.
        progress : callable or bool, optional
            As for `from_embeddings`.

        Raises
        ------
        FileError, CorruptError, ArgumentError, UnsupportedError
            As for `from_index_file`.
        """
        with bars(progress) as report:
            self._handle.verify(os.fsencode(path), report)

    def __reduce__(self) -> tuple[Any, ...]:
        if not hasattr(self, "_config"):
            return object.__new__, (type(self),), self.__dict__
        return _rebuild, (type(self), self._backend, self._config)

    def __repr__(self) -> str:
        if not hasattr(self, "_config"):
            return object.__repr__(self)
        hidden = {n for o in options(self._backend) if o.type == "secret" for n in (o.key, *o.aliases)}
        shown = [f"{key}={'<hidden>' if key in hidden else repr(v)}" for key, v in self._config.items()]
        return f"builder_factory({', '.join([repr(self._backend), *shown])})"


def _rebuild(cls: type[Builder], backend: str, config: dict[str, OptionValue]) -> Builder:
    return cls._of(backend, config)


def _options_section(backend: str) -> str:
    """The options of a backend, for the documentation of its builder."""
    lines = []
    for title, members in grouped(backend):
        lines += ["", f"{title}:", ""]
        lines += [f"- ``{option.key}={option.default!r}``: {option.help} ({option.range})" for option in members]
    return "\n".join(lines[1:])


def _signature(backend: str, positional: tuple[str, ...]) -> inspect.Signature:
    """What a subclass takes, as the library's table has it."""
    table = {option.key: option for _, members in grouped(backend) for option in members}
    keys = [*positional, *(key for key in table if key not in positional)]
    return inspect.Signature(
        [
            inspect.Parameter(
                key,
                inspect.Parameter.POSITIONAL_OR_KEYWORD
                if key in positional
                else inspect.Parameter.KEYWORD_ONLY,
                default=table[key].default,
            )
            for key in keys
        ]
    )
