"""Builders: what a backend was told, and what it makes. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import inspect
import os
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from . import _convert, _core
from ._errors import OptionError
from ._indexer import Indexer
from ._library import OptionValue, backend_bytes, grouped, options, options_bytes, plain
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

    `builder_factory` makes it. It may be shared between threads, and pickled.
    """

    # Of a subclass: its backend, the options that may be given by position, and what it makes.
    _backend: str
    _positional: ClassVar[tuple[str, ...]] = ()
    _indexer: ClassVar[type[Indexer]] = Indexer
    # Options that may be given for any kind of index, and are dropped where one of another kind is built.
    _of_any_kind: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__signature__ = _signature(cls._backend, cls._positional)  # type: ignore[attr-defined]
        if "_backend" in cls.__dict__ and cls.__doc__:
            cls.__doc__ += f"\n\n{_options_section(cls._backend)}"

    def __init__(self, *args: OptionValue, **config: OptionValue) -> None:
        name, positional = type(self).__name__, self._positional
        if not hasattr(self, "_backend"):
            raise TypeError("builder_factory(backend, ...) makes builders")
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

    def from_embeddings(self, embeddings: Any, *, progress: Progress | None = None) -> I:
        """Build an index.

        Parameters
        ----------
        embeddings : torch.Tensor or array_like, shape (n_items, dim)
            The items, in any real number type; row i becomes item id i. Strided memory on the CPU is read
            as it is, and copied once, as float32; tensors of other devices are copied there first.
        progress : callable, optional
            Makes progress bars, as ``tqdm.tqdm`` does: ``bar = progress(total=..., desc=...)``, then
            ``bar.update(n)`` and ``bar.close()``. An exception from ``update`` stops the call.

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
        with bars(progress) as report:
            return self._made(self._building.from_embeddings(items, report))

    def from_index_file(self, index_file: str | os.PathLike[str], *, progress: Progress | None = None) -> I:
        """Open a saved index, of the backend library's own format.

        Parameters
        ----------
        index_file : str or os.PathLike
            The file.
        progress : callable, optional
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

    def attach(self, *, progress: Progress | None = None) -> I:
        """Open an index where it is, on a server: the one that the options name (milvus: ``collection``).

        Parameters
        ----------
        progress : callable, optional
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

    def drop(self) -> None:
        """Delete the index that the options name from its server, with all items (milvus).

        There is no way back.

        Raises
        ------
        UnsupportedError, ArgumentError, UnavailableError, DeadlineError
            As for `attach`.
        """
        self._handle.drop()

    def verify(self, path: str | os.PathLike[str], *, progress: Progress | None = None) -> None:
        """Check all of a saved index, also what `from_index_file` leaves for later.

        Parameters
        ----------
        path : str or os.PathLike
            The file, which is read as a whole.
        progress : callable, optional
            As for `from_embeddings`.

        Raises
        ------
        FileError, CorruptError, ArgumentError, UnsupportedError
            As for `from_index_file`.
        """
        with bars(progress) as report:
            self._handle.verify(os.fsencode(path), report)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._backend, self._config)

    def __repr__(self) -> str:
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
