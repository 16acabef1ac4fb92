"""The documentation's examples in Python. SPDX-License-Identifier: Apache-2.0"""

import pathlib
import re

ROOT = pathlib.Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
# These must have examples; any other page may.
MUST = ["README.md", "README.zh-CN.md", "docs/python.md", "docs/python.zh-CN.md"]


def pages():
    found = [path for folder in (ROOT, ROOT / "docs") for path in sorted(folder.glob("*.md"))]
    names = [str(path.relative_to(ROOT)) for path in found if BLOCK.search(path.read_text("utf-8"))]
    return sorted({*MUST, *names})


def blocks(text):
    """Code, padded so that a traceback names the page's lines."""
    for block in BLOCK.finditer(text):
        yield "\n" * text.count("\n", 0, block.start(1)) + block.group(1)


def run(page, wanted=lambda block: True):
    """Runs the wanted blocks of a page in order, in one namespace. Returns how many there were."""
    code = list(filter(wanted, blocks((ROOT / page).read_text("utf-8"))))
    namespace = {"__name__": "__main__"}
    for block in code:
        exec(compile(block, str(ROOT / page), "exec"), namespace)  # noqa: S102 # that is the test
    return len(code)
