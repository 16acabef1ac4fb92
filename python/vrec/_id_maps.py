"""raw_id_maps.npy, which is a pickle: read without running what a pickle may hold. SPDX-License-Identifier: Apache-2.0

numpy writes an array of objects as a pickle of itself, and a pickle is a program. This one may call nothing but the
stand-ins below, which keep what they are given.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np

from ._errors import CorruptError, from_system

IdMaps: TypeAlias = tuple[Mapping[Any, Any], Mapping[Any, Any]]

_KINDS = "biufU"  # of numpy scalars: truth, numbers and text
_PLAIN = (int, float, str)  # bool is an int


class _Type:
    """numpy.dtype: its text, "i8" or "O", and its order of bytes."""

    def __init__(self, text: str, *_: object) -> None:
        self.text, self.order = text, "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        if not isinstance(self.text, str) or self.text[:1] not in _KINDS:
            raise pickle.UnpicklingError(f"a number of type {self.text!r}")
        dtype = np.dtype(self.text)
        return dtype.newbyteorder(">") if self.order == ">" else dtype.newbyteorder("<")


class _Array:
    """numpy.ndarray of objects: its shape and what it holds."""

    shape: object = None
    items: object = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, _, _, self.items = state


def _array(*_: object) -> _Array:
    return _Array()


def _scalar(dtype: Any, data: Any) -> Any:
    """A numpy scalar, as Python's own number or text."""
    if not isinstance(dtype, _Type) or not isinstance(data, bytes):
        raise pickle.UnpicklingError("a numpy scalar of odd parts")
    kind = dtype.numpy()
    if kind.itemsize != len(data) or not data:
        raise pickle.UnpicklingError(f"a numpy scalar of {len(data)} bytes for {kind}")
    return np.frombuffer(data, kind)[0].item()


_STAND_INS = {"dtype": _Type, "ndarray": _Array, "_reconstruct": _array, "scalar": _scalar}
_HOMES = {"numpy", "numpy.core.multiarray", "numpy._core.multiarray"}


# What a pickle of dictionaries of numbers and texts consists of, in the versions that numpy writes.
_STEPS = frozenset(
    getattr(pickle, name)
    for name in (
        "PROTO FRAME STOP MARK NONE NEWTRUE NEWFALSE BININT BININT1 BININT2 LONG1 BINFLOAT SHORT_BINUNICODE BINUNICODE "
        "SHORT_BINBYTES BINBYTES EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 EMPTY_LIST APPEND APPENDS EMPTY_DICT SETITEM "
        "SETITEMS BINPUT LONG_BINPUT MEMOIZE BINGET LONG_BINGET GLOBAL STACK_GLOBAL REDUCE BUILD"
    ).split()
)


class _Unpickler(pickle._Unpickler):
    """Python's own reader, not the one in C: that one takes memory for whatever number a crafted file names."""

    dispatch = {step: do for step, do in pickle._Unpickler.dispatch.items() if bytes([step]) in _STEPS}

    def find_class(self, module: str, name: str) -> Any:
        if module in _HOMES and name in _STAND_INS:
            return _STAND_INS[name]
        raise pickle.UnpicklingError(f"{module}.{name}")


def _read(file: BinaryIO) -> Any:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.kind != "O" or shape != (2,):
        raise ValueError(f"an array of {dtype} of shape {shape}")
    array = _Unpickler(file).load()
    if not isinstance(array, _Array) or not isinstance(array.items, list) or len(array.items) != 2:
        raise ValueError("no pickle of numpy's")
    return array.items


def _check(path: str, which: str, ids: Any) -> None:
    if not isinstance(ids, dict):
        raise CorruptError(f"{path}: its {which} map is no dictionary but {type(ids).__name__}")
    for key, value in ids.items():
        for each in (key, value):
            if not isinstance(each, _PLAIN):
                raise CorruptError(
                    f"{path}: its {which} map holds {type(each).__name__}, at {key!r}; it takes numbers and texts"
                )


def load(path: str | os.PathLike[str]) -> IdMaps:
    """The maps of users and of items, from encoded to raw ids."""
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            maps = _read(file)
    except OSError as error:
        raise from_system(error.errno or 0, f"opening {name}: {error.strerror}", name) from error
    except pickle.UnpicklingError as error:
        raise CorruptError(
            f"{name}: reading the id maps: its pickle has {error}, which isn't run; a map holds dictionaries of "
            "numbers and texts"
        ) from error
    except Exception as error:  # a pickle that is cut or crafted can end in any of them
        raise CorruptError(
            f"{name}: reading the id maps: it is no array of two dictionaries, as np.save writes them: {error}"
        ) from error
    _check(name, "user", maps[0])
    _check(name, "item", maps[1])
    return maps[0], maps[1]
