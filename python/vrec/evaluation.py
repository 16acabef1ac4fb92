"""Ranking metrics, and the evaluation of recall models with any backend. SPDX-License-Identifier: Apache-2.0

>>> from vrec.evaluation import match_evaluation, ranking_metrics
>>> ranking_metrics(ids, (offsets, taken), [5, 10])["NDCG"]
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _convert, _core, _id_maps
from ._errors import ArgumentError
from ._evaluate import ACCURACY, NAMES, as_ks, lists, run, truth_csr
from ._library import OptionValue, backends
from ._progress import bars
from .basic.metric import as_texts
from .serving import builder_factory

if TYPE_CHECKING:
    import numpy.typing as npt

    from ._evaluate import Ids, Numbers
    from ._progress import Progress


def conventions() -> dict[str, str]:
    """Whose definitions of metrics there are.

    Returns
    -------
    dict
        A line about each, by its name. The first is the default.
    """
    return dict(_core.conventions())


def ranking_metrics(
    ids: Any,
    truth: Any,
    ks: int | Iterable[int],
    *,
    convention: str = "rechub",
    items: int = 0,
    popularity: Any = None,
    embeddings: Any = None,
    threads: int = 0,
    progress: Progress | bool | None = None,
) -> dict[str, Numbers]:
    """Compare ranked lists with what users took.

    Parameters
    ----------
    ids : torch.Tensor or array_like of int, shape (n_users, width)
        Their lists, best first, as `Indexer.query` returns them; -1 is no item, and a miss.
    truth : tuple of arrays, CSR matrix, or sequence of sequences of int
        What each user took: ``(offsets, ids)``, where user u took ``ids[offsets[u]:offsets[u + 1]]``; or a SciPy
        CSR matrix of users x items, whose stored entries count whatever their values; or a list of ids for each user.
    ks : int or sequence of int
        How many ids of a list count: 1 to width.
    convention : str, optional
        Whose definitions: a name that `conventions` lists.
    items : int, optional
        How many items the catalogue has, whose rows the ids then must be. Gives "Coverage".
    popularity : array_like of float, shape (n_items,), optional
        The share that each item has of all interactions. Gives "Novelty".
    embeddings : torch.Tensor or array_like, shape (n_items, dim), optional
        Their vectors. Gives "Diversity".
    threads : int, optional
        0: as `vrec.set_default_threads` says, -1: all cores, n: n. No number depends on it.
    progress : callable, optional
        As for `Indexer.query`.

    Returns
    -------
    dict
        float64 numbers by name, one for each k, not rounded: "NDCG", "MRR", "Recall", "Hit", "Precision", and of
        "Coverage", "Diversity" and "Novelty" those that were asked for.

    Raises
    ------
    ArgumentError
        Something doesn't fit; the message names the first user or item that is wrong.

    See Also
    --------
    user_metrics : the same numbers of every user.
    """
    return _metrics(ids, truth, ks, convention, items, popularity, embeddings, False, threads, progress)[0]


def user_metrics(
    ids: Any,
    truth: Any,
    ks: int | Iterable[int],
    *,
    convention: str = "rechub",
    items: int = 0,
    popularity: Any = None,
    embeddings: Any = None,
    threads: int = 0,
    progress: Progress | bool | None = None,
) -> dict[str, Numbers]:
    """Compare every user's ranked list with what that user took: for paired tests, and for groups of users.

    Parameters
    ----------
    ids, truth, ks, convention, items, popularity, embeddings, threads, progress
        As for `ranking_metrics`.

    Returns
    -------
    dict
        float64 numbers by name, shape (n_ks, n_users); NaN for a user whom the convention doesn't count. Their
        mean is what `ranking_metrics` returns, but for the convention rechub's "Hit": that is the number of hits.
        There is no "Coverage", which is nobody's own.

    Raises
    ------
    ArgumentError
        As for `ranking_metrics`.
    """
    return _metrics(ids, truth, ks, convention, items, popularity, embeddings, True, threads, progress)[1]


def _metrics(
    ids: Any,
    truth: Any,
    ks: int | Iterable[int],
    convention: str,
    items: int,
    popularity: Any,
    embeddings: Any,
    per_user: bool,
    threads: int,
    progress: Progress | bool | None,
) -> tuple[dict[str, Numbers], dict[str, Numbers]]:
    found = lists(ids)
    vectors = None if embeddings is None else _convert.matrix(embeddings, "embeddings")
    shares = None if popularity is None else np.ascontiguousarray(popularity, np.float64)
    if not items:  # which the others tell as well
        items = len(vectors) if vectors is not None else len(shares) if shares is not None else 0
    given = {"Coverage": items, "Diversity": vectors is not None, "Novelty": shares is not None}
    names = [*ACCURACY, *(name for name in NAMES[5:] if given[name])]
    return run(
        found,
        truth_csr(truth, len(found)),
        as_ks(ks),
        names,
        convention=convention,
        catalogue=(items, shares, vectors),
        per_user=per_user,
        threads=threads,
        progress=progress,
    )


def index_recall(
    found: Any,
    exact: Any,
    ks: int | Iterable[int],
    *,
    queries: Any = None,
    items: Any = None,
    metric: str = "L2",
    threads: int = 0,
    progress: Progress | bool | None = None,
) -> Numbers:
    """Tell how much of what an exact search finds an index finds.

    Parameters
    ----------
    found, exact : torch.Tensor or array_like of int, shape (n_users, width)
        What the index found and what an exact search of the same vectors found, as `Indexer.query` returns them.
    ks : int or sequence of int
        How many ids of a list count: 1 to the smaller width.
    queries, items : torch.Tensor or array_like, shapes (n_users, dim) and (n_items, dim), optional
        With both, an item counts also if it is as near as the last of the exact ones; ids are rows of `items` then.
    metric : str, optional
        What near means: "L2", "euclidean", "IP", "dot", "COSINE" or "angular".
    threads : int, optional
        As for `ranking_metrics`.
    progress : callable, optional
        As for `Indexer.query`.

    Returns
    -------
    ndarray of float64, shape (n_ks,)
        The share of the k nearest that was found, on average over the users for whom something is to be found.

    Raises
    ------
    ArgumentError
        Shapes that don't fit, an unknown metric, or an id that is no row of `items`.
    """
    ours, theirs, several = lists(found), lists(exact), as_ks(ks)
    if len(ours) != len(theirs):
        raise ArgumentError(f"found is for {len(ours)} users, and exact for {len(theirs)}")
    if (queries is None) != (items is None):
        raise ArgumentError("queries and items tell distances together; one of them is missing")
    vectors: tuple[Any, Any] = (None, None)
    if queries is not None:
        vectors = (_convert.matrix(queries, "queries"), _convert.matrix(items, "items"))
    recall = np.empty(len(several))
    with bars(progress) as report:
        _core.compare(ours, theirs, len(ours), several, *vectors, metric.encode(), threads, recall, report)
    return recall


# ---- A recall model ----

# What the document's example sets; the caller's options win.
_DEFAULTS: dict[str, dict[str, OptionValue]] = {
    "annoy": {"n_trees": 10},
    "faiss": {"index_type": "Flat", "metric": "L2"},
    "milvus": {"index_type": "FLAT", "metric": "L2"},
}


def match_evaluation(
    user_embedding: Any,
    item_embedding: Any,
    test_user: Mapping[str, Any],
    all_item: Mapping[str, Any],
    user_col: str = "user_id",
    item_col: str = "item_id",
    raw_id_maps: str | os.PathLike[str] = "./raw_id_maps.npy",
    topk: int | Sequence[int] = 10,
    backend: str = "faiss",
    **backend_kwargs: OptionValue,
) -> defaultdict[str, list[str]]:
    """Evaluate a recall model by what its embeddings find, as Torch-RecHub's document does.

    Parameters
    ----------
    user_embedding : torch.Tensor or array_like, shape (n_rows, dim)
        A vector for each row of `test_user`.
    item_embedding : torch.Tensor or array_like, shape (n_items, dim)
        A vector for each row of `all_item`.
    test_user : dict of columns
        Users and the item that each took, encoded; a user may have several rows, of which the last one's vector
        counts.
    all_item : dict of columns
        The items, encoded.
    user_col, item_col : str, optional
        The names of those columns.
    raw_id_maps : str or os.PathLike, optional
        A file that ``np.save`` wrote, with two dicts: from encoded to raw ids of users, and of items. It is a
        pickle, of which nothing is run.
    topk : int or list of int, optional
        How many items to find; with several, metrics of each.
    backend : str, optional
        "annoy", "faiss" or "milvus".
    **backend_kwargs
        Its options, over n_trees=10 (annoy), index_type="Flat" and metric="L2" (faiss), index_type="FLAT" and
        metric="L2" (milvus).

    Returns
    -------
    dict
        As `vrec.basic.metric.topk_metrics` returns it. A search that found fewer items than `topk` has misses.

    Raises
    ------
    ArgumentError
        Columns that don't fit the vectors, or an id that the maps don't have, which the message names.
    CorruptError
        The file of maps isn't what it should be, or would run something, which the message names.

    Examples
    --------
    >>> match_evaluation(users, items, test_user, all_item, topk=10, backend="faiss", index_type="HNSW", m=32)
    """
    if backend not in backends():
        raise ArgumentError(f"backend is {backend!r}; it takes {', '.join(backends())}")
    users, items = _column(test_user, user_col, "test_user"), _column(all_item, item_col, "all_item")
    taken = _column(test_user, item_col, "test_user")
    queries, vectors = (_convert.matrix(each, what) for each, what in ((user_embedding, "user_embedding"),
                                                                       (item_embedding, "item_embedding")))
    _fits(len(users), queries, "user_embedding", "test_user", user_col)
    _fits(len(users), taken, f"test_user[{item_col!r}]", "test_user", user_col)
    _fits(len(items), vectors, "item_embedding", "all_item", item_col)
    user_map, item_map = _id_maps.load(raw_id_maps)
    names = _raw(user_map, users, "user", raw_id_maps)
    codes = {raw: code for code, raw in enumerate(dict.fromkeys(item_map.values()))}
    catalogue = _codes(codes, item_map, items, raw_id_maps)
    truth_items = _codes(codes, item_map, taken, raw_id_maps)
    ks = as_ks(topk)
    found = _search(queries, vectors, int(ks.max(initial=1)), backend, backend_kwargs)
    ids = np.where(found >= 0, catalogue[found], -1)  # where there is none, -1 would be the last of the catalogue
    row_of, truth = _grouped(names, truth_items)
    return as_texts(run(np.ascontiguousarray(ids[row_of]), truth, ks, ACCURACY)[0], ks)


def _column(table: Mapping[str, Any], column: str, what: str) -> list[Any]:
    try:
        values = table[column]
    except KeyError:
        raise ArgumentError(f"{what} has no column {column!r}; it has {', '.join(map(repr, table))}") from None
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _fits(rows: int, values: Any, what: str, table: str, column: str) -> None:
    if len(values) != rows or np.ndim(values[0] if rows else 0) > 1:
        raise ArgumentError(f"{what} has {np.shape(values)[0]} rows, and {table}[{column!r}] has {rows}")


def _raw(ids: Mapping[Any, Any], encoded: list[Any], what: str, path: object) -> list[Any]:
    try:
        return [ids[each] for each in encoded]
    except KeyError as error:
        raise ArgumentError(f"{path}: its {what} map lacks {what} {error}") from None


def _codes(codes: Mapping[Any, int], item_map: Mapping[Any, Any], encoded: list[Any], path: object) -> Ids:
    raw = _raw(item_map, encoded, "item", path)
    return np.fromiter(map(codes.__getitem__, raw), np.int64, len(raw))


def _search(queries: Any, vectors: Any, top_k: int, backend: str, options: dict[str, OptionValue]) -> Ids:
    given = {**_DEFAULTS.get(backend, {}), **options}
    if backend != "faiss":  # which takes it from the items
        given.setdefault("d", vectors.shape[-1])
    with builder_factory(backend, **given).from_embeddings(vectors) as indexer:
        ids, _ = indexer.query(queries, top_k)
    return np.asarray(ids)


def _grouped(users: list[Any], taken: Ids) -> tuple[Ids, tuple[Ids, Ids]]:
    """For every user the last of its rows; and what it took. In the order of raw ids, in which the document's
    example adds up."""
    number = {user: i for i, user in enumerate(_sorted(dict.fromkeys(users)))}
    group = np.fromiter(map(number.__getitem__, users), np.int64, len(users))
    row_of = np.zeros(len(number), np.int64)
    row_of[group] = np.arange(len(users))
    offsets = np.zeros(len(number) + 1, np.int64)
    np.cumsum(np.bincount(group, minlength=len(number)), out=offsets[1:])
    return row_of, (offsets, taken[np.argsort(group, kind="stable")])


def _sorted(users: Iterable[Any]) -> list[Any]:
    try:
        return sorted(users)
    except TypeError:  # numbers and texts, which have no order
        return list(users)


__all__ = ["conventions", "index_recall", "match_evaluation", "ranking_metrics", "user_metrics"]
