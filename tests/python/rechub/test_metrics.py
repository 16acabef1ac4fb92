"""topk_metrics and the rest against Torch-RecHub's own. SPDX-License-Identifier: Apache-2.0"""

import inspect
import random

import numpy as np
import pytest
import torch
import torch_rechub.basic.metric as theirs
import vrec
import vrec.basic.metric as ours
from vrec.evaluation import ranking_metrics

KS = [(5,), [1, 5, 10], (10, 3)]


def people(seed, users=400, items=60, least=10, repeat=False):
    """Truth, and predictions of `least` to 15 items; some truth is empty."""
    draw = random.Random(seed)
    pick = draw.choices if repeat else (lambda catalogue, k: draw.sample(catalogue, k))
    catalogue = list(range(items))
    true = {f"u{u}": pick(catalogue, k=draw.choice([0, 1, 1, 1, 2, 5, 17])) for u in range(users)}
    pred = {u: pick(catalogue, k=draw.randint(least, 15)) for u in true}
    return true, pred


def as_strings(rows):
    return {u: [f"item {i}" for i in row] for u, row in rows.items()}


def as_arrays(rows):
    return {u: np.array(row, np.int64) for u, row in rows.items()}


def as_tensors(rows):
    return {u: torch.tensor(row, dtype=torch.int64) for u, row in rows.items()}


def as_mixed(rows):
    return {u: [None if i == 0 else float(i) if i % 3 else str(i) for i in row] for u, row in rows.items()}


def as_lists(rows):
    """Which can't be keys of a dict."""
    return {u: [[i] for i in row] for u, row in rows.items()}


def as_scalars(rows):
    """Of several types that are equal to one another."""
    kinds = (int, float, np.int64, np.float32, bool)
    return {u: [kinds[i * 7 % 4 if i > 1 else 4](i) for i in row] for u, row in rows.items()}


def as_large(rows):
    return {u: [(i - 30) * 2**62 for i in row] for u, row in rows.items()}


def as_negative(rows):
    """With -1 among them, which for Torch-RecHub is an item like any other."""
    return {u: [i - 1 for i in row] for u, row in rows.items()}


def test_signature():
    assert str(inspect.signature(ours.topk_metrics)).startswith("(y_true")
    mine, other = (inspect.signature(each.topk_metrics).parameters for each in (ours, theirs))
    assert list(mine) == list(other) and mine["topKs"].default == other["topKs"].default


@pytest.mark.parametrize("repeat", [False, True])
@pytest.mark.parametrize("ks", KS, ids=str)
@pytest.mark.parametrize("form", [dict, as_strings, as_arrays, as_tensors, as_mixed, as_lists, as_scalars, as_large, as_negative])
def test_every_digit(form, ks, repeat):
    for seed in range(3):
        true, pred = people(seed, repeat=repeat)
        theirs_of = theirs.topk_metrics(form(true) if form is not as_tensors else true, form(pred), ks)
        assert ours.topk_metrics(form(true), form(pred), ks) == theirs_of


def test_the_default_k_and_other_orders():
    true, pred = people(7)
    assert ours.topk_metrics(true, pred) == theirs.topk_metrics(true, pred)
    backwards = dict(reversed(pred.items()))
    assert ours.topk_metrics(true, backwards, (5,)) == theirs.topk_metrics(true, backwards, (5,))


def test_numbers_that_lie_between_two_digits():
    """Of 32 users one has a hit: 0.03125, which rounding to even makes 0.0312."""
    for users in (16, 32, 160, 2000):
        true = {u: [1] for u in range(users)}
        pred = {u: [1 if u == 0 else 0] for u in range(users)}
        assert ours.topk_metrics(true, pred, [1]) == theirs.topk_metrics(true, pred, [1])


def test_a_list_shorter_than_k_has_misses():
    true, pred = people(3, least=0)
    padded = {u: row + [-5] * (20 - len(row)) for u, row in pred.items()}
    assert ours.topk_metrics(true, pred, (5, 20)) == theirs.topk_metrics(true, padded, (5, 20))


@pytest.mark.parametrize("true, pred, ks, why", [
    ({1: [2]}, {1: [2], 3: [4]}, [1], "y_true has 1 users, and y_pred 2"),
    ({1: [2]}, {3: [4]}, [1], "y_pred lacks user 1"),
    ({1: [2]}, {1: [2]}, {1}, "topKs is {1}"),
    ({1: [2]}, {1: [2]}, 5, "topKs is 5"),
    ({1: [2]}, {1: [2]}, ["a"], "ks is"),
    ({1: [2]}, {1: [2]}, [0], "k is 0"),
    ({1: []}, {1: [2]}, [1], "nothing to find"),
    ({}, {}, [1], "no users"),
])
def test_refused(true, pred, ks, why):
    with pytest.raises(vrec.ArgumentError, match=why):
        ours.topk_metrics(true, pred, ks)


# ---- What lists hold ----


@pytest.fixture
def catalogue(rng):
    lists = np.array([rng.choice(50, 10, replace=False) for _ in range(300)])
    lists[rng.random(300) < 0.1, 4:] = -1  # short
    lists[:3] = -1
    return lists, rng.standard_normal((50, 6)), rng.random(50) / 10


def number(texts):
    return [float(text.split(": ")[1]) for text in texts]


def test_beyond_accuracy(catalogue):
    lists, vectors, popularity = catalogue
    ks = [10, 1, 5]
    pred = {u: [int(i) for i in row if i != -1] for u, row in enumerate(lists)}
    got = ranking_metrics(lists, [[1]] * len(lists), ks, embeddings=vectors, popularity=popularity)
    expected = {
        **theirs.coverage_score(pred, set(range(50)), ks),
        **theirs.diversity_score(pred, vectors, ks),
        **theirs.novelty_score(pred, dict(enumerate(popularity)), ks),
    }
    assert set(expected) == {"Coverage", "Diversity", "Novelty"}
    for name, texts in expected.items():
        np.testing.assert_allclose(got[name], number(texts), atol=5.1e-5)
