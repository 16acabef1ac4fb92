"""Whom queries may find, as the library wants it: bitmaps of the index's rows, or ids. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _convert
from ._errors import ArgumentError
from ._exclude import CSR, csr

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids: TypeAlias = npt.NDArray[np.int64]
    Mask: TypeAlias = npt.NDArray[np.bool_]
    Bits: TypeAlias = npt.NDArray[np.uint8]

Allowance: TypeAlias = Iterable[Any] | CSR


def allowance(allow: Any, queries: int, items: int) -> tuple[Bits | None, int, int, Ids | None, Ids | None]:
    """Bitmaps, the rows in each and the bytes from one to the next; offsets and ids."""
    if allow is None:
        return None, 0, 0, None, None
    mask = _mask(allow)
    if mask is None:
        return None, 0, 0, *csr(allow, queries, items, "allow")
    if mask.ndim not in {1, 2} or mask.shape[:-1] not in {(), (queries,)} or mask.shape[-1] > items:
        raise ArgumentError(
            f"allow: truths of shape {mask.shape}; it takes one for each of the {items} items, for all queries "
            f"or for each of the {queries}"
        )
    bits = np.ascontiguousarray(np.packbits(mask, axis=-1, bitorder="little"))
    # Items that were added since aren't allowed.
    return bits, mask.shape[-1], bits.shape[1] if bits.ndim == 2 else 0, None, None


def _mask(allow: Any) -> Mask | None:
    """The truths that it is; None for lists of ids."""
    if _convert.is_sparse(allow) or hasattr(allow, "indptr") or hasattr(allow, "tocsr"):
        return None
    if _convert.is_tensor(allow):
        allow = allow.detach().cpu().numpy()
    if isinstance(allow, (list, tuple)) and isinstance(_leaf(allow), (bool, np.bool_)):
        allow = np.asarray(allow)
    dtype = getattr(allow, "dtype", None)
    return np.asarray(allow) if dtype is not None and str(dtype) in ("bool", "boolean") else None


def _leaf(nested: Any) -> Any:
    while isinstance(nested, (list, tuple)) and nested:
        nested = nested[0]
    return nested
