#!/usr/bin/env python3
"""Checks what a shared libvrec lets programs see: the functions of the public header, and nothing else.

    scripts/check_symbols.py LIBRARY HEADER LIST

LIST has the names that were ever published, one a line: none may go, and a new one is added there by hand, because it can
never go again. The library must also refuse to be unloaded, since its threads outlive every call.
"""

import re
import subprocess
import sys


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def differences(what, found, expected):
    for name in sorted(expected - found):
        yield f"{what} lacks {name}"
    for name in sorted(found - expected):
        yield f"{what} has {name}, which the list hasn't"


library, header, names = sys.argv[1:]
listed = set(open(names, encoding="utf-8").read().split())
seen = {line.split()[2] for line in output("nm", "-D", "--defined-only", library).splitlines()}
declared = set(re.findall(r"^VREC_API [^;]*?\b(vrec_\w+)\(", open(header, encoding="utf-8").read(), re.M))
wrong = [*differences("the library", seen, listed), *differences("the header", declared, listed)]
if "NODELETE" not in output("readelf", "-d", library):
    wrong.append("the library can be unloaded (-z nodelete is missing)")
print("\n".join(wrong) or f"symbols: the {len(listed)} functions of the header")
sys.exit(bool(wrong))
