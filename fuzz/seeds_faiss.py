"""Writes the seed corpus of fuzz_faiss into the folder given: small FAISS files, whole and broken.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import struct
import sys

L2, IP = 1, 0

OTHER_TYPES = (
    "IHNf IHNs IHNp IHN2 IwFl IvFl IvFL IwSq IwSQ IwPQ IwQR IxSQ IxPq IxPQ IxPo IxMp IxM2 IxPT IxRF IxHe Ix2L "
    "Imiq IxFl null"
).split()


def values(count):
    return struct.pack(f"<{count}f", *(7 * i % 11 - 5 for i in range(count)))


def flat(fourcc, metric, rows, dim, body=None, *, trained=1, count=None, unused=1 << 20):
    count = rows * dim if count is None else count
    head = struct.pack("<iqqqBiQ", dim, rows, unused, unused, trained, metric, count)
    return fourcc + head + (values(rows * dim) if body is None else body)


def good_seeds():
    for name, fourcc, metric in (("l2", b"IxF2", L2), ("ip", b"IxFI", IP)):
        for rows, dim in ((1, 1), (3, 2), (40, 5), (70, 17)):
            yield f"{name}-{rows}-{dim}", flat(fourcc, metric, rows, dim)
        yield f"{name}-no-rows", flat(fourcc, metric, 0, 4)
        yield f"{name}-says-other", flat(fourcc, 1 - metric, 3, 2)
        yield f"{name}-unused-0", flat(fourcc, metric, 3, 2, unused=0)
        odd = struct.pack("<12f", *(float("nan"), float("inf"), float("-inf"), 0, -0.0, 1, 3e38, -3e38, 1e-45), 4, 5, 6)
        yield f"{name}-odd-values", flat(fourcc, metric, 6, 2, odd)


def id_map(outer, inner, rows, dim, ids):
    head = struct.pack("<iqqqBi", dim, rows, 1 << 20, 1 << 20, 1, L2)
    return outer + head + inner + struct.pack(f"<Q{len(ids)}q", len(ids), *ids)


def nested_seeds():
    inner = flat(b"IxF2", L2, 3, 2)
    for outer in (b"IxMp", b"IxM2"):
        yield f"nested-{outer.decode()}", id_map(outer, inner, 3, 2, (7, -5, 7))
        yield f"nested-{outer.decode()}-none", id_map(outer, inner, 3, 2, (-1, 1 << 62, -1))
    yield "nested-few-ids", id_map(b"IxMp", inner, 3, 2, (7, 8))
    yield "nested-twice", id_map(b"IxMp", id_map(b"IxM2", inner, 3, 2, (1, 2, 3)), 3, 2, (4, 5, 6))
    yield "nested-deep", id_map(b"IxMp", b"", 3, 2, ())[:37] * 1000
    head = struct.pack("<iqqqBi", 2, 3, 1 << 20, 1 << 20, 1, L2)
    normalization = b"VNrm" + struct.pack("<fiiB", 2, 2, 2, 1)
    yield "nested-transforms", b"IxPT" + head + struct.pack("<i", 2) + 2 * normalization + inner
    yield "nested-itq", b"IxPT" + head + struct.pack("<i", 1) + 100 * (b"Viqt" + struct.pack("<QB", 0, 1))
    yield "nested-quantizer", b"IwPQ" + head + struct.pack("<QQ", 3, 1) + inner


def bad_seeds():
    whole = flat(b"IxF2", L2, 3, 2)
    for size in (0, 1, 3, 4, 44, 45, len(whole) - 1):
        yield f"cut-{size}", whole[:size]
    yield "trailing", whole + b"\0"
    yield "metric-2", flat(b"IxF2", 2, 3, 2)
    yield "untrained", flat(b"IxF2", L2, 3, 2, trained=0)
    yield "trained-7", flat(b"IxF2", L2, 3, 2, trained=7)
    yield "rows-wrap", flat(b"IxF2", L2, 50 + (1 << 59), 2, values(100), count=100)
    yield "rows-negative", flat(b"IxF2", L2, -3, 2, values(6), count=6)
    yield "count-wraps", flat(b"IxF2", L2, 3, 2, count=(1 << 62) + 6)
    yield "count-less", flat(b"IxF2", L2, 3, 2, count=5)
    yield "dim-0", flat(b"IxF2", L2, 3, 0)
    yield "dim-negative", flat(b"IxF2", L2, 3, -2, values(6), count=6)
    yield "dim-huge", flat(b"IxF2", L2, 0, 1 << 20)
    yield "lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    for fourcc in OTHER_TYPES:
        yield f"type-{fourcc}", flat(fourcc.encode(), L2, 3, 2)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seeds in (good_seeds(), nested_seeds(), bad_seeds()):
        for name, content in seeds:
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
