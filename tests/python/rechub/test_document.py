"""What Torch-RecHub's document on retrieval shows, call by call, with the import changed and nothing else.

SPDX-License-Identifier: Apache-2.0
"""

import contextlib

import pytest
import torch
from tools import takes
from vrec.serving import builder_factory


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def normal(*shape):
    return torch.randn(*shape, dtype=torch.float32)


def unless_to_come(backend, index_type):
    """Where the library lacks the kind of index: the refusal that it must then give."""
    if takes(backend, "index_type", index_type):
        return contextlib.nullcontext()
    return pytest.raises(NotImplementedError, match=index_type)


def assert_found(answer, users, top_k, items):
    ids, distances = answer
    assert ids.shape == distances.shape == (users, top_k)
    assert ((0 <= ids) & (ids < items)).all()


def test_quick_start():
    item_embeddings, user_embeddings = normal(1000, 64), normal(10, 64)
    builder = builder_factory("faiss", index_type="Flat", metric="L2")
    with builder.from_embeddings(item_embeddings) as indexer:
        ids, distances = indexer.query(user_embeddings, top_k=10)
        indexer.save("item.index")
    with builder.from_index_file("item.index") as indexer:
        again, _ = indexer.query(user_embeddings, top_k=10)
    assert_found((ids, distances), 10, 10, 1000)
    assert torch.equal(ids, again)
    true = torch.cdist(user_embeddings.double(), item_embeddings.double()) ** 2
    assert torch.equal(ids, true.argsort(dim=1)[:, :10])


def test_annoy_parameters():
    assert builder_factory("annoy", d=64, metric="angular", n_trees=10, threads=-1, searchk=-1)


def test_annoy_example(capsys):
    item_embeddings, user_embeddings = normal(1000, 64), normal(10, 64)
    builder = builder_factory("annoy", d=64, metric="angular", n_trees=50, searchk=100)
    with builder.from_embeddings(item_embeddings) as indexer:
        ids, distances = indexer.query(user_embeddings, top_k=10)
        indexer.save("annoy.index")
    print(f"{ids}\n{distances}")
    assert "tensor(" in capsys.readouterr().out
    assert_found((ids, distances), 10, 10, 1000)


def test_faiss_parameters():
    assert builder_factory("faiss", index_type="Flat", metric="L2")
    with unless_to_come("faiss", "HNSW"):
        assert builder_factory("faiss", index_type="HNSW", metric="L2", m=32, efSearch=50)
    with unless_to_come("faiss", "IVF"):
        assert builder_factory("faiss", index_type="IVF", metric="L2", nlists=100, nprobe=10)


def test_faiss_example():
    item_embeddings, user_embeddings = normal(10_000, 128), normal(100, 128)
    with unless_to_come("faiss", "HNSW"):
        builder = builder_factory("faiss", index_type="HNSW", metric="IP", m=32, efSearch=64)
        with builder.from_embeddings(item_embeddings) as indexer:
            answer = indexer.query(user_embeddings, top_k=20)
            indexer.save("faiss_hnsw.index")
        assert_found(answer, 100, 20, 10_000)


def test_milvus_parameters():
    assert builder_factory("milvus", d=64, index_type="FLAT", metric="L2")
    assert builder_factory("milvus", d=64, index_type="HNSW", metric="COSINE", m=16, ef=50)
    assert builder_factory("milvus", d=64, index_type="IVF_FLAT", metric="IP", nlist=128, nprobe=16)


def test_milvus_example(standard_server):
    item_embeddings, user_embeddings = normal(10_000, 64), normal(100, 64)
    builder = builder_factory("milvus", d=64, index_type="HNSW", metric="COSINE", m=32, ef=64)
    with builder.from_embeddings(item_embeddings) as indexer:
        ids, distances = indexer.query(user_embeddings, top_k=10)
    assert_found((ids, distances), 100, 10, 10_000)
    unit_items, unit_users = (each / each.norm(dim=1, keepdim=True) for each in (item_embeddings, user_embeddings))
    assert torch.allclose(distances, (unit_users @ unit_items.T).gather(1, ids), atol=1e-4)


@pytest.mark.parametrize("backend, options", [("annoy", {"d": 64}), ("faiss", {}), ("milvus", {"d": 64})])
def test_defaults(backend, options):
    assert builder_factory(backend, **options)
