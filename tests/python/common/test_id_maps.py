"""Maps of ids, which numpy writes as a pickle: read what they hold, run nothing. SPDX-License-Identifier: Apache-2.0"""

import io
import os
import pickle

import numpy as np
import pytest
import vrec
from vrec._id_maps import load

USERS = {1: "u1", 2: "u2"}
ITEMS = {1: 10.5, 2: 20}


def save(path, *maps):
    array = np.empty(len(maps), object)
    array[:] = maps
    np.save(path, array)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "raw_id_maps.npy"


def test_plain(path):
    assert load(save(path, USERS, ITEMS)) == (USERS, ITEMS)


@pytest.mark.parametrize("kind", ["i1", "u8", ">i4", "f4", ">f8", "?", "U5"])
def test_numpy_scalars(path, kind):
    values = np.array([0, 1], kind) if kind != "U5" else np.array(["a", "äß"])
    users, items = load(save(path, dict(enumerate(values)), {value: 7 for value in values}))
    assert users == dict(enumerate(values.tolist())) and items == {value: 7 for value in values.tolist()}
    assert all(type(value) in (int, float, str, bool) for value in users.values())


class Evil:
    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("evil, name", [
    (Evil(os.system, "touch ran"), "posix.system"),
    (Evil(eval, "1"), "builtins.eval"),
    (Evil(np.lib.format.open_memmap, "x"), "open_memmap"),
    (Evil(getattr, "a", "upper"), "builtins.getattr"),
    (np.arange, "numpy.arange"),
    (np.datetime64("2024-01-01"), "a number of type"),
    (np.complex128(1), "a number of type"),
])
def test_nothing_is_run(path, tmp_path, monkeypatch, evil, name):
    monkeypatch.chdir(tmp_path)
    save(path, {1: evil}, ITEMS)
    with pytest.raises(vrec.CorruptError, match=name) as caught:
        load(path)
    assert str(path) in str(caught.value) and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("maps, why", [
    ((USERS, [1, 2]), "its item map is no dictionary but list"),
    ((np.arange(3), ITEMS), "its user map is no dictionary"),
    ((USERS, {1: (2,)}), "its item map holds tuple, at 1"),
    ((USERS, {None: 1}), "its item map holds NoneType"),
    ((USERS,), "of shape"),
    ((USERS, ITEMS, ITEMS), "of shape"),
])
def test_other_things(path, maps, why):
    with pytest.raises(vrec.CorruptError, match=why):
        load(save(path, *maps))


def test_other_files(path):
    with pytest.raises(FileNotFoundError, match="opening"):
        load(path)
    np.save(path, np.arange(2))
    with pytest.raises(vrec.CorruptError, match="an array of int64"):
        load(path)
    path.write_bytes(b"user,item\n")
    with pytest.raises(vrec.CorruptError, match="no array of two dictionaries"):
        load(path)


def test_pickles_that_are_cut_or_crafted(path):
    whole = save(path, USERS, ITEMS).read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(vrec.CorruptError):
            load(path)
    header = whole[:128]
    for payload in (pickle.dumps([USERS, ITEMS]), b"N.", b".", b"cnumpy\nndarray\n.", b"cnumpy\ndtype\n(tR(I1\ntb.",
                    b"Pevil\n.", b"\x96" + b"\xff" * 7 + b"\x00."):
        path.write_bytes(header + payload)
        with pytest.raises(vrec.CorruptError):
            load(path)


def test_flipped_bytes(path, rng):
    """Whatever becomes of them: maps, or an error of ours."""
    whole = bytearray(save(path, USERS, {1: np.int64(5), 2: np.str_("x")}).read_bytes())
    for _ in range(1000):
        bad = whole.copy()
        bad[rng.integers(len(bad))] = rng.integers(256)
        path.write_bytes(bad)
        try:
            load(path)
        except vrec.CorruptError:
            pass


def test_a_pickle_that_numpy_reads_too(path):
    """So that the test above isn't about another format."""
    users, items = np.load(save(path, USERS, ITEMS), allow_pickle=True)
    assert (users, items) == load(path) and io.BytesIO(path.read_bytes()).read(6) == b"\x93NUMPY"
