"""Types, as users' checkers see them. SPDX-License-Identifier: Apache-2.0"""

import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[3]
TYPED = ROOT / "tests/python/typed"


@pytest.mark.once
def test_package(mypy):
    """That torch isn't there is all there may be to say."""
    said = mypy("-p", "vrec")
    rest = [line for line in said.splitlines() if '"torch"' not in line and "missing-imports" not in line]
    assert rest == [], said


@pytest.mark.once
def test_program(mypy, tmp_path):
    assert mypy(TYPED / "with_numpy.py") == ""
    subprocess.run([sys.executable, TYPED / "with_numpy.py", tmp_path], check=True)


@pytest.mark.once
def test_mistakes_are_found(mypy):
    said = mypy(TYPED / "wrong.py")
    found = {int(line) for line in re.findall(r"wrong\.py:(\d+): error", said)}
    wanted = {number for number, line in enumerate((TYPED / "wrong.py").read_text().splitlines(), 1)
              if "# WRONG" in line}
    assert found == wanted, said


@pytest.mark.once
def test_extension_is_as_its_stub_says(tmp_path):
    done = subprocess.run([sys.executable, "-m", "mypy.stubtest", "vrec._core"], capture_output=True, text=True,
                          cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
