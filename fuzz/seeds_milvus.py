"""Writes the seed corpus of fuzz_milvus into the folder given: replies of every kind, whole and broken.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import struct
import sys


def varint(value):
    out = b""
    value &= (1 << 64) - 1
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def number(field, value):
    return bytes([field << 3]) + varint(value)


def nested(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def packed(field, values):
    return nested(field, b"".join(map(varint, values)))


def floats(field, values):
    return nested(field, struct.pack(f"<{len(values)}f", *values))


def status(code=0, legacy=0, reason=""):
    return number(1, legacy) + nested(2, reason) + number(3, code)


def pair(key, value):
    return nested(1, key) + nested(2, value)


def search(topks, ids, scores):
    return nested(1, b"") + nested(2, number(1, len(topks)) + floats(4, scores) + nested(5, nested(1, packed(1, ids)))
                                   + packed(6, topks))


def field(name, kind, key=False, dim=None):
    made = nested(2, name) + number(3, key) + number(5, kind)
    return nested(4, made + (nested(6, pair("dim", dim)) if dim else b""))


def messages():
    yield "empty", b""
    yield "status", nested(1, status(8, 49, "rate limit"))
    yield "bare", status(100, 4, "can't find collection")
    yield "flags", nested(1, status(1 << 20 | 1100))
    yield "search", search([2, 0, 1], [5, -1, 7], [0.5, 1, 2])
    yield "search-one", search([1], [5], [0.5])
    yield "search-lies", search([2, 9, 1], [5, -1, 7], [0.5])
    yield "search-texts", nested(2, nested(5, nested(2, nested(1, "a"))) + packed(6, [1]))
    yield "schema", nested(2, field("id", 5, True) + field("embedding", 101, dim="8"))
    yield "schema-two", nested(2, field("id", 5, True) + field("a", 101, dim="8") + field("b", 101, dim="x"))
    yield "schema-text", nested(2, field("id", 21, True) + field("embedding", 101, dim="8"))
    yield "index", nested(2, nested(3, pair("metric_type", "L2")) + nested(4, "embedding") + number(7, 4)
                          + nested(8, "no disk"))
    yield "count", nested(2, number(1, 5) + nested(3, nested(3, packed(1, [42]))))
    yield "flush", nested(3, nested(1, "films") + nested(2, packed(1, [7, 8]))) + nested(6, nested(1, "films")
                                                                                         + number(2, 99))
    yield "mutation", nested(1, b"") + number(6, 3) + number(9, 4711)
    yield "many-empty", b"\x12\x00" * 200


def replies():
    head = b"HTTP/2 200\ncontent-type: application/grpc\n"
    for name, message in messages():
        yield name, head + b"grpc-status: 0\n\n" + b"\0" + struct.pack(">I", len(message)) + message
    yield "error", head + b"grpc-status: 16\ngrpc-message: auth%20failed%0a%zz%\n\n"
    yield "no-status", head + b"\n\0\0\0\0\0"
    yield "compressed", head + b"grpc-status: 0\n\n\1\0\0\0\0"
    yield "short", head + b"grpc-status: 0\n\n\0\0\0\0\5ab"
    yield "html", b"HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n\n<html>"


folder = pathlib.Path(sys.argv[1])
for name, data in replies():
    (folder / name).write_bytes(data)
