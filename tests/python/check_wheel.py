#!/usr/bin/env python3
"""Checks a wheel: what is in it, what it links, that it is hardened, that any Python from 3.11 can load it, and that it
works where nothing else is installed. Its last line says what it found.

    check_wheel.py WHEEL FOLDER     makes an environment in FOLDER
    check_wheel.py WHEEL            of any machine: all but the last two

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import re
import subprocess
import sys
import tempfile
import zipfile

from elftools.elf.elffile import ELFFile

# The C library's parts, glibc's and musl's.
MAY_LINK = {"libc.so", "libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}

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


def extension(wheel, folder):
    """The one library that is in it, taken out."""
    with zipfile.ZipFile(wheel) as archive:
        libraries = [name for name in archive.namelist() if ".so" in name]
        assert libraries == ["vrec/_core.abi3.so"], libraries
        return archive.extract(libraries[0], folder)


def linked(library):
    """What the extension needs of the system."""
    with open(library, "rb") as opened:
        file = ELFFile(opened)
        return sorted(tag.needed for tag in file.get_section_by_name(".dynamic").iter_tags("DT_NEEDED"))


def exports(library):
    """The names that others see."""
    with open(library, "rb") as opened:
        symbols = ELFFile(opened).get_section_by_name(".dynsym").iter_symbols()
        return [symbol.name for symbol in symbols if symbol["st_shndx"] != "SHN_UNDEF" and symbol.name]


def inspect(wheel):
    """What can be seen without running it; what it links."""
    platform = wheel.stem.rpartition("-")[2]
    assert wheel.name.startswith("vrec-") and wheel.stem.endswith(f"-cp311-abi3-{platform}"), wheel.name
    with tempfile.TemporaryDirectory() as unpacked:
        library = extension(wheel, unpacked)
        run("scripts/check_hardened", *(["--plain-libc"] if "musl" in platform else []), library)
        needed = linked(library)
        exported = exports(library)
        # Looking for libraries nowhere, or it takes this machine's for those of the other.
        shown = run(pathlib.Path(sys.executable).parent / "auditwheel", "show", "--ldpaths", unpacked, wheel)
    assert set(needed) <= MAY_LINK, needed
    assert exported == ["PyInit__core"], exported
    runs_on = re.search(r'platform tag:\s+"(\w+)"', shown)[1]
    assert platform.startswith("linux_") or runs_on == platform, (platform, runs_on)
    run(pathlib.Path(sys.executable).parent / "abi3audit", "--strict", "--report", wheel)
    return needed


def use(wheel, folder):
    """In a fresh environment."""
    run("/usr/bin/python3", "-m", "venv", "--clear", folder)
    run(folder / "bin/pip", "install", "--no-cache-dir", "--disable-pip-version-check", wheel)
    return run(folder / "bin/python", "-I", "-c", PROGRAM).strip()


def main(wheel, folder=None):
    needed = ", ".join(inspect(wheel))
    used = f"works in a fresh Python {use(wheel, folder)}; " if folder else ""
    print(f"wheel: {wheel.name}, {wheel.stat().st_size >> 10} KiB, {used}links {needed}")


main(*map(pathlib.Path, sys.argv[1:]))
