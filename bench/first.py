"""From opening a graph's or lists' file to the first answer, and the memory that it takes: each in a new process, in
turn, one thread; the file is in the page cache, the libraries are loaded. SPDX-License-Identifier: Apache-2.0"""

import os
from statistics import median

import graphs
from rivals import Index, prepare

__all__ = ["COLUMNS", "measure"]

ROUNDS = 7
COLUMNS = [
    ("data", "data", "<22"), ("side", "side", "<26"), ("cpu", "CPU ms", "8.1f"), ("cpu_median", "median", "8.1f"),
    ("wall", "wall ms", "8.1f"), ("mib", "private MiB", "11.1f"), ("load", "load", "5.1f"),
]


def measure(data, args, machine):
    """Of each graph and lists that vrec has built: FAISS and vrec."""
    folder = prepare(data, args)
    files = [(index, {"efSearch": 64}) for index in graphs.indexes(folder, args) if index.kind == "vrec"]
    files += [(Index(f"vrec nlists={nlists}", "vrec", folder, {"index_type": "IVF", "nlists": nlists}), {"nprobe": 16})
              for nlists in args.nlists]
    for index, setting in files:
        index.kept()
        taken = {kind: [] for kind in ("vrec", "faiss")}
        for _ in range(1 + ROUNDS):  # the first warms the page cache
            for kind, times in taken.items():
                times.append(index.run("first", setting, kind))
        for kind, times in taken.items():
            cpu = [1e3 * time["cpu"] for time in times[1:]]
            yield {"data": data.name, "side": f"{kind}, {index.name}", "cpu": min(cpu), "cpu_median": median(cpu),
                   "wall": 1e3 * min(time["wall"] for time in times[1:]), "load": os.getloadavg()[0],
                   "mib": min(time["bytes"] for time in times[1:]) / 2**20, "taken": times}
