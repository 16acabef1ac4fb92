#!/usr/bin/env python3
"""Compiles the libraries and the command, and for Windows the C tests, for systems that there are no wheels for, with
the wheels' compiler.

    elsewhere.py BUILD TARGET...     makes BUILD/wheels-work/TARGET/build; run by scripts/macos and scripts/windows

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import sys

from make import Protobuf, prepare, run, stage_headers, write

CMOCKA = "1.1.5"
CMOCKA_CONFIG = [f"-DHAVE_{name}" for name in (
    "INTTYPES_H", "IO_H", "MALLOC_H", "SIGNAL_H", "SNPRINTF", "STDINT_H", "STDLIB_H", "STRINGS_H", "STRUCT_TIMESPEC",
    "VSNPRINTF", "GCC_THREAD_LOCAL_STORAGE")]
WINE = "[binaries]\nexe_wrapper = '/usr/lib/wine/wine64'\n"


def compile_cmocka(source, folder):
    """What the C tests stand on, which Debian doesn't have for Windows."""
    tree = source / f"cmocka-{CMOCKA}"
    if not tree.exists():
        run("scripts/source", source, "cmocka")
        run("tar", "-x", "-C", source, "-f", source / f"cmocka_{CMOCKA}.orig.tar.xz")
    run(folder / "cc", "-O2", *CMOCKA_CONFIG, f"-I{tree}/include", "-c", tree / "src/cmocka.c", "-o", folder / "cmocka.o")
    run(folder / "ar", "rcs", folder / "libcmocka.a", folder / "cmocka.o")
    write(folder / "pkgconfig/cmocka.pc", f"Name: cmocka\nDescription: cmocka\nVersion: {CMOCKA}\n"
          f"Cflags: -I{tree}/include\nLibs: -L{folder} -lcmocka\n")


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
        options = ["--cross-file", folder / "cross.ini"]
        if "windows" in target:
            compile_cmocka(work / "cmocka", folder)
            write(folder / "wine.ini", WINE)
            # Milvus: its sockets and libcurl are POSIX's so far.
            options += ["--cross-file", folder / "wine.ini", "-Dmilvus=disabled"]
        else:
            options += ["-Dmilvus=enabled", "-Dtests=false"]
        run(tools / "meson", "setup", folder / "build", *options)
        run(tools / "ninja", "-C", folder / "build")


main(*sys.argv[1:])
