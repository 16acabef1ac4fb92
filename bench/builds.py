"""Building graphs, lists and ScaNN's trees, by all cores, once; and how good the graphs are, as FAISS searches them.

SPDX-License-Identifier: Apache-2.0
"""

import graphs
from rivals import Index, Side, prepare

__all__ = ["COLUMNS", "measure"]

SEARCHES = [{"efSearch": ef} for ef in (40, 80, 160, 320)]
COLUMNS = [
    ("data", "data", "<22"), ("side", "side", "<26"), ("cpu", "CPU s", "8.1f"), ("wall", "wall s", "8.1f"),
    ("load", "load", "5.1f"), ("mib", "file MiB", "8.0f"),
    *((f"r{i}", f"@{search['efSearch']}", "6.4f") for i, search in enumerate(SEARCHES)),
]


def measure(data, args, machine):
    folder = prepare(data, args)
    found = graphs.indexes(folder, args)
    if 32 in args.m and "faiss" in args.sides:
        found.append(Index("faiss m=32 efC=40", "faiss", folder, {"index_type": "HNSW", "m": 32, "efConstruction": 40}))
    for nlists in args.nlists:
        found += [Index(f"{kind} nlists={nlists}", kind, folder, {"index_type": "IVF", "nlists": nlists})
                  for kind in args.sides if kind != "hnswlib"]
    for index in found:
        took = index.kept().took()
        yield {"data": data.name, "side": index.name, **took, "mib": size(index.path) / 2**20,
               **{f"r{i}": recall for i, recall in enumerate(recalls(index))}}


def size(path):
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def recalls(index):
    if index.options.get("index_type") != "HNSW":
        return [None] * len(SEARCHES)
    side = Side(index.name, index, SEARCHES, "faiss")
    side.wait()
    found = [side.ask(i, 1000) for i in range(len(SEARCHES))]
    side.close()
    return found
