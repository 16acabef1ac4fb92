"""Writes the seed corpus of fuzz_data into the folder given: small files of every format, whole and broken.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import struct
import sys

CODES = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "u1": "B", "i4": "i", "i8": "q"}


def pack(code, values):
    return struct.pack(f"<{len(values)}{CODES[code]}", *values)


def npy(text, body=b"", major=1, minor=0):
    """A .npy file with text as its header, padded to 64 bytes."""
    width = 2 if major == 1 else 4
    padded = text + " " * (-(9 + width + len(text)) % 64) + "\n"
    length = struct.pack("<H" if width == 2 else "<I", len(padded))
    return b"\x93NUMPY" + bytes([major, minor]) + length + padded.encode() + body


def header(descr, shape, fortran=False):
    return f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}"


def npy_seeds():
    six = range(1, 7)
    for code in CODES:
        order = "|" if code in ("i1", "u1") else "<"
        yield f"npy-{code}", npy(header(f"'{order}{code}'", (2, 3)), pack(code, six))
    whole = npy(header("'<f4'", (2, 3)), pack("f4", six))
    yield "npy-fortran", npy(header("'<f4'", (2, 3), True), pack("f4", six))
    yield "npy-one-dimension", npy(header("'<f4'", (6,)), pack("f4", six))
    yield "npy-version-2", npy(header("'<f4'", (2, 3)), pack("f4", six), 2)
    yield "npy-version-3", npy(header("'<f4'", (2, 3)), pack("f4", six), 3)
    yield "npy-version-4", npy(header("'<f4'", (2, 3)), pack("f4", six), 4)
    yield "npy-no-rows", npy(header("'<f4'", (0, 3)))
    yield "npy-no-dim", npy(header("'<f4'", (3, 0)))
    yield "npy-reordered", npy('{"shape":(2,3),"fortran_order":False,"descr":"<f4"}', pack("f4", six))
    yield "npy-big-endian", npy(header("'>f4'", (2, 3)), bytes(24))
    yield "npy-objects", npy(header("'|O'", (2, 3)), bytes(24))
    yield "npy-records", npy(header("[('a', '<f4')]", (2, 3)), bytes(24))
    yield "npy-three-dimensions", npy(header("'<f4'", (1, 2, 3)), pack("f4", six))
    yield "npy-no-dimension", npy(header("'<f4'", ()), bytes(4))
    yield "npy-huge", npy(header("'<f4'", (2**63, 2**63)), pack("f4", six))
    yield "npy-huge-dim", npy(header("'<f4'", (0, 2**64 - 1)))
    yield "npy-twice", npy("{'shape': (1,), 'shape': (1,)}")
    yield "npy-unclosed", npy("{'descr': '<f4")
    yield "npy-cut-in-values", whole[:-1]
    yield "npy-cut-in-header", whole[:40]
    yield "npy-trailing", whole + b"\0"


def simple_seeds():
    for code in ("f4", "u1", "i1", "i4"):
        rows = [pack(code, (1, 2, 3)), pack(code, (4, 5, 6))]
        dim = struct.pack("<i", 3)
        yield f"vecs-{code}", b"".join(dim + row for row in rows)
        yield f"bin-{code}", struct.pack("<II", 2, 3) + b"".join(rows)
    row = pack("u1", (1, 2, 3))
    yield "vecs-second-dim", struct.pack("<i", 3) + row + struct.pack("<i", 2) + row
    yield "vecs-cut", struct.pack("<i", 3) + row + struct.pack("<i", 3) + row[:1]
    yield "vecs-no-dim", struct.pack("<i", 0) * 3
    yield "vecs-huge-dim", struct.pack("<i", 2**31 - 1) + row
    yield "bin-no-rows", struct.pack("<II", 0, 3)
    yield "bin-no-dim", struct.pack("<II", 3, 0)
    yield "bin-cut", struct.pack("<II", 2, 3) + row
    yield "bin-trailing", struct.pack("<II", 1, 3) + row + b"\0"
    yield "bin-huge", struct.pack("<II", 2**32 - 1, 2**32 - 1) + row
    yield "empty", b""


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seeds in (npy_seeds(), simple_seeds()):
        for name, content in seeds:
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
