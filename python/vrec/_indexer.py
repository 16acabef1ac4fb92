"""Indexers, put together. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

from ._change import Changes
from ._query import Queries
from ._tuning import Tunable


class Indexer(Queries, Changes, Tunable):
    """An index that answers queries.

    A builder makes it. Use it in a ``with`` block, or call `close` at the end, or leave it to Python to
    forget it. Any number of threads may use it at the same time. A subclass that has a `query` of its own is an
    indexer of its own, with nothing of vrec's behind it.
    """

    def __init__(self) -> None:
        if type(self).query is Indexer.query:
            raise TypeError("a builder makes indexers: builder_factory(...).from_embeddings(...)")
