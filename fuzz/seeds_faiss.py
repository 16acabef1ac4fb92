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


def vector(form, numbers):
    return struct.pack(f"<Q{len(numbers)}{form}", len(numbers), *numbers)


def hnsw(metric, rows, dim, m=2, *, storage=None, entry=0, top=1):
    """A ring on level 0; the first two nodes are on level 1 as well, and know each other."""
    levels = [2 if i < 2 and rows > 1 else 1 for i in range(rows)]
    offsets, links = [0], []
    for i, level in enumerate(levels):
        row = [(i + 1) % rows, (i - 1) % rows] + [-1] * (2 * m - 2)
        links += row + ([1 - i] + [-1] * (m - 1) if level == 2 else [])
        offsets.append(len(links))
    if rows < 2:
        top = 0 if rows else -1
    head = struct.pack("<iqqqBi", dim, rows, 1 << 20, 1 << 20, 1, metric)
    graph = (vector("d", [0.75, 0.25]) + vector("i", [0, 2 * m, 3 * m]) + vector("i", levels) + vector("Q", offsets)
             + vector("i", links) + struct.pack("<5i", entry if rows else -1, top, 40, 16, 1))
    return b"IHNf" + head + graph + (storage or flat(b"IxF2" if metric == L2 else b"IxFI", metric, rows, dim))


def graph_seeds():
    for metric in (L2, IP):
        for rows, dim in ((0, 3), (1, 1), (2, 2), (9, 5), (40, 17)):
            yield f"hnsw-{metric}-{rows}-{dim}", hnsw(metric, rows, dim)
    yield "hnsw-ip-over-l2", hnsw(IP, 9, 5, storage=flat(b"IxF2", L2, 9, 5))
    yield "hnsw-few-vectors", hnsw(L2, 9, 5, storage=flat(b"IxF2", L2, 8, 5))
    yield "hnsw-entry-low", hnsw(L2, 9, 5, entry=5)
    yield "hnsw-top-high", hnsw(L2, 9, 5, top=2)
    yield "hnsw-in-id-map", id_map(b"IxMp", hnsw(L2, 3, 2), 3, 2, (7, -1, 5))
    odd = struct.pack("<10f", float("nan"), float("inf"), 0, -0.0, 1, 3e38, -3e38, 1e-45, 4, 5)
    yield "hnsw-odd-values", hnsw(L2, 5, 2, storage=flat(b"IxF2", L2, 5, 2, odd))


def lists(metric, sizes, dim, *, form=None, quantizer=None, kind=0, ids=None, rows=None, probes=2):
    """An IVF index whose list i has sizes[i] items."""
    total, count = sum(sizes), len(sizes)
    head = struct.pack("<iqqqBi", dim, total if rows is None else rows, 1 << 20, 1 << 20, 1, metric)
    head += struct.pack("<QQ", count, probes) + (quantizer or flat(b"IxF2" if metric == L2 else b"IxFI", metric, count, dim))
    places = [list_no << 32 | i for list_no, size in enumerate(sizes) for i in range(size)]
    head += struct.pack("<B", kind) + vector("q", places if kind == 1 else [])
    if kind == 2:
        head += struct.pack("<Q", total) + b"".join(struct.pack("<qq", *pair) for pair in enumerate(places))
    full = sum(size > 0 for size in sizes) > count // 2 if form is None else form == "full"
    pairs = [number for list_no, size in enumerate(sizes) if size for number in (list_no, size)]
    body = b"ilar" + struct.pack("<QQ", count, 4 * dim) + (b"full" + vector("Q", sizes) if full else b"sprs" + vector("Q", pairs))
    ids = list(range(total)) if ids is None else list(ids)
    for size in sizes:
        body += values(size * dim) + struct.pack(f"<{size}q", *ids[:size])
        ids = ids[size:]
    return b"IwFl" + head + body


def old_lists(fourcc, sizes, dim):
    total, count = sum(sizes), len(sizes)
    body = struct.pack("<iqqqBiQQ", dim, total, 1 << 20, 1 << 20, 1, L2, count, 1) + flat(b"IxF2", L2, count, dim)
    body += b"".join(vector("q", range(size)) for size in sizes) + b"\0" + vector("q", [])
    for size in sizes:
        body += struct.pack("<Q", size * dim * (4 if fourcc == b"IvFL" else 1)) + values(size * dim)
    return fourcc + body


def list_seeds():
    for metric in (L2, IP):
        for sizes, dim in (((0,), 3), ((1,), 1), ((2, 0, 5, 1), 4), ((0, 0, 33, 0, 0), 5), ((40, 1, 33, 0), 17)):
            yield f"ivf-{metric}-{len(sizes)}-{sum(sizes)}-{dim}", lists(metric, sizes, dim)
    for form in ("full", "sparse"):
        yield f"ivf-{form}", lists(L2, (3, 0, 2), 2, form=form)
    for kind in (1, 2):
        yield f"ivf-map-{kind}", lists(L2, (3, 0, 2), 2, kind=kind)
    for fourcc in (b"IvFl", b"IvFL"):
        yield f"ivf-{fourcc.decode()}", old_lists(fourcc, (3, 0, 2), 2)
    yield "ivf-own-ids", lists(L2, (3, 0, 2), 2, ids=(7, -1, 7, -5, 1 << 62))
    yield "ivf-in-id-map", id_map(b"IxMp", lists(L2, (3, 0), 2), 3, 2, (7, -1, 5))
    yield "ivf-lost-rows", lists(L2, (3, 0, 2), 2, rows=9)
    yield "ivf-few-rows", lists(L2, (3, 0, 2), 2, rows=4)
    yield "ivf-no-probes", lists(L2, (3, 0, 2), 2, probes=0)
    yield "ivf-many-probes", lists(L2, (3, 0, 2), 2, probes=(1 << 64) - 1)
    yield "ivf-by-graph", lists(L2, (3, 0, 2, 1, 1, 1, 4, 5, 9), 5, quantizer=hnsw(L2, 9, 5))
    yield "ivf-other-metric", lists(L2, (3, 0, 2), 2, quantizer=flat(b"IxFI", IP, 3, 2))
    yield "ivf-few-centroids", lists(L2, (3, 0, 2), 2, quantizer=flat(b"IxF2", L2, 2, 2))
    odd = struct.pack("<6f", float("nan"), 1, float("inf"), 3e38, -3e38, 1e-45)
    yield "ivf-odd-centroids", lists(L2, (3, 0, 2), 2, quantizer=flat(b"IxF2", L2, 3, 2, odd))


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
    for seeds in (good_seeds(), nested_seeds(), graph_seeds(), list_seeds(), bad_seeds()):
        for name, content in seeds:
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
