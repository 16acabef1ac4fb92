"""Everything that holds vectors goes in, by its own strides and type.

SPDX-License-Identifier: Apache-2.0
"""

import array
import tracemalloc

import numpy as np
import pytest
import vrec
from tools import assert_same


def flat(items, **options):
    return vrec.builder_factory("faiss", **options).from_embeddings(items)


class Array:
    """Has nothing but __array__."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)


class Interface:
    """Has nothing but __array_interface__."""

    def __init__(self, values):
        self.keep, self.__array_interface__ = values, values.__array_interface__


class DLPack:
    """Has nothing but __dlpack__, on the device that it names."""

    def __init__(self, values, device=None):
        self.values, self.device = values, device or values.__dlpack_device__()

    def __dlpack__(self, **options):
        return self.values.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def unaligned(values):
    memory = np.empty(values.nbytes + 1, np.uint8)
    view = memory[1:].view(values.dtype).reshape(values.shape)
    view[:] = values
    return view


def read_only(values):
    values = values.copy()
    values.flags.writeable = False
    return values


def every_second(values):
    wide = np.full((2 * values.shape[0], 3 * values.shape[1]), 99, values.dtype)
    wide[::2, ::3] = values
    return wide[::2, ::3]


def structured(values):
    """A column of an array of records, as files of fixed records are mapped."""
    records = np.zeros(len(values), [("id", "i4"), ("vector", values.dtype, values.shape[1:])])
    records["vector"] = values
    return records["vector"]


LAYOUTS = {
    "packed": lambda v: v,
    "list of lists": lambda v: v.tolist(),
    "tuple of tuples": lambda v: tuple(map(tuple, v.tolist())),
    "list of rows": list,
    "column-major": np.asfortranarray,
    "transposed": lambda v: np.ascontiguousarray(v.T).T,
    "every second row, every third value": every_second,
    "rows backwards": lambda v: np.ascontiguousarray(v[::-1])[::-1],
    "values backwards": lambda v: np.ascontiguousarray(v[:, ::-1])[:, ::-1],
    "both backwards": lambda v: np.ascontiguousarray(v[::-1, ::-1])[::-1, ::-1],
    "unaligned": unaligned,
    "read-only": read_only,
    "column of records": structured,
    "big-endian": lambda v: v.astype(">f4"),
    "big-endian f8": lambda v: v.astype(">f8"),
    "memoryview": memoryview,
    "__array__": Array,
    "__array_interface__": Interface,
    "__dlpack__": DLPack,
    "subclass": lambda v: v.view(np.recarray),
    "matrix": np.asmatrix,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("n, d", [(50, 8), (50, 1), (1, 8), (1, 1)])
def test_layouts(layout, n, d, rng):
    values = rng.standard_normal((n, d), dtype=np.float32)
    same = LAYOUTS[layout](values)
    expected = flat(values).query(values, 1)
    assert_same(flat(same).query(values, 1), expected)
    assert_same(flat(values).query(same, 1), expected)


TYPES = ["f2", "f4", "f8", "g", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", TYPES)
def test_types_become_float32(dtype, order, rng):
    values = rng.uniform(0, 2 if dtype == "?" else 100, (40, 6)).astype(np.dtype(dtype).newbyteorder(order))
    wanted = values.astype(np.float32)
    expected = flat(wanted).query(wanted, 5)
    assert_same(flat(values).query(values, 5), expected)
    assert_same(flat(np.asfortranarray(values)).query(values[:, ::-1][:, ::-1], 5), expected)


def test_float64_is_rounded_not_cut():
    values = np.array([[1 + 2.0**-24, 1e39 / 1e10, 16777217, 0.1]])
    index = flat(values)
    assert index.query(values.astype(np.float32), 1)[1][0, 0] == 0


def test_large_integers():
    """An id-like value beyond 2^53 is the float32 that numpy makes of it."""
    values = np.array([[2**62 + 2**38, -(2**62)], [3, 4]], np.int64)
    assert flat(values).query(values.astype(np.float32), 1)[1].tolist() == [[0], [0]]
    values = np.array([[2**64 - 1, 2**63]], np.uint64)
    assert flat(values).query(values.astype(np.float32), 1)[1].tolist() == [[0]]


@pytest.mark.parametrize("axis", [0, 1])
def test_one_value_seen_many_times(axis, rng):
    """Strides of zero are a view that repeats, and nothing else."""
    values = rng.standard_normal((40, 6), dtype=np.float32)
    view = np.broadcast_to(values[:1] if axis == 0 else values[:, :1], values.shape)
    assert 0 in view.strides
    full = np.ascontiguousarray(view)
    assert_same(flat(values).query(view, 5), flat(values).query(full, 5))
    assert_same(flat(view).query(values, 5), flat(full).query(values, 5))


def test_memory_mapped_file(items, users, tmp_path):
    np.save(tmp_path / "items.npy", items)
    mapped = np.load(tmp_path / "items.npy", mmap_mode="r")
    assert_same(flat(mapped).query(users, 5), flat(items).query(users, 5))


@pytest.mark.parametrize("row", [
    lambda v: v, list, memoryview, Array, DLPack, lambda v: array.array("f", v), lambda v: np.repeat(v, 2)[::2]],
    ids=["array", "list", "memoryview", "__array__", "__dlpack__", "array.array", "strided"])
def test_one_dimension_is_one_row(row, indexer, users):
    ids, distances = indexer.query(row(users[0]), 5)
    assert ids.shape == distances.shape == (1, 5)
    assert_same((ids, distances), indexer.query(users[:1], 5))
    assert len(flat(row(users[0]))) == 1


def test_no_queries(indexer):
    for none in (np.empty((0, 8), np.float32), np.empty((0, 8))):
        ids, distances, counts = indexer.query(none, 5, return_counts=True)
        assert (ids.shape, ids.dtype) == ((0, 5), np.int64)
        assert (distances.shape, distances.dtype) == ((0, 5), np.float32)
        assert (counts.shape, counts.dtype) == ((0,), np.int64)


REFUSED = {
    "four dimensions": np.zeros((2, 2, 2, 8), np.float32),
    "no dimensions": np.float32(1),
    "a number": 3.0,
    "wrong dimension": np.zeros((2, 7), np.float32),
    "wrong dimension, one row": np.zeros(9, np.float32),
    "no values": np.zeros((2, 0), np.float32),
    "complex": np.zeros((2, 8), np.complex64),
    "objects": np.full((2, 8), object(), object),
    "texts as objects": np.full((2, 8), "1.0", object),
    "numpy's records": np.zeros((2, 8), "i4,f4").view(np.recarray),
    "missing values": np.array([[1.0] * 7 + [None]] * 2, object),
    "texts": np.full((2, 8), "1.0"),
    "bytes": np.full((2, 8), b"1.0"),
    "times": np.zeros((2, 8), "datetime64[s]"),
    "records": np.zeros((2, 8), "i4,f4"),
    "ragged": [[1.0] * 8, [1.0] * 7],
    "a text": "12345678",
    "a list of texts": [list("12345678")],
    "nothing": None,
    "a dict": {0: [1.0] * 8},
    "a set": {1.0, 2.0},
    "a list with None": [[None] * 8],
    "on a GPU": DLPack(np.zeros((2, 8), np.float32), (2, 0)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_a_sentence(what, indexer, users):
    before = indexer.query(users, 5)
    with pytest.raises((ValueError, TypeError, BufferError)) as error:
        indexer.query(REFUSED[what], 5)
    assert len(str(error.value)) > 15
    if "wrong dimension" not in what:
        with pytest.raises((ValueError, TypeError, BufferError)):
            flat(REFUSED[what])
    assert_same(indexer.query(users, 5), before)


@pytest.mark.parametrize("what, words", [
    ("four dimensions", ["4", "(2, 2, 2, 8)"]), ("wrong dimension", ["7", "8"]), ("complex", ["complex"]),
    ("objects", ["object values"]), ("texts as objects", ["str values; it takes real numbers"]),
    ("numpy's records", ["values; it takes real numbers"]), ("missing values", ["x.fillna("])])
def test_the_sentence_says_what_it_got(what, words, indexer):
    with pytest.raises((ValueError, TypeError)) as error:
        indexer.query(REFUSED[what], 5)
    assert any(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("form", ["numbers", "columns of arrays", "one column"])
def test_numbers_among_objects(form, items, users, indexer):
    """What data frames give whose columns aren't plain numpy's."""
    expected = indexer.query(users, 5)
    objects = users.astype(object)
    if form != "numbers":
        objects = np.empty(len(users), object)
        objects[:] = list(users)
    if form == "one column":
        objects = objects[:, None]
    assert_same(indexer.query(objects, 5), expected)


def test_array_method_that_fails(indexer):
    class Angry:
        def __array__(self, dtype=None, copy=None):
            raise ZeroDivisionError("out of order")

    with pytest.raises(ZeroDivisionError, match="out of order"):
        indexer.query(Angry(), 5)


def test_masked_arrays_never_lose_their_mask_silently(indexer, users):
    """They are refused, or what is masked isn't used."""
    masked = np.ma.masked_array(users, np.zeros_like(users, bool))
    masked[0, 0] = np.ma.masked
    try:
        ids, _ = indexer.query(masked, 5)
    except (ValueError, TypeError) as error:
        assert "mask" in str(error)
    else:
        assert not np.array_equal(ids[0], indexer.query(users, 5)[0][0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_items_that_are_no_numbers(bad, items, indexer):
    items[41, 3] = bad
    with pytest.raises(vrec.ArgumentError, match="41") as error:
        flat(items)
    assert "3" in str(error.value)
    ids, distances, counts = indexer.query(items[40:42], 5, return_counts=True)
    assert counts.tolist() == [5, 0]
    assert (ids[1] == -1).all() and np.isposinf(distances[1]).all()


BIG = 4 << 20  # bytes; the results take a thousandth


@pytest.mark.parametrize("layout", ["packed", "column-major", "every second row, every third value", "rows backwards",
                                    "both backwards", "unaligned", "read-only", "memoryview", "__array__",
                                    "__array_interface__", "__dlpack__"])
@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i1", "u1", "i4", "i8"])
def test_nothing_is_copied(layout, dtype, rng):
    """numpy tells tracemalloc what it allocates."""
    values = (rng.standard_normal((BIG // 2048, 2048 // np.dtype(dtype).itemsize)) * 9).astype(dtype)
    same = LAYOUTS[layout](values)
    index = flat(values[:3])
    index.query(same, 1)
    tracemalloc.start()
    try:
        index.query(same, 1)
        flat(same)
        assert tracemalloc.get_traced_memory()[1] < BIG // 10
    finally:
        tracemalloc.stop()
