"""The README's commands work as they stand there.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import re
import subprocess

import pytest
from command import VREC

ROOT = pathlib.Path(__file__).parents[2]


def commands(page):
    """Those of the page that need no server, in order, where the page says cd examples/debian."""
    block = next(block for block in re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text("utf-8"), re.M | re.S)
                 if "cd examples/debian" in block)
    lines = [line for line in block.splitlines() if line.startswith("vrec ")]
    return [line for line in lines if "milvus" not in line], lines


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_commands(page, tmp_path):
    here, all_lines = commands(page)
    assert len(here) >= 6 and len(here) < len(all_lines)
    for data in (ROOT / "examples/debian").glob("*.npy"):
        (tmp_path / data.name).symlink_to(data)
    path = {**os.environ, "PATH": f"{pathlib.Path(VREC).parent}:{os.environ['PATH']}"}
    for line in here:
        done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), line
