#!/usr/bin/env python3
"""Checks a wheel: what is in it, what it links, that any Python from 3.11 can load it, and that it works where
nothing else is installed. Its last line says what it found.

    check_wheel.py WHEEL FOLDER     makes an environment in FOLDER

SPDX-License-Identifier: Apache-2.0
"""

import io
import pathlib
import subprocess
import sys
import zipfile

from elftools.elf.elffile import ELFFile

# The C library's parts.
MAY_LINK = {"libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

PROGRAM = """
from vrec.serving import builder_factory
for backend in ("faiss", "annoy"):
    with builder_factory(backend).from_embeddings([[0.0, 1.0], [2.0, 3.0]]) as indexer:
        ids, distances = indexer.query([[2.0, 3.0]], top_k=1)
        assert ids.tolist() == [[1]], ids
import sys
print(".".join(map(str, sys.version_info[:2])))
"""


def run(*command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    print(done.stdout)
    if done.returncode:
        sys.exit(f"failed: {' '.join(map(str, command))}")
    return done.stdout


def linked(wheel):
    """What the extension needs of the system."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if ".so" in name]
        assert libraries == ["vrec/_core.abi3.so"], libraries
        file = ELFFile(io.BytesIO(archive.read(libraries[0])))
    return sorted(tag.needed for tag in file.get_section_by_name(".dynamic").iter_tags("DT_NEEDED"))


def main(wheel, folder):
    assert "-cp311-abi3-linux_" in wheel.name, wheel.name
    needed = linked(wheel)
    assert set(needed) <= MAY_LINK, needed
    tools = pathlib.Path(sys.executable).parent
    run(tools / "auditwheel", "show", wheel)
    run(tools / "abi3audit", "--strict", "--report", wheel)
    run("/usr/bin/python3", "-m", "venv", "--clear", folder)
    run(folder / "bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", wheel)
    version = run(folder / "bin/python", "-I", "-c", PROGRAM).strip()
    print(f"wheel: {wheel.name}, {wheel.stat().st_size >> 10} KiB, works in a fresh Python {version}; "
          f"links {', '.join(needed)}")


main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
