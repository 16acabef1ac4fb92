"""Metrics of arrays, against formulas written with numpy. SPDX-License-Identifier: Apache-2.0"""

import numpy as np
import pytest
import scipy.sparse
import vrec
from tools import Held
from vrec.evaluation import conventions, index_recall, ranking_metrics, user_metrics

USERS, WIDTH, ITEMS = 500, 20, 200
KS = [1, 5, 20]


@pytest.fixture
def ranked(rng):
    return np.array([rng.choice(ITEMS, WIDTH, replace=False) for _ in range(USERS)])


@pytest.fixture
def taken(rng, ranked):
    """What every user took: some of its list, some other, sometimes nothing."""
    rows = [np.unique(np.concatenate([rng.choice(row, rng.integers(3)), rng.choice(ITEMS, rng.integers(4))]))
            for row in ranked]
    return [row.astype(np.int64) for row in rows]


def csr(rows):
    return np.concatenate([[0], np.cumsum([len(row) for row in rows])]), np.concatenate(rows)


def of_users(ranked, taken, k, ideal_of_hits=False):
    """Every user's number, as the published formulas have it; NaN without truth."""
    hit = np.array([np.isin(row[:k], truth) for row, truth in zip(ranked, taken)])
    size = np.array([len(truth) for truth in taken], float)
    size[size == 0] = np.nan
    gain = 1 / np.log2(np.arange(2, k + 2))
    hits = hit.sum(axis=1)
    best = hits if ideal_of_hits else np.minimum(np.nan_to_num(size), k).astype(int)
    ideal = np.concatenate([[1], np.cumsum(gain)])[best]
    unknown = np.where(np.isnan(size), np.nan, 0)
    return {
        "NDCG": hit @ gain / ideal + unknown,
        "MRR": np.where(hits > 0, 1 / (1 + hit.argmax(axis=1)), 0) + unknown,
        "Recall": hits / size,
        "Hit": (hits > 0) + unknown,
        "Precision": hits / k + unknown,
    }


@pytest.mark.parametrize("convention, ideal", [("recbole", False), ("comirec", True), ("recommenders", False)])
def test_published_formulas(convention, ideal, ranked, taken):
    got = ranking_metrics(ranked, csr(taken), KS, convention=convention)
    each = user_metrics(ranked, csr(taken), KS, convention=convention)
    for i, k in enumerate(KS):
        for name, numbers in of_users(ranked, taken, k, ideal).items():
            np.testing.assert_allclose(each[name][i], numbers, rtol=1e-12)
            assert got[name][i] == pytest.approx(np.nanmean(numbers), rel=1e-12)


def test_users_without_a_list(ranked, taken):
    """Which only recommenders leaves out."""
    empty = ranked.copy()
    empty[::2] = -1
    half = ranking_metrics(empty[1::2], csr(taken[1::2]), 5, convention="recommenders")
    assert ranking_metrics(empty, csr(taken), 5, convention="recommenders") == half
    of_all = ranking_metrics(empty, csr(taken), 5, convention="recbole")
    assert of_all["Recall"] < half["Recall"]


def test_forms_of_truth(ranked, taken):
    offsets, ids = csr(taken)
    expected = ranking_metrics(ranked, (offsets, ids), KS)
    matrix = scipy.sparse.csr_matrix((np.ones(len(ids)), ids, offsets), shape=(USERS, ITEMS))
    for truth in (matrix, matrix.tocoo(), taken, [set(row.tolist()) for row in taken], (offsets.astype(np.int32), ids)):
        got = ranking_metrics(ranked.astype(np.int32), truth, KS)
        assert all(np.array_equal(got[name], expected[name]) for name in expected)


def test_a_short_list_holds_no_last_item(ranked):
    """Item -1 of an array is its last: a user who took that hasn't been given it."""
    short = ranked.copy()
    short[short == ITEMS - 1] = 0
    short[:, 5:] = -1
    got = ranking_metrics(short, [[ITEMS - 1]] * USERS, 20, items=ITEMS)
    assert got["Recall"] == 0 and got["Coverage"] < 1


def test_conventions():
    names = conventions()
    assert list(names) == ["rechub", "recbole", "comirec", "recommenders"] and all(names.values())


def test_any_number_of_threads(ranked, taken):
    results = [ranking_metrics(ranked, csr(taken), KS, threads=threads) for threads in (1, 2, 5)]
    for name in results[0]:
        assert results[0][name].tobytes() == results[1][name].tobytes() == results[2][name].tobytes()


def test_progress(ranked, taken):
    held = Held()
    held.released.set()
    ranking_metrics(ranked, csr(taken), KS, threads=1, progress=held)  # who makes the call, reports
    assert held.reached.is_set()


@pytest.mark.parametrize("change, why", [
    ({"ids": [1, 2]}, "users x width"),
    ({"ids": [[1.5, 2.5]] * 2}, "whole numbers"),
    ({"truth": 7}, "truth is 7"),
    ({"truth": [[1]]}, "truth is for 1 users, and there are 2 lists"),
    ({"truth": ([0, 1], [1])}, "truth is for 1 users, and there are 2 lists"),
    ({"truth": ([0, 1, 3], [1])}, "truth_offsets ends at 3, and truth_count is 1"),
    ({"truth": ([0, 2, 1], [1, 2])}, "runs backwards at user 1"),
    ({"truth": [[1], [-1]]}, "user 1's truth has item -1"),
    ({"ks": 3}, "k is 3, and the lists have 2 ids"),
    ({"ks": "a"}, "ks is 'a'"),
    ({"ks": []}, "k_count is 0"),
    ({"convention": "recbowl"}, "did you mean \"recbole\""),
    ({"items": 3}, "user 1's list has item 4 at place 1"),
    ({"items": 6, "popularity": [0.5]}, "popularity is for 1 items, and the catalogue has 6"),
    ({"popularity": [1, 2, 3, 4, 5]}, "the popularity of item 1 is 2"),
    ({"items": 6, "embeddings": [[1.0]]}, "embeddings has 1 rows"),
    ({"threads": -2}, "threads is -2"),
])
def test_refused(change, why):
    arguments = {"ids": [[0, 1], [2, 4]], "truth": [[1], [2]], "ks": 2, **change}
    with pytest.raises(vrec.ArgumentError, match=why):
        ranking_metrics(**arguments)


# ---- What an index loses ----


@pytest.mark.parametrize("metric", ["angular", "euclidean", "dot"])
def test_index_recall(metric, items, users):
    with vrec.builder_factory("annoy", metric=metric, n_trees=5).from_embeddings(items) as indexer:
        found, _ = indexer.query(users, 20, searchk=40)
        exact, _ = indexer.query(users, 20, searchk=100_000)
    got = index_recall(found, exact, KS, queries=users, items=items, metric=metric)
    expected = [np.mean([len(set(a[:k].tolist()) & set(b[:k].tolist())) / k for a, b in zip(found, exact)]) for k in KS]
    np.testing.assert_allclose(got, expected, rtol=1e-12)
    np.testing.assert_allclose(index_recall(found, exact, KS), expected, rtol=1e-12)
    assert got[2] < 1 and index_recall(exact, exact, 20) == 1


def test_as_near_counts_as_found():
    items, found, exact = np.array([[0.0], [1.0], [1.0]]), [[0, 2]], [[0, 1]]
    assert index_recall(found, exact, 2) == 0.5
    assert index_recall(found, exact, 2, queries=[[0.0]], items=items) == 1


@pytest.mark.parametrize("change, why", [
    ({"exact": [[1], [2]]}, "found is for 1 users, and exact for 2"),
    ({"ks": 3}, "k is 3, and the lists have 2 ids"),
    ({"queries": [[1.0]]}, "one of them is missing"),
    ({"queries": [[1.0]], "items": [[1.0]], "metric": "cos"}, "there is no metric \"cos\""),
    ({"queries": [[1.0]], "items": [[1.0]], "exact": [[0, -1]]}, "items has rows 0 to 0"),
])
def test_comparisons_refused(change, why):
    arguments = {"found": [[5, 2]], "exact": [[0, 1]], "ks": 2, **change}
    with pytest.raises(vrec.ArgumentError, match=why):
        index_recall(**arguments)
