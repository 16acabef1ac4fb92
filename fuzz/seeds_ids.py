"""Writes the seed corpus of fuzz_ids into the folder given: tables of five ids or names, whole and broken.

A seed's first byte says where the target puts the rest; a * in the first line is the checksum of its index.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import sys

PLACES = {"table": b"0", "next": b"1", "both": b"2", "mapped": b"4"}
NAMES, IDS = ("a", "b", "c", "d", "Ü 水"), (5, -7, 0, 1 << 62, 12)


def table(lines, *, kind="", rows=5, version=1, checksum="*"):
    return f"vrec-ids {version} {rows} {checksum}{kind}\n".encode() + b"".join(f"{line}\n".encode() for line in lines)


def good_seeds():
    yield "names", table(NAMES)
    yield "ids", table(IDS, kind=" int64")
    yield "no-last-newline", table(NAMES)[:-1]
    yield "none", table((), rows=0)
    yield "long-name", table(("x" * 3000, "b", "c", "d", "e"))


def bad_seeds():
    yield "twice", table(("a", "b", "c", "d", "a"))
    yield "ids-twice", table((1, 2, 3, 4, 1), kind=" int64")
    yield "no-id", table((1, 2, -1, 4, 5), kind=" int64")
    yield "too-large", table((1, 2, 1 << 63, 4, 5), kind=" int64")
    yield "no-number", table((1, 2, "0x3", 4, 5), kind=" int64")
    yield "few", table(NAMES[:4])
    yield "many", table(NAMES + ("f",))
    yield "other-rows", table(NAMES + ("f",), rows=6)
    yield "rows-huge", table(NAMES, rows=1 << 64)
    yield "version", table(NAMES, version=2)
    yield "other-index", table(NAMES, checksum="0123456789abcdef-0123456789abcdef")
    yield "kind", table(IDS, kind=" int32")
    yield "empty-name", table(("a", "", "c", "d", "e"))
    yield "carriage-return", table(("a", "b\r", "c", "d", "e"))
    yield "zero", table(("a", "b\0", "c", "d", "e"))
    yield "no-utf8", table(NAMES[:4]) + b"\xff\xfe\n"
    yield "surrogate", table(NAMES[:4]) + b"\xed\xa0\x80\n"
    yield "no-table", b"my own list\nof things\n"
    yield "head-alone", b"vrec-ids 1 5 *"
    yield "empty", b""


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seeds in (good_seeds(), bad_seeds()):
        for name, content in seeds:
            for place, byte in PLACES.items():
                (folder / f"{name}-{place}").write_bytes(byte + content)


if __name__ == "__main__":
    main()
