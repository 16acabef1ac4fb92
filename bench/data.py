"""The vectors to search: generated clusters, real words, or a file. SPDX-License-Identifier: Apache-2.0"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import vrec
import words

READERS = {".npy": np.load, ".fvecs": vrec.read_fvecs, ".bvecs": vrec.read_bvecs, ".fbin": vrec.read_fbin,
           ".u8bin": vrec.read_u8bin, ".i8bin": vrec.read_i8bin}
CENTERS = 1000
NOISE = 0.5  # of every value, where the centers' deviate by 1


@dataclass
class Data:
    name: str
    items: np.ndarray
    queries: np.ndarray


def load(name, queries, folder):
    """name: clusters:NxD, words, or a file of vectors. From the latter two the queries are taken at
    random, and are no longer among the items."""
    clusters = re.fullmatch(r"clusters:(\d+)x(\d+)", name)
    if clusters:
        items, taken = generate(int(clusters[1]), int(clusters[2]), queries)
    else:
        path = words.fetch(folder) if name == "words" else name
        items, taken = hold_out(read(path), queries)
    n, d = items.shape
    return Data(name if clusters else f"{name}:{n}x{d}", items, taken)


def read(path):
    ending = Path(path).suffix
    if ending not in READERS:
        sys.exit(f"data: {path} ends in none of {', '.join(READERS)}")
    return READERS[ending](path).astype(np.float32, copy=False)


def generate(n, d, queries):
    rng = np.random.default_rng(1)
    centers = rng.standard_normal((CENTERS, d), np.float32)

    def around_centers(count):
        vectors = rng.standard_normal((count, d), np.float32)
        vectors *= NOISE
        vectors += centers[rng.integers(CENTERS, size=count)]
        return vectors

    return around_centers(n), around_centers(queries)


def hold_out(vectors, count):
    taken = np.random.default_rng(1).choice(len(vectors), size=count, replace=False)
    return np.delete(vectors, taken, axis=0), vectors[taken]
