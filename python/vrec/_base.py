"""What stands behind an indexer, and how long. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import NoReturn, Self

from . import _core
from ._errors import ClosedError, UnsupportedError
from ._progress import Progress, bars


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


class Base:
    """The index itself, from the builder's hands until it is closed."""

    _handle: _core.Indexer = _Nothing()  # type: ignore[assignment]
    _backend: str
    _changing = threading.Lock()

    @classmethod
    def _of(cls, handle: _core.Indexer, backend: str) -> Self:
        self = cls.__new__(cls)
        self._handle = handle
        self._backend = backend
        self._changing = threading.Lock()
        weakref.finalize(self, handle.close)  # also when Python ends while a thread still holds it
        return self

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
