# The extension: bytes for texts, buffers for arrays, None for what isn't there. report is called as
# report(phase, unit, done, total) every now and then, and stops the call by raising.
import sys
from collections.abc import Callable
from typing import Any, Final, TypeAlias, final

import numpy.typing as npt
from _typeshed import ReadableBuffer

_Buffer: TypeAlias = ReadableBuffer | npt.NDArray[Any]  # which is a buffer, but for 3.11 doesn't say so
_Report: TypeAlias = Callable[[str, str, int, int], object] | None

MAX_TOP_K: Final[int]

@final
class Builder:
    def __new__(cls, backend: bytes, options: bytes, /) -> Builder: ...
    def from_embeddings(
        self,
        items: _Buffer,
        ids: _Buffer | None,
        names: bytes | None,
        queries: _Buffer | None,
        report: _Report,
        /,
    ) -> Indexer: ...
    def from_index_file(self, path: bytes, report: _Report, /) -> Indexer: ...
    def estimate(
        self, rows: int, dim: int, items: _Buffer | None, own_ids: bool, report: _Report, /
    ) -> tuple[int, int, int, int, float, int, int, int]: ...
    def attach(self, report: _Report, /) -> Indexer: ...
    def list_indexes(self, report: _Report, /) -> list[str]: ...
    def drop(self, report: _Report, /) -> None: ...
    def verify(self, path: bytes, report: _Report, /) -> None: ...

@final
class Indexer:
    @property
    def rows(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def larger_is_nearer(self) -> bool: ...
    @property
    def closed(self) -> bool: ...
    def query(
        self,
        queries: _Buffer,
        top_k: int,
        ids: _Buffer,
        distances: _Buffer,
        counts: _Buffer | None,
        threads: int,
        offsets: _Buffer | None,
        excluded: _Buffer | None,
        allow: _Buffer | None,
        allow_rows: int,
        allow_stride: int,
        allow_offsets: _Buffer | None,
        allow_ids: _Buffer | None,
        interests: int,
        valid: _Buffer | None,
        merge: int,
        overrides: bytes | None,
        report: _Report,
        /,
    ) -> None: ...
    def save(self, path: bytes, report: _Report, /) -> None: ...
    def add(self, items: _Buffer, ids: _Buffer | None, names: bytes | None, report: _Report, /) -> None: ...
    def optimize(self, queries: _Buffer | None, report: _Report, /) -> None: ...
    def upsert(self, ids: _Buffer, items: _Buffer, report: _Report, /) -> None: ...
    def delete(self, ids: _Buffer, report: _Report, /) -> None: ...
    def ids(self, out: _Buffer, /) -> None: ...
    def names(self, ids: _Buffer, /) -> list[str | None]: ...
    def find(self, names: list[str], out: _Buffer, /) -> None: ...
    def vectors(self, ids: _Buffer, out: _Buffer, /) -> None: ...
    def tune(
        self,
        queries: _Buffer | None,
        recall: float,
        top_k: int,
        threads: int,
        items: _Buffer | None,
        ids: _Buffer | None,
        report: _Report,
        /,
    ) -> tuple[str, str, float, float, float, float, int, float, float, list[tuple[str, float, float, float, float]]]: ...
    def info(self, last: str | None, /) -> list[tuple[str, str | int | float]]: ...
    def close(self, /) -> None: ...

@final
class Data:
    if sys.version_info >= (3, 12):
        def __buffer__(self, flags: int, /) -> memoryview: ...

def version() -> str: ...
def cpu() -> str: ...
def default_threads() -> int: ...
def set_default_threads(threads: int, /) -> None: ...
def backends() -> list[str]: ...
def options(backend: bytes, /) -> list[tuple[str, str, str, str, str, str, str, str]]: ...
def compare(
    found: _Buffer,
    exact: _Buffer,
    users: int,
    ks: _Buffer,
    queries: _Buffer | None,
    items: _Buffer | None,
    metric: bytes | None,
    threads: int,
    recall: _Buffer,
    report: _Report,
    /,
) -> None: ...
def conventions() -> list[tuple[str, str]]: ...
def encode(
    taken: list[list[Any]],
    predicted: list[list[Any]],
    width: int,
    offsets: _Buffer,
    truth: _Buffer,
    ids: _Buffer,
    /,
) -> None: ...
def evaluate(
    ids: _Buffer,
    width: int,
    truth_offsets: _Buffer | None,
    truth_ids: _Buffer | None,
    ks: _Buffer,
    convention: bytes,
    items: int,
    popularity: _Buffer | None,
    embeddings: _Buffer | None,
    threads: int,
    wanted: int,
    means: _Buffer,
    per_user: _Buffer | None,
    report: _Report,
    /,
) -> None: ...
def open_data(path: bytes, /) -> Data: ...
def save_data(path: bytes, vectors: _Buffer, /) -> None: ...
