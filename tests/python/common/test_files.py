"""Files of vectors: every format, there and back.

SPDX-License-Identifier: Apache-2.0
"""

import gc
import os
import pathlib

import numpy as np
import pytest
import vrec

TYPES = {"fvecs": "f4", "bvecs": "u1", "ivecs": "i4", "fbin": "f4", "u8bin": "u1", "i8bin": "i1", "ibin": "i4"}
every_format = pytest.mark.parametrize("format", TYPES)


def read(format, path):
    return getattr(vrec, f"read_{format}")(path)


def write(format, path, array):
    return getattr(vrec, f"write_{format}")(path, array)


def values(rng, format, n=37, d=5):
    dtype = np.dtype(TYPES[format])
    if dtype.kind == "f":
        return rng.standard_normal((n, d), dtype=np.float32)
    return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, (n, d), dtype, endpoint=True)


def encoded(format, array):
    """The bytes of the format, by its definition."""
    n, d = array.shape
    if format.endswith("vecs"):
        heads = np.full((n, 1), d, "<i4").view("u1")
        return np.concatenate([heads, array.view("u1").reshape(n, -1)], axis=1).tobytes()
    return np.array([n, d], "<u4").tobytes() + array.tobytes()


@every_format
def test_bytes_are_the_formats(format, rng, tmp_path):
    array, path = values(rng, format), tmp_path / f"file.{format}"
    write(format, path, array)
    assert path.read_bytes() == encoded(format, array)
    again = read(format, path)
    assert again.dtype == TYPES[format] and np.array_equal(again, array)
    assert np.array_equal(read(format, str(path)), array)


@every_format
def test_strides(format, rng, tmp_path):
    array, path = values(rng, format), tmp_path / f"file.{format}"
    for view in (np.asfortranarray(array), array[::2, ::-1], array[:, 1:3], array[::-3]):
        write(format, path, view)
        assert np.array_equal(read(format, path), view)


@every_format
def test_lists(format, tmp_path):
    write(format, tmp_path / f"file.{format}", [[1, 2], [3, 4]] if TYPES[format] != "f4" else [[1.0, 2.0], [3.0, 4.0]])
    assert read(format, tmp_path / f"file.{format}").tolist() == [[1, 2], [3, 4]]


@every_format
def test_wrong_ending(format, rng, tmp_path):
    """Never a file that is read as something else than the function's name says."""
    path = tmp_path / "file.dat"
    path.write_bytes(encoded(format, values(rng, format)))
    with pytest.raises(ValueError, match=format):
        read(format, path)
    for name in ("other.dat", "other", "other.npy", f"{format}"):
        with pytest.raises(ValueError, match=format):
            write(format, tmp_path / name, values(rng, format))
    assert os.listdir(tmp_path) == ["file.dat"]


@every_format
def test_damaged(format, rng, tmp_path):
    path = tmp_path / f"file.{format}"
    whole = encoded(format, values(rng, format))
    for cut in (1, 4, 7, len(whole) - 1):
        path.write_bytes(whole[:cut])
        with pytest.raises(vrec.CorruptError, match="file"):
            read(format, path)
    with pytest.raises(FileNotFoundError):
        read(format, tmp_path / f"missing.{format}")


@pytest.mark.parametrize("format", ["fvecs", "fbin"])
def test_float64_is_rounded_like_a_list(format, tmp_path):
    values = [[0.1, 1e-300], [float("inf"), -2.5]]
    write(format, tmp_path / f"list.{format}", values)
    write(format, tmp_path / f"array.{format}", np.array(values))
    assert (tmp_path / f"list.{format}").read_bytes() == (tmp_path / f"array.{format}").read_bytes()
    assert (read(format, tmp_path / f"array.{format}") == np.float32(values)).all()


@pytest.mark.parametrize("format, array", [
    ("fvecs", np.array([[1 + 1j]])), ("bvecs", np.array([[256]])), ("bvecs", np.array([[-1]])),
    ("bvecs", np.array([[0.5]])), ("ivecs", np.array([[2**31]])), ("ivecs", np.array([[1.5]])),
    ("i8bin", np.array([[128]])), ("ibin", np.array([[2.0**40]])), ("u8bin", np.array([["a"]])),
    ("fbin", np.zeros((2, 2, 2), np.float32)), ("fbin", object()),
    ("fvecs", [[1e300]]), ("fbin", [[0.5], [-1e39]]), ("fvecs", np.array([[1e300]]))])
def test_values_that_do_not_fit(format, array, tmp_path):
    with pytest.raises((ValueError, TypeError)):
        write(format, tmp_path / f"file.{format}", array)
    assert list(tmp_path.iterdir()) == []


def test_the_array_outlives_its_file(rng, tmp_path):
    array, path = values(rng, "fvecs"), tmp_path / "file.fvecs"
    write("fvecs", path, array)
    again = read("fvecs", path)
    path.unlink()
    gc.collect()
    assert np.array_equal(again, array)
    view = again[3]
    del again
    gc.collect()
    assert np.array_equal(view, array[3])


def test_a_large_file_goes_straight_into_an_index(rng, tmp_path):
    array = rng.standard_normal((5000, 16), dtype=np.float32)
    write("fbin", tmp_path / "items.fbin", array)
    index = vrec.builder_factory("faiss").from_embeddings(read("fbin", tmp_path / "items.fbin"))
    assert index.query(array[:50], 1)[0].ravel().tolist() == list(range(50))


def test_files_are_closed(rng, tmp_path):
    array, path = values(rng, "fbin"), tmp_path / "some vectors.fbin"
    write("fbin", path, array)
    kept = [read("fbin", path) for _ in range(50)]
    del kept
    gc.collect()
    assert "some vectors" not in pathlib.Path("/proc/self/maps").read_text()
    open_files = [os.readlink(each) for each in pathlib.Path("/proc/self/fd").iterdir() if each.is_symlink()]
    assert not any("some vectors" in each for each in open_files)
