#!/usr/bin/env python3
"""Checks who includes whom, and how large files have grown: the rules of ARCHITECTURE.md.

Prints every breach and fails if there is one.
"""

import re
import sys
from pathlib import Path

# A room may include itself and these.
ALLOWED = {
    "base": set(),
    "simd": {"base"},
    "core": {"base", "simd"},
    "scan": {"base", "simd", "core"},
    "annoy": {"base", "simd", "core", "scan"},
    "faiss": {"base", "simd", "core", "scan"},
    "milvus": {"base", "simd", "core", "milvus.pb-c.h"},  # the last is generated from milvus/milvus.proto
    "data": {"base", "core/matrix.h"},
    "api": {"base", "simd", "core", "annoy", "faiss", "milvus", "data"},
}
OUTSIDE = ["cli", "examples", "bench", "python"]  # see the public header only
MAX_LINES = 800
INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)


def sources(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.suffix in {".c", ".h"})


def may_include(room, header):
    if header == "vrec/vrec.h" or header.split("/")[0] == room:
        return True
    return any(header == rule or header.startswith(rule + "/") for rule in ALLOWED[room])


def breaches():
    for room in sorted(p.name for p in Path("src").iterdir() if p.is_dir()):
        for path in sources(f"src/{room}"):
            for kind, header in INCLUDE.findall(path.read_text()):
                if room not in ALLOWED:
                    yield f"{path}: room {room} isn't in the list of rooms"
                elif kind == '"' and not may_include(room, header):
                    yield f"{path} includes {header}: {room} may not use that room"
                elif room != "base" and header in {"dlfcn.h", "pthread.h", "unistd.h", "fcntl.h", "sys/mman.h", "sys/stat.h"}:
                    yield f"{path} includes {header}: only base knows the operating system"
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
