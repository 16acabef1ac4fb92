"""Names of items: texts in place of ids. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _convert
from ._errors import ArgumentError

if TYPE_CHECKING:
    import numpy.typing as npt

    Ids = npt.NDArray[np.int64]


def are_names(value: Any) -> bool:
    """Whether ids, a list of them, or lists of lists of them are texts; their first is asked."""
    if isinstance(value, str):
        return True
    dtype = getattr(value, "dtype", None)
    if _convert.is_tensor(value) or getattr(dtype, "kind", "O") not in "OUT":
        return False
    if not isinstance(value, (list, tuple, AbstractSet, np.ndarray)) and dtype is None:
        return False
    if getattr(value, "ndim", 1) == 0:
        return False
    return any(are_names(each) for each in _first(value))


def _first(value: Iterable[Any]) -> Iterable[Any]:
    """The first that there is, of lists of lists the first that isn't empty."""
    for each in value:
        if isinstance(each, str) or not _is_empty(each):
            return [each]
    return []


def _is_empty(value: Any) -> bool:
    try:
        return len(value) == 0
    except TypeError:  # it has no length, or is a tensor or an array of no dimensions
        return False


def texts(names: Any, what: str) -> list[str]:
    """Names as a list."""
    found = [names] if isinstance(names, str) else list(names)
    for i, name in enumerate(found):
        if not isinstance(name, str):
            raise ArgumentError(
                f"{what}: number {i} is a {type(name).__name__}, and others are names; ids are all texts or all numbers"
            )
    return [str(name) for name in found]  # those of numpy, too


def lines(names: Any, what: str) -> bytes:
    """Names as the library takes them, one a line."""
    found = texts(names, what)
    for i, name in enumerate(found):
        if "\n" in name:
            raise ArgumentError(f"{what}: number {i}, {name!r}, holds a newline, which ends a name")
    try:
        return "".join(f"{name}\n" for name in found).encode()
    except UnicodeEncodeError as error:
        i = next(i for i, name in enumerate(found) if not _is_unicode(name))
        raise ArgumentError(f"{what}: number {i}, {found[i]!r}, is no Unicode: {error.reason}") from error


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def resolve(value: Any, find: Callable[[list[str], str], Ids], what: str) -> Any:
    """Ids, or lists of ids, in place of names where there are some; those that nobody has are left out."""
    if not are_names(value):
        return value
    whole = value if isinstance(value, (str, np.ndarray)) else list(value)
    if isinstance(whole, str) or all(isinstance(each, str) for each in whole):
        found = find(texts(whole, what), what)
        return found[found >= 0]
    return [resolve(each, find, f"{what}[{i}]") for i, each in enumerate(whole)]
