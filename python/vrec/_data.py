"""Files of vectors, in the formats of the field. SPDX-License-Identifier: Apache-2.0

fvecs, bvecs, ivecs: each row is its length (int32), then float32, uint8 or int32 values. fbin, u8bin, i8bin,
ibin: rows and length (uint32 each), then float32, uint8, int8 or int32 values. All little-endian.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from . import _convert, _core
from ._errors import ArgumentError

if TYPE_CHECKING:
    import numpy.typing as npt

_Path: TypeAlias = str | os.PathLike[str]


def _bytes(path: _Path, ending: str) -> bytes:
    # The library goes by the ending; so the two must agree.
    name = os.fsencode(path)
    if not name.lower().endswith(ending.encode()):
        raise ArgumentError(f"{os.fspath(path)}: the name of such a file ends in {ending}")
    return name


def _read(path: _Path, ending: str) -> Any:
    return np.array(_core.open_data(_bytes(path, ending)))


def _write(path: _Path, vectors: Any, ending: str, dtype: npt.DTypeLike) -> None:
    array = _convert.matrix(vectors, "vectors")
    if isinstance(vectors, (list, tuple)):  # which has no type of its own to keep
        array = _typed(array, np.dtype(dtype))
    _core.save_data(_bytes(path, ending), array)


def _typed(array: _convert.Array, dtype: np.dtype[Any]) -> _convert.Array:
    with np.errstate(all="ignore"):
        typed = array.astype(dtype)
    if dtype.kind == "f" and not np.array_equal(np.isfinite(typed), np.isfinite(array)):
        raise ArgumentError(f"vectors: values that {dtype} can't hold")
    if dtype.kind != "f" and not np.array_equal(typed, array):
        raise ArgumentError(f"vectors: values that {dtype} can't hold")
    return typed


def read_fvecs(path: _Path) -> npt.NDArray[np.float32]:
    """Read a file of float32 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .fvecs.

    Returns
    -------
    ndarray of float32, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.float32] = _read(path, ".fvecs")
    return array


def read_bvecs(path: _Path) -> npt.NDArray[np.uint8]:
    """Read a file of uint8 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .bvecs.

    Returns
    -------
    ndarray of uint8, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.uint8] = _read(path, ".bvecs")
    return array


def read_ivecs(path: _Path) -> npt.NDArray[np.int32]:
    """Read a file of int32 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .ivecs.

    Returns
    -------
    ndarray of int32, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.int32] = _read(path, ".ivecs")
    return array


def read_fbin(path: _Path) -> npt.NDArray[np.float32]:
    """Read a file of float32 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .fbin.

    Returns
    -------
    ndarray of float32, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.float32] = _read(path, ".fbin")
    return array


def read_u8bin(path: _Path) -> npt.NDArray[np.uint8]:
    """Read a file of uint8 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .u8bin.

    Returns
    -------
    ndarray of uint8, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.uint8] = _read(path, ".u8bin")
    return array


def read_i8bin(path: _Path) -> npt.NDArray[np.int8]:
    """Read a file of int8 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .i8bin.

    Returns
    -------
    ndarray of int8, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.int8] = _read(path, ".i8bin")
    return array


def read_ibin(path: _Path) -> npt.NDArray[np.int32]:
    """Read a file of int32 vectors.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .ibin.

    Returns
    -------
    ndarray of int32, shape (n, dim)
        In memory of its own.

    Raises
    ------
    FileError, CorruptError, ArgumentError
        The system refused; the file contradicts itself; the name has another ending.
    """
    array: npt.NDArray[np.int32] = _read(path, ".ibin")
    return array


def write_fvecs(path: _Path, vectors: Any) -> None:
    """Write a file of float32 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .fvecs.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of float32, or float16, int8 and uint8 to convert; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".fvecs", np.float32)


def write_bvecs(path: _Path, vectors: Any) -> None:
    """Write a file of uint8 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .bvecs.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of uint8; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".bvecs", np.uint8)


def write_ivecs(path: _Path, vectors: Any) -> None:
    """Write a file of int32 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .ivecs.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of integers that fit int32; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".ivecs", np.int32)


def write_fbin(path: _Path, vectors: Any) -> None:
    """Write a file of float32 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .fbin.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of float32, or float16, int8 and uint8 to convert; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".fbin", np.float32)


def write_u8bin(path: _Path, vectors: Any) -> None:
    """Write a file of uint8 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .u8bin.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of uint8; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".u8bin", np.uint8)


def write_i8bin(path: _Path, vectors: Any) -> None:
    """Write a file of int8 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .i8bin.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of int8; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".i8bin", np.int8)


def write_ibin(path: _Path, vectors: Any) -> None:
    """Write a file of int32 vectors, atomically.

    Parameters
    ----------
    path : str or os.PathLike
        Its name, which ends in .ibin.
    vectors : torch.Tensor or array_like, shape (n, dim)
        Arrays of integers that fit int32; lists of any numbers.

    Raises
    ------
    FileError, ArgumentError
        The system refused; a type or value that the file can't hold, or a name with another ending.
    """
    _write(path, vectors, ".ibin", np.int32)
