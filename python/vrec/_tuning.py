"""Tuning: which setting reaches a recall. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from . import _convert
from ._base import Base
from ._errors import UnsupportedError
from ._progress import Progress, bars

_RECALLS = 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9998, 0.9999
_COLOURS = "#0072b2", "#d55e00", "#009e73", "#a8387f", "#8a6d00", "#555555"


@dataclass(frozen=True)
class TuningStep:
    """One setting that was tried.

    Attributes
    ----------
    options : dict
        For `Indexer.query` and for a builder: ``{"efSearch": 57}``.
    recall : float
        Mean over the queries; of items as near as the last that was wanted any will do.
    error : float
        Standard error of that mean.
    queries_per_second : float
        How fast it was here.
    distances : float
        Distances computed for a query, on average: what it costs on any machine.
    """

    options: dict[str, int | float]
    recall: float
    error: float
    queries_per_second: float
    distances: float


@dataclass(frozen=True)
class Tuning:
    """What `Indexer.tune` found.

    Attributes
    ----------
    options : dict
        The cheapest setting whose recall, less its error, is as wanted: ``indexer.query(users, 10, **options)``.
    file_options : dict
        The efSearch or nprobe with which FAISS itself reaches it: for a builder that opens the file and saves it.
    recall, error, queries_per_second, distances : float
        Of `options`.
    queries : int
        How many were asked.
    exact_queries_per_second : float
        How fast exact search was.
    farther : float
        Share of the pairs of a query and an item in which the query's nearest item is farther than the item's nearest
        other one: .5 where queries are distributed as items are. Below .3 and above .7 they are of another kind, as
        users are among items: the setting holds for queries like these alone, and tuning on items would mislead.
    steps : list of TuningStep
        All that was tried, in its order.
    """

    options: dict[str, int | float]
    file_options: dict[str, int | float]
    recall: float
    error: float
    queries_per_second: float
    distances: float
    queries: int
    exact_queries_per_second: float
    farther: float
    steps: list[TuningStep]

    def plot(
        self, path: str | os.PathLike[str], *, name: str = "index", others: Mapping[str, Tuning] | None = None
    ) -> None:
        """Draw what recall costs: queries per second against recall, as ``vrec tune --plot`` does.

        Recall stands by what is missed, logarithmically: .9, .99 and .999 are as far apart. What was chosen is
        ringed, and exact search is a dashed line.

        Parameters
        ----------
        path : str or os.PathLike
            Where to; its ending says the format: ``.png``, ``.svg``, ``.pdf``.
        name : str, optional
            What the index is called.
        others : mapping of str to Tuning, optional
            Other indexes, by name, for the same picture.

        Raises
        ------
        UnsupportedError
            matplotlib isn't installed, which draws it.
        """
        try:
            figure = import_module("matplotlib.figure").Figure(figsize=(7.6, 4.8), layout="constrained")
        except ImportError as error:
            raise UnsupportedError("plot: matplotlib is missing, which draws it: pip install matplotlib") from error
        axes = figure.add_subplot()
        tunings = {name: self, **(others or {})}
        missed = [1 - s.recall for t in tunings.values() for s in t.steps if s.recall < 1] or [0.1]
        everything = -math.log10(min(missed)) + 0.4  # where recall 1 stands, which misses nothing
        for (each, tuning), colour in zip(tunings.items(), _COLOURS * len(tunings)):
            _draw(axes, each, tuning, colour, everything)
        exact = max(t.exact_queries_per_second for t in tunings.values())
        axes.axhline(exact, color="#656d76", dashes=(5, 4), linewidth=1, label=f"exact search: {exact:.0f} queries/s")
        left, right = axes.get_xlim()
        ticks = [r for r in _RECALLS if max(left, 0) <= -math.log10(1 - r) <= min(right, everything - 0.2)]
        finds_all = any(s.recall == 1 for t in tunings.values() for s in t.steps)
        axes.set_xticks(
            [-math.log10(1 - r) for r in ticks] + [everything] * finds_all, [f"{r:g}"[1:] for r in ticks] + ["1"] * finds_all
        )
        axes.set(yscale="log", xlabel="recall", ylabel="queries per second")
        axes.grid(which="both", color="#e6e8eb")
        axes.spines[:].set_visible(False)
        axes.legend(frameon=False, fontsize="small", loc="upper center", bbox_to_anchor=(0.5, -0.12))
        figure.savefig(os.fspath(path), dpi=150)


def _draw(axes: Any, name: str, tuning: Tuning, colour: str, everything: float) -> None:
    """The curve of one index: the settings that no other beats in both, and the chosen one, with a ring around it."""

    def place(step: TuningStep | Tuning) -> tuple[float, float]:
        at = -math.log10(1 - step.recall) if step.recall < 1 else everything
        return at, step.queries_per_second

    front: list[TuningStep] = []
    for step in sorted(tuning.steps, key=lambda s: (-s.recall, -s.queries_per_second)):
        best = max((s.queries_per_second for s in front), default=0)
        if step.queries_per_second > best or step.options == tuning.options:
            front.append(step)
    chosen = ", ".join(f"{key}={value:g}" for key, value in tuning.options.items())
    label = f"{name} with {chosen}: recall {tuning.recall:.4g}, {tuning.queries_per_second:.0f} queries/s"
    axes.plot(*zip(*map(place, front)), ".-", color=colour, linewidth=2, label=label)
    axes.plot(*place(tuning), "o", color=colour, markerfacecolor="white", markersize=11, markeredgewidth=2.2, zorder=3)
    axes.plot(*place(tuning), ".", color=colour, zorder=4)


def setting(text: str) -> dict[str, int | float]:
    """ "efSearch=57" as a dict."""
    key, value = text.split("=")
    return {key: float(value) if "." in value or "e" in value else int(value)}


class Tunable(Base):
    """What its settings find, and what they cost."""

    def tune(
        self,
        queries: Any = None,
        *,
        recall: float = 0.95,
        top_k: int = 10,
        threads: int = 0,
        items: Any = None,
        ids: Any = None,
        progress: Progress | bool | None = None,
    ) -> Tuning:
        """Find the cheapest setting that reaches a recall.

        It is efSearch or gamma (HNSW), nprobe or budget (IVF), searchk (annoy); ef or nprobe on a server (milvus).

        Parameters
        ----------
        queries : torch.Tensor or array_like, shape (n_queries, dim), optional
            Examples of the queries that are to come; 1000 are enough. Without them up to 1000 of the items are
            asked for, each as if the index didn't have it. Users among items mostly find less: give some.
        recall : float, optional
            The share of the truly nearest that a query is to find, on average: above 0, below 1.
        top_k : int, optional
            Of so many nearest.
        threads : int, optional
            As for `query`.
        items : torch.Tensor or array_like, shape (n_items, dim), optional
            All items of an index on a server (milvus), which doesn't give them back. None for others.
        ids : torch.Tensor or array_like of int, shape (n_items,), optional
            Their ids; else row i is item i.
        progress : callable or bool, optional
            As for `query`.

        Returns
        -------
        Tuning
            Its `options` go to `query`: ``indexer.query(users, 10, **indexer.tune(users).options)``. From then on
            `query` also takes ``target_recall=0.9``, for this `top_k`.

        Raises
        ------
        ArgumentError
            The recall is out of reach; a wrong shape or number.
        UnsupportedError
            The index is exact already; or of a kind that has neither ef nor nprobe (milvus).
        """
        matrix = None if queries is None else _convert.matrix(queries, "queries")
        recall = _convert.real(recall, "tune", "recall", "a number between 0 and 1")
        top_k = _convert.top_k(top_k, "tune")
        threads = _convert.whole(threads, "tune", "threads", "a whole number")
        everything = None if items is None else _convert.matrix(items, "items")
        own = None if ids is None else _convert.ids(ids, "ids")
        with bars(progress) as report:
            best, of_file, reached, error, speed, distances, count, exact, farther, steps = self._handle.tune(
                matrix, recall, top_k, threads, everything, own, report
            )
        tried = [TuningStep(setting(text), *numbers) for text, *numbers in steps]
        return Tuning(setting(best), setting(of_file), reached, error, speed, distances, count, exact, farther, tried)
