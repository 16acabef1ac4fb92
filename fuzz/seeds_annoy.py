"""Writes the seed corpus of fuzz_annoy into the folder given: small Annoy files, whole and broken, behind
the two bytes that say their metric and dimension.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import struct
import sys

ANGULAR, EUCLIDEAN, DOT, DOT_CURRENT = 0, 1, 2, 2 + 4 + 8

# Per kind: the bytes of an item's fields before its vector, of a bucket's before its ids, of a split's
# before its children and between them and its normal.
ITEM = {ANGULAR: "<if4x", EUCLIDEAN: "<i12x", DOT: "<i8xf", DOT_CURRENT: "<i8xffB3x"}
BEFORE = {ANGULAR: 4, EUCLIDEAN: 8, DOT: 4, DOT_CURRENT: 4}
VECTOR = {ANGULAR: 12, EUCLIDEAN: 16, DOT: 16, DOT_CURRENT: 24}


def vector(i, dim):
    return [(7 * i * dim + 5 * j) % 11 - 5 + 0.25 for j in range(dim)]


def item(kind, i, dim):
    v = vector(i, dim)
    norm = sum(x * x for x in v)
    fields = {ANGULAR: (1, norm), EUCLIDEAN: (1,), DOT: (1, 2.0), DOT_CURRENT: (1, 2.0, 200.0, 1)}[kind]
    return struct.pack(ITEM[kind], *fields) + struct.pack(f"<{dim}f", *v)


def bucket(kind, ids, dim, descendants=None):
    node = struct.pack("<i", len(ids) if descendants is None else descendants)
    node = node.ljust(BEFORE[kind], b"\0") + struct.pack(f"<{len(ids)}i", *ids)
    return node.ljust(VECTOR[kind] + 4 * dim, b"\0")


def split(kind, descendants, children, dim):
    node = struct.pack("<i", descendants).ljust(BEFORE[kind], b"\0") + struct.pack("<2i", *children)
    return node.ljust(VECTOR[kind], b"\0") + struct.pack(f"<{dim}f", 1.0, *[0.0] * (dim - 1))


def forest(kind, count, dim, trees):
    """Items 0 to count - 1 in trees of two buckets, or of one if they fit."""
    nodes = [item(kind, i, dim) for i in range(count)]
    capacity = (VECTOR[kind] + 4 * dim - BEFORE[kind]) // 4
    roots = []
    for t in range(trees):
        if count > capacity:
            middle = count // 2 + t % 2
            nodes.append(bucket(kind, range(middle), dim))
            nodes.append(bucket(kind, range(middle, count), dim))
            nodes.append(split(kind, count, (len(nodes) - 2, len(nodes) - 1), dim))
        else:
            nodes.append(bucket(kind, range(count), dim))
        roots.append(nodes[-1])
    return b"".join(nodes + roots)


def seeds():
    for kind in ITEM:
        head = bytes([kind, 2])
        for count in (1, 2, 5, 9):
            for trees in (1, 3):
                yield f"{kind}-{count}-{trees}", head + forest(kind, count, 3, trees)
        whole = forest(kind, 9, 3, 2)
        size = VECTOR[kind] + 12
        yield f"{kind}-cut", head + whole[:-size]
        yield f"{kind}-items", head + whole[: 9 * size]
        yield f"{kind}-odd", head + whole[:-1]
        yield f"{kind}-zero", head + bytes(4 * size)
        yield f"{kind}-ones", head + b"\xff" * (4 * size)
        yield f"{kind}-other-dim", bytes([kind, 3]) + whole
        cycle = split(kind, 9, (9, 9), 3)
        yield f"{kind}-cycle", head + whole[: 9 * size] + cycle * 3
        far = split(kind, 9, (1000, -1), 3)
        yield f"{kind}-far", head + whole[: 9 * size] + far * 3
    yield "empty", bytes([0, 0])


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in seeds():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
