"""Graphs of FAISS, and the same after `optimize`, as FAISS searches them: queries per second at equal recall@10.

SPDX-License-Identifier: Apache-2.0
"""

import graphs
from rivals import COLUMNS, Index, Side, compare, prepare

__all__ = ["COLUMNS", "measure"]


def measure(data, args, machine):
    folder, sides = prepare(data, args), []
    for m in args.m:
        own = Index(f"faiss m={m}", "faiss", folder, {"index_type": "HNSW", "m": m, "efConstruction": 200}).kept()
        better = Index(f"optimized m={m}", "optimized", folder, {"of": str(own.path)}).kept()
        sides += [Side(index.name, index, graphs.EF, "faiss") for index in (own, better)]
    yield from compare(data, sides, [batch for batch in (1, 1000) if batch in args.batch])
