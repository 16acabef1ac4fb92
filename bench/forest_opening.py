"""From opening a forest's file to the first answer, each time in a new process; the file is in the page
cache, the libraries are loaded. SPDX-License-Identifier: Apache-2.0"""

from forest_queries import METRICS, saved
from opening import compare

COLUMNS = [
    ("data", "data", "<26"), ("metric", "metric", "<9"), ("mib", "MiB", "6.0f"), ("vrec_ms", "vrec ms", "9.3f"),
    ("annoy_ms", "annoy ms", "9.3f"), ("ratio", "ratio", "6.2f"), ("ratio_median", "median", "6.2f"),
    ("rounds", "rounds", "6"),
]


def measure(data, args, machine):
    for metric in METRICS:
        with saved(data, metric, args.folder) as path:
            yield {"data": data.name, "metric": metric, "mib": path.stat().st_size / 2**20,
                   **compare(("forest", "annoy"), path, data, metric, 1)}
