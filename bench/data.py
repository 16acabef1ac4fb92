"""The vectors to search: generated clusters, real words or photographs, or a file. SPDX-License-Identifier: Apache-2.0"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import photos
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
    users: np.ndarray | None = None  # of a folder: all of them


def load(name, queries, folder):
    """name: clusters:NxD, words, photos, a file of vectors, or a folder with items.npy and users.npy. From words and files
    the queries are taken at random, and are no longer among the items; photos has queries of its own, from other
    photographs, and a folder's are its first users."""
    clusters = re.fullmatch(r"clusters:(\d+)x(\d+)", name)
    if clusters:
        items, taken = generate(int(clusters[1]), int(clusters[2]), queries)
    elif name == "photos":
        items = read(photos.fetch(folder))
        taken = read(folder / "photos-queries.npy")[:queries]
    elif Path(name).is_dir():
        items, users = (read(Path(name) / f"{what}.npy") for what in ("items", "users"))
        return Data(Path(name).name, items, users[:queries], users)
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


def unit(vectors):
    """Each made to length 1, but for zeros, which stay."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
