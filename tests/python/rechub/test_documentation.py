"""Every Python example of the documentation runs: the blocks of one file in order, in one namespace, in an empty
folder, with a Milvus server where Milvus's defaults say.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
# These must have examples; any other page may.
MUST = ["README.md", "README.zh-CN.md", "docs/python.md"]


def pages():
    found = [path for folder in (ROOT, ROOT / "docs") for path in sorted(folder.glob("*.md"))]
    names = [str(path.relative_to(ROOT)) for path in found if BLOCK.search(path.read_text("utf-8"))]
    return sorted({*MUST, *names})


def blocks(text):
    """Code, padded so that a traceback names the page's lines."""
    for block in BLOCK.finditer(text):
        yield "\n" * text.count("\n", 0, block.start(1)) + block.group(1)


@pytest.mark.parametrize("page", pages())
def test_page(page, standard_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = list(blocks((ROOT / page).read_text("utf-8")))
    assert code, f"{page} has no example in Python"
    namespace = {"__name__": "__main__"}
    for block in code:
        exec(compile(block, str(ROOT / page), "exec"), namespace)  # noqa: S102 # that is the test


def test_blocks_are_found_and_numbered():
    text = "one\n```python\nx = 1\n```\n\n```sh\nno\n```\n```python\nraise KeyError(x)\n```\n"
    first, second = blocks(text)
    namespace = {}
    exec(compile(first, "page", "exec"), namespace)
    with pytest.raises(KeyError) as error:
        exec(compile(second, "page", "exec"), namespace)
    assert error.traceback[-1].lineno + 1 == 10 and namespace["x"] == 1
