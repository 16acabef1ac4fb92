"""Ranked lists and truth, as the library wants them. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _convert, _core
from ._errors import ArgumentError
from ._progress import Progress, bars

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.int64]
    Numbers: TypeAlias = npt.NDArray[np.float64]

# In the order of the extension's bits.
NAMES = ("NDCG", "MRR", "Recall", "Hit", "Precision", "Coverage", "Diversity", "Novelty")
ACCURACY = NAMES[:5]


def lists(ids: Any) -> Ids:
    """Ranked ids, users x width."""
    array = _convert.matrix(ids, "ids")
    if array.ndim != 2:
        raise ArgumentError(f"ids: an array of shape {array.shape}; it takes users x width ids")
    if array.dtype.kind not in "iu":
        raise ArgumentError(f"ids: {array.dtype} values; item ids are whole numbers")
    return np.ascontiguousarray(array, np.int64)


def truth_csr(truth: Any, users: int) -> tuple[Ids, Ids]:
    """Offsets and ids. The library looks at them itself, and names the first user that is wrong."""
    if hasattr(truth, "tocsr"):
        truth = truth.tocsr()
    if hasattr(truth, "indptr"):
        offsets, ids = truth.indptr, truth.indices
    elif isinstance(truth, tuple) and len(truth) == 2:
        offsets, ids = truth
    elif isinstance(truth, Iterable):
        return _of_rows(truth, users)
    else:
        raise ArgumentError(f"truth is {truth!r}; it takes (offsets, ids), a CSR matrix, or ids for every user")
    # A copy: the library checks offsets, and then follows them without looking again.
    return _convert.ids(offsets, "truth offsets").copy(), _convert.ids(ids, "truth ids")


def _of_rows(truth: Iterable[Any], users: int) -> tuple[Ids, Ids]:
    rows = [_convert.ids(list(row) if isinstance(row, (set, frozenset)) else row, f"truth[{i}]")
            for i, row in enumerate(truth)]
    if len(rows) != users:
        raise ArgumentError(f"truth is for {len(rows)} users, and there are {users} lists")
    offsets = np.zeros(users + 1, np.int64)
    np.cumsum([len(row) for row in rows], out=offsets[1:])
    return offsets, np.concatenate(rows) if rows else np.empty(0, np.int64)


def as_ks(ks: Any) -> Ids:
    """The values of k: one, or several."""
    try:
        return np.array([operator.index(k) for k in (ks if isinstance(ks, Iterable) else [ks])], np.int64)
    except (TypeError, OverflowError) as error:
        raise ArgumentError(f"ks is {ks!r}; it takes a whole number, or several") from error


def run(
    ids: Ids,
    truth: tuple[Ids, Ids] | None,
    ks: Ids,
    names: Sequence[str],
    *,
    convention: str = "rechub",
    catalogue: tuple[int, Numbers | None, Any] = (0, None, None),
    per_user: bool = False,
    threads: int = 0,
    progress: Progress | bool | None = None,
) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    """The metrics with these names, for every k; and of every user, k x users."""
    wanted = [name for name in NAMES if name in names]
    own = [name for name in wanted if name != "Coverage"] if per_user else []
    means = np.empty((len(wanted), len(ks)))
    each = np.empty((len(own), len(ks), len(ids))) if per_user else None
    offsets, items = truth or (None, None)
    bits = sum(1 << NAMES.index(name) for name in wanted)
    with bars(progress) as report:
        _core.evaluate(ids, ids.shape[1], offsets, items, ks, convention.encode(), *catalogue, threads, bits, means,
                       each, report)
    return dict(zip(wanted, means)), dict(zip(own, each)) if each is not None else {}
