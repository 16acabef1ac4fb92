"""What the library is and has. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass
from typing import SupportsIndex, TypeAlias

from . import _core
from ._errors import OptionError, UnsupportedError

OptionValue: TypeAlias = str | SupportsIndex | os.PathLike[str] | None


@dataclass(frozen=True)
class Option:
    """One thing that a backend can be told.

    Attributes
    ----------
    key : str
        Its name.
    aliases : tuple of str
        Other names of it.
    type : str
        "int", "uint" (64 bits), "choice", "text" or "secret".
    default : int, str or None
        Its value if it isn't given; None if it has none.
    range : str
        What it takes: "1..16384", or the choices: "L2, IP".
    stage : str
        "index": of building and opening. "query": one query may have its own.
    help : str
        One line.
    """

    key: str
    aliases: tuple[str, ...]
    type: str
    default: int | str | None
    range: str
    stage: str
    help: str


def _option(key: str, aliases: str, type: str, default: str, range: str, stage: str, help: str) -> Option:
    value: int | str | None = default
    if default == "none":
        value = None
    elif type in ("int", "uint"):
        value = int(default)
    names = tuple(name.strip() for name in aliases.split(",") if name)
    return Option(key, names, type, value, range, stage, help)


def backends() -> list[str]:
    """The names of all backends, also of one that this build lacks."""
    return _core.backends()


def options(backend: str) -> list[Option]:
    """The options of a backend.

    Parameters
    ----------
    backend : str
        Its name, as `backends` lists it.

    Returns
    -------
    list of Option
        In the order of the library's table.

    Raises
    ------
    UnsupportedError
        There is no such backend.
    """
    name = backend_bytes(backend)
    found = [_option(*texts) for texts in _core.options(name)]
    if not found:
        _core.Builder(name, b"")  # raises, and says which name comes nearest
    return found


def backend_bytes(backend: str) -> bytes:
    """A backend's name for the extension."""
    if isinstance(backend, str) and backend.isascii() and "\0" not in backend:
        return backend.encode()
    raise UnsupportedError(f"there is no backend {backend!r}; there are {', '.join(backends())}")


def plain(backend: str, config: dict[str, OptionValue]) -> dict[str, str | int | None]:
    """Options as plain values, which any process can be told."""
    return {key: _plain(backend, key, value) for key, value in config.items()}


def _plain(backend: str, key: str, value: OptionValue) -> str | int | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, float):
        return float.__repr__(value)  # the library refuses it, and says what it takes
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    raise OptionError(f"{backend}: {key} is {value!r}; it takes a text, a whole number or None")


def options_bytes(backend: str, config: dict[str, str | int | None]) -> bytes:
    """Options as the library reads them: key="value",key="value"."""
    pairs = []
    for key, value in config.items():
        if not key or not key.isascii() or any(c in key for c in '=,"\0'):
            raise OptionError(f"{backend} has no option {key!r}")
        text = "none" if value is None else str(value).replace('"', '""')
        pairs.append(f'{key}="{text}"')
    try:
        encoded = os.fsencode(",".join(pairs))
    except UnicodeEncodeError as error:
        raise OptionError(f"{backend}: an option's value is no text: {error.reason}") from error
    if b"\0" in encoded:
        raise OptionError(f"{backend}: an option's value has a zero byte in it")
    return encoded


def cpu() -> str:
    """The instruction set in use: "scalar", "avx2", "avx512" or "neon".

    The best that the machine has, or a lower one that the environment variable VREC_CPU names.
    """
    return _core.cpu()


def set_default_threads(threads: int) -> None:
    """Say how many threads a call uses that asks for 0.

    Parameters
    ----------
    threads : int
        -1: all cores (the start value); or 1 and up. Holds for the whole process, from the next call on.

    Raises
    ------
    ArgumentError
        Any other number.
    """
    _core.set_default_threads(threads)
