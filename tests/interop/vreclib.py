"""vrec's C interface for the interop tests, through ctypes. VREC_LIB names the library to load.

SPDX-License-Identifier: Apache-2.0
"""

import ctypes
import os

import numpy as np

LIBRARY = os.environ.get("VREC_LIB", "libvrec.so.0")
INVALID, UNSUPPORTED, NO_MEMORY, IO, CORRUPT, CANCELLED, UNAVAILABLE, TIMEOUT = range(1, 9)
TYPES = {"f4": 0, "f2": 1, "f8": 2, "i1": 3, "u1": 4, "i4": 5, "i8": 6}

library = ctypes.CDLL(LIBRARY)
library.vrec_cpu.restype = ctypes.c_char_p
library.vrec_version.restype = ctypes.c_char_p
library.vrec_rows.restype = ctypes.c_size_t
library.vrec_dim.restype = ctypes.c_size_t
for _function in (library.vrec_builder_free, library.vrec_indexer_free, library.vrec_data_close):
    _function.restype = None


def version():
    return library.vrec_version().decode()


def cpu():
    return library.vrec_cpu().decode()


class Matrix(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("data", ctypes.c_void_p), ("rows", ctypes.c_size_t),
                ("dim", ctypes.c_size_t), ("row_stride", ctypes.c_ssize_t), ("col_stride", ctypes.c_ssize_t),
                ("type", ctypes.c_int32), ("reserved", ctypes.c_int32)]

    @staticmethod
    def of(array):
        return Matrix(ctypes.sizeof(Matrix), array.ctypes.data, array.shape[0], array.shape[1],
                      array.strides[0], array.strides[1], TYPES[array.dtype.str[1:]], 0)


class Error(ctypes.Structure):
    _fields_ = [("status", ctypes.c_int32), ("system_error", ctypes.c_int32), ("message", ctypes.c_char * 504)]


class QueryOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_int32), ("reserved", ctypes.c_int32),
                ("exclude_offsets", ctypes.c_void_p), ("exclude_ids", ctypes.c_void_p),
                ("progress", ctypes.c_void_p), ("overrides", ctypes.c_char_p)]


Report = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64)


class Progress(ctypes.Structure):
    _fields_ = [("report", Report), ("context", ctypes.c_void_p)]

    @staticmethod
    def of(function):
        """function(what, done, total) returns whether to stop; None for no progress."""
        if function is None:
            return None
        return ctypes.byref(Progress(Report(lambda _, what, done, total: bool(function(what.decode(), done, total))), None))


library.vrec_data_matrix.restype = ctypes.POINTER(Matrix)


class VrecError(Exception):
    def __init__(self, error):
        super().__init__(error.message.decode())
        self.status = error.status


def call(function, *arguments):
    error = Error()
    if function(*arguments, ctypes.byref(error)) != 0:
        raise VrecError(error)


def pointer(array):
    return ctypes.c_void_p(array.ctypes.data) if array is not None else None


def quoted(value):
    """As an option string wants it."""
    text = str(value)
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',="') else text


class Builder:
    def __init__(self, backend, **options):
        self.handle = ctypes.c_void_p()
        text = ",".join(f"{key}={quoted(value)}" for key, value in options.items())
        call(library.vrec_builder_factory, backend.encode(), text.encode(), ctypes.byref(self.handle))

    def from_embeddings(self, items, progress=None):
        indexer, matrix = Indexer(), Matrix.of(items)
        call(library.vrec_from_embeddings, self.handle, ctypes.byref(matrix), Progress.of(progress),
             ctypes.byref(indexer.handle))
        return indexer

    def attach(self, progress=None):
        indexer = Indexer()
        call(library.vrec_attach, self.handle, Progress.of(progress), ctypes.byref(indexer.handle))
        return indexer

    def drop(self):
        call(library.vrec_drop, self.handle)

    def from_index_file(self, path):
        indexer = Indexer()
        call(library.vrec_from_index_file, self.handle, os.fsencode(path), None, ctypes.byref(indexer.handle))
        return indexer

    def verify(self, path):
        call(library.vrec_verify, self.handle, os.fsencode(path), None)

    def __del__(self):
        library.vrec_builder_free(self.handle)


class Indexer:
    def __init__(self):
        self.handle = ctypes.c_void_p()

    @property
    def rows(self):
        return library.vrec_rows(self.handle)

    @property
    def dim(self):
        return library.vrec_dim(self.handle)

    @property
    def larger_is_nearer(self):
        return bool(library.vrec_larger_is_nearer(self.handle))

    def info(self):
        """Pairs of key and value; keys may repeat."""
        pairs, key, value = [], ctypes.c_char_p(), ctypes.c_char_p()
        while library.vrec_info(self.handle, ctypes.c_size_t(len(pairs)), ctypes.byref(key),
                                ctypes.byref(value)):
            pairs.append((key.value.decode(), value.value.decode()))
        return pairs

    def upsert(self, ids, items, progress=None):
        ids = np.ascontiguousarray(ids, np.int64)
        call(library.vrec_upsert, self.handle, pointer(ids), ctypes.byref(Matrix.of(items)), Progress.of(progress))

    def delete(self, ids):
        ids = np.ascontiguousarray(ids, np.int64)
        call(library.vrec_delete, self.handle, pointer(ids), ctypes.c_size_t(len(ids)))

    def query(self, queries, top_k, threads=1, exclude=None, progress=None, **overrides):
        """Ids, distances and counts. exclude: for each query, the ids that it must not get."""
        ids = np.empty((len(queries), top_k), np.int64)
        distances = np.empty((len(queries), top_k), np.float32)
        counts = np.empty(len(queries), np.uint64)
        text = ",".join(f"{key}={quoted(value)}" for key, value in overrides.items())
        offsets = excluded = None
        if exclude is not None:
            offsets = np.cumsum([0] + [len(part) for part in exclude]).astype(np.int64)
            excluded = np.concatenate([np.sort(part) for part in exclude] + [[]]).astype(np.int64)
        options = QueryOptions(ctypes.sizeof(QueryOptions), threads, 0, pointer(offsets), pointer(excluded),
                               ctypes.cast(Progress.of(progress), ctypes.c_void_p), text.encode())
        matrix = Matrix.of(queries)
        call(library.vrec_query, self.handle, ctypes.byref(matrix), ctypes.c_size_t(top_k),
             ctypes.byref(options), pointer(ids), pointer(distances), pointer(counts))
        return ids, distances, counts

    def save(self, path):
        call(library.vrec_save, self.handle, os.fsencode(path), None)

    def close(self):
        library.vrec_indexer_free(self.handle)
        self.handle = ctypes.c_void_p()

    def __del__(self):
        self.close()


def load_data(path):
    """The vectors of a data file, in the file's own type."""
    handle = ctypes.c_void_p()
    call(library.vrec_data_open, os.fsencode(path), ctypes.byref(handle))
    try:
        m = library.vrec_data_matrix(handle).contents
        dtype = np.dtype("<" + next(name for name, number in TYPES.items() if number == m.type))
        strides = (m.row_stride or m.dim * dtype.itemsize, m.col_stride or dtype.itemsize)
        span = (m.rows - 1) * strides[0] + (m.dim - 1) * strides[1] + dtype.itemsize if m.rows else 0
        mapped = (ctypes.c_char * span).from_address(m.data)
        return np.ndarray((m.rows, m.dim), dtype, mapped, 0, strides).copy()
    finally:
        library.vrec_data_close(handle)


def save_data(path, array):
    call(library.vrec_data_save, os.fsencode(path), ctypes.byref(Matrix.of(array)))
