"""The shapes that every drop-in for Torch-RecHub's retrieval has, in all combinations of options that its own
tests have. A kind of index that the library lacks is refused, and tried once it has it.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from tools import takes
from vrec.serving import builder_factory

ITEMS, USERS, DIM, TOP_K = 100, 100, 5, 5


def annoy_cases():
    for metric, n_trees, threads, searchk in itertools.product(
            ("angular", "euclidean", "dot"), (1, 10), (-1, 2), (-1, 100)):
        yield {"metric": metric, "n_trees": n_trees, "threads": threads, "searchk": searchk}


def faiss_cases():
    for metric in ("L2", "IP"):
        yield {"index_type": "Flat", "metric": metric}
        for m, ef in itertools.product((16, 32), (None, 50)):
            yield {"index_type": "HNSW", "metric": metric, "m": m, "efSearch": ef}
        for nlists, nprobe in itertools.product((1, 2), (None, 5)):
            yield {"index_type": "IVF", "metric": metric, "nlists": nlists, "nprobe": nprobe}


def milvus_cases():
    for metric in ("COSINE", "IP", "L2"):
        yield {"index_type": "FLAT", "metric": metric}
        for m, ef in itertools.product((16, 32), (None, 50)):
            yield {"index_type": "HNSW", "metric": metric, "m": m, "ef": ef}
        for nlist, nprobe in itertools.product((1, 2), (None, 5)):
            yield {"index_type": "IVF_FLAT", "metric": metric, "nlist": nlist, "nprobe": nprobe}


def cases(all_of_them):
    return pytest.mark.parametrize("options", list(all_of_them), ids=lambda case: "-".join(map(str, case.values())))


@pytest.fixture(scope="module")
def data():
    generator = torch.Generator().manual_seed(1)
    return tuple(torch.randn(n, DIM, dtype=torch.float32, generator=generator) for n in (ITEMS, USERS))


def assert_shapes(answer):
    ids, distances = answer
    assert isinstance(ids, torch.Tensor) and isinstance(distances, torch.Tensor)
    assert ids.shape == (USERS, TOP_K) and ids.dtype == torch.int64
    assert distances.shape == (USERS, TOP_K) and distances.dtype == torch.float32
    assert ids.device.type == distances.device.type == "cpu"
    assert not ids.requires_grad and not distances.requires_grad
    assert ((-1 <= ids) & (ids < ITEMS)).all() and (ids[:, 0] >= 0).all()


def build_save_open(backend, options, data, path):
    items, users = data
    builder = builder_factory(backend, **options)
    with builder.from_embeddings(items) as indexer:
        built = indexer.query(users, TOP_K)
        assert_shapes(built)
        indexer.save(path)
    with builder.from_index_file(path) as indexer:
        opened = indexer.query(users, TOP_K)
        assert_shapes(opened)
    assert all(map(torch.equal, built, opened))


@cases(annoy_cases())
def test_annoy(options, data, tmp_path):
    build_save_open("annoy", {"d": DIM, **options}, data, tmp_path / "index")


@cases(faiss_cases())
def test_faiss(options, data, tmp_path):
    if takes("faiss", "index_type", options["index_type"]):
        build_save_open("faiss", options, data, tmp_path / "index")
        return
    with pytest.raises(NotImplementedError, match=options["index_type"]):
        builder_factory("faiss", **options).from_embeddings(data[0])


@pytest.fixture(scope="module")
def milvus_runs(server, data):
    """All at once: each takes seconds on a real server, which spends them waiting."""
    items, users = data

    def run(options):
        builder = builder_factory("milvus", d=DIM, host="127.0.0.1", port=server.port, **options)
        with builder.from_embeddings(items) as indexer:
            with pytest.raises(NotImplementedError):
                indexer.save("index")
            return indexer.query(users, TOP_K)

    with ThreadPoolExecutor(9) as pool:
        yield {str(options): pool.submit(run, options) for options in milvus_cases()}


@cases(milvus_cases())
def test_milvus(options, milvus_runs):
    assert_shapes(milvus_runs[str(options)].result())


def test_milvus_has_no_files(tmp_path):
    with pytest.raises(NotImplementedError):
        builder_factory("milvus", d=DIM).from_index_file(tmp_path / "index")
