"""Torch-RecHub's ranking metrics, from C. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._errors import ArgumentError
from .._evaluate import ACCURACY, as_ks, run

if TYPE_CHECKING:
    from .._evaluate import Ids, Numbers


def topk_metrics(
    y_true: Mapping[Any, Sequence[Any]],
    y_pred: Mapping[Any, Sequence[Any]],
    topKs: list[int] | tuple[int, ...] | None = None,
) -> defaultdict[str, list[str]]:
    """Compute NDCG, MRR, Recall, Hit and Precision.

    Parameters
    ----------
    y_true : dict
        For every user the items that the user took: a list, array or tensor of numbers, texts or anything else.
    y_pred : dict
        For every user the items that were recommended, best first. A list shorter than k has misses at its end.
    topKs : list or tuple of int, optional
        The values of k; [5] if not given.

    Returns
    -------
    dict
        By the name of the metric a list of texts, one for each k, as Torch-RecHub prints them: "NDCG@5: 0.7956".

    Raises
    ------
    ArgumentError
        Other users in one than in the other, users without any truth, or a k below 1. Also a ValueError.

    Notes
    -----
    `vrec.evaluation.ranking_metrics` gives the numbers, and takes arrays, which is far faster than dicts.
    """
    if topKs is None:
        topKs = [5]
    if not isinstance(topKs, (tuple, list)):
        raise ArgumentError(f"topKs is {topKs!r}; it takes a list or tuple of whole numbers")
    if len(y_true) != len(y_pred):
        raise ArgumentError(f"y_true has {len(y_true)} users, and y_pred {len(y_pred)}")
    if not y_true:
        raise ArgumentError("y_true has no users")
    ks = as_ks(topKs)
    try:
        predicted = [y_pred[user] for user in y_true]
    except KeyError as error:
        raise ArgumentError(f"y_pred lacks user {error}, whom y_true has") from error
    width = max(1, int(ks.max(initial=1)))
    ids, truth = _encoded(predicted, list(y_true.values()), width)
    return as_texts(run(ids, truth, ks, ACCURACY)[0], ks)


def as_texts(metrics: Mapping[str, Numbers], ks: Ids) -> defaultdict[str, list[str]]:
    """The texts that Torch-RecHub makes of these numbers."""
    texts: defaultdict[str, list[str]] = defaultdict(list)
    for i, k in enumerate(ks.tolist()):
        for name in ACCURACY:
            # There NDCG is a numpy scalar, which rounds in its own way.
            number = metrics[name][i] if name == "NDCG" else float(metrics[name][i])
            texts[name].append(f"{name}@{k}: {round(number, 4)}")
    return texts


def _encoded(predicted: list[Any], taken: list[Any], width: int) -> tuple[Ids, tuple[Ids, Ids]]:
    """Items of any kind as ids: a list of each user, filled up with -1, and truth."""
    predicted, taken = _as_lists(predicted), _as_lists(taken)
    offsets = np.zeros(len(taken) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, taken), np.int64, len(taken)), out=offsets[1:])
    truth = np.empty(offsets[-1], np.int64)
    ids = np.empty((len(predicted), width), np.int64)
    _core.encode(taken, predicted, width, offsets, truth, ids)
    return ids, (offsets, truth)


def _as_lists(rows: list[Any]) -> list[list[Any]]:
    """Arrays, tensors and tuples as lists."""
    if all(type(row) is list for row in rows):
        return rows
    return [row if type(row) is list else row.tolist() if hasattr(row, "tolist") else list(row) for row in rows]
