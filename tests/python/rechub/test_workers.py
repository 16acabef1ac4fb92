"""Workers of torch's DataLoader, and several processes at one Milvus server.

SPDX-License-Identifier: Apache-2.0
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import vrec
from torch.utils.data import DataLoader, Dataset, IterableDataset, get_worker_info


class Neighbours(Dataset):
    """Hard negatives: for every user its nearest items, found by the worker."""

    def __init__(self, users, indexer):
        self.users, self.indexer = users, indexer

    def __len__(self):
        return len(self.users)

    def __getitem__(self, number):
        ids, distances = self.indexer.query(self.users[number], 5)
        return number, ids[0], distances[0]


class Stream(IterableDataset):
    """Each worker opens the file by itself."""

    def __init__(self, users, builder, path):
        self.users, self.builder, self.path = users, builder, path

    def __iter__(self):
        about = get_worker_info()
        with self.builder.from_index_file(self.path) as indexer:
            for number in range(about.id, len(self.users), about.num_workers):
                ids, distances = indexer.query(self.users[number], 5)
                yield number, ids[0], distances[0]


def assert_all(loader, expected):
    ids, distances = expected
    seen = []
    for numbers, found, how_far in loader:
        assert torch.equal(found, ids[numbers]) and torch.equal(how_far, distances[numbers])
        seen += numbers.tolist()
    assert sorted(seen) == list(range(len(ids)))


@pytest.mark.parametrize("backend", ["faiss", "annoy"])
def test_forked_workers(backend, torch_items, torch_users):
    with vrec.builder_factory(backend).from_embeddings(torch_items) as indexer:
        expected = indexer.query(torch_users, 5)
        loader = DataLoader(Neighbours(torch_users, indexer), batch_size=4, num_workers=2,
                            multiprocessing_context="fork")
        for _ in range(2):
            assert_all(loader, expected)
            assert torch.equal(indexer.query(torch_users, 5)[0], expected[0])


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_that_open_the_file(context, torch_items, torch_users, tmp_path):
    builder = vrec.builder_factory("annoy", d=8, n_trees=5)
    with builder.from_embeddings(torch_items) as indexer:
        indexer.save(tmp_path / "index")
        expected = indexer.query(torch_users, 5)
    stream = Stream(torch_users, builder, tmp_path / "index")
    assert_all(DataLoader(stream, batch_size=4, num_workers=2, multiprocessing_context=context), expected)


def test_indexer_in_a_spawned_worker(torch_items, torch_users):
    """It can't go there, and the sentence says what can."""
    with vrec.builder_factory("faiss").from_embeddings(torch_items) as indexer:
        loader = DataLoader(Neighbours(torch_users, indexer), num_workers=1, multiprocessing_context="spawn")
        with pytest.raises(TypeError, match="save"):
            next(iter(loader))


# ---- Milvus ----

@pytest.fixture
def builder(server, request):
    made = []

    def make(**options):
        made.append(vrec.builder_factory("milvus", host="127.0.0.1", port=server.port, **options))
        return made[-1]

    yield make
    for each in made:
        if "collection" in repr(each):
            each.drop()


@pytest.fixture
def collection(request):
    return "t_" + "".join(c if c.isalnum() else "_" for c in request.node.name)[:60] + f"_{os.getpid()}"


def test_changes_while_others_ask(builder, collection, torch_items, torch_users):
    """Three threads ask and one writes; who asks after a write sees it."""
    made = builder(collection=collection)
    with made.from_embeddings(torch_items) as indexer:
        over = threading.Event()

        def ask():
            turns = 0
            while not over.is_set():
                ids, _ = indexer.query(torch_users, 5)
                assert tuple(ids.shape) == (20, 5) and (ids >= 0).all()
                turns += 1
            return turns

        with ThreadPoolExecutor(3) as pool:
            asked = [pool.submit(ask) for _ in range(3)]
            try:
                for turn in range(5):
                    ids = torch.arange(1000 + 3 * turn, 1003 + 3 * turn)
                    far = torch_users[:3] + 100 * (turn + 1)
                    indexer.upsert(ids, far)
                    assert torch.equal(indexer.query(far, 1)[0].ravel(), ids)
                    indexer.delete(ids)
                    assert not torch.isin(indexer.query(far, 20)[0], ids).any()
            finally:
                over.set()
            assert all(each.result() for each in asked)
        assert len(indexer) == 300
    with made.attach() as indexer:
        assert len(indexer) == 300 and indexer.dim == 8
        indexer.upsert(np.array([7], np.uint16), torch_users[:1].double())
        indexer.upsert([8], torch_users[1].tolist())
        assert indexer.query(torch_users[:2], 1)[0].ravel().tolist() == [7, 8]


@pytest.mark.servers("lite")  # no server hears of them
def test_bad_ids(builder, collection, torch_items, torch_users):
    with builder(collection=collection).from_embeddings(torch_items) as indexer:
        expected = indexer.query(torch_users, 5)
        for ids in ([1, 2], [1.5], [True], ["a"], [[1]], [2**63], [-(2**70)], 5, None):
            with pytest.raises((ValueError, TypeError), match="ids"):
                indexer.upsert(ids, torch_users[:1])
            if ids != [1, 2]:
                with pytest.raises((ValueError, TypeError), match="ids"):
                    indexer.delete(ids)
        indexer.upsert([], torch_users[:0])
        indexer.delete([])
        assert torch.equal(indexer.query(torch_users, 5)[0], expected[0])


def test_a_child_leaves_the_parents_collection(builder, torch_items, torch_users):
    """Made under a new name it is dropped at close, by who made it alone."""
    with builder().from_embeddings(torch_items) as indexer:
        expected, _ = indexer.query(torch_users, 5)
        for close in (True, False):
            child = os.fork()
            if child == 0:
                status = 1
                try:
                    if close:
                        indexer.close()
                    else:
                        status = int(not torch.equal(indexer.query(torch_users, 5)[0], expected))
                    status = 0 if close else status
                finally:
                    os._exit(status)
            assert os.waitpid(child, 0)[1] == 0
        assert torch.equal(indexer.query(torch_users, 5)[0], expected)


@pytest.mark.servers("lite")
def test_dropped_when_forgotten(server, builder, torch_items):
    from pymilvus import MilvusClient
    client = MilvusClient(uri=server.uri)
    try:
        for forget in (lambda made: made.close(), lambda made: None):
            made = builder(name="forgotten").from_embeddings(torch_items)
            assert [name for name in client.list_collections() if name.startswith("forgotten_")]
            forget(made)
            del made
            assert not [name for name in client.list_collections() if name.startswith("forgotten_")]
    finally:
        client.close()


@pytest.mark.servers("lite")
def test_requests_in_flight_at_close(builder, torch_items, torch_users):
    indexer = builder().from_embeddings(torch_items)

    def ask():
        try:
            while True:
                assert tuple(indexer.query(torch_users, 5)[0].shape) == (20, 5)
        except vrec.ClosedError:
            return True

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        indexer.query(torch_users, 5)
        indexer.close()
        assert all(each.result(timeout=30) for each in asked)
