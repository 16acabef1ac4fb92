"""Vector retrieval in C: the k nearest items for these users. SPDX-License-Identifier: Apache-2.0

>>> import vrec
>>> builder = vrec.builder_factory("faiss", metric="IP")
>>> with builder.from_embeddings(item_embeddings) as indexer:
...     ids, distances = indexer.query(user_embeddings, top_k=10)
"""

from ._builder import Builder
from ._core import version as _version
from ._data import (
    read_bvecs,
    read_fbin,
    read_fvecs,
    read_i8bin,
    read_ibin,
    read_ivecs,
    read_u8bin,
    write_bvecs,
    write_fbin,
    write_fvecs,
    write_i8bin,
    write_ibin,
    write_ivecs,
    write_u8bin,
)
from ._errors import (
    ArgumentError,
    CancelledError,
    ClosedError,
    CorruptError,
    DeadlineError,
    Error,
    FileError,
    FileIsFolderError,
    FileMissingError,
    FilePermissionError,
    OptionError,
    OutOfMemoryError,
    UnavailableError,
    UnsupportedError,
)
from ._forecast import Forecast
from ._indexer import Indexer
from ._library import Option, backends, cpu, get_default_threads, options, set_default_threads
from ._tuning import Tuning, TuningStep
from .serving import builder_factory

__version__ = _version()

__all__ = [
    "ArgumentError",
    "Builder",
    "CancelledError",
    "ClosedError",
    "CorruptError",
    "DeadlineError",
    "Error",
    "FileError",
    "FileIsFolderError",
    "FileMissingError",
    "FilePermissionError",
    "Forecast",
    "Indexer",
    "Option",
    "OptionError",
    "OutOfMemoryError",
    "Tuning",
    "TuningStep",
    "UnavailableError",
    "UnsupportedError",
    "__version__",
    "backends",
    "builder_factory",
    "cpu",
    "get_default_threads",
    "options",
    "read_bvecs",
    "read_fbin",
    "read_fvecs",
    "read_i8bin",
    "read_ibin",
    "read_ivecs",
    "read_u8bin",
    "set_default_threads",
    "write_bvecs",
    "write_fbin",
    "write_fvecs",
    "write_i8bin",
    "write_ibin",
    "write_ivecs",
    "write_u8bin",
]
