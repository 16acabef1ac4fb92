"""From what people have to what the extension reads, and back. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import operator
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _core
from ._errors import ArgumentError, OptionError, OutOfMemoryError

if TYPE_CHECKING:
    import numpy.typing as npt

Array: TypeAlias = "npt.NDArray[Any]"

# Types that the library converts itself, in the machine's byte order.
_READ_AS_THEY_ARE = frozenset(np.dtype(t).str for t in ("f4", "f2", "f8", "i1", "u1", "i4", "i8"))

_MAX_ID = np.iinfo(np.int64).max

_CPU, _PINNED = 1, 3  # DLPack's numbers of the devices whose memory a processor reads


def whole(value: Any, call: str, name: str, takes: str) -> int:
    """A whole number of any type."""
    try:
        return operator.index(value)
    except TypeError:
        raise OptionError(f"{call}: {name} is a {type(value).__name__}; it takes {takes}") from None


def real(value: Any, call: str, name: str, takes: str) -> float:
    """A number of any type; a text that could be read as one is none."""
    if not isinstance(value, (str, bytes, bytearray)):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError, RuntimeError):  # the last of a tensor of several
            pass
    raise OptionError(f"{call}: {name} is a {type(value).__name__}; it takes {takes}")


def top_k(value: Any, call: str) -> int:
    """How many of the nearest."""
    most = _core.MAX_TOP_K
    number = whole(value, call, "top_k", f"a whole number, 1 to {most}")
    if not 1 <= number <= most:
        raise ArgumentError(f"{call}: top_k is {number}; it takes 1 to {most}")
    return number


def is_tensor(value: object) -> bool:
    """Whether it is a torch tensor; torch isn't imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, getattr(torch, "Tensor", ()))


def is_sparse(value: Any) -> bool:
    """Whether it is a torch tensor that isn't strided memory."""
    return is_tensor(value) and value.layout is not sys.modules["torch"].strided


def matrix(value: Any, what: str) -> Array:
    """The array of numbers that a value is, copied only if the extension couldn't read it as it is."""
    array: Array
    try:
        if type(value) is np.ndarray:
            array = value
        else:
            array = _tensor_array(value, what) if is_tensor(value) else _any_array(value, what)
        if array.dtype.str not in _READ_AS_THEY_ARE:
            array = _converted(array, what)
    except MemoryError as error:
        raise OutOfMemoryError(f"{what}: no memory for a copy in a type that is read: {error}") from error
    if array.ndim != 1 and array.ndim != 2:
        raise ArgumentError(f"{what}: an array of shape {array.shape}; it takes rows x dim values, or one row")
    if 0 in array.strides:  # it repeats itself, as broadcast_to makes it
        array = np.ascontiguousarray(array)
    return array


def _tensor_array(tensor: Any, what: str) -> Array:
    torch = sys.modules["torch"]
    if is_sparse(tensor):
        raise ArgumentError(f"{what}: a sparse tensor ({tensor.layout}); pass x.to_dense()")
    if tensor.is_meta:
        raise ArgumentError(f"{what}: a tensor of the device \"meta\", without values")
    if tensor.requires_grad or not tensor.is_cpu:
        tensor = tensor.detach().cpu()
    if tensor.dtype is torch.bfloat16:  # which numpy doesn't have
        tensor = tensor.float()
    if tensor.is_neg():  # a view that negates what is in memory
        tensor = tensor.resolve_neg()
    try:
        array: Array = tensor.numpy()
    except (RuntimeError, TypeError) as error:
        raise ArgumentError(f"{what}: a tensor that numpy can't read: {error}") from error
    return array


def _any_array(value: Any, what: str) -> Array:
    masked = sys.modules.get("numpy.ma")  # which takes numpy 7 ms to import
    if masked is not None and isinstance(value, masked.MaskedArray) and np.any(value.mask):
        raise ArgumentError(f"{what}: a masked array with masked values; pass x.filled(...)")
    if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
        return _dlpack_array(value, what)
    if isinstance(value, (list, tuple)) and any(map(is_tensor, value)):
        return _stacked(value, what)
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{what}: {type(value).__name__} is no array of numbers: {error}") from error
    if array.dtype == object and array.ndim == 0:
        raise ArgumentError(f"{what}: {type(value).__name__} is no array of numbers")
    return array


def _stacked(rows: Iterable[Any], what: str) -> Array:
    try:
        return np.stack([_tensor_array(row, what) if is_tensor(row) else np.asarray(row) for row in rows])
    except ValueError as error:
        raise error if isinstance(error, ArgumentError) else ArgumentError(f"{what}: {error}") from error


def _dlpack_array(value: Any, what: str) -> Array:
    device = value.__dlpack_device__()[0]
    if device not in (_CPU, _PINNED):
        raise ArgumentError(f"{what}: an array in the memory of another device; copy it to the CPU's first")
    try:
        return np.from_dlpack(value)
    except (BufferError, RuntimeError) as error:
        raise ArgumentError(f"{what}: {type(value).__name__} can't be read through DLPack: {error}") from error


def _converted(array: Array, what: str) -> Array:
    """An array of a type that the library doesn't read, in one that it does."""
    if array.dtype == object:
        array = _of_objects(array, what)
    kind = array.dtype.kind
    if kind in "biu" and array.dtype.str[1:] != "u8":
        return array.astype(np.result_type(array.dtype, np.int32))
    # Types that other packages add to numpy, bfloat16 among them, are of kind V.
    if kind in "uf" or (kind == "V" and not issubclass(array.dtype.type, np.void)):
        with np.errstate(over="ignore"):  # items that become infinite are refused later, by row and column
            return array.astype(np.float32)
    raise ArgumentError(f"{what}: {array.dtype} values; it takes real numbers")


def _of_objects(array: Array, what: str) -> Array:
    """The numbers in an array of Python's objects, which is what numpy makes of some data frames."""
    column = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if column.ndim == 1 and len(column) > 0 and np.ndim(column[0]) == 1:
        return _stacked(column, what)  # a column of arrays
    for kind in {type(each) for each in array.flat}:
        if kind.__name__ in ("NAType", "NoneType"):
            raise ArgumentError(f"{what}: missing values ({kind.__name__}); fill them first: x.fillna(...)")
        if not issubclass(kind, (int, float, np.integer, np.floating, np.bool_)):
            raise ArgumentError(f"{what}: {kind.__name__} values; it takes real numbers: x.astype(\"float32\")")
    return array.astype(np.float64)


def ids(value: Any, what: str) -> npt.NDArray[np.int64]:
    """A packed array of item ids."""
    if is_sparse(value):
        raise ArgumentError(f"{what}: a sparse tensor ({value.layout}); item ids are whole numbers in one row")
    try:
        array = _tensor_array(value, what) if is_tensor(value) else np.asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{what}: {type(value).__name__} is no list of item ids: {error}") from error
    if array.size == 0:
        return np.empty(0, np.int64)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ArgumentError(
            f"{what}: {array.dtype} values of shape {array.shape}; item ids are whole numbers in one row"
        )
    if array.dtype.str[1:] == "u8" and int(array.max()) > _MAX_ID:
        raise ArgumentError(f"{what}: {array.max()} is too large for an item id")
    return np.ascontiguousarray(array, np.int64)


def tensors(arrays: tuple[Array, ...]) -> tuple[Any, ...]:
    """Results as torch tensors, of the same memory."""
    return tuple(map(sys.modules["torch"].from_numpy, arrays))
