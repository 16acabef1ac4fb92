"""Every Python example of the documentation runs: the blocks of one file in order, in one namespace, in an empty
folder, with a Milvus server where Milvus's defaults say.

SPDX-License-Identifier: Apache-2.0
"""

import pytest
from pages import blocks, pages, run


@pytest.mark.parametrize("page", pages())
def test_page(page, standard_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(page) > 0, f"{page} has no example in Python"


def test_blocks_are_found_and_numbered():
    text = "one\n```python\nx = 1\n```\n\n```sh\nno\n```\n```python\nraise KeyError(x)\n```\n"
    first, second = blocks(text)
    namespace = {}
    exec(compile(first, "page", "exec"), namespace)
    with pytest.raises(KeyError) as error:
        exec(compile(second, "page", "exec"), namespace)
    assert error.traceback[-1].lineno + 1 == 10 and namespace["x"] == 1
