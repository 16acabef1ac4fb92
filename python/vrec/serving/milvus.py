"""The backend milvus: a client of a Milvus server. SPDX-License-Identifier: Apache-2.0"""

from .base import BaseBuilder, BaseIndexer


class MilvusIndexer(BaseIndexer):
    """An index of milvus."""


class MilvusBuilder(BaseBuilder[MilvusIndexer]):
    """The configuration of milvus."""

    _backend = "milvus"
    _positional = ("d", "index_type", "metric")
    _indexer = MilvusIndexer
    _of_any_kind = ("m", "ef", "nlist", "nprobe")  # as Torch-RecHub has it


__all__ = ["MilvusBuilder", "MilvusIndexer"]
