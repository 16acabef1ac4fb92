"""vrec's C interface for the interop tests, through ctypes. VREC_LIB names the library to load.

SPDX-License-Identifier: Apache-2.0
"""

import ctypes
import os

import numpy as np

LIBRARY = os.environ.get("VREC_LIB", "libvrec.so.1")
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
    _fields_ = [("status", ctypes.c_int32), ("system_error", ctypes.c_int32), ("row", ctypes.c_int64),
                ("offset", ctypes.c_int64), ("done", ctypes.c_int64), ("subject", ctypes.c_char * 32),
                ("message", ctypes.c_char * 448)]


class QueryOptions(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("threads", ctypes.c_int32), ("merge", ctypes.c_int32),
                ("overrides", ctypes.c_char_p), ("progress", ctypes.c_void_p),
                ("exclude_offsets", ctypes.c_void_p), ("exclude_ids", ctypes.c_void_p),
                ("exclude_count", ctypes.c_size_t), ("allow", ctypes.c_void_p), ("allow_rows", ctypes.c_size_t),
                ("allow_stride", ctypes.c_size_t), ("interests", ctypes.c_size_t),
                ("interest_counts", ctypes.c_void_p), ("allow_offsets", ctypes.c_void_p),
                ("allow_ids", ctypes.c_void_p), ("allow_count", ctypes.c_size_t)]


class Results(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("ids", ctypes.c_void_p), ("distances", ctypes.c_void_p),
                ("counts", ctypes.c_void_p)]


class Build(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("ids", ctypes.c_void_p), ("queries", ctypes.c_void_p),
                ("progress", ctypes.c_void_p), ("names", ctypes.c_char_p), ("names_size", ctypes.c_size_t)]


class Fact(ctypes.Structure):
    _fields_ = [("key", ctypes.c_char_p), ("text", ctypes.c_char_p), ("integer", ctypes.c_int64),
                ("real", ctypes.c_double), ("type", ctypes.c_int32), ("reserved", ctypes.c_int32)]


class ProgressReport(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("phase", ctypes.c_char_p), ("unit", ctypes.c_char_p),
                ("done", ctypes.c_uint64), ("total", ctypes.c_uint64)]


Report = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ProgressReport))


class Progress(ctypes.Structure):
    _fields_ = [("struct_size", ctypes.c_size_t), ("report", Report), ("context", ctypes.c_void_p)]

    @staticmethod
    def of(function):
        """function(phase, done, total) returns whether to stop; None for no progress."""
        if function is None:
            return None

        def report(_, at):
            return bool(function(at.contents.phase.decode(), at.contents.done, at.contents.total))

        return ctypes.pointer(Progress(ctypes.sizeof(Progress), Report(report), None))


library.vrec_data_matrix.restype = ctypes.POINTER(Matrix)
library.vrec_info.restype = ctypes.POINTER(Fact)


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

    def from_embeddings(self, items, progress=None, ids=None, names=None, queries=None):
        indexer, matrix = Indexer(), Matrix.of(items)
        own = None if ids is None else np.ascontiguousarray(ids, np.int64)
        sample = None if queries is None else ctypes.pointer(Matrix.of(queries))
        build = Build(ctypes.sizeof(Build), pointer(own), ctypes.cast(sample, ctypes.c_void_p),
                      ctypes.cast(Progress.of(progress), ctypes.c_void_p),
                      names, len(names or b""))
        call(library.vrec_from_embeddings, self.handle, ctypes.byref(matrix), ctypes.byref(build),
             ctypes.byref(indexer.handle))
        return indexer

    def attach(self, progress=None):
        indexer = Indexer()
        call(library.vrec_attach, self.handle, Progress.of(progress), ctypes.byref(indexer.handle))
        return indexer

    def list(self):
        names = []
        taker = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)(lambda _, name: names.append(name.decode()))
        call(library.vrec_list, self.handle, taker, None, None)
        return names

    def drop(self):
        call(library.vrec_drop, self.handle, None)

    def from_index_file(self, path):
        indexer = Indexer()
        call(library.vrec_from_index_file, self.handle, os.fsencode(path), None, ctypes.byref(indexer.handle))
        return indexer

    def verify(self, path):
        call(library.vrec_verify, self.handle, os.fsencode(path), None)

    def __del__(self):
        library.vrec_builder_free(self.handle)


def id_lists(lists):
    """Offsets, or None where one array is for all, and ids."""
    if lists is None:
        return None, None
    if isinstance(lists, np.ndarray) and lists.ndim == 1:
        return None, np.sort(lists).astype(np.int64)
    offsets = np.cumsum([0] + [len(part) for part in lists]).astype(np.int64)
    return offsets, np.concatenate([np.sort(part) for part in lists] + [[]]).astype(np.int64)


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
        pairs = []
        while fact := library.vrec_info(self.handle, ctypes.c_size_t(len(pairs))):
            pairs.append((fact.contents.key.decode(), fact.contents.text.decode()))
        return pairs

    def add(self, items, ids=None, names=None):
        own = None if ids is None else np.ascontiguousarray(ids, np.int64)
        build = Build(ctypes.sizeof(Build), pointer(own), None, None, names, len(names or b""))
        call(library.vrec_add, self.handle, ctypes.byref(Matrix.of(items)), ctypes.byref(build))

    def optimize(self, queries=None, progress=None):
        sample = None if queries is None else ctypes.byref(Matrix.of(queries))
        call(library.vrec_optimize, self.handle, sample, Progress.of(progress))

    def upsert(self, ids, items, progress=None):
        ids = np.ascontiguousarray(ids, np.int64)
        call(library.vrec_upsert, self.handle, pointer(ids), ctypes.byref(Matrix.of(items)), Progress.of(progress))

    def delete(self, ids):
        ids = np.ascontiguousarray(ids, np.int64)
        call(library.vrec_delete, self.handle, pointer(ids), ctypes.c_size_t(len(ids)), None)

    def query(self, queries, top_k, threads=1, exclude=None, allow=None, progress=None, interests=0, valid=None,
              merge=0, allow_ids=None, **overrides):
        """Ids, distances and counts.

        exclude: the ids that each query must not get, or, in one array, those that none must.
        allow_ids: those that they may get, likewise.
        allow: truths, a row for each query or one for all: the rows that it may get.
        interests: so many queries are one user's, of whom all else is then; valid of them, merged.
        """
        users = len(queries) // max(interests, 1)
        ids = np.empty((users, top_k), np.int64)
        distances = np.empty((users, top_k), np.float32)
        counts = np.empty(users, np.int64)
        valid = None if valid is None else np.asarray(valid, np.int64)
        merge = {"best": 0, "sum": 1, "round_robin": 2}.get(merge, merge)
        text = ",".join(f"{key}={quoted(value)}" for key, value in overrides.items())
        bits = None if allow is None else np.packbits(np.asarray(allow, bool), axis=-1, bitorder="little")
        stride = bits.shape[1] if bits is not None and bits.ndim == 2 else 0
        (offsets, excluded), (allow_offsets, allowed) = id_lists(exclude), id_lists(allow_ids)
        options = QueryOptions(ctypes.sizeof(QueryOptions), threads, merge, text.encode(),
                               ctypes.cast(Progress.of(progress), ctypes.c_void_p), pointer(offsets),
                               pointer(excluded), 0 if excluded is None else len(excluded), pointer(bits),
                               0 if bits is None else np.shape(allow)[-1], stride, interests, pointer(valid),
                               pointer(allow_offsets), pointer(allowed), 0 if allowed is None else len(allowed))
        results = Results(ctypes.sizeof(Results), pointer(ids), pointer(distances), pointer(counts))
        matrix = Matrix.of(queries)
        call(library.vrec_query, self.handle, ctypes.byref(matrix), ctypes.c_size_t(top_k),
             ctypes.byref(options), ctypes.byref(results))
        return ids, distances, counts

    def ids(self):
        ids = np.empty(self.rows, np.int64)
        call(library.vrec_ids, self.handle, ctypes.c_size_t(0), ctypes.c_size_t(self.rows), pointer(ids))
        return ids

    def vectors(self, ids):
        ids = np.ascontiguousarray(ids, np.int64)
        vectors = np.empty((len(ids), self.dim), np.float32)
        call(library.vrec_vectors, self.handle, pointer(ids), ctypes.c_size_t(len(ids)), pointer(vectors))
        return vectors

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
