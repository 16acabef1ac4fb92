"""Torch-RecHub's quick start, as a program that must type-check under mypy --strict, and run.

SPDX-License-Identifier: Apache-2.0
"""

from typing import assert_type

import torch
from vrec.serving import BaseIndexer, builder_factory


def nearest(indexer: BaseIndexer, users: torch.Tensor) -> torch.Tensor:
    ids, distances = indexer.query(users, top_k=10)
    assert_type(ids, torch.Tensor)
    assert_type(distances, torch.Tensor)
    assert_type(indexer.query(users, 10, return_counts=True), tuple[torch.Tensor, torch.Tensor, torch.Tensor])
    return ids


def main() -> None:
    items = torch.randn(100, 16)
    builder = builder_factory("faiss", index_type="Flat", metric="L2")
    with builder.from_embeddings(items) as indexer:
        print(nearest(indexer, items[:3]).tolist())


if __name__ == "__main__":
    main()
