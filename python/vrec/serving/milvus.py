"""The backend milvus: a client of a Milvus server. SPDX-License-Identifier: Apache-2.0"""

from .base import BaseBuilder, BaseIndexer


class MilvusIndexer(BaseIndexer):
    """An index of milvus."""


class MilvusBuilder(BaseBuilder[MilvusIndexer]):
    """The configuration of milvus; its options are those of ``vrec.options("milvus")``."""

    _backend = "milvus"
    _positional = ("d", "index_type", "metric")
    _indexer = MilvusIndexer


__all__ = ["MilvusBuilder", "MilvusIndexer"]
