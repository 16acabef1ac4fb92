"""What queries must not find, as the library wants it. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from . import _convert
from ._errors import ArgumentError

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.int64]


class CSR(Protocol):
    """A compressed sparse matrix: row i is indices[indptr[i]:indptr[i + 1]]."""

    indptr: Any
    indices: Any


Exclusions: TypeAlias = Iterable[Any] | CSR


def csr(exclude: Any, queries: int) -> tuple[Ids, Ids]:
    """Offsets and ids, ascending within each query."""
    if hasattr(exclude, "tocsr"):
        exclude = exclude.tocsr()
    if hasattr(exclude, "indptr"):
        return _from_csr(exclude, queries)
    if not isinstance(exclude, Iterable):
        raise ArgumentError(f"exclude is {exclude!r}; it takes a list of ids for every query, or a CSR matrix")
    rows = [np.sort(_row(ids, i)) for i, ids in enumerate(exclude)]
    if len(rows) != queries:
        raise ArgumentError(f"exclude is for {len(rows)} queries, and there are {queries}")
    offsets = np.zeros(queries + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets, np.concatenate(rows) if rows else np.empty(0, np.int64)


def _row(ids: Any, i: int) -> Ids:
    if isinstance(ids, AbstractSet):
        ids = list(ids)
    elif np.ndim(ids) == 0:
        raise ArgumentError(f"exclude[{i}] is {ids!r}; for every query it takes a list of ids")
    return _convert.ids(ids, f"exclude[{i}]")


def _from_csr(matrix: CSR, queries: int) -> tuple[Ids, Ids]:
    # A copy: the extension checks offsets, and then follows them without looking again.
    offsets = _convert.ids(matrix.indptr, "exclude.indptr").copy()
    ids = _convert.ids(matrix.indices, "exclude.indices")
    if len(offsets) != queries + 1:
        raise ArgumentError(f"exclude is for {len(offsets) - 1} queries, and there are {queries}")
    if offsets[0] != 0 or offsets[-1] > len(ids) or np.any(offsets[1:] < offsets[:-1]):
        raise ArgumentError("exclude.indptr doesn't ascend from 0 to the number of indices")
    ids = ids[: offsets[-1]]
    row = np.repeat(np.arange(queries), np.diff(offsets))
    if np.any((ids[1:] < ids[:-1]) & (row[1:] == row[:-1])):
        ids = ids[np.lexsort((ids, row))]
    return offsets, ids
