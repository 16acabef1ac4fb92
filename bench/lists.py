"""IVF: queries per second at equal recall@10, on one file. SPDX-License-Identifier: Apache-2.0"""

from rivals import COLUMNS, SCANN, Index, Side, compare, prepare, scanns

__all__ = ["COLUMNS", "measure"]

NPROBE = [{"nprobe": n} for n in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 48, 64, 80, 100, 128, 160, 200, 256, 400)]


def measure(data, args, machine):
    folder = prepare(data, args)
    rivals = [Side(index.name, index.kept(), SCANN) for index in scanns(folder, args)]
    sides = []
    for nlists in args.nlists:  # vrec trains them as FAISS does, in a half to a third of the time
        file = Index(f"vrec nlists={nlists}", "vrec", folder, {"index_type": "IVF", "nlists": nlists}).kept()
        sides += [Side(f"{kind} nlists={nlists}", file, NPROBE, kind) for kind in args.sides if kind != "hnswlib"]
    yield from compare(data, sides + rivals, [batch for batch in (1, 100, 1000) if batch in args.batch])
