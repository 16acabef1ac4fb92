"""A user's program that must type-check under mypy --strict, and run. SPDX-License-Identifier: Apache-2.0"""

from __future__ import annotations

import pathlib
from typing import assert_type

import numpy as np
import numpy.typing as npt
import vrec
from tqdm import tqdm
from vrec.serving import (
    AnnoyBuilder,
    BaseBuilder,
    BaseIndexer,
    FaissBuilder,
    MilvusBuilder,
    builder_factory,
)

Ids = npt.NDArray[np.int64]
Distances = npt.NDArray[np.float32]


def recommend(builder: BaseBuilder, items: npt.NDArray[np.float32], users: npt.NDArray[np.float64]) -> Ids:
    with builder.from_embeddings(items) as indexer:
        assert_type(indexer.query(users, 10), tuple[Ids, Distances])
        assert_type(indexer.query(users, 10, return_counts=True), tuple[Ids, Distances, Ids])
        ids, _ = indexer.query(users, top_k=10, threads=2, exclude=[[1], [2, 3]], progress=tqdm)
        ids, _ = indexer.query(users, top_k=10, exclude=[1, 2], allow=np.ones(len(indexer), np.bool_))
    return ids


def files(builder: BaseBuilder, indexer: BaseIndexer, path: pathlib.Path) -> BaseIndexer:
    indexer.save(path, progress=tqdm)
    indexer.save(str(path))
    builder.verify(path)
    return builder.from_index_file(path)


def facts(indexer: vrec.Indexer) -> None:
    assert_type(indexer.info(), dict[str, str | int | float | list[str]])
    assert_type(len(indexer), int)
    assert_type(indexer.dim, int)
    assert_type(indexer.larger_is_nearer, bool)
    assert_type(indexer.closed, bool)


def main(folder: pathlib.Path) -> None:
    items = np.eye(12, 4, dtype=np.float32)
    users = np.ones((2, 4))
    annoy = builder_factory("annoy", d=4, metric="angular", n_trees=np.int64(3), searchk=None)
    assert_type(annoy, AnnoyBuilder)
    assert_type(builder_factory("faiss"), FaissBuilder)
    assert_type(builder_factory("milvus", d=64, ca_file=folder / "ca.pem"), MilvusBuilder)
    recommend(annoy, items, users)
    recommend(AnnoyBuilder(4, "euclidean", n_trees=2), items, users)
    indexer = annoy.from_embeddings(items.tolist())
    facts(files(annoy, indexer, folder / "index"))
    assert_type(indexer.query([[1.0, 2.0, 3.0, 4.0]], 1), tuple[Ids, Distances])
    assert_type(indexer.query([1, 2, 3, 4], 1, searchk=100), tuple[Ids, Distances])
    indexer.close()
    for option in vrec.options("annoy"):
        assert_type(option.aliases, tuple[str, ...])
        assert_type(option.default, int | str | None)
    vrec.write_fvecs(folder / "items.fvecs", items)
    assert_type(vrec.read_fvecs(folder / "items.fvecs"), Distances)
    assert_type(vrec.cpu(), str)
    try:
        builder_factory("faiss", metrics="L2")
    except vrec.OptionError as error:
        print(error)
    except vrec.FileError as error:
        assert_type(error.errno, int | None)


if __name__ == "__main__":
    import sys

    main(pathlib.Path(sys.argv[1]))
