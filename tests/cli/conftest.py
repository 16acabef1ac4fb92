"""What the tests of the command begin with.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib

import numpy as np
import pytest

pytest.register_assert_rewrite("command")
from command import integers, succeed  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: takes seconds; make check leaves it out")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the examples of the help name, as the current one."""
    monkeypatch.chdir(tmp_path)
    np.save("items.npy", integers(300, 16, seed=1))
    np.save("users.npy", integers(40, 16, seed=2))
    np.save("i2.npy", items := integers(300, 24, seed=11))  # of a second model
    np.save("u2.npy", items[:280:7] + integers(40, 24, seed=12) // 4)
    pathlib.Path("titles.txt").write_text("".join(f"title {i} é, \"{i}\"\n" for i in range(300)), encoding="utf-8")
    pathlib.Path("truth.csv").write_text("user,item\n" + "".join(f"{u},{u * 7}\n" for u in range(40)))
    np.save("seen_offsets.npy", np.arange(41) * 3)
    np.save("seen_ids.npy", np.sort(np.random.default_rng(3).integers(0, 300, (40, 3))).ravel().astype(np.int32))
    return tmp_path


@pytest.fixture
def index(folder):
    succeed("build", "faiss", "items.npy", "-o", "items.index", "-q")
    return folder / "items.index"
