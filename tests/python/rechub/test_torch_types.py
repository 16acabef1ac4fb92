"""Types where torch is installed. SPDX-License-Identifier: Apache-2.0"""

import pathlib
import subprocess
import sys

import pytest

TYPED = pathlib.Path(__file__).parents[1] / "typed"


@pytest.mark.parametrize("name", ["with_torch.py", "with_numpy.py"])
def test_program(name, mypy, tmp_path):
    assert mypy(TYPED / name) == ""
    subprocess.run([sys.executable, TYPED / name, tmp_path], check=True)
