"""The private memory of `vrec build` at its peak; the mapped input file isn't private.

SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import subprocess
import time
from pathlib import Path

import numpy as np

COMMAND = os.environ.get("VREC_BIN", "vrec")
COLUMNS = [
    ("data", "data", "<26"), ("vectors_mib", "vectors MiB", "11.1f"), ("peak_mib", "peak MiB", "9.1f"),
    ("over_mib", "over MiB", "9.1f"), ("samples", "samples", "7"),
]


def measure(data, args, machine):
    items, index = args.folder / "memory.npy", args.folder / "memory.index"
    np.save(items, data.items)
    peak, samples = peak_of([COMMAND, "build", "faiss", "--metric", args.metric, items, "-o", index, "--quiet"])
    yield {"data": data.name, "vectors_mib": data.items.nbytes / 2**20, "peak_mib": peak / 2**20,
           "over_mib": (peak - data.items.nbytes) / 2**20, "samples": samples}
    items.unlink()
    index.unlink()


def peak_of(command):
    """The most bytes of anonymous memory that a command has had, and how often it was looked at."""
    peak = samples = 0
    with subprocess.Popen(command) as process:
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            resident = re.search(r"RssAnon:\s*(\d+) kB", status)  # gone in a process that has ended
            if resident:
                peak, samples = max(peak, 1024 * int(resident[1])), samples + 1
            time.sleep(0.0005)
    if process.returncode:
        raise SystemExit(f"memory: {command[0]} build failed with exit code {process.returncode}")
    return peak, samples
