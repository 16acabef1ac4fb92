"""The recall is said, and the library chooses the index.

SPDX-License-Identifier: Apache-2.0
"""

import numpy as np
import pytest
import vrec


@pytest.mark.parametrize("queries", ["one", "batch"])
def test_the_recall_is_reached(queries, tmp_path):
    rng = np.random.default_rng(3)
    items, users = rng.standard_normal((8000, 12), np.float32), rng.standard_normal((400, 12), np.float32)
    exact = vrec.builder_factory("faiss").from_embeddings(items).query(users, 10)[0]
    builder = vrec.builder_factory("faiss", index_type="auto", target_recall=0.9, queries=queries)
    with builder.from_embeddings(items) as index:
        found = index.query(users, 10)[0]
        facts = index.info()
        index.save(tmp_path / "i.index")
    assert np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.tolist(), exact.tolist())]) > 0.87
    assert facts["chosen"].startswith(f"index_type={facts['index_type']}") and queries in facts["because"]
    options = dict(pair.split("=") for pair in facts["chosen"].split(","))
    vrec.builder_factory("faiss", **options).from_embeddings(items).save(tmp_path / "again.index")
    assert (tmp_path / "i.index").read_bytes() == (tmp_path / "again.index").read_bytes()
    with builder.from_index_file(tmp_path / "i.index") as opened:  # of whatever kind
        assert opened.info()["index_type"] == facts["index_type"]


def test_what_makes_no_sense():
    items = np.zeros((50, 3))
    with pytest.raises(vrec.Error, match="give target_recall"):
        vrec.builder_factory("faiss", index_type="auto").from_embeddings(items)
    with pytest.raises(vrec.Error, match="ask for Flat, HNSW or IVF"):
        vrec.builder_factory("faiss", index_type="auto", target_recall=0.9).estimate(50, 3)
