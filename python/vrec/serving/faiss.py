"""The backend faiss: exact search, and FAISS's files. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from .._errors import UnsupportedError
from .._library import OptionValue, options
from .base import BaseBuilder, BaseIndexer

_KINDS = ("Flat", "HNSW", "IVF")  # that Torch-RecHub's users ask for


class FaissIndexer(BaseIndexer):
    """An index of faiss."""


class FaissBuilder(BaseBuilder[FaissIndexer]):
    """The configuration of faiss."""

    _backend = "faiss"
    _positional = ("index_type", "metric")
    _indexer = FaissIndexer
    _of_any_kind = ("m", "efSearch", "nlists", "nprobe")  # as Torch-RecHub has it

    def _configure(self, backend: str, config: dict[str, OptionValue]) -> None:
        wanted = str(config.get("index_type", "Flat")).lower()
        for kind in _KINDS:
            if kind.lower() == wanted and kind not in _built_in():
                # A gap, and no misspelling; its options would be refused for reasons that mislead.
                raise UnsupportedError(
                    f"faiss: index_type {kind} isn't in this version, which has {', '.join(_built_in())}"
                )
        not_yet = set(self._of_any_kind) - {option.key for option in options("faiss")}
        super()._configure(backend, {key: value for key, value in config.items() if key not in not_yet})


def _built_in() -> list[str]:
    return next(option.range.split(", ") for option in options("faiss") if option.key == "index_type")


__all__ = ["FaissBuilder", "FaissIndexer"]
