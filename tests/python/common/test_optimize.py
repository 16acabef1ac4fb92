"""indexer.optimize: a better graph, whatever the sample of queries comes in. SPDX-License-Identifier: Apache-2.0"""

import threading

import numpy as np
import pytest
import tqdm
import vrec
from vrec import builder_factory

rng = np.random.default_rng(3)
items = rng.standard_normal((1500, 12)) * rng.lognormal(0, 1, (1500, 1))
users = rng.standard_normal((200, 12)).astype(np.float32)
graphs = builder_factory("faiss", index_type="HNSW", metric="IP", m=6)


def saved(indexer, folder):
    indexer.save(folder / "saved.index")
    return (folder / "saved.index").read_bytes()


@pytest.mark.parametrize("sample", [users, users.astype(np.float64)[:, ::-1].copy()[:, ::-1], users.tolist()])
def test_the_graph_that_a_build_makes(sample, tmp_path, capsys):
    indexer, taught = graphs.from_embeddings(items), graphs.from_embeddings(items, queries=users)
    plain = saved(indexer, tmp_path)
    indexer.optimize(sample, progress=tqdm.tqdm)
    assert saved(indexer, tmp_path) == saved(taught, tmp_path) != plain
    assert "building: 100%" in capsys.readouterr().err
    indexer.optimize()
    assert saved(indexer, tmp_path) == plain
    assert indexer.info()["reach_entry"] == 1


def test_ids_stay():
    titles = [f"item {i}" for i in range(len(items))]
    indexer = graphs.from_embeddings(items, ids=titles)
    near = indexer.query(users, top_k=1)[0]
    indexer.optimize(queries=users)
    assert indexer.names([3, 1]).tolist() == ["item 3", "item 1"]
    assert np.mean(indexer.query(users, top_k=1)[0] == near) > 0.9
    numbered = graphs.from_embeddings(items, ids=np.arange(1500) * 2)
    numbered.optimize()
    assert np.array_equal(numbered.ids(), np.arange(1500) * 2)


def test_queries_go_on():
    indexer = graphs.from_embeddings(items)
    answers = [indexer.query(users, top_k=5)[0]]
    indexer.optimize(users)
    answers.append(indexer.query(users, top_k=5)[0])
    wrong, done = [], threading.Event()

    def ask():
        while not done.is_set():
            ids = indexer.query(users, top_k=5)[0]
            if not any(np.array_equal(ids, answer) for answer in answers):
                wrong.append(ids)

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    for i in range(6):
        indexer.optimize(users if i % 2 else None)
    done.set()
    for thread in asking:
        thread.join()
    assert not wrong


def test_refused():
    indexer = graphs.from_embeddings(items)
    with pytest.raises(vrec.ArgumentError, match="11 values each, but the items have 12"):
        indexer.optimize(users[:, :11])
    with pytest.raises(vrec.ArgumentError, match="none; give some"):
        indexer.optimize(users[:0])
    with pytest.raises(vrec.ArgumentError, match="row 0, column 3 is not a finite"):
        indexer.optimize(np.where(np.arange(12) == 3, np.nan, users))
    with pytest.raises(vrec.UnsupportedError, match="an index of Flat: it compares with all"):
        builder_factory("faiss", index_type="Flat").from_embeddings(items).optimize()
    with pytest.raises(vrec.UnsupportedError, match="an index of annoy: its trees"):
        builder_factory("annoy", d=12).from_embeddings(items).optimize(users)
    indexer.close()
    with pytest.raises(vrec.ClosedError):
        indexer.optimize()
