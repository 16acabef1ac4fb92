"""HNSW graphs: queries per second at equal recall@10. SPDX-License-Identifier: Apache-2.0"""

from rivals import COLUMNS, SCANN, Index, Side, compare, prepare, scanns

__all__ = ["COLUMNS", "indexes", "measure"]

EF = [{"efSearch": ef} for ef in (16, 24, 32, 40, 50, 64, 80, 100, 128, 160, 200, 256, 320, 400, 512, 700, 1000)]
GAMMA = [{"gamma": gamma, "efSearch": 2000}
         for gamma in (0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.12, 0.14, 0.17)]


def measure(data, args, machine):
    graphs = [index.kept() for index in indexes(prepare(data, args), args)]
    sides = []
    for index in graphs:
        if index.kind == "faiss":
            sides += [Side(index.name, index, EF),
                      Side(f"vrec efSearch, {index.name}", index, EF, "vrec"),
                      Side(f"vrec gamma, {index.name}", index, GAMMA, "vrec")]
        else:
            sides.append(Side(f"{index.name}, gamma" if index.kind == "vrec" else index.name, index,
                              {"vrec": GAMMA, "scann": SCANN}.get(index.kind, EF)))
    yield from compare(data, sides, [batch for batch in (1, 1000) if batch in args.batch])


def indexes(folder, args):
    found = []
    for m in args.m:
        options = {"index_type": "HNSW", "m": m, "efConstruction": 200}
        found += [Index(f"vrec m={m}", "vrec", folder, {"index_type": "HNSW", "m": m}),
                  Index(f"faiss m={m}", "faiss", folder, options)]
    found.append(Index(f"hnswlib m={args.m[0]}", "hnswlib", folder, {"m": args.m[0], "efConstruction": 200}))
    return [index for index in found if index.kind in args.sides] + scanns(folder, args)
