"""The documentation's examples run where numpy is all there is, but for those that are for torch or a server.

SPDX-License-Identifier: Apache-2.0
"""

import pytest
from pages import ROOT, run


@pytest.mark.parametrize("page", ["README.md", "docs/python.md", "docs/python.zh-CN.md"])
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(page, lambda block: "import torch" not in block and "milvus" not in block) > 0


def test_chinese_pages_are_in_step():
    """The same headings, tables and examples, by number."""
    pages = sorted((ROOT / "docs").glob("*.zh-CN.md"))
    assert len(pages) >= 2
    for page in pages:
        english = page.with_name(page.name.replace(".zh-CN", ""))
        one, other = (path.read_text("utf-8") for path in (page, english))
        for mark in ("\n## ", "\n| ", "```python\n", "\n- "):
            assert one.count(mark) == other.count(mark), f"{page.name} and {english.name} differ in {mark!r}"
