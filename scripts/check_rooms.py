#!/usr/bin/env python3
"""Checks who includes whom, and how large files have grown: the rules of ARCHITECTURE.md.

Prints every breach and fails if there is one.
"""

import re
import sys
from pathlib import Path

# What the kinds of FAISS index stand on, and what therefore knows none of them. The rest of faiss is above.
FAISS_BASE = {"faiss/add.h", "faiss/faiss.h", "faiss/format.h", "faiss/rows.h", "faiss/save.h", "faiss/table.h", "faiss/types.h"}

# A room may include itself and these. The room of a file is the longest of these names that it lies in.
ALLOWED = {
    "base": set(),
    "simd": {"base"},
    "core": {"base", "simd"},
    "scan": {"base", "simd", "core"},
    "annoy": {"base", "simd", "core", "scan"},
    "faiss": {"base", "simd", "core", "scan", "faiss/flat", "faiss/hnsw", "faiss/ivf"},
    "faiss/flat": {"base", "simd", "core", "scan", *FAISS_BASE},
    "faiss/hnsw": {"base", "simd", "core", "scan", *FAISS_BASE, "faiss/flat"},
    "faiss/ivf": {"base", "simd", "core", "scan", *FAISS_BASE, "faiss/flat", "faiss/hnsw"},
    "milvus": {"base", "simd", "core", "milvus.pb-c.h"},  # the last is generated from milvus/milvus.proto
    "data": {"base", "core/matrix.h"},
    "eval": {"base", "core/matrix.h", "core/work.h"},
    "api": {"base", "simd", "core", "annoy", "faiss", "milvus", "data", "eval"},
}
KINDS = {room for room in ALLOWED if room.startswith("faiss/")}
SYSTEM = {"dlfcn.h", "pthread.h", "unistd.h", "fcntl.h", "sys/mman.h", "sys/stat.h"}
OUTSIDE = ["cli", "examples", "bench", "python"]  # see the public header only
MAX_LINES = 800
PUBLIC = re.compile(r"^(?!static\b)[A-Za-z][\w \t*]*?\b(vrec_\w+)\([^;{}]*\)\s*\{", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def sources(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.suffix in {".c", ".h"})


def room_of(path):
    """None for a folder that isn't in the list of rooms."""
    return max((room for room in ALLOWED if path.startswith(room + "/")), key=len, default=None)


def may_include(room, header):
    if header == "vrec/vrec.h" or room_of(header) == room:
        return True
    return any(header == rule or header.startswith(rule + "/") for rule in ALLOWED[room])


def breaches_in(path):
    name, text = path.relative_to("src").as_posix(), path.read_text()
    room = room_of(name)
    if room is None or (room == "faiss" and name.count("/") > 1):
        yield f"{path}: its folder isn't in the list of rooms"
        return
    for kind, header in INCLUDE.findall(text):
        if kind == '"' and not may_include(room, header):
            yield f"{path} includes {header}: {room} may not use that room"
        elif room != "base" and header in SYSTEM:
            yield f"{path} includes {header}: only base knows the operating system"
        if name.replace(".c", ".h") in FAISS_BASE and room_of(header) in KINDS:
            yield f"{path} includes {header}: kinds of index stand on this file, so it can't know them"
    for function in PUBLIC.findall(text) if room != "api" else []:
        yield f"{path} defines {function}: public functions are in api"


def breaches():
    for path in sources("src"):
        yield from breaches_in(path)
    for folder in OUTSIDE:
        for path in sources(folder):
            for kind, header in INCLUDE.findall(path.read_text()):
                if kind == '"' and header != "vrec/vrec.h" and not (path.parent / header).exists():
                    yield f"{path} includes {header}: {folder} sees only the public header"
    for folder in ["include", "src", "tests", "fuzz", *OUTSIDE]:
        for path in sources(folder):
            lines = path.read_text().count("\n")
            if lines > MAX_LINES:
                yield f"{path} has {lines} lines; {MAX_LINES} is where a room must be redesigned"


found = list(breaches())
print("\n".join(found) or "rooms: every include keeps the rules")
sys.exit(bool(found))
