"""What an index would take, before it is built.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec


@pytest.mark.parametrize("options", [{}, {"index_type": "IVF", "nlists": 10}, {"index_type": "HNSW", "m": 8}])
def test_the_file_is_as_large_as_said(options, tmp_path):
    items = np.random.default_rng(1).standard_normal((2000, 12), dtype=np.float32)
    builder = vrec.builder_factory("faiss", **options)
    for ids in (None, np.arange(2000) * 3):
        builder.from_embeddings(items, ids=ids).save(tmp_path / "i.index")
        said = builder.estimate(2000, 12, ids=ids is not None)
        assert said.file_bytes == (tmp_path / "i.index").stat().st_size
        assert said.peak_bytes >= said.index_bytes and said.seconds > 0 and 0 < said.trial_rows <= 2000
        again = builder.estimate(embeddings=items, ids=ids is not None)
        assert again.file_bytes == said.file_bytes


def test_more_items_than_are_given():
    items = np.random.default_rng(1).standard_normal((500, 12))
    builder = vrec.builder_factory("annoy", metric="euclidean")
    some, all_ = builder.estimate(embeddings=items), builder.estimate(50000, embeddings=items)
    assert all_.file_bytes > 50 * some.file_bytes and all_.seconds > some.seconds


def test_what_makes_no_sense():
    builder = vrec.builder_factory("faiss")
    with pytest.raises(vrec.ArgumentError, match="rows and dim, or embeddings"):
        builder.estimate(5)
    for rows in (0, -1, 2**63, 2**70):
        with pytest.raises(vrec.ArgumentError, match=f"rows is {rows}; it takes a whole number, 1 to"):
            builder.estimate(rows, 3)
    with pytest.raises(vrec.ArgumentError, match=f"dim is {2**63}"):
        builder.estimate(5, 2**63)
    with pytest.raises(vrec.Error):  # which fits a number, and no machine
        builder.estimate(2**63 - 1, 2)
    with pytest.raises(vrec.ArgumentError, match="dim is 4, but the items have 3"):
        builder.estimate(5, 4, embeddings=np.zeros((5, 3)))
    with pytest.raises(vrec.ArgumentError, match="too few for nlists"):
        vrec.builder_factory("faiss", index_type="IVF").estimate(5, 4)
