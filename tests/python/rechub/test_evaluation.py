"""A recall model's evaluation from end to end, with both packages: the same metrics.

SPDX-License-Identifier: Apache-2.0
"""

import collections

import numpy as np
import pandas as pd
import pytest
import torch
import torch_rechub.serving as theirs
import vrec
import vrec.serving as ours
from tools import takes
from torch_rechub.basic.metric import topk_metrics
from vrec.evaluation import match_evaluation

USERS, ITEMS, DIM = 200, 500, 16


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Embeddings of two towers that have learnt something, and what every user went on to take."""
    rng = np.random.default_rng(11)
    items = rng.standard_normal((ITEMS, DIM))
    taken = rng.integers(ITEMS, size=(USERS, 3))
    users = items[taken].mean(axis=1) + 0.4 * rng.standard_normal((USERS, DIM))
    user_map = {number: f"user {number * 7 % USERS}" for number in range(USERS)}
    item_map = {number: 10_000 + number * 3 for number in range(ITEMS)}
    maps = tmp_path_factory.mktemp("maps") / "raw_id_maps.npy"
    np.save(maps, np.array((user_map, item_map), dtype=object))
    # one row per interaction, so that users stand there several times
    rows = np.repeat(np.arange(USERS), 3)
    return {
        "user_embedding": torch.tensor(users[rows], dtype=torch.float64),
        "item_embedding": torch.tensor(items, dtype=torch.float64, requires_grad=False),
        "test_user": {"user_id": rows, "item_id": taken.ravel()},
        "all_item": {"item_id": np.arange(ITEMS)},
        "raw_id_maps": str(maps),
    }


def evaluate(serving, user_embedding, item_embedding, test_user, all_item, raw_id_maps, topk, backend, **options):
    """The flow of Torch-RecHub's document, whatever package answers."""
    dim = item_embedding.shape[1]
    if backend == "annoy":
        builder = serving.builder_factory("annoy", d=dim, n_trees=10, **options)
    elif backend == "faiss":
        builder = serving.builder_factory("faiss", index_type="Flat", metric="L2", **options)
    else:
        builder = serving.builder_factory("milvus", d=dim, index_type="FLAT", metric="L2", **options)
    item_embedding, user_embedding = item_embedding.cpu().float(), user_embedding.cpu().float()
    user_map, item_map = np.load(raw_id_maps, allow_pickle=True)

    matches = collections.defaultdict(dict)
    with builder.from_embeddings(item_embedding) as indexer:
        ids, distances = indexer.query(user_embedding, topk)
        ids = ids.numpy()
        for row, user in enumerate(test_user["user_id"]):
            predicted = all_item["item_id"][ids[row]]
            matches[user_map[user]] = np.vectorize(item_map.get)(predicted)
    assert distances.shape == (len(user_embedding), topk)

    data = pd.DataFrame(test_user)
    data["user_id"] = data["user_id"].map(user_map)
    data["item_id"] = data["item_id"].map(item_map)
    truth = data.groupby("user_id").agg(list).reset_index()
    return topk_metrics(y_true=dict(zip(truth["user_id"], truth["item_id"])), y_pred=matches, topKs=[topk])


def assert_same_metrics(model, topk, backend, **options):
    mine, other = (evaluate(serving, **model, topk=topk, backend=backend, **options) for serving in (ours, theirs))
    assert mine == other
    names = {"NDCG", "MRR", "Recall", "Hit", "Precision"}
    values = {name: float(mine[name][0].split(": ")[1]) for name in names}
    assert set(mine) == names and values["Recall"] > 0.2, "a model that finds nothing tells nothing"


@pytest.mark.parametrize("topk", [10, 100])
def test_faiss(topk, model):
    assert_same_metrics(model, topk, "faiss")


@pytest.mark.parametrize("topk", [10, 100])
def test_annoy(topk, model):
    """Looking at every item, so that it doesn't matter whose trees they are."""
    assert_same_metrics(model, topk, "annoy", metric="euclidean", searchk=1_000_000)


@pytest.mark.servers("lite")
def test_milvus(server, model):
    assert_same_metrics(model, 10, "milvus", host="127.0.0.1", port=server.port)


def test_option_given_twice(model):
    """As the function's example in the document would, were it not a comment."""
    for serving in (ours, theirs):
        with pytest.raises(TypeError):
            evaluate(serving, **model, topk=10, backend="faiss", index_type="HNSW", m=32)


# ---- match_evaluation, the document's function in the package ----


def values(metrics):
    return {name: float(texts[0].split(": ")[1]) for name, texts in metrics.items()}


@pytest.mark.parametrize("topk", [10, 100])
@pytest.mark.parametrize("backend, options", [
    ("faiss", {}),
    ("annoy", {"metric": "euclidean", "searchk": 1_000_000}),
])
def test_as_the_document(topk, backend, options, model):
    expected = evaluate(theirs, **model, topk=topk, backend=backend, **options)
    assert match_evaluation(**model, topk=topk, backend=backend, **options) == expected


@pytest.mark.servers("lite")
def test_as_the_document_with_milvus(server, model):
    where = {"backend": "milvus", "host": "127.0.0.1", "port": server.port}
    assert match_evaluation(**model, topk=10, **where) == evaluate(theirs, **model, topk=10, **where)


def test_the_call_in_the_document(model):
    """Which as printed there gives index_type twice."""
    if not takes("faiss", "index_type", "HNSW"):
        pytest.skip("this version has no HNSW")
    exact = values(match_evaluation(**model, topk=10))
    graph = values(match_evaluation(**model, topk=10, backend="faiss", index_type="HNSW", m=32))
    assert graph == pytest.approx(exact, abs=0.02)


def test_several_k(model):
    several = match_evaluation(**model, topk=[10, 3])
    assert several["MRR"] == [match_evaluation(**model, topk=10)["MRR"][0], several["MRR"][1]]
    assert several["MRR"][1].startswith("MRR@3: ")


def test_a_short_list_never_has_the_last_item(model):
    """A search that finds too few has misses; -1 as a place would be the last item of the catalogue."""
    last = ITEMS - 1
    everybody = {"user_id": np.arange(USERS), "item_id": np.full(USERS, last)}
    short = {**model, "user_embedding": model["user_embedding"][::3], "test_user": everybody}
    metrics = values(match_evaluation(**short, topk=ITEMS - 10, backend="annoy", n_trees=1, searchk=1))
    assert metrics["Recall"] < 0.2
    exact = values(match_evaluation(**short, topk=ITEMS, backend="faiss"))
    assert exact["Recall"] == 1.0


def test_columns_of_any_kind(model):
    expected = match_evaluation(**model, topk=5)
    frames = {name: pd.DataFrame(model[name]) for name in ("test_user", "all_item")}
    lists = {name: {column: values.tolist() for column, values in model[name].items()}
             for name in ("test_user", "all_item")}
    for tables in (frames, lists):
        assert match_evaluation(**{**model, **tables}, topk=5) == expected


@pytest.mark.parametrize("change, why", [
    ({"backend": "fiass"}, "backend is 'fiass'; it takes annoy, faiss, milvus"),
    ({"user_col": "uid"}, "test_user has no column 'uid'; it has 'user_id', 'item_id'"),
    ({"item_embedding": np.zeros((ITEMS - 1, DIM))}, "item_embedding has 499 rows, and all_item"),
    ({"user_embedding": np.zeros((3, DIM))}, "user_embedding has 3 rows, and test_user"),
    ({"test_user": {"user_id": [0] * USERS * 3, "item_id": [ITEMS + 5] * USERS * 3}}, "its item map lacks item 505"),
    ({"test_user": {"user_id": [7000] * USERS * 3, "item_id": [0] * USERS * 3}}, "its user map lacks user 7000"),
    ({"all_item": {"item_id": np.arange(ITEMS) + 1}}, "its item map lacks item 500"),
    ({"topk": 0}, "k is 0"),
    ({"topk": "all"}, "ks is 'all'"),
])
def test_refused(change, why, model):
    with pytest.raises(vrec.ArgumentError, match=why):
        match_evaluation(**{**model, "topk": 10, **change})
