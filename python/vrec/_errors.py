"""What can go wrong, as exceptions. Messages are the library's. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import errno


class Error(Exception):
    """Anything that vrec refuses or fails at. Its subclasses are also Python's own exceptions.

    Attributes
    ----------
    subject : str
        The argument or option that is to blame, as the C interface calls it: "items", "exclude_ids",
        "efSearch". Empty if there is none.
    row : int or None
        The first row, or place in a list, that is to blame.
    offset : int or None
        The byte of a file where it stands.
    done : int or None
        How many rows, from the first on, a failed build, upsert or delete on a server has surely dealt with.
    """

    subject: str = ""
    row: int | None = None
    offset: int | None = None
    done: int | None = None


class ArgumentError(Error, ValueError):
    """An argument or input value that can't be used."""


class OptionError(Error, ValueError, TypeError):
    """An option that a backend doesn't have, or a value that it doesn't take."""


class UnsupportedError(Error, NotImplementedError):
    """A valid wish that this backend or version can't fulfil; also an unknown backend."""


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""


class CorruptError(Error, RuntimeError):
    """A file or reply that contradicts itself or isn't what it should be."""


class CancelledError(Error, RuntimeError):
    """A call was stopped halfway."""


class ClosedError(Error, ValueError):
    """The indexer was closed before the call."""


class FileError(Error, OSError):
    """The operating system refused. `errno` and `filename` say what and where, where known."""

    def __str__(self) -> str:
        return str(self.strerror) if self.errno is not None else super().__str__()


class FileMissingError(FileError, FileNotFoundError):
    """There is no such file or folder."""


class FilePermissionError(FileError, PermissionError):
    """The file or folder may not be read or written."""


class FileIsFolderError(FileError, IsADirectoryError):
    """A folder stands where a file should."""


class UnavailableError(Error, ConnectionError):
    """A server can't be reached, or failed."""


class DeadlineError(Error, TimeoutError):
    """A server didn't answer in time."""


# By the number of vrec_status.
_INVALID, _IO = 1, 4
_OF_STATUS: dict[int, type[Error]] = {
    _INVALID: ArgumentError,
    2: UnsupportedError,
    3: OutOfMemoryError,
    _IO: FileError,
    5: CorruptError,
    6: CancelledError,
    7: UnavailableError,
    8: DeadlineError,
}

_OF_ERRNO: dict[int, type[FileError]] = {
    errno.ENOENT: FileMissingError,
    errno.EACCES: FilePermissionError,
    errno.EPERM: FilePermissionError,
    errno.EISDIR: FileIsFolderError,
}


for _class in (*_OF_STATUS.values(), *_OF_ERRNO.values(), Error, OptionError, ClosedError):
    _class.__module__ = "vrec"  # where people find them, and what tracebacks say


def from_system(system_error: int, message: str, path: str | None) -> FileError:
    """The exception for what the operating system refused."""
    return _OF_ERRNO.get(system_error, FileError)(system_error, message, path)


def from_library(
    status: int,
    system_error: int,
    row: int,
    offset: int,
    done: int,
    subject: str,
    message: str,
    path: str | None,
    of_options: bool,
) -> Error:
    """The exception for a failed call. Numbers are -1 if unknown. of_options: what was invalid is an option."""
    error: Error
    if status == _IO and system_error:
        error = from_system(system_error, message, path)
    elif status == _INVALID and of_options:
        error = OptionError(message)
    else:
        error = _OF_STATUS.get(status, Error)(message)
    if subject:
        error.subject = subject
    for name, value in (("row", row), ("offset", offset), ("done", done)):
        if value >= 0:
            setattr(error, name, value)
    return error
