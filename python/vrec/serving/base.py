"""What the builders and indexers of all backends are. SPDX-License-Identifier: Apache-2.0"""

from .._builder import Builder as BaseBuilder
from .._indexer import Indexer as BaseIndexer

__all__ = ["BaseBuilder", "BaseIndexer"]
