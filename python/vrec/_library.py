"""What the library is and has. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import SupportsIndex, TypeAlias

import numpy as np

from . import _core
from ._errors import OptionError, UnsupportedError

OptionValue: TypeAlias = str | SupportsIndex | os.PathLike[str] | Mapping[str, object] | None


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
        "int", "uint" (64 bits), "float", "choice", "text" or "secret".
    default : int, str or None
        Its value if it isn't given; None if it has none.
    range : str
        What it takes: "1..16384", or the choices: "L2, IP".
    stages : tuple of str
        Where it counts: "build", "open", "query". What counts in a query may be given for one query alone.
    kinds : tuple of str
        The values of ``index_type`` that it is for; empty if it is for every kind of index.
    help : str
        One line.
    """

    key: str
    aliases: tuple[str, ...]
    type: str
    default: int | str | None
    range: str
    stages: tuple[str, ...]
    kinds: tuple[str, ...]
    help: str


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word)


def _option(
    key: str, aliases: str, type: str, default: str, range: str, stage: str, kinds: str, help: str
) -> Option:
    value: int | str | None = default
    if default == "none":
        value = None
    elif type in ("int", "uint"):
        value = int(default)
    return Option(key, _words(aliases), type, value, range, _words(stage), _words(kinds), help)


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


def grouped(backend: str) -> list[tuple[str, list[Option]]]:
    """The options of a backend by kind of index and stage, as the command's help has them."""
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Option]] = {}
    for option in sorted(options(backend), key=lambda option: option.kinds != ()):
        groups.setdefault((option.kinds, option.stages), []).append(option)
    titled = []
    for (kinds, stages), members in groups.items():
        first = "".join(f"{stage}, " for stage in stages[:-2]) + "".join(f"{stage} or " for stage in stages[-2:-1])
        titled.append((f"To {first}{stages[-1]} {', '.join(kinds) or 'an index'}", members))
    return titled


@functools.cache
def names(backend: bytes) -> frozenset[str]:
    """Every key and alias of a backend's options."""
    return frozenset(name for option in options(backend.decode()) for name in (option.key, *option.aliases))


def backend_bytes(backend: str) -> bytes:
    """A backend's name for the extension."""
    if isinstance(backend, str) and backend.isascii() and "\0" not in backend:
        return backend.encode()
    raise UnsupportedError(f"there is no backend {backend!r}; there are {', '.join(backends())}")


def plain(backend: str, config: dict[str, OptionValue]) -> dict[str, str | int | None]:
    """Options as plain values, which any process can be told.

    An unknown one becomes None, whatever its value: the library is to say that it is unknown.
    """
    known = names(backend_bytes(backend))
    return {key: _plain(backend, key, value) if key in known else None for key, value in config.items()}


def _plain(backend: str, key: str, value: OptionValue) -> str | int | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, (float, np.floating)):
        # Where it takes none the library refuses it, and says what it takes. It reads no exponents.
        text = float.__repr__(float(value))
        return f"{float(value):.9f}" if "e-" in text else text
    if isinstance(value, bool):
        choice = _choice(backend, key, value)
        if choice is not None:
            return choice
    elif isinstance(value, Mapping):
        if _find(backend, key).type == "text":
            return _json(backend, key, value)
    else:
        try:
            return operator.index(value)
        except TypeError:
            pass
    # Its type, not its value, which may be a secret.
    raise OptionError(f"{backend}: {key} is a {type(value).__name__}; it takes a text, a number or None")


def _json(backend: str, key: str, value: Mapping[str, object]) -> str:
    import json  # which few need

    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{backend}: {key} can't be written as JSON: {error}") from error


def _find(backend: str, key: str) -> Option:
    return next(each for each in options(backend) if key in (each.key, *each.aliases))


def _choice(backend: str, key: str, value: bool) -> str | None:
    """What True or False is among the choices of an option, if it has two such."""
    option = _find(backend, key)
    choices = option.range.split(", ") if option.type == "choice" else []
    meant = ("yes", "on", "auto") if value else ("no", "off")
    return next((choice for choice in meant if choice in choices), None)


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
    """The instruction set in use: "scalar", "avx2", "avx512", "amx" or "neon".

    The best that the machine has, or a lower one that the environment variable VREC_CPU names.
    """
    return _core.cpu()


def get_default_threads() -> int:
    """How many threads a call uses that asks for 0; -1 is all cores.

    Until `set_default_threads` says otherwise it is what the environment variable VREC_THREADS says, else -1.
    """
    return _core.default_threads()


def set_default_threads(threads: int) -> None:
    """Say how many threads a call uses that asks for 0.

    Parameters
    ----------
    threads : int
        -1: all cores; or 1 and up. Holds for the whole process, from the next call on.

    Raises
    ------
    ArgumentError
        Any other number.
    """
    _core.set_default_threads(threads)
