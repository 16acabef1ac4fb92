"""Lists of ids for all queries or for every query, such as those of items that they must not find. SPDX-License-Identifier: Apache-2.0"""

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


class _TensorCSR:
    """A sparse tensor of torch's, of any layout, as a CSR matrix."""

    def __init__(self, tensor: Any, what: str) -> None:
        if tensor.ndim != 2:
            raise ArgumentError(f"{what}: a sparse tensor of {tensor.ndim} dimensions; it takes users x items")
        matrix = tensor.detach().cpu().to_sparse_csr()
        self.indptr, self.indices = matrix.crow_indices(), matrix.col_indices()


def is_flat(value: Any) -> bool:
    """Whether it is one list of ids, and not one for every query."""
    if isinstance(value, (AbstractSet, range)):
        return True
    if hasattr(value, "ndim"):
        return bool(value.ndim == 1) and getattr(value.dtype, "kind", "i") != "O"
    first = next(iter(value), 0)
    return not isinstance(first, (AbstractSet, list, tuple, range)) and np.ndim(first) == 0


def csr(lists: Any, queries: int, items: int, what: str = "exclude") -> tuple[Ids | None, Ids]:
    """Offsets and ids, ascending within each query; offsets are None where one list is for all queries.

    items: how many the index has. what: the argument, for messages.
    """
    if _convert.is_sparse(lists):
        lists = _TensorCSR(lists, what)
    elif hasattr(lists, "tocsr"):
        lists = lists.tocsr()
    if hasattr(lists, "indptr"):
        return _from_csr(lists, queries, what)
    if not isinstance(lists, Iterable) or getattr(lists, "ndim", 1) == 0:
        raise ArgumentError(
            f"{what} is {lists!r}; it takes a list of ids for all queries or for every query, or a CSR matrix"
        )
    if not hasattr(lists, "__len__"):
        lists = list(lists)
    if is_flat(lists):
        return None, np.sort(_list(lists, what))
    if getattr(lists, "ndim", 1) == 2:
        _refuse_marks(lists, what)
    rows = [np.sort(_list(ids, f"{what}[{i}]")) for i, ids in enumerate(lists)]
    if len(rows) != queries:
        raise ArgumentError(f"{what} is for {len(rows)} queries, and there are {queries}")
    if any(map(_repeats, rows)) and all(len(row) == items or _is_marks(row) for row in rows):
        raise ArgumentError(_DENSE.format(what))
    offsets = np.zeros(queries + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets, np.concatenate(rows) if rows else np.empty(0, np.int64)


_DENSE = (
    "{} looks like a dense matrix of users x items, not like lists of ids: "
    "pass scipy.sparse.csr_matrix(x), or [np.flatnonzero(row) for row in x]"
)


def _refuse_marks(matrix: Any, what: str) -> None:
    """Lists of ids are whole numbers; a matrix of anything else says which items are meant by its places."""
    dtype = str(getattr(matrix, "dtype", ""))
    if "bool" in dtype or "float" in dtype:
        raise ArgumentError(_DENSE.format(what))


def _repeats(ascending: Ids) -> bool:
    return bool(np.any(ascending[1:] == ascending[:-1]))


def _is_marks(ascending: Ids) -> bool:
    return len(ascending) == 0 or (ascending[0] >= 0 and ascending[-1] <= 1)


def _list(ids: Any, what: str) -> Ids:
    return _convert.ids(list(ids) if isinstance(ids, AbstractSet) else ids, what)


def _from_csr(matrix: CSR, queries: int, what: str) -> tuple[Ids, Ids]:
    # A copy: the library checks offsets, and then follows them without looking again.
    offsets = _convert.ids(matrix.indptr, f"{what}.indptr").copy()
    ids = _convert.ids(matrix.indices, f"{what}.indices")
    if len(offsets) != queries + 1:
        raise ArgumentError(f"{what} is for {len(offsets) - 1} queries, and there are {queries}")
    if offsets[0] != 0 or offsets[-1] > len(ids) or np.any(offsets[1:] < offsets[:-1]):
        raise ArgumentError(f"{what}.indptr doesn't ascend from 0 to the number of indices")
    ids = ids[: offsets[-1]]
    descends = ids[1:] < ids[:-1]
    begins = offsets[(offsets > 0) & (offsets < len(ids))]
    descends[begins - 1] = False  # from one row to the next they may
    if descends.any():
        row = np.repeat(np.arange(queries), np.diff(offsets))
        ids = ids[np.lexsort((ids, row))]
    return offsets, ids
