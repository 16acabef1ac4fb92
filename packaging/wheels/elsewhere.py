#!/usr/bin/env python3
"""Compiles the libraries and the command for systems that there are no wheels for, with the wheels' compiler.

    elsewhere.py BUILD TARGET...     makes BUILD/wheels-work/TARGET/build; run by scripts/macos and scripts/windows

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import sys

from make import Protobuf, prepare, run, stage_headers


def main(build, *targets):
    work = pathlib.Path(build).resolve() / "wheels-work"
    os.environ["ZIG_GLOBAL_CACHE_DIR"] = os.environ["ZIG_LOCAL_CACHE_DIR"] = str(work / "zig-cache")
    protobuf = Protobuf(work / "protobuf-c")
    stage_headers(work / "headers")
    tools = pathlib.Path(sys.executable).parent
    os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
    for target in targets:
        folder = work / target
        prepare(folder, target, work / "headers", protobuf)
        milvus = "disabled" if "windows" in target else "enabled"  # whose sockets and libcurl are POSIX's so far
        run(tools / "meson", "setup", folder / "build", "--cross-file", folder / "cross.ini", f"-Dmilvus={milvus}",
            "-Dtests=false")
        run(tools / "ninja", "-C", folder / "build")


main(*sys.argv[1:])
