"""Torch-RecHub's retrieval interface: builders, indexers, and the factory. SPDX-License-Identifier: Apache-2.0

>>> from vrec.serving import builder_factory
>>> builder = builder_factory("faiss", index_type="Flat", metric="L2")
>>> with builder.from_embeddings(item_embeddings) as indexer:
...     ids, distances = indexer.query(user_embeddings, top_k=10)
...     indexer.save("item.index")
"""

from __future__ import annotations

from typing import Literal, overload

from .._library import OptionValue
from .annoy import AnnoyBuilder, AnnoyIndexer
from .base import BaseBuilder, BaseIndexer
from .faiss import FaissBuilder, FaissIndexer
from .milvus import MilvusBuilder, MilvusIndexer

# Backends that have a class of their own; the others are told apart by name alone.
_BUILDERS: dict[str, type[BaseBuilder]] = {
    "annoy": AnnoyBuilder,
    "faiss": FaissBuilder,
    "milvus": MilvusBuilder,
}


@overload
def builder_factory(model: Literal["annoy"], **config: OptionValue) -> AnnoyBuilder: ...


@overload
def builder_factory(model: Literal["faiss"], **config: OptionValue) -> FaissBuilder: ...


@overload
def builder_factory(model: Literal["milvus"], **config: OptionValue) -> MilvusBuilder: ...


@overload
def builder_factory(model: str, **config: OptionValue) -> BaseBuilder: ...


def builder_factory(model: str, **config: OptionValue) -> BaseBuilder:
    """Make a builder.

    Parameters
    ----------
    model : str
        The backend: "annoy", "faiss", "milvus", or another that `vrec.backends` lists.
    **config
        Its options: whole numbers, texts or paths, as `vrec.options` lists them; None is unset.

    Returns
    -------
    BaseBuilder
        It makes indexers.

    Raises
    ------
    UnsupportedError
        There is no such backend, or it isn't built in. Also a NotImplementedError.
    OptionError
        An unknown option (the message names the nearest) or a value that it doesn't take. Also a TypeError
        and a ValueError.

    Examples
    --------
    >>> builder = builder_factory("annoy", d=64, metric="angular", n_trees=50)
    >>> with builder.from_embeddings(items) as indexer:
    ...     ids, distances = indexer.query(users, top_k=10)
    """
    key = model.lower() if isinstance(model, str) else ""
    return _BUILDERS.get(key, BaseBuilder)._of(model, config)


__all__ = [
    "AnnoyBuilder",
    "AnnoyIndexer",
    "BaseBuilder",
    "BaseIndexer",
    "FaissBuilder",
    "FaissIndexer",
    "MilvusBuilder",
    "MilvusIndexer",
    "builder_factory",
]
