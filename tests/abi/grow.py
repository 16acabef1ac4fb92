#!/usr/bin/env python3
"""Writes the header as a later version might have it: every struct that may grow has grown.

    grow.py HEADER OUT

SPDX-License-Identifier: Apache-2.0
"""

import re
import sys

CANNOT = {"vrec_error", "vrec_tuning_step"}  # the size is promised; it stands in an array


def grown(match):
    fields, name = match.groups()
    return match[0] if name in CANNOT else f"typedef struct {name} {{{fields}    int64_t later[3];\n}} {name};"


header = open(sys.argv[1], encoding="utf-8").read()
text, count = re.subn(r"typedef struct vrec_\w+ \{(.*?)\} (vrec_\w+);", grown, header, flags=re.S)
text, helpers = re.subn(r"(    matrix)\.reserved = 0;\n", r"\g<0>\1.later[0] = matrix.later[1] = matrix.later[2] = 0;\n", text)
assert count > 8 and helpers == 1, "the header isn't written as it used to be"
with open(sys.argv[2], "w", encoding="utf-8") as out:
    out.write(text)
