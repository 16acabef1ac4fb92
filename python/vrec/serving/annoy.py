"""The backend annoy: a forest of random projection trees. SPDX-License-Identifier: Apache-2.0"""

from .base import BaseBuilder, BaseIndexer


class AnnoyIndexer(BaseIndexer):
    """An index of annoy."""


class AnnoyBuilder(BaseBuilder[AnnoyIndexer]):
    """The configuration of annoy."""

    _backend = "annoy"
    _positional = ("d", "metric")
    _indexer = AnnoyIndexer


__all__ = ["AnnoyBuilder", "AnnoyIndexer"]
